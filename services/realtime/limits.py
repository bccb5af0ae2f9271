"""The limits of `/pubsub`, each with its unit and default."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_REQUEST_BYTES", "PING_SECONDS", "RealtimeLimits"]

MAX_REQUEST_BYTES = 64 * 1024
"""Largest frame that a client may send; a larger one closes the connection with 1009."""

PING_SECONDS = 20.0
"""Time between two pings, so that no proxy takes a quiet connection for a dead one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeLimits:
    """How much one node keeps for its subscribers."""

    max_connections: int = 10_000
    """Most websocket connections at one time; one more is answered with 429."""
    max_subscriptions: int = 100
    """Most subscriptions on one connection; one more is refused with 429."""
    max_buffered_frames: int = 10_000
    """Most process events that wait for a slow client; at one more it is disconnected (constants.md section 7)."""
    max_buffered_bytes: int = 64 * 1024 * 1024
    """Most bytes of such events, unless one alone is larger."""
    idle_seconds: float = 120.0
    """How long a connection may stay without a subscription."""
    drain_seconds: float = 30.0
    """How long a client may take to read what is left when a subscription or the connection has ended."""
