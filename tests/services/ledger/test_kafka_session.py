"""What is said to a broker in a fetch session, and what becomes of its answers."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.errors import NotLeaderForPartitionError, TopicAuthorizationFailedError
from aiokafka.protocol.fetch import FetchRequest_v11, FetchResponse_v11

from services.ledger.kafka.session import Session

TOPIC = "ledger"
NOT_LEADER, NOT_ALLOWED, NO_SESSION, WRONG_EPOCH = 6, 29, 70, 71


def asked(session: Session, wanted: dict[int, int]) -> tuple[int, int, dict[int, int], list[int]]:
    """The session, its epoch, and what is watched anew and no more by the next request."""
    request: Any = session.request(wanted).build(FetchRequest_v11)
    watched = {row[0]: row[2] for topic, rows in request.topics for row in rows if topic == TOPIC}
    return (
        request.session_id,
        request.session_epoch,
        watched,
        [number for topic, numbers in request.forgotten_topics_data for number in numbers if topic == TOPIC],
    )


def answer(session: int, *partitions: tuple[int, int], error: int = 0) -> FetchResponse_v11:
    """An answer with an error code for each partition that it names."""
    rows: list[tuple[Any, ...]] = [(number, code, 0, 0, 0, [], -1, b"") for number, code in partitions]
    return FetchResponse_v11(0, error, session, [(TOPIC, rows)] if rows else [])


def test_the_first_request_says_everything_and_the_next_ones_what_has_changed() -> None:
    session = Session(TOPIC)
    assert asked(session, {0: 5, 1: 7, 2: 0}) == (0, 0, {0: 5, 1: 7, 2: 0}, [])
    assert [each.partition for each in session.answered(answer(44, (1, 0)))] == [1]
    assert asked(session, {0: 5, 1: 9, 2: 0}) == (44, 1, {1: 9}, [])
    session.answered(answer(44))
    assert asked(session, {0: 5, 1: 9, 2: 0}) == (44, 2, {}, [])
    session.answered(answer(44))
    assert asked(session, {1: 9, 3: 4}) == (44, 3, {3: 4}, [0, 2])


@pytest.mark.parametrize("code", [NO_SESSION, WRONG_EPOCH])
def test_a_broker_that_has_forgotten_the_session_is_told_everything_again(code: int) -> None:
    session = Session(TOPIC)
    asked(session, {0: 5})
    session.answered(answer(44))
    asked(session, {0: 5, 1: 1})
    assert session.answered(answer(0, error=code)) == []
    assert asked(session, {0: 5, 1: 1}) == (0, 0, {0: 5, 1: 1}, [])


def test_a_broker_that_keeps_no_sessions_is_told_everything_each_time() -> None:
    session = Session(TOPIC)
    for _ in range(2):
        assert asked(session, {0: 5, 1: 1}) == (0, 0, {0: 5, 1: 1}, [])
        assert [each.partition for each in session.answered(answer(0, (0, 0)))] == [0]


def test_other_errors_are_raised_and_begin_anew() -> None:
    session = Session(TOPIC)
    asked(session, {0: 5})
    session.answered(answer(44))
    asked(session, {0: 5})
    with pytest.raises(TopicAuthorizationFailedError):
        session.answered(answer(44, error=NOT_ALLOWED))
    assert asked(session, {0: 5}) == (0, 0, {0: 5}, [])


def test_an_error_of_one_partition_is_told_with_it() -> None:
    session = Session(TOPIC)
    asked(session, {0: 5, 1: 1})
    first, second = session.answered(answer(44, (0, NOT_LEADER), (1, 0)))
    assert isinstance(first.error, NotLeaderForPartitionError)
    assert second.error is None
    assert list(second.batches()) == []
