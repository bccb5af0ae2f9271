"""A ledger in memory for fold tests: signed RPCs in, replies, refusals and facts out."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec
from colonyledger.identity import Identity, digest_of
from colonyledger.record import Record, RecordKind
from colonyledger.wire import (
    SECOND,
    ZERO_TIME,
    AddColony,
    AddExecutor,
    AddUser,
    ApproveExecutor,
    AssignProcess,
    CloseFailed,
    CloseSuccessful,
    Colony,
    Conditions,
    Executor,
    Function,
    FunctionSpec,
    GetColonyStatistics,
    GetProcess,
    GetProcesses,
    GetProcessGraph,
    Message,
    Process,
    ProcessGraph,
    Statistics,
    SubmitFunctionSpec,
    SubmitWorkflow,
    User,
    WorkflowSpec,
    decode,
    encode,
    payloadtype_of,
    reply_type_of,
)

from projections.event import Event, Outcome, Refusal
from projections.fold import answer, apply
from projections.messages import read_message
from projections.registry import REGISTRY, Kind
from projections.state import Settings, State
from projections.system import Rules, Tick
from projections.turn import View

R = TypeVar("R")

START = 1_700_000_000 * SECOND

CELLS = ("W", "R", "OK", "FAILED", "CANCELLED")
"""How the states are written in the tables of workflows.md section 8."""


@cache
def identity(name: str) -> Identity:
    """The same key for the same name in every run."""
    return Identity(digest_of(name.encode()).hex())


def essence(state: State) -> bytes:
    """What no refusal may change: all but signs of life, clock, offsets and nonces."""
    return encode(
        [
            [
                colony.record,
                colony.paused,
                list(colony.users.by_name.values()),
                [
                    msgspec.structs.replace(executor, lastheardfromtime=ZERO_TIME)
                    for executor in colony.executors.by_name.values()
                ],
                list(colony.functions.by_id.values()),
                list(colony.processes.by_id.values()),
                list(colony.graphs.by_id.values()),
                list(colony.logs.lines),
                list(colony.crons.by_id.values()),
                list(colony.generators.by_id.values()),
                list(colony.locations.values()),
                list(colony.identities),
                list(colony.files.by_id.values()),
                list(colony.files.removed.values()),
                list(colony.snapshots.by_id.values()),
                [definition.record for definition in colony.definitions.by_name.values()],
                list(colony.blueprints.by_name.values()),
                [list(changes) for changes in colony.histories.by_blueprint.values()],
                list(colony.sites.items()),
            ]
            for colony in state.colonies.values()
        ]
        + [state.rules, state.server_id, state.settings]
    )


class World:
    """One partition, its records, and the people who write to it."""

    def __init__(self, *, reregister: bool = False) -> None:
        self.state = State()
        self.partition = 0
        self.events: list[Event] = []
        self.now = START
        self.node = identity("node")
        self.server = identity("server")
        self.owner = identity("owner")
        self.user = identity("user")
        self.outcome = self.system(Rules(serverid=self.server.id, settings=Settings(reregister=reregister)))

    def record(self, who: Identity, message: Message[Any], kind: RecordKind = RecordKind.RPC) -> Record:
        """A signed record of `message`."""
        return self.signed(who, payloadtype_of(message), b64encode(encode(message)), kind)

    def signed(
        self, who: Identity, payloadtype: str, payload: bytes, kind: RecordKind = RecordKind.RPC
    ) -> Record:
        """A signed record of any payload."""
        digest = digest_of(payload)
        signature = who.sign_digest(digest)
        return Record(kind, payloadtype, digest, signature, who.id, self.now, "node", 0, 1, payload)

    def append(self, record: Record) -> Outcome:
        """Put a record at the end of the log and fold it; the fold must meet no error of its own."""
        event = Event(self.partition, len(self.events), self.now, record)
        self.events.append(event)
        self.outcome = apply(self.state, event)
        for failure in self.outcome.failures:
            raise failure
        return self.outcome

    def system(self, message: Message[Any]) -> Outcome:
        """Append a node's own event."""
        return self.append(self.record(self.node, message, RecordKind.SYSTEM))

    def tick(self, seconds: float = 0) -> Outcome:
        """Let time pass, and append a tick."""
        self.advance(seconds)
        return self.system(Tick())

    def call(self, who: Identity, message: Message[R]) -> R:
        """Do an RPC as a client would see it.

        Raises:
            Refusal: it was refused.

        """
        return decode(encode(self.reply(who, message)), reply_type_of(type(message)))

    def reply(self, who: Identity, message: Message[Any]) -> Any:
        """Do an RPC; the reply is as the fold gives it.

        Raises:
            Refusal: it was refused.

        """
        rpc = REGISTRY[payloadtype_of(message)]
        if rpc.kind is Kind.QUERY:
            view = View(self.state, who.id, self.now)
            return answer([view], rpc, read_message(rpc, b64encode(encode(message))))
        outcome = self.append(self.record(who, message))
        if outcome.refusal is not None:
            raise outcome.refusal
        return outcome.reply

    def refused(self, who: Identity, message: Message[Any]) -> tuple[int, str]:
        """The status and text with which an RPC is refused; it must be refused, and change nothing."""
        before = None if self.now > self.state.clock else essence(self.state)
        try:
            reply = self.reply(who, message)
        except Refusal as refusal:
            assert before is None or essence(self.state) == before
            return refusal.status, refusal.message
        raise AssertionError(f"{message} was done: {encode(reply).decode()}")

    def send(self, who: Identity, payloadtype: str, body: dict[str, Any]) -> Outcome:
        """Append a command whose JSON is `body`, with the right msgtype unless it brings one."""
        payload = b64encode(encode({"msgtype": payloadtype, **body}))
        return self.append(self.signed(who, payloadtype, payload))

    def advance(self, seconds: float) -> None:
        """Let the log's time pass; what is due fires with the next record."""
        self.now += int(seconds * SECOND)

    def colony(self, name: str = "dev") -> None:
        """A colony with its owner and one user."""
        self.call(self.server, AddColony(colony=Colony(self.owner.id, name)))
        self.call(self.owner, AddUser(user=User(name, self.user.id, "alice", "", "")))

    def executor(
        self, name: str, executortype: str = "edge", colony: str = "dev", location: str = ""
    ) -> Identity:
        """An approved executor."""
        who = identity(name)
        new = Executor(who.id, executortype, name, colony, locationname=location)
        self.call(self.owner, AddExecutor(executor=new))
        self.call(self.owner, ApproveExecutor(colonyname=colony, executorname=name))
        return who

    def submit(
        self, funcname: str = "echo", executortype: str = "edge", colony: str = "dev", **spec: Any
    ) -> Process:
        """A process submitted by the user."""
        conditions = spec.pop("conditions", None) or Conditions(colony, executortype=executortype)
        asked = FunctionSpec(funcname=funcname, conditions=conditions, **spec)
        return self.call(self.user, SubmitFunctionSpec(spec=asked))

    def workflow(self, nodes: Mapping[str, Sequence[str]], colony: str = "dev", **spec: Any) -> ProcessGraph:
        """A workflow of the user: for each node, in order, the nodes that it waits for."""
        specs = [node(name, parents, **spec) for name, parents in nodes.items()]
        return self.call(self.user, SubmitWorkflow(spec=WorkflowSpec(colony, specs)))

    def assign(self, who: Identity, colony: str = "dev", **limits: str) -> Process:
        """What an executor gets that does not wait for work."""
        return self.call(who, AssignProcess(colonyname=colony, timeout=-1, **limits))

    def take(self, who: Identity, **limits: str) -> Process | None:
        """What an executor gets that does not wait for work, None if there is nothing for it."""
        try:
            return self.assign(who, **limits)
        except Refusal as refusal:
            if (refusal.status, refusal.message) == (404, "No process available for assignment"):
                return None
            raise

    def nothing_for(self, who: Identity, **limits: str) -> bool:
        """Whether an executor that asks for work gets none."""
        return self.take(who, **limits) is None

    def close(self, who: Identity, process: Process, *output: Any) -> None:
        """Finish a process."""
        self.call(who, CloseSuccessful(processid=process.processid, output=list(output)))

    def fail(self, who: Identity, process: Process, *errors: str) -> None:
        """Give a process up."""
        self.call(who, CloseFailed(processid=process.processid, errors=list(errors)))

    def get(self, process: Process | str) -> Process:
        """A process as it is now."""
        processid = process if isinstance(process, str) else process.processid
        return self.call(self.user, GetProcess(processid=processid))

    def graph(self, graph: ProcessGraph) -> ProcessGraph:
        """A workflow as it is now, with what is needed to draw it."""
        return self.call(self.user, GetProcessGraph(processgraphid=graph.processgraphid))

    def members(self, graph: ProcessGraph) -> dict[str, Process]:
        """The processes of a workflow as they are now, by the name of their node."""
        return {process.spec.nodename: process for process in map(self.get, self.graph(graph).processids)}

    def cells(self, graph: ProcessGraph) -> str:
        """A row of a table of workflows.md section 8: members in the order of the spec, then the graph.

        W waits, Ww waits for parents, R runs.
        """
        members = map(self.get, graph.processids)
        row = [CELLS[each.state] + "w" * (each.state == 0 and each.waitforparents) for each in members]
        return " ".join([*row, CELLS[self.graph(graph).state]])

    def listed(self, state: int, **filters: str) -> list[str]:
        """The ids of the processes in a state, in the order in which they are listed."""
        asked = GetProcesses(colonyname="dev", count=100, state=state, **filters)
        return [process.processid for process in self.call(self.user, asked)]

    def statistics(self, colony: str = "dev") -> Statistics:
        """The colony's counts."""
        return self.call(self.user, GetColonyStatistics(colonyname=colony))


def node(nodename: str, parents: Sequence[str] = (), executortype: str = "edge", **spec: Any) -> FunctionSpec:
    """A node of a workflow."""
    conditions = Conditions(executortype=executortype, dependencies=list(parents))
    return FunctionSpec(nodename=nodename, funcname=nodename, conditions=conditions, **spec)


def function(executorname: str, funcname: str = "echo", colonyname: str = "dev", **fields: Any) -> Function:
    """A function as an executor registers it."""
    return Function(executorname=executorname, colonyname=colonyname, funcname=funcname, **fields)


def refold(events: Sequence[Event]) -> State:
    """A fold of `events` from the start."""
    state = State()
    for event in events:
        apply(state, event)
    return state
