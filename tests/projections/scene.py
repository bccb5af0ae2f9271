"""A colony with somebody in every role and something of every kind, and a valid message for every RPC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from colonyledger.wire import (
    AddAttribute,
    AddChild,
    AddColony,
    AddExecutor,
    AddExecutorLog,
    AddFunction,
    AddLog,
    AddUser,
    ApproveExecutor,
    AssignProcess,
    Attribute,
    CancelProcess,
    CancelProcessGraph,
    ChangeServerId,
    CloseFailed,
    CloseSuccessful,
    Colony,
    Conditions,
    Executor,
    FunctionSpec,
    GetAttribute,
    GetColonies,
    GetColony,
    GetColonyStatistics,
    GetExecutor,
    GetExecutorById,
    GetExecutors,
    GetFunctions,
    GetLogs,
    GetPauseStatus,
    GetProcess,
    GetProcesses,
    GetProcessGraph,
    GetProcessGraphs,
    GetProcessHistory,
    GetStatistics,
    GetUser,
    GetUserById,
    GetUsers,
    Message,
    PauseAssignments,
    RejectExecutor,
    RemoveAllProcesses,
    RemoveAllProcessGraphs,
    RemoveColony,
    RemoveExecutor,
    RemoveFunction,
    RemoveProcess,
    RemoveProcessGraph,
    RemoveUser,
    ReportAllocation,
    ResumeAssignments,
    SearchLogs,
    SetOutput,
    SubmitFunctionSpec,
    SubmitWorkflow,
    UpdateExecutor,
    User,
    WorkflowSpec,
    payloadtype_of,
)

from tests.projections.world import World, function, identity, node

ROLES = ("server", "owner", "user", "approved", "pending", "rejected", "removed", "neighbour", "stranger")
"""Everybody by the name of their key; `neighbour` is an executor of another colony."""

NOTHING = "0" * 64
"""An id that nothing has."""


class Scene:
    """The colony "dev" with something of every kind; `running` and `graph` are held by "approved"."""

    def __init__(self) -> None:
        self.world = world = World()
        world.colony()
        world.colony("next")
        world.executor("neighbour", colony="next")
        approved = world.executor("approved", location="lab")
        for name in ("rejected", "removed"):
            world.executor(name)
        pending = Executor(identity("pending").id, "edge", "pending", "dev")
        world.call(world.owner, AddExecutor(executor=pending))
        world.call(world.owner, RejectExecutor(colonyname="dev", executorname="rejected"))
        world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="removed"))
        world.call(world.owner, AddUser(user=User("dev", "", "bob")))
        self.functionid = world.call(approved, AddFunction(fun=function("approved"))).functionid
        self.attributeid = world.submit(env={"A": "1"}, label="x", maxexectime=100).attributes[0].attributeid
        self.running = world.assign(approved).processid
        self.graph = world.workflow({"a": [], "b": ["a"], "c": ["a"]}).processgraphid
        self.parent = world.assign(approved).processid
        self.child = world.get(self.parent).children[0]
        self.idle = world.workflow({"a": [], "b": ["a"]}, priority=-1).processgraphid
        self.waiting = world.submit(priority=1, maxwaittime=100).processid
        world.call(approved, AddLog(processid=self.running, message="hello"))

    def refused(self, role: str, message: Message[Any]) -> tuple[int, str]:
        return self.world.refused(identity(role), message)


SPEC = FunctionSpec(funcname="echo", conditions=Conditions("dev", executortype="edge"))

Make = Callable[[Scene], Message[Any]]

SAMPLES: list[Make] = [
    lambda _: AddColony(colony=Colony(identity("owner").id, "new")),
    lambda _: RemoveColony(colonyname="dev"),
    lambda _: GetColonies(),
    lambda _: GetColony(colonyname="dev"),
    lambda _: GetColonyStatistics(colonyname="dev"),
    lambda _: GetStatistics(),
    lambda _: ChangeServerId(serverid=identity("heir").id),
    lambda _: AddUser(user=User("dev", "", "carol")),
    lambda _: RemoveUser(colonyname="dev", name="bob"),
    lambda _: GetUsers(colonyname="dev"),
    lambda _: GetUser(colonyname="dev", name="bob"),
    lambda _: GetUserById(colonyname="dev", userid=identity("user").id),
    lambda _: AddExecutor(executor=Executor("", "edge", "new", "dev")),
    lambda _: ApproveExecutor(colonyname="dev", executorname="pending"),
    lambda _: RejectExecutor(colonyname="dev", executorname="pending"),
    lambda _: RemoveExecutor(colonyname="dev", executorname="pending"),
    lambda _: GetExecutors(colonyname="dev"),
    lambda _: GetExecutor(colonyname="dev", executorname="pending"),
    lambda _: GetExecutorById(colonyname="dev", executorid=identity("pending").id),
    lambda _: UpdateExecutor(colonyname="dev", executorname="approved"),
    lambda _: ReportAllocation(colonyname="dev", executorname="approved"),
    lambda _: AddFunction(fun=function("approved", "sum")),
    lambda _: GetFunctions(colonyname="dev"),
    lambda scene: RemoveFunction(functionid=scene.functionid),
    lambda _: SubmitFunctionSpec(spec=SPEC),
    lambda _: AssignProcess(colonyname="dev", timeout=-1),
    lambda scene: GetProcess(processid=scene.running),
    lambda _: GetProcesses(colonyname="dev", count=10),
    lambda _: GetProcessHistory(colonyname="dev", seconds=60),
    lambda scene: RemoveProcess(processid=scene.waiting),
    lambda _: RemoveAllProcesses(colonyname="dev"),
    lambda scene: CancelProcess(processid=scene.running),
    lambda scene: CloseSuccessful(processid=scene.running, output=[1]),
    lambda scene: CloseFailed(processid=scene.running, errors=["no"]),
    lambda scene: SetOutput(processid=scene.running, output=[1]),
    lambda scene: AddAttribute(attribute=Attribute(targetid=scene.running, key="k", value="v")),
    lambda scene: GetAttribute(attributeid=scene.attributeid),
    lambda _: PauseAssignments(colonyname="dev"),
    lambda _: ResumeAssignments(colonyname="dev"),
    lambda _: GetPauseStatus(colonyname="dev"),
    lambda _: SubmitWorkflow(spec=WorkflowSpec("dev", [node("a"), node("b", ["a"])])),
    lambda scene: GetProcessGraph(processgraphid=scene.graph),
    lambda _: GetProcessGraphs(colonyname="dev", count=10),
    lambda scene: RemoveProcessGraph(processgraphid=scene.idle),
    lambda _: RemoveAllProcessGraphs(colonyname="dev"),
    lambda scene: CancelProcessGraph(processgraphid=scene.graph),
    lambda scene: AddChild(processgraphid=scene.graph, parentprocessid=scene.parent, spec=SPEC),
    lambda scene: AddLog(processid=scene.running, message="more"),
    lambda _: AddExecutorLog(colonyname="dev", executorname="approved", message="more"),
    lambda scene: GetLogs(processid=scene.running, count=10),
    lambda _: GetLogs(colonyname="dev", executorname="pending", count=10),
    lambda _: SearchLogs(colonyname="dev", days=1, count=10),
]
"""A message for every RPC (two for the RPC with two forms) that its rightful caller may send."""


def name_of(make: Make, scene: Scene) -> str:
    """What a sample is called: its payload type, and for the second form of getlogs what it names."""
    message = make(scene)
    by_executor = isinstance(message, GetLogs) and message.executorname
    return payloadtype_of(message) + (" by executor" if by_executor else "")


def named_samples(scene: Scene) -> dict[str, Make]:
    """All samples by name."""
    return {name_of(make, scene): make for make in SAMPLES}
