"""A front's end of its link to the owner: asks it what the clients ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, MutableSet
from typing import Any, cast

from projections.event import Refusal
from services.fronts.board import Board
from services.fronts.frames import Kind, Reader, frame, read_answer, refused_frame, signed_frame
from services.fronts.outbox import Outbox
from services.ingress.door import Door
from services.ingress.envelopes import Signed

__all__ = ["Clients", "Link"]

_NUMBERS = 2**32

_AT_ONCE = 24
"""Parts of frames, 8 requests, that are written before the turn of the loop is over, so that the owner need not wait."""


class Link(asyncio.Protocol):
    """The link.

    What waits to be written is bounded by the requests in work, of which a front and its owner each have a limit.
    """

    def __init__(self, on_stop: Callable[[], None], on_lost: Callable[[], None]) -> None:
        self._on_stop = on_stop
        self._on_lost = on_lost
        self._frames = Reader()
        self._last = 0
        self._asked: dict[int, Door] = {}
        """The clients that wait for answers, by request."""
        self._numbers: dict[Door, int] = {}
        """Their requests."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The owner is there."""
        self._say = Outbox(cast("asyncio.Transport", transport), _AT_ONCE).say

    def connection_lost(self, exc: Exception | None) -> None:
        """The owner is gone."""
        self._on_lost()

    def ask_body(self, body: bytes, client: Door) -> None:
        """Have a request of `client` answered as it came. A client has no other one in work meanwhile."""
        self._say(frame(Kind.BODY, self._begin(client), body))

    def ask_signed(self, signed: Signed, started: float, client: Door) -> None:
        """Have a request answered that came at `started` and whose signer is known."""
        self._say(signed_frame(self._begin(client), signed, started))

    def ask_refused(self, refusal: Refusal, started: float, client: Door) -> None:
        """Have a request answered that came at `started` and is refused."""
        self._say(refused_frame(self._begin(client), refusal, started))

    def gone(self, client: Door) -> None:
        """A client has hung up: the owner need not have work done for it."""
        number = self._numbers.get(client)
        if number is not None:
            self._say(frame(Kind.GONE, number))

    def listen(self) -> None:
        """Let the owner know that this front serves."""
        self._say(frame(Kind.LISTENING))

    def data_received(self, data: bytes) -> None:
        """Hear what the owner says."""
        for kind, number, content in self._frames.read(data):
            if kind == Kind.ANSWER:
                client = self._asked.pop(number)
                del self._numbers[client]
                client.answered(read_answer(content))
            elif kind == Kind.STOP:
                self._on_stop()
            elif number in self._asked:
                self._asked[number].parked()

    def _begin(self, client: Door) -> int:
        number = (self._last + 1) % _NUMBERS
        while number in self._asked:
            number = (number + 1) % _NUMBERS
        self._last = self._numbers[client] = number
        self._asked[number] = client
        return number


class Clients(MutableSet[Any]):
    """The connections of this front. Their number is that of all fronts together, as one limit holds for all."""

    def __init__(self, board: Board, link: Link) -> None:
        self._own: set[Any] = set()
        self._board = board
        self._link = link
        self._none = asyncio.Event()
        self._none.set()

    def __contains__(self, client: object) -> bool:
        """Whether a connection is one of this front."""
        return client in self._own

    def __iter__(self) -> Iterator[Any]:
        """Those of this front."""
        return iter(tuple(self._own))

    def __len__(self) -> int:
        """How many there are at all fronts."""
        return self._board.connections

    def add(self, client: Any) -> None:
        """A client has come."""
        if client not in self._own:
            self._own.add(client)
            self._board.connected(1)
            self._none.clear()

    def discard(self, client: Any) -> None:
        """A client has hung up, or goes on as another protocol."""
        if client in self._own:
            self._own.remove(client)
            self._board.connected(-1)
            self._link.gone(client)
            if not self._own:
                self._none.set()

    async def left(self) -> None:
        """Wait until this front has none."""
        await self._none.wait()
