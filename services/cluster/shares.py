"""Which nodes replicate a partition: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

__all__ = ["holders", "weight"]


def weight(subject: str, name: str) -> bytes:
    """How much speaks for `name` when it comes to `subject`: all nodes agree on it (rendezvous hashing)."""
    return blake2b(f"{len(name)}/{name}/{subject}".encode(), digest_size=8).digest()


def holders(partition: int, places: Iterable[str], replicas: int) -> frozenset[str]:
    """The places of the nodes that should replicate a partition: `replicas` of them, or all if there are fewer.

    A place that comes takes over only partitions that it holds then, one that goes leaves only those that it held.
    With 0 replicas every node holds every partition.
    """
    known = set(places)
    if not 0 < replicas < len(known):
        return frozenset(known)
    subject = f"share/{partition}"
    ranked = sorted(known, key=lambda place: (weight(subject, place), place), reverse=True)
    return frozenset(ranked[:replicas])
