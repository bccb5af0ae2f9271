"""The fold alone, and a replay of an embedded ledger."""

from __future__ import annotations

import asyncio
import gc
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

from colonyledger.identity import Identity, digest_of
from colonyledger.record import Record, RecordKind
from colonyledger.wire import (
    SECOND,
    AddColony,
    AddExecutor,
    AddUser,
    ApproveExecutor,
    AssignProcess,
    CloseSuccessful,
    Colony,
    Conditions,
    Executor,
    FunctionSpec,
    Message,
    Process,
    SubmitFunctionSpec,
    User,
    encode,
    payloadtype_of,
)

from projections.event import Event
from projections.fold import apply
from projections.state import State
from projections.system import Rules
from services.ledger import EmbeddedLedger
from services.replica.replica import GC_THRESHOLD

__all__ = ["Script", "fold_rates", "replay_rates"]

_START = 1_700_000_000 * SECOND


class Script:
    """Records of one colony: everybody joins, then processes are submitted, assigned and closed."""

    def __init__(self) -> None:
        self.state = State()
        self.server, self.owner, self.user = (Identity.generate() for _ in range(3))
        self.executor = Identity.generate()
        self.records: list[Record] = []
        self._forgotten = 0
        for who, message in (
            (self.server, Rules(serverid=self.server.id)),
            (self.server, AddColony(colony=Colony(self.owner.id, "bench"))),
            (self.owner, AddUser(user=User("bench", self.user.id, "user", "", ""))),
            (self.owner, AddExecutor(executor=Executor(self.executor.id, "edge", "executor", "bench"))),
            (self.owner, ApproveExecutor(colonyname="bench", executorname="executor")),
        ):
            self.fold([self.event(who, message)])

    def event(self, who: Identity, message: Message[Any]) -> Event:
        """The next record, at its place. Nothing here looks at signatures, so none is made."""
        kind = RecordKind.SYSTEM if isinstance(message, Rules) else RecordKind.RPC
        payload = b64encode(encode(message))
        place = self._forgotten + len(self.records)
        self.records.append(
            Record(
                kind,
                payloadtype_of(message),
                digest_of(payload),
                bytes(65),
                who.id,
                0,
                "bench",
                place,
                1,
                payload,
            )
        )
        return Event(0, place, _START + place * 1000, self.records[-1], message)

    def forget(self) -> None:
        """Let the records go that were made so far; the next ones go on behind them."""
        self._forgotten += len(self.records)
        self.records.clear()

    def fold(self, events: list[Event]) -> tuple[float, list[Process]]:
        """Seconds of processor time that folding took, and the replies."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        started = time.process_time()
        outcomes = [apply(self.state, event) for event in events]
        seconds = time.process_time() - started
        for outcome in outcomes:
            if outcome.refusal is not None:
                raise outcome.refusal
        return seconds, [outcome.reply for outcome in outcomes]


def _conditions() -> Conditions:
    return Conditions("bench", executortype="edge")


def fold_rates(number: int) -> dict[str, float]:
    """Events per second of one core, the messages being decoded already."""
    script = Script()
    spec = FunctionSpec(funcname="bench", args=[1], maxretries=3, maxexectime=600, conditions=_conditions())
    submits = [script.event(script.user, SubmitFunctionSpec(spec=spec)) for _ in range(number)]
    submitting, _ = script.fold(submits)
    assigns = [
        script.event(script.executor, AssignProcess(colonyname="bench", timeout=1)) for _ in range(number)
    ]
    assigning, assigned = script.fold(assigns)
    closes = [
        script.event(script.executor, CloseSuccessful(processid=process.processid, output=[1]))
        for process in assigned
    ]
    closing, _ = script.fold(closes)
    return {
        "fold: submit": number / submitting,
        "fold: assign": number / assigning,
        "fold: close": number / closing,
        "fold: all three": 3 * number / (submitting + assigning + closing),
    }


async def replay_rates(directory: Path, number: int) -> dict[str, float]:
    """Records per second of an embedded ledger: appended by 32 at a time, read, and read and folded."""
    script = Script()
    spec = FunctionSpec(funcname="bench", args=[1], maxretries=3, maxexectime=600, conditions=_conditions())
    for _ in range(number):
        script.event(script.user, SubmitFunctionSpec(spec=spec))
    ledger = await EmbeddedLedger.open(directory)
    try:
        pending = iter(script.records)

        async def appender() -> None:
            for record in pending:
                await ledger.append(0, record)

        started = time.perf_counter()
        await asyncio.gather(*(appender() for _ in range(32)))
        appended = time.perf_counter() - started
        started = time.perf_counter()
        read = 0
        async for events in ledger.read(0):
            read += len(events)
        reading = time.perf_counter() - started
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        state = State()
        started = time.perf_counter()
        async for events in ledger.read(0):
            for event in events:
                apply(state, event)
        folding = time.perf_counter() - started
    finally:
        await ledger.close()
    return {
        "embedded ledger: append, 32 at a time, fsynced": read / appended,
        "embedded ledger: read": read / reading,
        "embedded ledger: read and fold": read / folding,
    }
