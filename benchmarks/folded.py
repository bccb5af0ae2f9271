"""A colony on the bare fold: no ledger, no HTTP, no signatures; it measures what its rules take."""

from __future__ import annotations

import hashlib
import time
from itertools import count
from typing import Any, TypeVar

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
from projections.fold import answer, apply
from projections.process import LiveProcess
from projections.registry import REGISTRY, Kind
from projections.state import State
from projections.system import Rules, Tick
from projections.turn import View

__all__ = ["COLONY", "Folded"]

R = TypeVar("R")

COLONY = "bench"

_START = 1_700_000_000 * SECOND
_STEP = 1_000_000
"""Time between two records, in nanoseconds."""
_NO_SIGNATURE = bytes(65)
_MOST_KNOWN = 1000
_FAR = 7919
"""A prime, so that every place has its turn."""


class Known:
    """Names or ids of some of what is in the colony, to ask for."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._turns = count()

    def add(self, name: str) -> None:
        """Know one more; of very many, only some are kept."""
        if len(self._names) < _MOST_KNOWN:
            self._names.append(name)
        else:
            self._names[next(self._turns) * _FAR % _MOST_KNOWN] = name

    def pick(self) -> str:
        """One of them, each time one far from the last."""
        return self._names[next(self._turns) * _FAR % len(self._names)]

    def remove(self, name: str) -> None:
        """Forget one."""
        self._names.remove(name)


class Folded:
    """The state of a colony with an owner, a user and an executor, and the time that was measured on it.

    Callers are ids: nothing here looks at signatures, so there are no keys.
    """

    def __init__(self) -> None:
        self.state = State()
        self.spent = 0
        """Processor time of everything that was measured, in nanoseconds."""
        self.known = Known()
        self._server = self.identity("server")
        self.owner, self.user, self.executor = map(self.identity, ("owner", "user", "executor"))
        self._do(self._server, Rules(serverid=self._server), measured=False)
        self.server(AddColony(colony=Colony(self.owner, COLONY)))
        self.do(self.owner, AddUser(user=User(COLONY, self.user, "user", "", "")))
        self.enlist("executor")

    @staticmethod
    def identity(name: str) -> str:
        """The id of somebody."""
        return hashlib.sha3_256(name.encode()).hexdigest()

    def enlist(self, name: str) -> str:
        """Add an executor that may work; gives its id."""
        executorid = self.identity(name)
        self.do(self.owner, AddExecutor(executor=Executor(executorid, "edge", name, COLONY)))
        self.do(self.owner, ApproveExecutor(colonyname=COLONY, executorname=name))
        return executorid

    def server(self, message: Message[Any], *, measured: bool = False) -> Any:
        """Do what only the owner of the server may."""
        return self.do(self._server, message, measured=measured)

    def do(self, who: str, message: Message[Any], *, measured: bool = False) -> Any:
        """Do an RPC; the reply is as the rule gives it, and encoded if that is measured.

        Raises:
            Refusal: it was refused.

        """
        rpc = REGISTRY[payloadtype_of(message)]
        if rpc.kind is not Kind.QUERY:
            return self._do(who, message, measured=measured)
        started = time.thread_time_ns()
        reply = answer([View(self.state, who)], rpc, message)
        if measured:
            encode(reply)
            self.spent += time.thread_time_ns() - started
        return reply

    def tick(self) -> None:
        """Move the clock, measured."""
        self._do(self._server, Tick(), measured=True)

    def submit(self, *, executortype: str = "edge", measured: bool = False, **fields: Any) -> LiveProcess:
        """Submit a process on behalf of the user."""
        conditions = fields.pop("conditions", None) or Conditions(COLONY, executortype=executortype)
        offset = self.state.next_offset
        spec = FunctionSpec(
            **{"funcname": "bench", "args": [offset], "maxwaittime": 10**8, "maxretries": 3, **fields},
            maxexectime=10**7,
            conditions=conditions,
        )
        record: Process = self.do(self.user, SubmitFunctionSpec(spec=spec), measured=measured)
        return self.state.colonies[COLONY].processes.by_id[record.processid]

    def assign(self, who: str = "", *, measured: bool = False, **limits: str) -> str:
        """Let an executor take a process; gives its id."""
        asked = AssignProcess(colonyname=COLONY, timeout=1, **limits)
        record: Process = self.do(who or self.executor, asked, measured=measured)
        return record.processid

    def close(self, processid: str, who: str = "", *, measured: bool = False) -> None:
        """Let an executor finish a process."""
        done = CloseSuccessful(processid=processid, output=[1])
        self.do(who or self.executor, done, measured=measured)

    def cycle(self, who: str = "") -> None:
        """Submit a process, and measure how it is assigned and closed."""
        self.submit()
        self.close(self.assign(who, measured=True), who, measured=True)

    def _do(self, who: str, message: Message[R], *, measured: bool) -> R:
        kind = RecordKind.SYSTEM if isinstance(message, (Rules, Tick)) else RecordKind.RPC
        offset = self.state.next_offset
        digest = hashlib.sha3_256(b"%d" % offset).digest()
        record = Record(kind, payloadtype_of(message), digest, _NO_SIGNATURE, who, 0, "bench", offset, 1, b"")
        event = Event(0, offset, _START + offset * _STEP, record, message)
        started = time.thread_time_ns()
        outcome = apply(self.state, event)
        if measured:
            encode(outcome.reply)
            self.spent += time.thread_time_ns() - started
        if outcome.refusal is not None:
            raise outcome.refusal
        for failure in outcome.failures:
            raise failure
        reply: R = outcome.reply
        return reply
