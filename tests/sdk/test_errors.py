"""The tree of errors."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest
from colonyledger import errors
from colonyledger.errors import (
    AccessDenied,
    BadSignature,
    ColonyError,
    Conflict,
    InvalidRequest,
    NotFound,
    NotReady,
    ServerRefused,
    TooLarge,
    TooMany,
    refusal,
)

CLASSES = [
    value for value in vars(errors).values() if inspect.isclass(value) and value.__module__ == errors.__name__
]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, BadSignature),
        (403, AccessDenied),
        (404, NotFound),
        (408, ServerRefused),
        (409, Conflict),
        (413, TooLarge),
        (429, TooMany),
        (500, ServerRefused),
        (503, NotReady),
    ],
)
def test_a_status_has_its_class(status: int, kind: type[ServerRefused]) -> None:
    error = refusal(status, "No, because", "getprocessmsg", retry_after=2.0)
    assert type(error) is kind
    assert (error.status, error.message, error.payloadtype) == (status, "No, because", "getprocessmsg")
    assert error.retry_after == 2.0
    assert f"The server refused getprocessmsg ({status}): No, because" in str(error)


def test_a_refusal_without_words() -> None:
    assert "no reason given" in str(refusal(500, "", "getprocessmsg"))


def test_advice_follows_the_servers_words() -> None:
    assert str(refusal(429, "Too much.", "addlogmsg")).endswith("Too much. Try again later.")


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"^( *)((?:│   |    )*)(?:[├└]── )?([A-Z]\w+)(?:  |$)", line):
            depth = (line.index(found[3]) - _margin()) // 4
            path[depth:] = [found[3]]
            if depth:
                drawn[found[3]] = path[depth - 1]
    real = {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES if kind is not ColonyError}
    assert drawn == real


def _margin() -> int:
    return next(
        line.index("ColonyError") for line in (errors.__doc__ or "").splitlines() if "ColonyError" in line
    )


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_is_one_of_ours_and_says_what_it_means(kind: type[Exception]) -> None:
    assert issubclass(kind, ColonyError)
    assert kind.__doc__


def test_builtin_families() -> None:
    assert issubclass(errors.InvalidArgument, ValueError)
    assert issubclass(errors.WaitTimedOut, TimeoutError)


def test_errors_can_be_sent_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(refusal(404, "gone", "getprocessmsg", retry_after=1.0)))
    assert type(error) is NotFound
    assert str(error) == "The server refused getprocessmsg (404): gone"
    assert error.retry_after == 1.0
