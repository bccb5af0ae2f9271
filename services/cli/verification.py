"""Checking a whole ledger: everything that it claims is computed again, trusting nothing but the signatures.

For every record: the digest is that of the payload, the signature of the digest gives the identity,
times do not run backwards, no offset is missing, and what says that it was copied from another ledger is at the
beginning. Then everything is folded, and the digest of the
state says whether two ledgers, or two nodes, came to the same. What nodes said in checkpoints of the
state at some offset must be what it comes to here.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import msgspec
from colonyledger.identity import SignatureError, digest_of, recover
from colonyledger.record import Record

from projections.digest import state_digest
from projections.event import Event
from projections.fold import apply
from projections.state import State
from projections.system import Checkpointed
from services.ledger import Ledger, LedgerCorrupt, LedgerError
from services.snapshots.making import checkpoints

__all__ = ["BadRecord", "Progress", "Verified", "verify"]

_CHUNK = 128
"""Records whose signatures a thread checks in one go."""

Progress = Callable[[int, int], None]
"""Called from time to time with the records verified and the records there are."""


class BadRecord(Exception):
    """A record is not what it claims to be."""

    def __init__(self, event: Event, reason: str) -> None:
        super().__init__(f"partition {event.partition}, offset {event.offset}: {reason}")
        self.partition = event.partition
        self.offset = event.offset
        self.reason = reason


class Verified(msgspec.Struct):
    """What one partition came to. Times are nanoseconds since 1970, 0 if there is no record."""

    partition: int
    records: int
    signers: int
    """How many keys signed them."""
    first: int
    last: int
    rules: int
    """The version of the rules in force at the end."""
    digest: str
    """The digest of the state after the last record."""


async def verify(ledger: Ledger, progress: Progress | None = None) -> list[Verified]:
    """Verify all records that the ledger has now.

    Raises:
        BadRecord: the first record of a partition that is not what it claims to be.
        LedgerCorrupt: a record is damaged.
        LedgerUnavailable: the ledger cannot be read.
    """
    ends = [await ledger.end(partition) for partition in range(ledger.partitions)]
    verified: list[Verified] = []
    with _threads() as threads:
        for partition in range(ledger.partitions):
            done = sum(ends[:partition])

            def report(records: int, done: int = done) -> None:
                if progress is not None:
                    progress(done + records, sum(ends))

            verified.append(await _verify_partition(ledger, partition, threads, report))
    return verified


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="verify")
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


async def _verify_partition(
    ledger: Ledger, partition: int, threads: ThreadPoolExecutor, report: Callable[[int], None]
) -> Verified:
    state = State()
    claims = await _claims(ledger, partition)
    signers: set[str] = set()
    first = last = 0
    has_own = False
    async for events, bad in _checked(ledger.read(partition), threads):
        for event in events:
            if event.offset != state.next_offset:
                raise BadRecord(event, f"the record before it has offset {state.next_offset - 1}")
            if event.time < last:
                raise BadRecord(event, "its time is before that of the record before it")
            has_own |= event.record.origin < 0
            if has_own and event.record.origin >= 0:
                raise BadRecord(event, "it says that it was copied, and comes after one that was not")
            if bad is not None and event.offset == bad.offset:
                raise bad
            _check_claims(claims, state, event.offset)
            first, last = first or event.time, event.time
            signers.add(event.record.identity)
            apply(state, event)
        report(state.next_offset)
    _check_claims(claims, state, state.next_offset)
    if claims:
        raise BadRecord(claims[0][1], "it speaks of records that are not there")
    return Verified(partition, state.next_offset, len(signers), first, last, state.rules, state_digest(state))


async def _claims(ledger: Ledger, partition: int) -> deque[tuple[Checkpointed, Event]]:
    """All checkpoints; none of a damaged ledger, which is found to be so when it is folded."""
    try:
        return deque(await checkpoints(ledger, partition))
    except LedgerCorrupt:
        return deque()


def _check_claims(claims: deque[tuple[Checkpointed, Event]], state: State, offset: int) -> None:
    """Compare what nodes said of all records before an offset, or earlier ones, with what they came to."""
    while claims and claims[0][0].offset <= offset:
        claim, event = claims.popleft()
        if event.offset < claim.offset:
            raise BadRecord(event, "it speaks of records after it")
        digest = state_digest(state)
        if claim.digest != digest:
            raise BadRecord(
                event,
                f"it says that the records before offset {claim.offset} come to {claim.digest}, "
                f"they come to {digest}",
            )


async def _checked(
    batches: AsyncIterator[list[Event]], threads: ThreadPoolExecutor
) -> AsyncIterator[tuple[list[Event], BadRecord | None]]:
    """The batches with the first record of each that is bad by itself; the next batch is being checked meanwhile."""
    loop = asyncio.get_running_loop()
    pending: deque[tuple[list[Event], asyncio.Future[list[BadRecord | None]]]] = deque()
    damage: LedgerError | None = None
    try:
        async for events in batches:
            chunks = (events[start : start + _CHUNK] for start in range(0, len(events), _CHUNK))
            checks = asyncio.gather(*(loop.run_in_executor(threads, _first_bad, chunk) for chunk in chunks))
            pending.append((events, checks))
            if len(pending) > 1:
                yield await _done(pending)
    except LedgerError as error:
        damage = error
    while pending:
        yield await _done(pending)
    if damage is not None:
        raise damage


async def _done(
    pending: deque[tuple[list[Event], asyncio.Future[list[BadRecord | None]]]],
) -> tuple[list[Event], BadRecord | None]:
    events, checks = pending.popleft()
    return events, next((bad for bad in await checks if bad is not None), None)


def _first_bad(events: Sequence[Event]) -> BadRecord | None:
    for event in events:
        reason = _fault_of(event.record)
        if reason:
            return BadRecord(event, reason)
    return None


def _fault_of(record: Record) -> str:
    """Why a record is not what it claims to be; empty if it is."""
    if digest_of(record.payload) != record.digest:
        return "its digest is not that of its payload"
    try:
        signer = recover(record.digest, record.signature)
    except SignatureError as error:
        return f"its signature is none: {error}"
    return "" if signer == record.identity else f"it was signed by {signer}, not by {record.identity}"
