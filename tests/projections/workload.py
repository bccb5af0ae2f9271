"""Random histories: everybody does everything, rightly and wrongly, from one seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from colonyledger.identity import Identity
from colonyledger.record import Record
from colonyledger.wire import (
    AddAttribute,
    AddChild,
    AddExecutor,
    AddExecutorLog,
    AddFunction,
    AddLog,
    ApproveExecutor,
    AssignProcess,
    Attribute,
    CancelProcess,
    CancelProcessGraph,
    CloseFailed,
    CloseSuccessful,
    Conditions,
    Executor,
    FunctionSpec,
    Message,
    PauseAssignments,
    Process,
    ProcessGraph,
    RejectExecutor,
    RemoveAllProcesses,
    RemoveAllProcessGraphs,
    RemoveColony,
    RemoveExecutor,
    RemoveProcess,
    RemoveProcessGraph,
    ResumeAssignments,
    SetOutput,
    SubmitFunctionSpec,
    SubmitWorkflow,
    WorkflowSpec,
    decode,
    encode,
)

from projections.event import Event, Outcome
from projections.system import Heard, HeardFrom, Undelivered
from tests.projections.world import World, function, identity

COLONIES = ("dev", "other")
EXECUTORS = ("edge1", "edge2", "cloud1")
GARBAGE = (b"", b"!!", b"e30=", b"bnVsbA==", b"W10=", b"eyJtc2d0eXBlIjoiYWRkY2hpbGRtc2ciLCJzcGVjIjoxfQ==")


class Workload:
    """A world that is written to at random; `world.events` is the history."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World(reregister=self.random.random() < 0.5)
        self.processes = ["unknown"]
        self.graphs = ["unknown"]
        self.sent: list[Record] = []
        self.assigned: list[tuple[str, int]] = [("unknown", 0)]
        for colony in COLONIES:
            self.world.colony(colony)
        for name in EXECUTORS:
            self.world.executor(name, name[:-1], location=self.random.choice(["", "lab"]))
        self.actions: list[tuple[int, Callable[[], object]]] = [
            (22, self.submit),
            (6, self.submit_workflow),
            (35, self.assign),
            (25, self.finish),
            (6, self.annotate),
            (5, self.grow),
            (3, self.cancel),
            (2, self.remove),
            (3, self.manage),
            (4, self.repeat),
            (5, self.system),
            (2, self.garbage),
        ]

    def run(self, steps: int) -> list[Event]:
        """Do `steps` things and give the whole history."""
        weights = [weight for weight, _ in self.actions]
        for _ in range(steps):
            if self.random.random() < 0.4:
                self.world.advance(self.random.choice([0.000001, 0.5, 1, 2, 5, 20]))
            _, action = self.random.choices(self.actions, weights)[0]
            action()
        return self.world.events

    def pick(self, *options: Any) -> Any:
        return self.random.choice(options)

    def somebody(self) -> Identity:
        names = (*EXECUTORS, *EXECUTORS, "user", "user", "owner", "server", "stranger")
        return identity(self.random.choice(names))

    def process(self) -> str:
        """One of the newest processes."""
        return self.random.choice(self.processes[-12:])

    def held(self, *, in_workflow: bool = False) -> tuple[Identity, str, str]:
        """Usually an executor, a process that it runs, and its workflow; sometimes things unrelated."""
        colony = self.world.state.colonies["dev"]
        running = [
            (identity(name), key, colony.processes.by_id[key].record.processgraphid)
            for name in EXECUTORS
            for key in colony.processes.running.get(identity(name).id, {})
        ]
        if in_workflow:
            running = [each for each in running if each[2]]
        if not running or self.random.random() < 0.2:
            return identity(self.random.choice(EXECUTORS)), self.process(), self.random.choice(self.graphs)
        return self.random.choice(running)

    def do(self, who: Identity, message: Message[Any]) -> Outcome:
        """Append an RPC, a third of them with a nonce."""
        if self.random.random() < 0.3:
            fields = {name: getattr(message, name) for name in message.__struct_fields__}
            message = type(message)(**{**fields, "nonce": f"n{self.random.randrange(2000)}"})
        record = self.world.record(who, message)
        self.sent.append(record)
        return self.world.append(record)

    def spec(self, nodename: str = "", parents: tuple[str, ...] = ()) -> FunctionSpec:
        rare = self.random.random() < 0.05
        conditions = Conditions(
            self.pick("other", "nowhere") if rare else "dev",
            self.pick(None, None, None, [], ["*"], ["edge1"], ["edge2", "cloud1"]),
            self.pick("edge", "edge", "edge", "cloud", "cloud", "none"),
            self.pick("", "", "", "LAB"),
            list(parents),
            cpu=self.pick("m", "1.5m") if self.random.random() < 0.03 else self.pick("", "500m"),
            mem="1" if self.random.random() < 0.03 else self.pick("", "1G"),
        )
        return FunctionSpec(
            nodename,
            self.pick("echo", "sum"),
            [self.random.randrange(100)],
            priority=50_001 if self.random.random() < 0.03 else self.pick(0, 0, 0, 1, -1),
            maxwaittime=self.pick(-1, 0, 3, 30),
            maxexectime=self.pick(-1, 0, 2, 10),
            maxretries=self.pick(-1, 0, 1, 3),
            conditions=conditions,
            label=self.pick("", "", "x"),
            env=self.pick({}, {}, {"A": "1"}),
        )

    def submit(self) -> None:
        who = self.world.user if self.random.random() < 0.7 else self.somebody()
        self.note(self.do(who, SubmitFunctionSpec(spec=self.spec())))

    def submit_workflow(self) -> None:
        names = "abcdef"[: self.random.randrange(1, 7)]
        specs = []
        for place, name in enumerate(names):
            above = names[:place] if self.random.random() < 0.97 else names
            parents = tuple(each for each in above if self.random.random() < 0.4)
            specs.append(self.spec(name, parents))
        who = self.world.user if self.random.random() < 0.7 else self.somebody()
        outcome = self.do(who, SubmitWorkflow(spec=WorkflowSpec(self.pick("dev", *COLONIES), specs)))
        if outcome.refusal is None:
            graph = decode(encode(outcome.reply), ProcessGraph)
            self.graphs.append(graph.processgraphid)
            self.processes += graph.processids

    def note(self, outcome: Outcome) -> None:
        """Remember a process that came to be."""
        if outcome.refusal is None:
            self.processes.append(decode(encode(outcome.reply), Process).processid)

    def assign(self) -> None:
        asked = AssignProcess(
            colonyname="dev" if self.random.random() < 0.95 else "other",
            timeout=self.pick(-1, -1, -1, -1, 10, 0),
            availablecpu=self.pick("", "", "", "", "600m", "400m", "m"),
            availablemem=self.pick("", "", "2G"),
        )
        who = identity(self.random.choice((*EXECUTORS, *EXECUTORS, *EXECUTORS, "user")))
        outcome = self.do(who, asked)
        if outcome.refusal is None:
            process = decode(encode(outcome.reply), Process)
            self.processes.append(process.processid)
            self.assigned.append((process.processid, len(self.world.events) - 1))

    def finish(self) -> None:
        holder, processid, _ = self.held()
        output = self.pick([], [1], [self.random.randrange(9), "x"])
        kind = self.random.random()
        if kind < 0.6:
            self.do(holder, CloseSuccessful(processid=processid, output=output))
        elif kind < 0.85:
            self.do(holder, SetOutput(processid=processid, output=output))
        else:
            self.do(holder, CloseFailed(processid=processid, errors=self.pick([], ["no"])))

    def annotate(self) -> None:
        name = self.random.choice(EXECUTORS)
        holder, processid, _ = self.held()
        new = Attribute(targetid=processid, key=self.pick("a", "b"), attributetype=self.pick(1, 3))
        self.do(holder, self.pick(AddLog(processid=processid, message="x"), AddAttribute(attribute=new)))
        logging = AddExecutorLog(colonyname="dev", executorname=name, message="line")
        registering = AddFunction(fun=function(name, self.pick("echo", "sum")))
        self.do(identity(name), self.pick(logging, registering))

    def grow(self) -> None:
        holder, parentid, graphid = self.held(in_workflow=True)
        found = self.world.state.find_process(parentid)
        children = () if found is None else found[1].record.children
        asked = AddChild(
            processgraphid=graphid,
            parentprocessid=parentid,
            childprocessid=self.pick("", *children, self.process()),
            spec=self.spec("new"),
            insert=self.pick(True, False),
        )
        self.note(self.do(holder, asked))

    def cancel(self) -> None:
        if self.random.random() < 0.5:
            self.do(self.somebody(), CancelProcess(processid=self.process()))
        else:
            self.do(self.somebody(), CancelProcessGraph(processgraphid=self.random.choice(self.graphs)))

    def remove(self) -> None:
        state = self.pick(-1, 0, 1, 2, 3, 4)
        message = self.pick(
            RemoveProcess(processid=self.process()),
            RemoveProcessGraph(processgraphid=self.random.choice(self.graphs)),
            RemoveAllProcesses(colonyname="dev", state=state),
            RemoveAllProcessGraphs(colonyname="dev", state=state),
            RemoveColony(colonyname="other"),
        )
        self.do(self.pick(self.world.owner, self.world.user, self.world.server), message)

    def manage(self) -> None:
        name = self.random.choice(EXECUTORS)
        new = Executor(identity(name).id, name[:-1], name, "dev", locationname=self.pick("", "lab"))
        message = self.pick(
            RejectExecutor(colonyname="dev", executorname=name),
            RemoveExecutor(colonyname="dev", executorname=name),
            AddExecutor(executor=new),
            PauseAssignments(colonyname="dev"),
        )
        self.do(self.pick(self.world.owner, self.world.owner, self.world.user), message)
        if self.random.random() < 0.5:
            self.assign()
        if self.random.random() < 0.9:
            self.do(self.world.owner, AddExecutor(executor=new))
            self.do(self.world.owner, ApproveExecutor(colonyname="dev", executorname=name))
            self.do(self.world.owner, ResumeAssignments(colonyname="dev"))

    def repeat(self) -> None:
        if self.sent:
            self.world.append(self.random.choice(self.sent[-20:]))

    def system(self) -> None:
        processid, offset = self.random.choice(self.assigned[-4:])
        executor = identity(self.random.choice(EXECUTORS))
        heard = HeardFrom(self.pick("dev", "gone"), executor.id, self.world.now - 10**9)
        kind = self.random.randrange(3)
        if kind == 0:
            self.world.tick()
        elif kind == 1:
            self.world.system(Heard(executors=(heard,)))
        else:
            self.world.system(Undelivered(processid=processid, offset=offset))

    def garbage(self) -> None:
        payloadtype = self.pick("submitfuncspecmsg", "addchildmsg", "ledgerrules", "nosuchmsg", "")
        self.world.append(self.world.signed(self.somebody(), payloadtype, self.pick(*GARBAGE)))


def history(seed: int, steps: int) -> list[Event]:
    """A random history of at least `steps` records; the same for the same seed, everywhere."""
    return Workload(seed).run(steps)
