"""How many RPCs one identity may send: a token bucket for each that was heard of lately.

A bucket is one number, the time at which it will be full again (the generic cell rate algorithm), so a check is a
look-up, two comparisons and a store. A bucket that is full says nothing, so forgetting the identities that were
silent longest costs only that; those who send too much are not among them.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from projections.event import Refusal

__all__ = ["MAX_IDENTITIES", "RateLimits"]

MAX_IDENTITIES = 100_000
"""How many identities are remembered, about 20 MB; the one silent longest is forgotten."""

_SECOND = 1_000_000_000
"""Nanoseconds."""


class RateLimits:
    """Lets each identity send `rate` RPCs a second, and `burst` at once (0: twice the rate).

    With a rate of 0 everything passes.
    """

    def __init__(
        self,
        rate: int,
        burst: int,
        *,
        identities: int = MAX_IDENTITIES,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._rate = rate
        self._interval = _SECOND // rate if rate else 0
        self._room = self._interval * ((burst or 2 * rate) - 1)
        self._identities = identities
        self._clock = clock
        self._full_at: OrderedDict[str, int] = OrderedDict()
        self.refused = 0
        """How many RPCs were refused."""

    def __len__(self) -> int:
        return len(self._full_at)

    def admit(self, identity: str) -> None:
        """Count one RPC of `identity`.

        Raises:
            Refusal: 429, it sends too many.
        """
        if not self._interval:
            return
        now = self._clock()
        full_at = self._full_at.get(identity, 0)
        if full_at > now + self._room:
            self.refused += 1
            raise Refusal(
                429,
                f"This identity sends more than {self._rate} requests a second to this server; send fewer",
            )
        self._full_at[identity] = max(full_at, now) + self._interval
        self._full_at.move_to_end(identity)
        if len(self._full_at) > self._identities:
            self._full_at.popitem(last=False)
