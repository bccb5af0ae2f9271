"""A process that was given to an executor who is reached through Kafka."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64decode
from typing import NamedTuple

import msgspec
from colonyledger.kafka.protocol import POSITION, PROCESS
from colonyledger.wire import ReplyEnvelope, decode

from projections.system import Undelivered
from services.replica import Answer, NotServed, SystemWriter

__all__ = ["Assignment"]

_AGAIN_SECONDS = 1.0

logger = logging.getLogger(__name__)


class _Assigned(msgspec.Struct):
    processid: str


class Assignment(NamedTuple):
    """The process, and the partition and offset of the `assign` that got it, if this node has folded it."""

    processid: str
    position: tuple[int, int] | None

    @classmethod
    def of(cls, body: bytes, position: tuple[int, int] | None) -> Assignment:
        """The assignment in a reply envelope."""
        reply = b64decode(decode(body, ReplyEnvelope).payload)
        return cls(decode(reply, _Assigned).processid, position)

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """What its record says beside the envelope."""
        headers = [(PROCESS, self.processid.encode())]
        if self.position is not None:
            headers.append((POSITION, b"%d:%d" % self.position))
        return headers

    def give_back(self, writer: SystemWriter) -> bool:
        """Let the process go back to the queue, however often it has to be tried; False if nobody knows its record.

        If another request has taken it over meanwhile, it stays where it is.
        """
        if self.position is None:
            return False
        partition, offset = self.position

        def given_back(done: asyncio.Future[Answer]) -> None:
            if done.exception() is not None:
                logger.warning("process %s could not be given back: %s", self.processid, done.exception())
                if not isinstance(done.exception(), NotServed):
                    asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self.give_back, writer)

        undelivered = Undelivered(processid=self.processid, offset=offset)
        writer.append(partition, undelivered).add_done_callback(given_back)
        return True
