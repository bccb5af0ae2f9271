"""A front process: takes connections, reads plain RPCs, finds out who signed them, and asks the owner for the answers."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
from pathlib import Path

import msgspec

from projections.event import Refusal
from services.fronts.board import Board
from services.fronts.link import Clients, Link
from services.fronts.tunnel import Passage, Tunnel
from services.ingress.door import Door, House
from services.ingress.envelopes import open_envelope, verify
from services.ingress.heads import Heads
from services.ingress.load import Load, Work
from services.node.listening import BACKLOG
from services.node.tls import server_context

__all__ = ["Orders", "run"]


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner tells a front at its start. Descriptors are those that the process has inherited."""

    number: int
    """Which of the fronts it is, from 0."""
    fronts: int
    listening: int
    """Descriptor of the socket that listens on the server's address."""
    link: int
    """Descriptor of the link to the owner."""
    passage: int
    """Descriptor of what passes tunnels on."""
    board: int
    """Descriptor of the memory that all share."""
    public: tuple[str, ...]
    """Payload types of RPCs that need no signature."""
    max_body_bytes: int
    max_requests_in_work: int
    max_connections: int
    tls_cert: str | None
    tls_key: str | None


async def run(orders: Orders) -> None:
    """Serve until the owner says to stop; end the process at once if the owner is gone."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    context = (
        server_context(Path(orders.tls_cert), Path(orders.tls_key))
        if orders.tls_cert and orders.tls_key
        else None
    )
    _, link = await loop.create_unix_connection(
        lambda: Link(stopping.set, lambda: os._exit(1)), sock=_inherited(orders.link)
    )
    board = Board(orders.board, orders.fronts, orders.number)
    clients = Clients(board, link)
    passage = Passage(_inherited(orders.passage))
    asker = _Asker(link, frozenset(orders.public))
    house = House(
        respond=asker.respond,
        heads=Heads(orders.max_body_bytes),
        load=_CountedLoad(orders.max_requests_in_work, board),
        other=lambda: Tunnel(clients, orders.max_connections, passage),
        max_connections=orders.max_connections,
        doors=clients,
        tasks=set(),
    )
    gc.freeze()
    server = await loop.create_server(
        lambda: Door(house), sock=_inherited(orders.listening), ssl=context, backlog=BACKLOG
    )
    link.listen()
    await stopping.wait()
    server.close()
    for client in clients:
        client.shutdown()
    await clients.left()


class _Asker:
    """Answers requests by asking the owner."""

    def __init__(self, link: Link, public: frozenset[str]) -> None:
        self._link = link
        self._public = public

    def respond(self, body: bytes, client: Door) -> None:
        """Have a request body answered."""
        started = time.perf_counter()
        try:
            envelope = open_envelope(body)
            if envelope.payloadtype in self._public:
                self._link.ask_body(body, client)
            else:
                self._link.ask_signed(verify(envelope), started, client)
        except Refusal as refusal:
            self._link.ask_refused(refusal, started, client)


class _CountedLoad(Load):
    """A front's load, which shows how many requests it refuses."""

    __slots__ = ("_board",)

    def __init__(self, limit: int, board: Board) -> None:
        super().__init__(limit)
        self._board = board

    def begin(self) -> Work | None:
        """Count one more; None if it is too much."""
        work = super().begin()
        if work is None:
            self._board.overloaded()
        return work


def _inherited(descriptor: int) -> socket.socket:
    inherited = socket.socket(fileno=descriptor)
    inherited.setblocking(False)
    return inherited
