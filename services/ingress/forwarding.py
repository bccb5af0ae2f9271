"""RPCs about partitions that this node does not serve: to nodes that do, with the bytes as they were signed.

A forwarded RPC is marked, and never forwarded again: a node that does not serve what it is about says so
(`NOT_SERVED`), and the one that has forwarded it asks another one. What was sent and not answered is sent again only
if that does no harm: queries, and what carries a nonce.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from projections.assignment import nothing_to_assign
from projections.event import Refusal
from services.cluster import Announcement, Membership
from services.ingress.connection import Connection
from services.ingress.heads import MARK
from services.ingress.peers import Header, Interrupted, NotReached, Peers
from services.ingress.response import Response, refused
from services.replica import Replica

__all__ = ["NOT_SERVED", "Forwarder", "Mark", "Request", "mark_of"]

NOT_SERVED = refused(
    Refusal(503, "This server does not serve what the forwarded request is about; ask again")
)
"""The answer to a forwarded RPC that does not belong here: nothing was done."""

_UNAVAILABLE = 503

_PATIENCE_SECONDS = 10.0
"""How long a request waits for a node that serves its partition: as long as the loss of a node takes to be noticed, and
its partitions to be taken over."""

_AGAIN_SECONDS = 0.1
"""Pause before nodes are asked again that could not be reached, or did not serve the partition."""

_LOOK_SECONDS = 1.0
"""How often a node that has not answered yet is looked for among those that live."""


class Mark(NamedTuple):
    """What the header `MARK` of a forwarded RPC says: the partitions to answer for, None if that follows from the RPC.

    It names them if the RPC is about several, `1; 0,5,7`; else it is 1 alone.
    """

    partitions: frozenset[int] | None


class Request(NamedTuple):
    """An RPC to be forwarded."""

    body: bytes
    is_repeatable: bool
    """Whether it does no harm to send it twice."""
    waits_for: Connection | None = None
    """The client, if the RPC is to end when the client hangs up."""


def mark_of(headers: Iterable[Header]) -> Mark | None:
    """The mark in a request's headers, whose names are in lower case; None if there is none."""
    for name, value in headers:
        if name == MARK:
            numbers = value.partition(b";")[2].replace(b" ", b"").split(b",")
            partitions = frozenset(int(number) for number in numbers if number.isdigit() and len(number) < 10)
            return Mark(partitions or None)
    return None


class Forwarder:
    """Has other nodes of `membership` answer RPCs about what `replica` does not serve."""

    def __init__(self, membership: Membership, peers: Peers, replica: Replica) -> None:
        self._membership = membership
        self._replica = replica
        self._peers = peers
        self._waiting: set[asyncio.Task[Response]] = set()
        self._closed = False
        self.forwarded = 0
        """RPCs that others have answered."""
        self.failed = 0
        """RPCs that nobody could be found for in time, or whose fate is not known."""

    @property
    def waiting(self) -> int:
        """How many executors wait for work at other nodes."""
        return len(self._waiting)

    def close(self) -> None:
        """Send away whoever waits for work at other nodes, and forward nothing that waits any more."""
        self._closed = True
        for task in self._waiting:
            task.cancel()

    async def forward(self, request: Request, partition: int) -> Response | None:
        """The answer of a node that serves a partition; None if this node has come to serve it meanwhile."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_SECONDS
        while partition not in self._replica.served:
            begun = loop.time()
            answer = await self._ask_any(request, {partition}, b"1")
            if answer != NOT_SERVED:
                return answer
            if loop.time() - begun > _PATIENCE_SECONDS:
                # An executor has waited at a node that is gone now.
                deadline = loop.time() + _PATIENCE_SECONDS
            if loop.time() > deadline:
                return self._fail(self._nobody_serves([partition]))
            await asyncio.sleep(_AGAIN_SECONDS)
        return None

    async def scatter(self, request: Request, partitions: Iterable[int]) -> list[Response]:
        """The answers of nodes that serve partitions together, each for some of them.

        One after the other: if nobody answers for some, or nobody knows what came of it, that is the last answer.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_SECONDS
        left = set(partitions)
        answers: list[Response] = []
        while left and not (answers and answers[-1].status == _UNAVAILABLE):
            some = self._served_together(left)
            value = b"1; " + b",".join(b"%d" % number for number in sorted(some))
            answer = await self._ask_any(request, some, value)
            if answer != NOT_SERVED:
                answers.append(answer)
                left -= some
            elif loop.time() > deadline:
                answers.append(self._fail(self._nobody_serves(sorted(left))))
            else:
                await asyncio.sleep(_AGAIN_SECONDS)
        return answers

    def _nobody_serves(self, partitions: list[int]) -> str:
        distrusted = self._replica.distrusted
        reasons = [
            f"; this one does not any more: {distrusted[each]}" for each in partitions if each in distrusted
        ]
        shown = ", ".join(map(str, partitions))
        return f"No server serves partition {shown} of the ledger now, ask again{''.join(reasons)}"

    def _served_together(self, partitions: set[int]) -> set[int]:
        """Partitions, as many as one node serves of these; any one if nobody serves any."""
        shares: dict[str, set[int]] = {}
        for partition in sorted(partitions):
            for node in self._membership.serving(partition):
                shares.setdefault(node.place, set()).add(partition)
        return max(shares.values(), key=len, default={min(partitions)})

    async def _ask_any(self, request: Request, partitions: set[int], mark: bytes) -> Response:
        """Ask the nodes that serve all of these partitions until one answers; NOT_SERVED if none does."""
        tried: set[str] = set()
        while (node := self._choose(partitions, tried)) is not None:
            tried.add(node.place)
            try:
                answer = await self._ask(node, request, ((MARK, mark),))
            except NotReached:
                continue
            except Interrupted as error:
                if request.is_repeatable:
                    continue
                return self._fail(f"{error}; ask again to learn what happened")
            if answer != NOT_SERVED:
                self.forwarded += 1
                return answer
        return NOT_SERVED

    def _fail(self, reason: str) -> Response:
        self.failed += 1
        return refused(Refusal(_UNAVAILABLE, reason))

    def _choose(self, partitions: set[int], tried: set[str]) -> Announcement | None:
        first, *others = partitions
        nodes = [
            node
            for node in self._membership.serving(first)
            if node.place not in tried and all(number in node.served for number in others)
        ]
        return random.choice(nodes) if nodes else None  # noqa: S311 (any of them will do)

    async def _ask(self, node: Announcement, request: Request, headers: Sequence[Header]) -> Response:
        """The answer of a node, unless it dies.

        Raises:
            NotReached, Interrupted: as `Peers.post`.
        """
        if request.waits_for is not None and self._closed:
            return refused(Refusal(_UNAVAILABLE, "The server is stopping; ask again"))
        asking = asyncio.create_task(self._peers.post(node, request.body, headers))
        client = request.waits_for
        hanging_up = None if client is None else asyncio.create_task(client.closed())
        if client is not None:
            self._waiting.add(asking)
        try:
            while not asking.done():
                await asyncio.wait(
                    {asking} if hanging_up is None else {asking, hanging_up},
                    timeout=_LOOK_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not asking.done():
                    if hanging_up is not None and hanging_up.done():
                        return refused(nothing_to_assign())
                    if node.run not in [other.run for other in self._membership.others]:
                        raise Interrupted(f"{node.place} has not been heard of for a while")
            if asking.cancelled():
                return refused(Refusal(_UNAVAILABLE, "The server is stopping; ask again"))
            return asking.result()
        finally:
            self._waiting.discard(asking)
            for task in (asking, hanging_up):
                if task is not None:
                    task.cancel()
