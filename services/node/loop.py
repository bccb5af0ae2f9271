"""The event loop of a server."""

from __future__ import annotations

from typing import Any

import uvloop

__all__ = ["new_event_loop"]

_FAREWELL_SECONDS = 1.0
"""How long the other side may take to answer our farewell on a TLS connection before it is cut."""


class _Loop(uvloop.Loop):
    """Uvloop that does not wait long to say goodbye.

    A Kafka connection that is closed while a fetch is under way often gets no answer to TLS's farewell, and the
    default is to wait 30 s for it: a node that reads 64 partitions would spend minutes on that.
    """

    async def create_connection(self, *args: Any, ssl: Any = None, **named: Any) -> Any:
        """As in asyncio."""
        if ssl:
            named.setdefault("ssl_shutdown_timeout", _FAREWELL_SECONDS)
        return await super().create_connection(*args, ssl=ssl, **named)


def new_event_loop() -> uvloop.Loop:
    """A new loop."""
    return _Loop()
