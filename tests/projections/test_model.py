"""Random calls of everybody, compared step by step with the naive model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from colonyledger.wire import (
    AddAttribute,
    AddChild,
    AddExecutor,
    AddFunction,
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
    GetFunctions,
    GetProcessGraphs,
    Message,
    PauseAssignments,
    Process,
    RejectExecutor,
    RemoveAllProcesses,
    RemoveAllProcessGraphs,
    RemoveExecutor,
    RemoveProcess,
    RemoveProcessGraph,
    ResumeAssignments,
    SetOutput,
    SubmitFunctionSpec,
    SubmitWorkflow,
    WorkflowSpec,
)
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from projections.event import Refusal
from projections.system import Undelivered
from tests.projections.invariants import check
from tests.projections.model import Model
from tests.projections.modelled import FAILED, WAITING, Graph, Member, Proc, Refused, moment
from tests.projections.world import World, function, identity

EXECUTORS = {"e1": ("edge", ""), "e2": ("edge", "Lab"), "c1": ("cloud", "")}

DISTURBANCES = (
    "cancel_or_remove",
    "cancel_or_remove_graph",
    "remove_all",
    "pause",
    "change_executor",
    "undelivered",
)

who = st.sampled_from([*EXECUTORS, "user"])
executors = st.sampled_from(list(EXECUTORS))
picks = st.integers(0, 40)
outputs = st.sampled_from([[], [1], [2, "x"], [[3]]])
conditions = st.builds(
    Conditions,
    st.just("dev"),
    st.sampled_from([None, None, None, [], ["*"], ["e1"], ["e2", "c1"]]),
    st.sampled_from(["edge", "edge", "cloud"]),
    st.sampled_from(["", "", "LAB"]),
    cpu=st.sampled_from(["", "500m", "2000m"]),
    mem=st.sampled_from(["", "1Gi", "8Gi"]),
)
SPEC: dict[str, Any] = {
    "funcname": st.sampled_from(["echo", "sum"]),
    "priority": st.sampled_from([0, 0, 0, 1, -1, 50_000]),
    "maxwaittime": st.sampled_from([-1, 0, 3, 30]),
    "maxexectime": st.sampled_from([-1, 0, 2, 10]),
    "maxretries": st.sampled_from([-1, 0, 1, 2]),
    "conditions": conditions,
    "label": st.sampled_from(["", "", "x", "y"]),
    "env": st.sampled_from([{}, {}, {"A": "1"}]),
}
specs = st.builds(FunctionSpec, st.just(""), **SPEC)


@st.composite
def workflows(draw: st.DrawFn) -> list[FunctionSpec]:
    """One to five nodes, each waiting for some of those before it, and rarely for one behind it."""
    made = [draw(specs) for _ in range(draw(st.integers(1, 5)))]
    for place, spec in enumerate(made):
        spec.nodename = f"n{place}"
        behind = len(made) if draw(st.integers(0, 15)) == 0 else place
        parents = draw(st.lists(st.integers(0, behind - 1), unique=True, max_size=3)) if behind else []
        spec.conditions.dependencies = [f"n{parent}" for parent in parents]
    return made


class Colony(RuleBasedStateMachine):
    """Everything is done twice, in the fold and in the model."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.colony()
        self.model = Model(self.world.now, Member("alice", self.world.user.id))
        self.assignments: list[tuple[Proc, int]] = []
        self.turn = 0
        for name in EXECUTORS:
            self.add_executor(name)
            self.decide(name, "approve")

    # -- doing the same in both ----------------------------------------------------------------------------

    def both(self, name: str, message: Message[Any], expected: Callable[[Any], Any]) -> Any:
        """Do an RPC; `expected` does it in the model, given the reply (None if it was refused)."""
        reply: Any = None
        made = None
        status, text = 200, ""
        try:
            reply = self.world.call(identity(name), message)
        except Refusal as refusal:
            status, text = refusal.status, refusal.message
        self.model.begin(self.world.now, len(self.world.events) - 1)
        try:
            made = expected(reply)
            wanted = (200, "")
        except Refused as refused:
            wanted = (refused.status, refused.text)
        assert (status, text[: len(wanted[1])]) == wanted
        if isinstance(made, Proc):
            assert record(reply) == made.expected()
        return made

    def process(self, pick: int) -> Proc:
        """A process; the newer the likelier."""
        return self.model.processes[-1 - pick % len(self.model.processes)]

    def running(self, pick: int) -> Proc:
        """A running process if there is one."""
        found = [process for process in self.model.processes if process.state == 1]
        return found[pick % len(found)] if found else self.process(pick)

    def holder(self, process: Proc, name: str, pick: int) -> str:
        """Usually who has the process, sometimes somebody else."""
        return process.holder.name if process.holder and pick % 8 else name

    @initialize(nodes=workflows(), made=st.lists(specs, min_size=1, max_size=4))
    def begin(self, nodes: list[FunctionSpec], made: list[FunctionSpec]) -> None:
        """Nothing is tested in an empty colony."""
        self.submit_workflow("user", nodes)
        for spec in made:
            self.submit("user", spec)

    # -- rules ---------------------------------------------------------------------------------------------

    @rule(name=who, spec=specs)
    def submit(self, name: str, spec: FunctionSpec) -> None:
        def submit(reply: Process | None) -> Proc:
            return self.model.submit(name, spec, reply.processid if reply else "")

        self.both(name, SubmitFunctionSpec(spec=spec), submit)

    @rule(name=who, nodes=workflows())
    def submit_workflow(self, name: str, nodes: list[FunctionSpec]) -> None:
        def submit(reply: Any) -> Graph:
            ids = [reply.processgraphid, *reply.processids] if reply else [""] * 9
            return self.model.submit_workflow(name, nodes, iter(ids))

        self.both(name, SubmitWorkflow(spec=WorkflowSpec("dev", nodes)), submit)

    @rule(
        name=st.sampled_from([*EXECUTORS, *EXECUTORS, "user"]),
        timeout=st.sampled_from([-1, -1, -1, 5, 0]),
        cpu=st.sampled_from(["", "", "500m"]),
        mem=st.sampled_from(["", "", "1Gi"]),
    )
    def assign(self, name: str, timeout: int, cpu: str, mem: str) -> None:
        asked = AssignProcess(colonyname="dev", timeout=timeout, availablecpu=cpu, availablemem=mem)
        made = self.both(name, asked, lambda _: self.model.assign(name, timeout, cpu, mem))
        if made is not None:
            self.assignments.append((made, len(self.world.events) - 1))

    @rule(name=executors)
    def assign_anything(self, name: str) -> None:
        self.assign(name, -1, "", "")

    @rule(
        orders=st.lists(st.tuples(executors, outputs, st.integers(0, 8)), min_size=1, max_size=6),
        spec=specs,
    )
    def work(self, orders: list[tuple[str, list[Any], int]], spec: FunctionSpec) -> None:
        """Executors take what there is, leave it, let their workflow grow, or finish it some time later."""
        for name, output, what in orders:
            self.assign_anything(name)
            held = [each for each in self.model.processes if each.state == 1 and each.holder]
            if not held or what < 3:
                continue
            process = held[what % len(held)]
            assert process.holder is not None
            if what > 3:
                self.world.advance(what % 3)
                self.finish(process.holder.name, process, output)
            elif process.graph:
                self.add_child(process.holder.name, what + len(output), 1, spec, not output)

    @precondition(lambda self: self.model.processes)
    @rule(name=who, pick=picks, output=outputs)
    def close(self, name: str, pick: int, output: list[Any]) -> None:
        process = self.running(pick)
        self.finish(self.holder(process, name, pick), process, output)

    def finish(self, name: str, process: Proc, output: list[Any]) -> None:
        message = CloseSuccessful(processid=process.id, output=output)
        self.both(name, message, lambda _: self.model.close(name, process, output))

    @precondition(lambda self: self.model.processes)
    @rule(name=who, pick=picks, output=outputs)
    def close_any(self, name: str, pick: int, output: list[Any]) -> None:
        process = self.process(pick)
        self.finish(self.holder(process, name, pick), process, output)

    @precondition(lambda self: self.model.processes)
    @rule(name=who, pick=picks, errors=st.sampled_from([[], ["no"], ["a", "b"]]))
    def fail(self, name: str, pick: int, errors: list[str]) -> None:
        process = self.running(pick)
        name = self.holder(process, name, pick)
        message = CloseFailed(processid=process.id, errors=errors)
        self.both(name, message, lambda _: self.model.fail(name, process, errors))

    @precondition(lambda self: self.model.processes)
    @rule(name=who, pick=picks, output=outputs)
    def set_output(self, name: str, pick: int, output: list[Any]) -> None:
        process = self.running(pick)
        name = self.holder(process, name, pick)
        message = SetOutput(processid=process.id, output=output)
        self.both(name, message, lambda _: self.model.set_output(name, process, output))

    @precondition(lambda self: self.model.processes)
    @rule(
        name=who,
        pick=picks,
        key=st.sampled_from("AB"),
        value=st.sampled_from("12"),
        kind=st.sampled_from([1, 3]),
    )
    def add_attribute(self, name: str, pick: int, key: str, value: str, kind: int) -> None:
        process = self.running(pick)
        name = self.holder(process, name, pick)
        new = Attribute(targetid=process.id, key=key, value=value, attributetype=kind)

        def add(_: Any) -> None:
            self.model.add_attribute(name, process, key, value, kind)

        self.both(name, AddAttribute(attribute=new), add)

    @precondition(lambda self: any(each.graph and each.state == 1 for each in self.model.processes))
    @rule(name=who, pick=picks, below=picks, spec=specs, insert=st.booleans())
    def add_child(self, name: str, pick: int, below: int, spec: FunctionSpec, insert: bool) -> None:
        parents = [each for each in self.model.processes if each.graph and each.state == 1]
        parent = parents[pick % len(parents)]
        assert parent.graph is not None
        if pick > 36:
            parent = parent.graph.members[0]
        assert parent.graph is not None
        waiting = [each for each in parent.graph.members if each.state == WAITING]
        child = waiting[below % len(waiting)] if waiting and below % 3 else None
        name = self.holder(parent, name, pick)
        message = AddChild(
            processgraphid=parent.graph.id,
            parentprocessid=parent.id,
            childprocessid=child.id if child else "",
            spec=spec,
            insert=insert,
        )

        def add(reply: Process | None) -> Proc:
            return self.model.add_child(name, parent, child, spec, insert, reply.processid if reply else "")

        self.both(name, message, add)

    @rule(name=executors, funcname=st.sampled_from(["echo", "sum"]))
    def add_function(self, name: str, funcname: str) -> None:
        def add(_: Any) -> None:
            self.model.caller(name).functions.setdefault(funcname, [])

        self.both(name, AddFunction(fun=function(name, funcname)), add)

    @rule(seconds=st.sampled_from([2, 10]))
    def wait_for_deadlines(self, seconds: float) -> None:
        self.wait(seconds, tick=True)

    @rule(seconds=st.sampled_from([0.5, 1, 2, 5, 10]), tick=st.booleans())
    def wait(self, seconds: float, tick: bool) -> None:
        self.world.advance(seconds)
        if tick:
            self.world.tick()
            self.model.begin(self.world.now, len(self.world.events) - 1)

    # -- rules that disturb: one step in fifteen -----------------------------------------------------------

    @precondition(lambda self: self.model.processes)
    @rule(what=st.sampled_from(DISTURBANCES), name=who, pick=picks, other=st.booleans())
    def disturb(self, what: str, name: str, pick: int, other: bool) -> None:
        getattr(self, what)(name, pick, other)

    def cancel_or_remove(self, name: str, pick: int, removing: bool) -> None:
        process = self.process(pick)
        if removing:
            message: Message[Any] = RemoveProcess(processid=process.id)
            self.both(name, message, lambda _: self.model.remove(name, process))
        else:
            message = CancelProcess(processid=process.id)
            self.both(name, message, lambda _: self.model.cancel(name, process))

    def cancel_or_remove_graph(self, name: str, pick: int, removing: bool) -> None:
        if not self.model.graphs:
            return
        graph = self.model.graphs[-1 - pick % len(self.model.graphs)]
        if removing:
            message: Message[Any] = RemoveProcessGraph(processgraphid=graph.id)
            self.both(name, message, lambda _: self.model.remove_graph(name, graph))
        else:
            message = CancelProcessGraph(processgraphid=graph.id)
            self.both(name, message, lambda _: self.model.cancel_graph(name, graph))

    def remove_all(self, _: str, pick: int, graphs: bool) -> None:
        state = pick % 6 - 1
        if graphs:
            message: Message[Any] = RemoveAllProcessGraphs(colonyname="dev", state=state)
            self.both("owner", message, lambda _: self.model.remove_all_graphs(state))
        else:
            message = RemoveAllProcesses(colonyname="dev", state=state)
            self.both("owner", message, lambda _: self.model.remove_all(state))

    def pause(self, name: str, pick: int, waiting: bool) -> None:
        """Somebody asks for work while there is a pause, which mostly ends at once."""
        self.switch(pausing=True)
        self.assign(name, 5 if waiting else -1, "", "")
        self.switch(pausing=pick % 8 == 0)

    def switch(self, *, pausing: bool) -> None:
        message: Message[Any] = (PauseAssignments if pausing else ResumeAssignments)(colonyname="dev")
        self.both("owner", message, lambda _: setattr(self.model, "paused", pausing))

    def change_executor(self, name: str, pick: int, removing: bool) -> None:
        """An executor is rejected or removed, tries to go on, and mostly comes back."""
        if name == "user":
            return
        self.decide(name, "remove" if removing else "reject")
        self.assign_anything(name)
        if pick % 8:
            self.bring_back()

    def decide(self, name: str, what: str) -> None:
        messages = {"approve": ApproveExecutor, "reject": RejectExecutor, "remove": RemoveExecutor}
        state = {"approve": 1, "reject": 2, "remove": 3}[what]
        message: Message[Any] = messages[what](colonyname="dev", executorname=name)
        self.both("owner", message, lambda _: self.model.set_executor_state(name, state, what))

    def add_executor(self, name: str) -> None:
        kind, location = EXECUTORS[name]
        new = Executor(identity(name).id, kind, name, "dev", locationname=location)
        member = Member(name, new.executorid, 0, kind, location)
        self.both("owner", AddExecutor(executor=new), lambda _: self.model.add_executor(member))

    @precondition(lambda self: any(each.state != 1 for each in self.model.executors.values()))
    @rule()
    def bring_back(self) -> None:
        name = next(each.name for each in self.model.executors.values() if each.state != 1)
        self.switch(pausing=False)
        self.add_executor(name)
        self.decide(name, "approve")

    def undelivered(self, _: str, pick: int, __: bool) -> None:
        if self.assignments:
            process, offset = self.assignments[-1 - pick % min(3, len(self.assignments))]
            self.world.system(Undelivered(processid=process.id, offset=offset))
            self.model.begin(self.world.now, len(self.world.events) - 1)
            self.model.undelivered(process, offset)

    # -- what must agree after every step ------------------------------------------------------------------

    @invariant()
    def processes_agree(self) -> None:
        for process in self.model.processes:
            assert record(self.world.get(process.id)) == process.expected()

    @invariant()
    def lists_agree(self) -> None:
        """Those of one state at a time, all in turn."""
        self.turn = (self.turn + 1) % 5
        self.lists_of(self.turn)

    def teardown(self) -> None:
        for state in range(5):
            self.lists_of(state)

    def lists_of(self, state: int) -> None:
        filters = [{}, {"label": "x"}, {"initiator": "alice"}, {"executortype": "edge", "label": "x"}]
        for each in filters:
            assert self.world.listed(state, **each) == self.model.listed(state, **each)[:100]
        asked = GetProcessGraphs(colonyname="dev", count=100, state=state)
        found = self.world.call(self.world.user, asked)
        expected = [graph for graph in self.model.graphs[::-1] if graph.state == state]
        assert [graph.processgraphid for graph in found] == [graph.id for graph in expected]
        for got, graph in zip(found, expected, strict=True):
            assert got.rootprocessids == [each.id for each in graph.roots]
            assert sorted(got.processids) == sorted(each.id for each in graph.members)
            assert (got.submissiontime, got.starttime) == (moment(graph.submitted), moment(graph.started))
            assert state == FAILED or got.endtime == moment(graph.ended)

    @invariant()
    def counts_agree(self) -> None:
        assert self.world.statistics() == self.model.statistics()

    @invariant()
    def functions_agree(self) -> None:
        found = self.world.call(self.world.user, GetFunctions(colonyname="dev"))
        counted = {(each.executorname, each.funcname): counts(each) for each in found}
        assert counted == {
            (executor.name, funcname): statistics(runs)
            for executor in self.model.executors.values()
            for funcname, runs in executor.functions.items()
        }

    @invariant()
    def state_is_sound(self) -> None:
        check(self.world.state)


def record(process: Process) -> dict[str, Any]:
    """A process as the model shows it."""
    got: dict[str, Any] = msgspec.to_builtins(process, builtin_types=(datetime,))
    got["attributes"] = sorted(
        (each["key"], each["value"], each["attributetype"], each["state"]) for each in got["attributes"]
    )
    return got


def counts(each: Any) -> tuple[float, ...]:
    times = (each.minwaittime, each.maxwaittime, each.avgwaittime)
    return (each.counter, *times, each.minexectime, each.maxexectime, each.avgexectime)


def statistics(runs: list[tuple[float, float]]) -> tuple[float, ...]:
    """The statistics of queue.md section 9: the average is (old + new) / 2, and nothing is old at first."""
    result: list[float] = [len(runs)]
    for times in ([waited for waited, _ in runs], [executed for _, executed in runs]):
        low = high = average = 0.0
        for time in times:
            low = min(low, time) if low > 0 else time
            high = max(high, time) if high > 0 else time
            average = (average + time) / 2 if average > 0 else time
        result += [low, high, average]
    return tuple(result)


TestColony = Colony.TestCase
# A failure is shown as it was found; with Phase.shrink a shorter one is looked for, for minutes.
TestColony.settings = settings(max_examples=100, stateful_step_count=50, phases=[Phase.generate])
