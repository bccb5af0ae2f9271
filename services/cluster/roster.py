"""Which nodes live, and their order for anything that one of them should do: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import msgspec

from services.cluster.shares import weight

__all__ = ["ALIVE_SECONDS", "Announcement", "Roster", "place_hash"]

ALIVE_SECONDS = 5.0
"""A node that has said nothing for so long is taken for dead."""


class Announcement(msgspec.Struct, frozen=True, gc=False):
    """What a node says of itself (schemas/avro/node.avsc)."""

    run: str
    name: str
    host: str
    port: int
    ready: bool
    folded: tuple[int, ...] = ()
    """Of each partition, the offset after the last record that is folded; -1 if what was folded is not trusted."""
    wanted: tuple[int, ...] = ()
    tls: bool = False
    fit: bool = True
    served: tuple[int, ...] = ()

    @property
    def place(self) -> str:
        """Where it is reached, `host:port`; it stays the same when the node is started again."""
        return f"{self.host}:{self.port}"

    def distrusts(self, partition: int) -> bool:
        """Whether it comes to another state of a partition than others, and cannot hold it before its next start."""
        return partition < len(self.folded) and self.folded[partition] < 0


def place_hash(colony: str, executortype: str) -> int:
    """The number that stands for a colony and an executor type in `Announcement.wanted`."""
    text = f"{len(colony)}/{colony}/{executortype}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


class Roster:
    """The other nodes as they were last heard of. `clock` gives seconds that never run backwards."""

    def __init__(self, own: str, clock: Callable[[], float]) -> None:
        self._own = own
        self._clock = clock
        self._heard: dict[str, tuple[float, Announcement, frozenset[int]]] = {}

    def hear(self, announcement: Announcement) -> None:
        """Take note of what another node says."""
        if announcement.run != self._own:
            heard = self._clock(), announcement, frozenset(announcement.wanted)
            self._heard[announcement.run] = heard

    def forget(self, run: str) -> None:
        """A node has stopped."""
        self._heard.pop(run, None)

    def others(self) -> list[Announcement]:
        """The other nodes that live, by run. Those that were silent for too long are forgotten."""
        oldest = self._clock() - ALIVE_SECONDS
        for run in [run for run, (heard, *_) in self._heard.items() if heard < oldest]:
            del self._heard[run]
        return [self._heard[run][1] for run in sorted(self._heard)]

    def serving(self, partition: int) -> list[Announcement]:
        """The other nodes that serve a partition."""
        return [other for other in self.others() if partition in other.served]

    def rank(self, subject: str, wanted: int | None = None, partition: int | None = None) -> int:
        """The place of this node for `subject` among those that are ready, from 0; all nodes agree on the order.

        With `wanted` only those count at which executors wait there (`place_hash`), with `partition` those that
        serve it.
        """
        if not self._heard:
            return 0
        own = weight(subject, self._own)
        return sum(
            1
            for other in self.others()
            if (other.ready if partition is None else partition in other.served)
            and (wanted is None or wanted in self._heard[other.run][2])
            and (weight(subject, other.run), other.run) > (own, self._own)
        )
