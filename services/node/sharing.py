"""The partitions that a node holds where nodes share them (architecture, Several nodes).

Each partition that belongs to the node's share is loaded, followed, and served from when it has caught up. One that
belongs to it no more is served on until all nodes whose share it is in serve it; then the others are told to ask those,
and only when they have done so for a while is it dropped.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from projections.state import State
from services.cluster import Membership, holders
from services.ledger import LedgerUnavailable
from services.replica import Replica

__all__ = ["Follower", "Server", "Share", "Sharing"]

_LOOK_SECONDS = 0.25
_AGAIN_SECONDS = 1.0

_LEAVING_SECONDS = 3.0
"""How long a partition is served on after the others were told to ask somebody else: nodes hear of each other every
second."""

_BEHIND_SECONDS = 0.02
"""How often it is looked whether a partition has caught up."""

logger = logging.getLogger(__name__)


class Follower(Protocol):
    """What has to know from which record on a partition is folded."""

    def take(self, partition: int) -> None:
        """The replica has begun to follow a partition."""


class Server(Protocol):
    """What does something for the partitions that are served."""

    def leave(self, partition: int) -> None:
        """A partition is not served any more."""


class Share(NamedTuple):
    """How partitions come and go."""

    replicas: int
    """How many nodes hold a partition."""
    load: Callable[[int], Awaitable[State]]
    """What to begin from."""
    followers: tuple[Follower, ...]
    prepare: Callable[[int], Awaitable[None]]
    """Done with a partition that has caught up, before it is served."""
    on_served: Callable[[int], None]
    servers: tuple[Server, ...]


class Sharing:
    """Keeps a replica at the partitions of its share; `place` is where this node is reached."""

    def __init__(self, replica: Replica, membership: Membership, place: str, share: Share) -> None:
        self._replica = replica
        self._membership = membership
        self._place = place
        self._share = share
        self._taking: dict[int, asyncio.Task[None]] = {}
        self._dropping: dict[int, asyncio.Task[None]] = {}
        self._leaving: dict[int, float] = {}
        """Since when the others ask somebody else."""
        self._one_at_a_time = asyncio.Lock()
        self._complete = asyncio.Event()

    @property
    def served(self) -> list[int]:
        """The partitions that other nodes may forward RPCs for."""
        return sorted(self._replica.served.difference(self._leaving))

    @property
    def taking(self) -> list[int]:
        """The partitions that are loaded or catch up."""
        return sorted(self._taking.keys() - self._replica.served)

    async def run(self) -> None:
        """Follow the share as it changes; runs until it is cancelled.

        Raises:
            Exception: what `prepare` failed with, before the share was complete for the first time.
        """
        try:
            while self._replica.broken is None:
                self._look()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            tasks = [*self._taking.values(), *self._dropping.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def complete(self) -> None:
        """Wait until the whole share was served for the first time."""
        await self._complete.wait()

    def _look(self) -> None:
        own = self._place
        fit = [other for other in self._membership.others if other.fit]
        is_complete = True
        for partition in range(self._replica.ledger.partitions):
            places = [other.place for other in fit if not other.distrusts(partition)]
            if partition in self._replica.distrusted:
                self._leaving.pop(partition, None)
            else:
                places.append(own)
            owners = holders(partition, places, self._share.replicas)
            self._reap(partition, self._taking)
            self._reap(partition, self._dropping)
            if own in owners:
                self._keep(partition)
                is_complete &= partition in self._replica.served
            elif partition in self._replica.served:
                self._hand_over(partition, owners)
            elif partition in self._taking and not self._replica.is_followed(partition):
                # Nobody needs it: it was not served yet.
                self._taking[partition].cancel()
        if is_complete:
            self._complete.set()

    def _reap(self, partition: int, tasks: dict[int, asyncio.Task[None]]) -> None:
        """Look after a task that has ended.

        Raises:
            Exception: what it failed with, before the share was complete.
        """
        task = tasks.get(partition)
        if task is None or not task.done():
            return
        del tasks[partition]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            if not self._complete.is_set():
                raise error
            logger.error("partition %d could not be taken or dropped", partition, exc_info=error)

    def _keep(self, partition: int) -> None:
        if self._leaving.pop(partition, None) is not None:
            self._membership.changed()
        is_busy = partition in self._taking or partition in self._dropping
        if partition not in self._replica.served and not is_busy:
            self._taking[partition] = asyncio.create_task(self._take(partition), name=f"take-{partition}")

    def _hand_over(self, partition: int, owners: frozenset[str]) -> None:
        """Go towards dropping a partition, as far as its owners serve it."""
        now = asyncio.get_running_loop().time()
        if not owners <= {node.place for node in self._membership.serving(partition)}:
            if self._leaving.pop(partition, None) is not None:
                self._membership.changed()
        elif partition not in self._leaving:
            self._leaving[partition] = now
            self._membership.changed()
        elif now - self._leaving[partition] > _LEAVING_SECONDS and partition not in self._dropping:
            self._dropping[partition] = asyncio.create_task(self._drop(partition), name=f"drop-{partition}")

    async def _take(self, partition: int) -> None:
        """Load a partition, follow it, and serve it once it has caught up. One that is distrusted meanwhile is left."""
        replica = self._replica
        while not replica.is_followed(partition) and partition not in replica.distrusted:
            try:
                async with self._one_at_a_time:
                    state = await self._share.load(partition)
                    await replica.follow(partition, state)
                for follower in self._share.followers:
                    follower.take(partition)
            except LedgerUnavailable as error:
                logger.warning("partition %d cannot be taken yet: %s", partition, error)
                await asyncio.sleep(_AGAIN_SECONDS)
        while replica.is_followed(partition):
            try:
                while replica.is_behind(partition):  # noqa: ASYNC110 (the fold must not have to tell)
                    await asyncio.sleep(_BEHIND_SECONDS)
                # Again, for what has come meanwhile.
                await replica.catch_up(partition)
                await self._share.prepare(partition)
            except LedgerUnavailable as error:
                logger.warning("partition %d cannot be served yet: %s", partition, error)
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                break
        if not replica.is_followed(partition):
            return
        replica.serve(partition)
        self._share.on_served(partition)
        self._membership.changed()
        logger.info("partition %d is served", partition)

    async def _drop(self, partition: int) -> None:
        """Stop serving a partition and free its memory."""
        self._replica.dismiss(partition)
        for server in self._share.servers:
            server.leave(partition)
        await self._replica.drop(partition)
        self._leaving.pop(partition, None)
        if not self._leaving:
            # The state was out of the collector's sight, and holds references in circles.
            gc.unfreeze()
            gc.collect()
            gc.freeze()
        logger.info("partition %d was left to others", partition)
