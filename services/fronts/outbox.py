"""What an end of a link has to say, gathered: a write costs as much as a request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

__all__ = ["Outbox"]


class Outbox:
    """Writes what one turn of the loop says at once, or as soon as it has `at_once` parts, so that nobody has to wait."""

    def __init__(self, transport: asyncio.Transport, at_once: int) -> None:
        transport.set_write_buffer_limits(0)  # to write at once
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._at_once = at_once
        self._said: list[bytes] = []

    def say(self, parts: Sequence[bytes]) -> None:
        """Have the parts of a frame written before the turn of the loop is over."""
        if not self._said:
            self._loop.call_soon(self._write)
        self._said += parts
        if len(self._said) >= self._at_once:
            self._write()

    def _write(self) -> None:
        if self._said and not self._transport.is_closing():
            self._transport.write(b"".join(self._said))
        self._said.clear()
