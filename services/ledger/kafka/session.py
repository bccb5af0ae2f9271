"""A fetch session with one broker (KIP-227): requests and answers name only the partitions with news.

Without sessions every request and every answer lists all partitions that are followed, and a node that follows many spends
more on the lists than on the records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aiokafka.errors import (
    CorruptRecordException,
    FetchSessionIdNotFound,
    InvalidFetchSessionEpoch,
    KafkaError,
    NoError,
    for_code,
)
from aiokafka.protocol.api import Request
from aiokafka.protocol.fetch import FetchRequest_v11
from aiokafka.record.memory_records import MemoryRecords

__all__ = ["Fetched", "Session"]

_WAIT_MILLISECONDS = 500
"""How long a broker keeps a request when there is nothing new."""

_PARTITION_BYTES = 4 * 1024 * 1024
_ANSWER_BYTES = 32 * 1024 * 1024
_LAST_EPOCH = 2**31 - 1
_ANY = -1


class Fetched(NamedTuple):
    """What a broker said of one partition."""

    partition: int
    error: KafkaError | None
    message_set: bytes

    def batches(self) -> Iterator[tuple[list[Any], int]]:
        """Its records, batch by batch, each with the offset behind the batch; none of a control batch.

        Raises:
            CorruptRecordException: a batch fails Kafka's checksum.
        """
        records = MemoryRecords(self.message_set)
        while (batch := records.next_batch()) is not None:
            if not batch.validate_crc():
                raise CorruptRecordException(f"partition {self.partition}: a batch fails its checksum")
            yield ([] if batch.is_control_batch else list(batch)), batch.next_offset


class Session:
    """What one broker has been told to watch, and from where."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._number = 0
        self._epoch = 0
        self._told: dict[int, int] = {}

    def request(self, wanted: Mapping[int, int]) -> Request[FetchRequest_v11]:
        """Ask for the records of partitions from these offsets on; every request has to be answered before the next."""
        news = {number: offset for number, offset in wanted.items() if self._told.get(number) != offset}
        forgotten = self._told.keys() - wanted.keys()
        self._told = dict(wanted)
        return _Fetch(self._topic, self._number, self._epoch, news, sorted(forgotten))

    def answered(self, answer: Any) -> list[Fetched]:
        """Take note of an answer: what it says of the partitions that it names.

        Raises:
            KafkaError: the broker did not do what was asked. One that has forgotten the session is asked for a new one
                next time, and has said nothing.
        """
        error = _error(answer.error_code)
        if error is not None:
            self.restart()
            if isinstance(error, FetchSessionIdNotFound | InvalidFetchSessionEpoch):
                return []
            raise error
        if answer.session_id:
            self._number, self._epoch = answer.session_id, self._epoch % _LAST_EPOCH + 1
        else:
            # It keeps no more sessions: everything is said each time.
            self.restart()
        return [
            Fetched(partition, _error(code), message_set or b"")
            for _, partitions in answer.topics
            for partition, code, *_, message_set in partitions
        ]

    def restart(self) -> None:
        """Forget the session, as after a request whose answer was lost."""
        self._number = self._epoch = 0
        self._told.clear()


class _Fetch(Request[FetchRequest_v11]):  # type: ignore[misc]  # aiokafka is not typed
    """A fetch request that belongs to a session; epoch 0 begins one."""

    API_KEY = FetchRequest_v11.API_KEY

    def __init__(
        self, topic: str, session: int, epoch: int, news: Mapping[int, int], forgotten: list[int]
    ) -> None:
        self._topic, self._session, self._epoch = topic, session, epoch
        self._news, self._forgotten = news, forgotten

    def build(self, request_struct_class: type[FetchRequest_v11]) -> FetchRequest_v11:
        """The request as aiokafka encodes it."""
        watched = [(number, _ANY, offset, _ANY, _PARTITION_BYTES) for number, offset in self._news.items()]
        return request_struct_class(
            _ANY,
            _WAIT_MILLISECONDS,
            1,
            _ANSWER_BYTES,
            0,
            self._session,
            self._epoch,
            [(self._topic, watched)] if watched else [],
            [(self._topic, self._forgotten)] if self._forgotten else [],
            "",
        )


def _error(code: int) -> KafkaError | None:
    kind = for_code(code)
    return None if kind is NoError else kind()
