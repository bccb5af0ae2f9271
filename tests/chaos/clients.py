"""Clients that go on: they send the same signed message to one node after another until it is answered."""

from __future__ import annotations

import asyncio
import random
import time
from base64 import b64decode
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

import httpx
from colonyledger.identity import Identity
from colonyledger.wire import ErrorBody, Message, ReplyEnvelope, decode, reply_type_of

from tests.chaos.history import Attempt, History, Operation
from tests.servers import Server

__all__ = ["Abandoned", "Client", "Refused"]

R = TypeVar("R")

ATTEMPT_SECONDS = 4.0
"""How long a client waits for an answer before it turns to another node."""

PAUSE_SECONDS = 0.1
"""Pause before the next attempt."""

_AGAIN = (409, "The same request came again and is answered there")


class Refused(Exception):
    """The answer is no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status


class Abandoned(Exception):
    """The client has given up, and does not know what happened."""


class Client:
    """One who sends one message at a time. `chance` steers which node is asked first, and what it is called."""

    def __init__(
        self,
        name: str,
        colony: str,
        servers: Sequence[Server],
        history: History,
        http: httpx.AsyncClient,
        seed: str,
    ) -> None:
        self.name = name
        self.colony = colony
        self.chance = random.Random(f"{seed}/{name}")
        self._servers = servers
        self._history = history
        self._http = http
        self._node = self.chance.randrange(len(servers))

    def nonce(self) -> str:
        """A nonce that the seed gives."""
        return UUID(int=self.chance.getrandbits(128)).hex

    async def read(self, who: Identity, message: Message[R]) -> R:
        """Ask something.

        Raises:
            Refused: the answer is no.
        """
        return await self._send(who, message, is_read=True)

    async def do(
        self, who: Identity, message: Message[R], *, wait: float = 0.0, patience: int = 1_000_000
    ) -> R:
        """Have something done. The server may take `wait` seconds; after `patience` attempts it is given up.

        Raises:
            Refused: the answer is no.
            Abandoned: it was given up.
        """
        return await self._send(who, message, is_read=False, wait=wait, patience=patience)

    async def _send(
        self,
        who: Identity,
        message: Message[R],
        *,
        is_read: bool,
        wait: float = 0.0,
        patience: int = 1_000_000,
    ) -> R:
        operation, body = self._history.begin(self.name, self.colony, who, message, is_read=is_read)
        if self.chance.random() < 0.2:
            self._turn()
        try:
            for _ in range(patience):
                answer = await self._attempt(operation, body, wait + ATTEMPT_SECONDS)
                if answer is not None:
                    return self._told(operation, answer, reply_type_of(type(message)))
                self._turn()
                await asyncio.sleep(PAUSE_SECONDS)
            raise Abandoned
        finally:
            self._history.over(operation)

    def _turn(self) -> None:
        """Turn to another node."""
        self._node = (self._node + self.chance.randrange(1, len(self._servers))) % len(self._servers)

    async def _attempt(self, operation: Operation, body: bytes, patience: float) -> httpx.Response | None:
        """One request; None if it leaves open what happened."""
        attempt = Attempt(self._node, time.monotonic_ns(), 0, "cancelled")
        operation.attempts.append(attempt)
        try:
            url = f"{self._servers[self._node].url}/api"
            answer = await self._http.post(url, content=body, timeout=patience)
        except httpx.TransportError as error:
            attempt.outcome = type(error).__name__
            return None
        else:
            attempt.outcome = str(answer.status_code)
            again = answer.status_code == _AGAIN[0] and _error_in(answer).message == _AGAIN[1]
            return None if again or answer.status_code in (429, 503) else answer
        finally:
            attempt.ended = time.monotonic_ns()

    @staticmethod
    def _told(operation: Operation, answer: httpx.Response, to: type[R]) -> R:
        operation.completed = operation.attempts[-1].ended
        if answer.status_code != httpx.codes.OK:
            error = _error_in(answer)
            operation.refusal = (error.status, error.message)
            raise Refused(error.status, error.message)
        reply = b64decode(decode(answer.content, ReplyEnvelope).payload)
        operation.reply = reply.decode()
        return decode(reply, to)


def _error_in(answer: httpx.Response) -> ErrorBody:
    return decode(b64decode(decode(answer.content, ReplyEnvelope).payload), ErrorBody)
