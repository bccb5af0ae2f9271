"""Follow the ledger, fold every record in order, and wake whoever waits for one."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple

from colonyledger.record import Record
from colonyledger.wire import Message, encode

from projections.epochs import gone_on
from projections.event import Event, Outcome, Refusal
from projections.fold import apply
from projections.ids import TAG_DIGITS, home_of, is_identity, tag_of
from projections.registry import Rpc
from projections.state import State
from services.ledger import CodecError, Ledger, LedgerCorrupt, LedgerUnavailable, Position

__all__ = ["GC_THRESHOLD", "Answer", "Listener", "NotServed", "Replica"]

Listener = Callable[[Event, Outcome], None]
"""Called after every fold, in order, before the next one; it must return at once."""

_Reader = tuple[int, int, asyncio.Future[None]]
"""Who waits for an offset: the offset, a number that breaks ties, and the future."""

_CATCH_UP_SECONDS = 10.0
"""Longest wait for records that the ledger says it has."""

GC_THRESHOLD = 200_000
"""Allocations between collections: nearly everything that lives, lives long (decision 17)."""

_DRAIN_SECONDS = 0.02
"""How often a partition that is given up is looked at, whether somebody waits for it still."""

logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What a command came to: the JSON of its reply, or its refusal."""

    reply: bytes
    refusal: Refusal | None
    offset: int
    """That of its record; -1 if it has none."""


class NotServed(LedgerUnavailable):
    """The partition is not served by this node, which has not appended what was to be appended.

    `reason` says why, in words for an operator, if it would be served otherwise.
    """

    def __init__(self, partition: int, reason: str = "") -> None:
        super().__init__(
            f"This server does not serve partition {partition}{f' any more: {reason}' if reason else ''}"
        )
        self.partition = partition


class _Waiter(NamedTuple):
    future: asyncio.Future[Answer]
    message: Message[Any]
    partition: int


class Replica:
    """The states of the partitions of a ledger, kept up to date: of all, or of those that are followed.

    `run` names this run of this node; with a sequence number it names each record that the node
    appends, so that a reply finds its waiter when the record comes back in the log. `states` are what
    the partitions start from if not from nothing. The state of a partition that is not followed is empty.

    `start` follows and serves all partitions. Where nodes share them, each is taken by `follow`, served from `serve`
    on, and given up by `dismiss` and `drop`.
    """

    def __init__(self, ledger: Ledger, run: str, states: list[State] | None = None) -> None:
        self.ledger = ledger
        self.run = run
        self.states = [State() for _ in range(ledger.partitions)] if states is None else states
        self.served: frozenset[int] = frozenset()
        """The partitions that RPCs are answered from."""
        self.all = frozenset(range(ledger.partitions))
        self.listeners: list[Listener] = []
        self.orphan_listeners: list[Listener] = []
        """Called for each record of this run whose caller was told that nobody knows what became of it."""
        self._sequence = count()
        self._waiters: dict[int, _Waiter] = {}
        self._readers: list[list[_Reader]] = [[] for _ in self.states]
        self._readers_seen = count()
        self._followers: dict[int, asyncio.Task[None]] = {}
        self._ends: dict[int, int] = {}
        """Where the partitions that are followed ended when that began."""
        self._behind: set[int] = set()
        """Those of them that have not reached that end."""
        self._caught_up = asyncio.Event()
        self._broken: str | None = None
        self._distrusted: dict[int, str] = {}
        self._closed: set[int] = set()
        """Partitions of which it was said that they are closed."""

    async def start(self) -> None:
        """Begin to follow the ledger. Returns at once; `caught_up` waits for the end as of now.

        Raises:
            LedgerUnavailable: the ledger cannot be asked for its end.
        """
        ends = {partition: await self.ledger.end(partition) for partition in range(self.ledger.partitions)}
        self._begin(ends)
        self.served = frozenset(ends)

    async def follow(self, partition: int, state: State) -> None:
        """Begin to follow a partition that is not followed, from `state`.

        Raises:
            LedgerUnavailable: the ledger cannot be asked for its end.
        """
        end = await self.ledger.end(partition)
        self.states[partition] = state
        self._begin({partition: end})

    def serve(self, partition: int) -> None:
        """Answer RPCs from a partition that is followed and has caught up."""
        self.served |= {partition}

    def dismiss(self, partition: int) -> None:
        """Answer no more RPCs from a partition."""
        self.served -= {partition}

    async def drop(self, partition: int) -> None:
        """Follow a partition no more and forget its state, once those are answered who wait for records of it."""
        self.dismiss(partition)
        patience = asyncio.get_running_loop().time() + _CATCH_UP_SECONDS
        while self._is_awaited(partition) and asyncio.get_running_loop().time() < patience:  # noqa: ASYNC110 (it ends)
            await asyncio.sleep(_DRAIN_SECONDS)
        follower = self._followers.pop(partition)
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
        self._give_up(f"this node has given up partition {partition}", partition)
        del self._ends[partition]
        self._behind.discard(partition)
        self.states[partition] = State()

    async def stop(self) -> None:
        """Stop following; whoever waits is told that the outcome is not known."""
        for follower in self._followers.values():
            follower.cancel()
        await asyncio.gather(*self._followers.values(), return_exceptions=True)
        self._give_up("the server is stopping")

    async def caught_up(self) -> None:
        """Wait until everything is folded that was in the ledger at the start, or the replica is broken."""
        await self._caught_up.wait()

    def distrust(self, partition: int, reason: str) -> None:
        """Fold and serve a partition no more: what is folded here is not what others fold.

        May be called again, to tell the reason better. Not to be called by a listener.
        """
        known = partition in self._distrusted
        self._distrusted[partition] = reason
        logger.critical(reason)
        if len(self._distrusted) == len(self.states):
            self._broken = reason
        if known:
            return
        self.dismiss(partition)
        if partition in self._followers:
            self._followers[partition].cancel()
        self._give_up(reason, partition)
        self._behind.discard(partition)
        self._look_whether_all_caught_up()

    @property
    def distrusted(self) -> Mapping[int, str]:
        """The partitions that are not served any more before the next start, and why, in words for an operator."""
        return self._distrusted

    def is_followed(self, partition: int) -> bool:
        """Whether records of a partition are folded."""
        return partition in self._followers and partition not in self._distrusted

    def is_behind(self, partition: int) -> bool:
        """Whether a partition that is followed has not reached what was its end when that began."""
        return partition in self._behind

    @property
    def not_served(self) -> frozenset[int]:
        """The partitions that RPCs are not answered from."""
        return self.all - self.served

    def state_served(self, partition: int) -> State:
        """The state of a partition that RPCs are answered from.

        Raises:
            NotServed: it is not one of them.
        """
        if partition not in self.served:
            raise self.not_serving(partition)
        return self.states[partition]

    def not_serving(self, partition: int) -> NotServed:
        """The error that says that a partition is not served."""
        return NotServed(partition, self._distrusted.get(partition, ""))

    @property
    def broken(self) -> str | None:
        """Why nothing more can be folded, of any partition, until the server is started again; None if nothing is wrong."""
        return self._broken

    @property
    def fault(self) -> str | None:
        """Why the replica cannot be used now, in words for an operator; None if it can."""
        return self._broken or self.ledger.fault

    @property
    def progress(self) -> tuple[int, int]:
        """How many records are folded, and how many were in the ledger at the start."""
        return sum(state.next_offset for state in self.states), sum(self._ends.values())

    @property
    def catching_up(self) -> dict[int, tuple[int, int]]:
        """The partitions that are behind: how many records are folded, and how many there were at the beginning."""
        return {
            partition: (self.states[partition].next_offset, self._ends[partition])
            for partition in sorted(self._behind)
        }

    async def catch_up(self, *partitions: int) -> None:
        """Wait until everything is folded that any node has acknowledged by now, in these partitions or all served.

        Costs nothing when nobody else writes the ledger: what this node acknowledged, it has folded.

        Raises:
            LedgerUnavailable: the ledger cannot be asked, or does not give what it has; NotServed, one of the
                partitions is not followed.
        """
        if not self.ledger.is_shared:
            return
        if len(partitions) == 1:
            await self._fold_to_end(partitions[0])
        else:
            asked = partitions or sorted(self.served)
            done = await asyncio.gather(*map(self._fold_to_end, asked), return_exceptions=True)
            for error in done:
                # Of all that are served, one may be dropped meanwhile.
                if isinstance(error, BaseException) and (partitions or not isinstance(error, NotServed)):
                    raise error

    def partition_of(self, rpc: Rpc, message: Message[Any]) -> int | None:
        """The partition that a message is for; None if it is for all of them."""
        if len(self.states) == 1:
            return 0
        home = rpc.home(message)
        if rpc.locator is None and not home:
            return None
        if rpc.locator is not None and rpc.locator.by_id:
            if rpc.locator.aliased:
                for partition, state in enumerate(self.states):
                    if state.is_alias(home):
                        return partition
            if is_identity(home):
                return home_of(home[:TAG_DIGITS], len(self.states))
        return home_of(tag_of(home), len(self.states))

    def alias_in(self, partitions: Iterable[int], rpc: Rpc, message: Message[Any]) -> int:
        """That one of some partitions which has what a message names under an id that may be in any.

        Raises:
            NotServed: one of them is not served.
            Refusal: none of them has it.
        """
        if rpc.locator is None:
            raise TypeError(f"{rpc.payloadtype} names nothing")
        for partition in sorted(partitions):
            if self.state_served(partition).is_alias(rpc.home(message)):
                return partition
        raise rpc.locator.missing(message)

    def execute(self, partition: int, record: Record, message: Message[Any]) -> asyncio.Future[Answer]:
        """Append a command; the future is done when it is durable and folded.

        The future fails with LedgerUnavailable if it is not known whether the record was appended, with
        NotServed if it was not, as the partition is not followed, and with CodecError if the ledger takes no
        such record. Nothing is appended to a partition that is closed: that is a refusal without an offset, -1.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        if self._broken is not None:
            future.set_exception(LedgerUnavailable(self._broken))
            return future
        if not self.is_followed(partition):
            future.set_exception(self.not_serving(partition))
            return future
        successor = self.states[partition].successor
        if successor is not None:
            future.set_result(Answer(b"", gone_on(successor), -1))
            return future
        sequence = record.sequence = next(self._sequence)
        record.node = self.run
        try:
            appended = self.ledger.append(partition, record)
        except CodecError as error:
            future.set_exception(error)
            return future
        self._waiters[sequence] = _Waiter(future, message, partition)

        def settle(done: asyncio.Future[Position]) -> None:
            error = LedgerUnavailable("cancelled") if done.cancelled() else done.exception()
            if error is not None:
                self._waiters.pop(sequence, None)
                if not future.done():
                    future.set_exception(error)

        appended.add_done_callback(settle)
        return future

    def _begin(self, ends: dict[int, int]) -> None:
        gc.set_threshold(GC_THRESHOLD)
        self._ends |= ends
        self._behind |= ends.keys()
        for partition in ends:
            self._look_whether_caught_up(partition)
            self._followers[partition] = asyncio.create_task(
                self._follow(partition), name=f"follow-{partition}"
            )

    def _is_awaited(self, partition: int) -> bool:
        return bool(self._readers[partition]) or any(
            waiter.partition == partition for waiter in self._waiters.values()
        )

    async def _fold_to_end(self, partition: int) -> None:
        end = await self.ledger.end(partition) if self.is_followed(partition) else 0
        if not self.is_followed(partition):
            # It may have been dropped while the ledger was asked.
            raise self.not_serving(partition)
        if self.states[partition].next_offset >= end:
            return
        if self._broken is not None:
            raise LedgerUnavailable(self._broken)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._readers[partition], (end, next(self._readers_seen), waiter))
        try:
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                await waiter
        except TimeoutError:
            folded = self.states[partition].next_offset
            reason = f"{folded} of {end} records of partition {partition} are folded"
            raise LedgerUnavailable(reason) from None

    def _wake_readers(self, partition: int, folded: int) -> None:
        readers = self._readers[partition]
        while readers and readers[0][0] <= folded:
            _, _, waiter = heappop(readers)
            if not waiter.done():
                waiter.set_result(None)

    async def _follow(self, partition: int) -> None:
        state = self.states[partition]
        try:
            async for events in self.ledger.follow(partition, state.next_offset):
                for event in events:
                    self._fold(state, event)
                self._wake_readers(partition, state.next_offset)
                if state.successor is not None and partition not in self._closed:
                    self._closed.add(partition)
                    logger.warning("partition %d is closed: it goes on as %s", partition, state.successor)
                if partition in self._behind:
                    self._look_whether_caught_up(partition)
        except LedgerCorrupt as damage:
            self._break(f"the ledger is damaged at {damage}; nothing after it is folded")
        except Exception:
            logger.exception("a record could not be folded")
            self._break(f"folding partition {partition} stopped at offset {state.next_offset} by an error")

    def _fold(self, state: State, event: Event) -> None:
        own = event.record.node == self.run
        waiter = self._waiters.get(event.record.sequence) if own else None
        if waiter is not None:
            event.message = waiter.message
        outcome = apply(state, event)
        for failure in outcome.failures:
            logger.error("a rule failed at offset %d", event.offset, exc_info=failure)
        self._tell(self.listeners, event, outcome)
        if waiter is not None:
            if not waiter.future.done():
                reply = b"" if outcome.reply is None else encode(outcome.reply)
                waiter.future.set_result(Answer(reply, outcome.refusal, event.offset))
            # Not earlier: if anything of this fails, the waiter has to be told as well.
            del self._waiters[event.record.sequence]
        elif own and event.offset >= self._ends[event.partition]:
            # What is older was seen before: this node has followed the partition already.
            self._tell(self.orphan_listeners, event, outcome)

    def _tell(self, listeners: list[Listener], event: Event, outcome: Outcome) -> None:
        for listener in listeners:
            try:
                listener(event, outcome)
            except Exception:
                # What only listens must not stop the fold.
                logger.exception("a listener failed at offset %d", event.offset)

    def _break(self, reason: str) -> None:
        """Nothing more is folded: tell whoever waits for it."""
        logger.critical(reason)
        self._broken = reason
        self._give_up(reason)
        self._caught_up.set()

    def _give_up(self, reason: str, partition: int | None = None) -> None:
        """Tell whoever waits, for records of one partition or of any, that the outcome is not known."""
        for sequence, waiter in list(self._waiters.items()):
            if partition is None or waiter.partition == partition:
                if not waiter.future.done():
                    waiter.future.set_exception(LedgerUnavailable(reason))
                del self._waiters[sequence]
        for readers in self._readers if partition is None else [self._readers[partition]]:
            for _, _, reader in readers:
                if not reader.done():
                    reader.set_exception(LedgerUnavailable(reason))
            readers.clear()

    def _look_whether_caught_up(self, partition: int) -> None:
        if self.states[partition].next_offset < self._ends[partition]:
            return
        self._behind.discard(partition)
        self._look_whether_all_caught_up()

    def _look_whether_all_caught_up(self) -> None:
        if not self._behind:
            gc.collect()
            gc.freeze()
            self._caught_up.set()
