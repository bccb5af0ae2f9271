"""Which RPCs with a nonce were applied: a repeat has no second effect and gets the first one's reply."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from projections.event import Refusal
from projections.limits import MAX_NONCE_LENGTH, NONCE_SECONDS, NONCES_KEPT, REPLIES_KEPT

__all__ = ["Applied", "Nonces"]

_AGE = NONCE_SECONDS * 1_000_000_000


class Applied(msgspec.Struct, gc=False):
    """What an RPC with a nonce came to. `reply` is its JSON, None once it is no longer kept."""

    time: int
    digest: bytes
    status: int
    reply: bytes | None


class Nonces:
    """The nonces of one partition, by the identity that used them; oldest leave first."""

    __slots__ = ("_applied", "_replies")

    def __init__(self) -> None:
        self._applied: OrderedDict[str, Applied] = OrderedDict()
        self._replies: OrderedDict[str, Applied] = OrderedDict()

    def repeated(self, identity: str, nonce: str, digest: bytes) -> Applied | None:
        """What the RPC came to when it was applied before; None if it never was.

        Raises:
            Refusal: 400, the nonce is too long; 409, the nonce was used for another message, or the
                reply to this one is no longer kept.

        """
        if len(nonce) > MAX_NONCE_LENGTH:
            raise Refusal(400, f"The nonce is longer than {MAX_NONCE_LENGTH} characters")
        applied = self._applied.get(identity + nonce)
        if applied is None:
            return None
        if applied.digest != digest:
            raise Refusal(409, "This nonce was already used for another message")
        if applied.reply is None:
            raise Refusal(409, "This message was already applied; its reply is no longer kept")
        return applied

    def remember(self, identity: str, nonce: str, applied: Applied) -> None:
        """Keep what an RPC came to, and forget what is too old or too much."""
        key = identity + nonce
        self._applied[key] = applied
        self._replies[key] = applied
        while len(self._replies) > REPLIES_KEPT:
            self._replies.popitem(last=False)[1].reply = None
        while self._applied:
            oldest = next(iter(self._applied))
            if len(self._applied) <= NONCES_KEPT and self._applied[oldest].time + _AGE > applied.time:
                break
            del self._applied[oldest]
            self._replies.pop(oldest, None)

    def forget(self, identity: str, nonce: str) -> None:
        """Let the RPC be applied again: its effect was taken back."""
        self._applied.pop(identity + nonce, None)
        self._replies.pop(identity + nonce, None)

    def items(self) -> list[tuple[str, Applied]]:
        """Everything that is remembered, oldest first."""
        return list(self._applied.items())

    def restore(self, key: str, applied: Applied) -> None:
        """Remember one more of what `items` gave, in that order."""
        self._applied[key] = applied
        if applied.reply is not None:
            self._replies[key] = applied
