"""Subscriptions to what another node serves: this node subscribes there, and passes on what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

from colonyledger.wire import ReplyEnvelope, decode
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from projections.event import ProcessChanged, Refusal
from projections.process import LiveProcess
from services.cluster import Announcement, Membership
from services.ingress.forwarding import Forwarder, Request
from services.ingress.gathering import payload_of
from services.ingress.heads import MARK
from services.ingress.peers import Peers
from services.realtime.connection import Connection
from services.realtime.subscriptions import Asked, Subscription

__all__ = ["Relay", "RelayedSubscription"]

_CONNECT_SECONDS = 5.0

_CLOSE_SECONDS = 1.0
"""How long after an error the other node may take to close the connection, if it ends the subscription."""

_NORMAL, _TRY_AGAIN = 1000, 1013


class Relay(NamedTuple):
    """The way to the other nodes."""

    membership: Membership
    peers: Peers
    forwarder: Forwarder

    async def colonies_of_caller(self, body: bytes, partitions: Iterable[int]) -> list[str]:
        """The colonies in partitions that other nodes serve of which whoever signed a subscription is a member.

        Raises:
            Refusal: they do not say.
        """
        answers = await self.forwarder.scatter(Request(body, is_repeatable=True), partitions)
        return [name for each in answers for name in decode(bytes(payload_of(each)), list[str])]

    def subscribe(self, asked: Asked, connection: Connection, partition: int, body: bytes) -> Subscription:
        """A subscription, asked for by `body`, at a node that serves the partition.

        Raises:
            Refusal: 503, there is none.
        """
        nodes = self.membership.serving(partition)
        if not nodes:
            raise Refusal(503, f"No server serves partition {partition} of the ledger now; ask again")
        return RelayedSubscription(asked, connection, nodes, self.peers, body)


class RelayedSubscription(Subscription):
    """A subscription at the first of some nodes that can be reached, on a connection of its own."""

    is_relayed = True

    def __init__(
        self, asked: Asked, connection: Connection, nodes: list[Announcement], peers: Peers, body: bytes
    ) -> None:
        super().__init__(asked, connection, "")
        self._nodes = nodes
        self._peers = peers
        self._body = body
        self._relaying: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Subscribe there."""
        self._relaying = asyncio.create_task(self._run(), name="relay")

    def on_change(self, fact: ProcessChanged, frame: Callable[[LiveProcess], bytes]) -> None:
        """Nothing: what happens is told by the other node."""

    def cancel_alarm(self) -> None:
        """The subscription has ended: hang up there."""
        if self._relaying is not None:
            self._relaying.cancel()

    async def _run(self) -> None:
        reason = ""
        for node in self._nodes:
            try:
                connected = await self._connect(node)
            except (OSError, TimeoutError, WebSocketException) as error:
                reason = f"{node.place} cannot be reached: {str(error) or 'it does not answer in time'}"
                continue
            async with connected:
                await self._relay(connected)
            return
        self.connection.refuse(Refusal(503, f"{reason}; subscribe again"))
        self.connection.end(self)

    async def _connect(self, node: Announcement) -> ClientConnection:
        return await connect(
            f"{'wss' if node.tls else 'ws'}://{node.place}/pubsub",
            ssl=self._peers.tls if node.tls else None,
            additional_headers={MARK.decode(): "1"},
            open_timeout=_CONNECT_SECONDS,
            compression=None,
            max_size=None,
            proxy=None,
        )

    async def _relay(self, upstream: ClientConnection) -> None:
        try:
            await upstream.send(self._body)
            async for frame in upstream:
                told = frame.encode() if isinstance(frame, str) else frame
                self.connection.send(told)
                if decode(told, ReplyEnvelope).error:
                    await self._end_after_error(upstream)
                    return
        except WebSocketException:
            pass  # how it was closed says what it means
        if upstream.close_code == _NORMAL:
            self.connection.end(self, close=True)
        else:
            self.connection.close(_TRY_AGAIN, "the server that knows of this is gone: subscribe again")

    async def _end_after_error(self, upstream: ClientConnection) -> None:
        """What was refused leaves the connection as it is; what has ended closes it if it was the last one."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await upstream.wait_closed()
        except TimeoutError:
            self.connection.end(self)
        else:
            self.connection.end(self, close=True)
