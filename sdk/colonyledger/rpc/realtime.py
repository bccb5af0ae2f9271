"""Subscriptions, each on a connection of its own: what the methods about them are written on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from colonyledger.errors import ConnectionFailed
from colonyledger.rpc.caller import Caller
from colonyledger.wire import Message, payloadtype_of

if TYPE_CHECKING:
    from colonyledger.rpc.records import Records

__all__ = ["RealtimeCaller"]

R = TypeVar("R")


class RealtimeCaller(Caller):
    """Calls that are answered more than once."""

    @asynccontextmanager
    async def _subscribed(self, message: Message[R]) -> AsyncIterator[Records[R]]:
        """What the server sends for `message`, as long as the block is not left.

        Raises:
            ConnectionFailed: no server answers.
            ServerRefused: the server has too many subscribers, or is not ready.
            BadReply: what answers offers no websockets.
        """
        # Most programs never subscribe, and should not wait for this import.
        from colonyledger.rpc.records import Records, connected  # noqa: PLC0415

        if not self.url.startswith("http"):
            raise ConnectionFailed(f"{self.url} takes no subscriptions; they need a server's HTTP address.")
        body = self._signed(message)
        async with connected(
            self.url,
            payloadtype=payloadtype_of(message),
            verify_tls=self._verify_tls,
            open_seconds=self._timeout,
        ) as connection:
            records = Records(connection, message, self.url)
            await records.ask(body)
            yield records
