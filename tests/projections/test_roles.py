"""Who may do what: every RPC with every role (identity.md sections 5 to 7)."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from colonyledger.wire import (
    AddAttribute,
    AddChild,
    ApproveExecutor,
    Attribute,
    CancelProcess,
    CancelProcessGraph,
    CloseFailed,
    CloseSuccessful,
    Empty,
    GetColony,
    GetExecutor,
    GetLogs,
    GetProcess,
    GetProcessGraph,
    GetUser,
    GetUsers,
    Message,
    PauseAssignments,
    RejectExecutor,
    RemoveExecutor,
    RemoveFunction,
    RemoveProcess,
    RemoveProcessGraph,
    RemoveUser,
    SetOutput,
    SubmitFunctionSpec,
)

from projections.event import Refusal
from projections.registry import REGISTRY, Kind, Locator, Role, Rpc
from projections.roles import authorise
from projections.turn import View
from tests.projections.scene import NOTHING, ROLES, SPEC, Scene, named_samples
from tests.projections.world import World, identity

MAY = {
    "S": {"server"},
    "O": {"owner"},
    "A": {"user", "approved"},
    "M": {"user", "approved", "pending"},
}
"""Who passes each check. Rejected and removed executors are refused by M as well (identity.md section 8)."""

DENIED = {
    "S": (403, "Access denied, not server owner"),
    "O": (403, "Access denied, not colony owner"),
    "A": (403, "Access denied, not a member of Colony with name <dev>"),
    "M": (403, "Access denied, not a member of Colony with name <dev>"),
}

TABLE = {
    "getstatisticsmsg": "S",
    "changeserveridmsg": "S",
    "addcolonymsg": "S",
    "removecolonymsg": "S",
    "getcoloniesmsg": "S",
    "getcolonymsg": "A",
    "getcolonystatsmsg": "A",
    "addusermsg": "O",
    "removeusermsg": "O",
    "getusersmsg": "M",
    "getusermsg": "M",
    "getuserbyidmsg": "M",
    "addexecutormsg": "O",
    "approveexecutormsg": "O",
    "rejectexecutormsg": "O",
    "removeexecutormsg": "O",
    "getexecutorsmsg": "M",
    "getexecutormsg": "A",
    "getexecutorbyidmsg": "A",
    "reportallocationmsg": "M",
    "updateexecutormsg": "M",
    "addfunctionmsg": "A",
    "getfunctionsmsg": "A",
    "removefunctionmsg": "A",
    "submitfuncspecmsg": "A",
    "assignprocessmsg": "A",
    "getprocessmsg": "A",
    "getprocessesmsg": "A",
    "getprocesshistmsg": "A",
    "removeprocessmsg": "A",
    "removeallprocessesmsg": "O",
    "closesuccessfulmsg": "A",
    "closefailedmsg": "A",
    "setoutputmsg": "A",
    "cancelprocessmsg": "A",
    "addattributemsg": "A",
    "getattributemsg": "A",
    "pauseassignmentsmsg": "O",
    "resumeassignmentsmsg": "O",
    "getpausestatusmsg": "M",
    "submitworkflowspecmsg": "A",
    "getprocessgraphmsg": "A",
    "getprocessgraphsmsg": "A",
    "removeprocessgraphmsg": "A",
    "removeallprocessgraphsmsg": "O",
    "cancelprocessgraphmsg": "A",
    "addchildmsg": "A",
    "addlogmsg": "A",
    "addexecutorlogmsg": "A",
    "getlogsmsg": "A",
    "getlogsmsg by executor": "A",
    "searchlogsmsg": "A",
}
"""The authorization table of identity.md section 7, as far as it is built."""

CODES = {
    "changecolonyidmsg": "O",
    "changeuseridmsg": "M",
    "changeexecutoridmsg": "M",
    "getclustermsg": "S",
    "addlocationmsg": "O",
    "removelocationmsg": "O",
    "getlocationsmsg": "M",
    "getlocationmsg": "M",
    "addcronmsg": "A",
    "getcronmsg": "A",
    "removecronmsg": "A",
    "runcronmsg": "A",
    "getcronsmsg": "A",
    "addgeneratormsg": "A",
    "getgeneratormsg": "A",
    "resolvegeneratormsg": "A",
    "packgeneratormsg": "A",
    "removegeneratormsg": "A",
    "getgeneratorsmsg": "A",
    "addfilemsg": "A",
    "getfilemsg": "A",
    "getfilesmsg": "A",
    "getfilelabelsmsg": "A",
    "removefilemsg": "A",
    "createsnapshotmsg": "A",
    "getsnapshotmsg": "A",
    "getsnapshotsmsg": "A",
    "removesnapshotmsg": "A",
    "removeallsnapshotmsg": "A",
    "addblueprintdefinitionmsg": "O",
    "removeblueprintdefinitionmsg": "O",
    "getblueprintdefinitionmsg": "AO",
    "getblueprintdefinitionsmsg": "AO",
    "addblueprintmsg": "AO",
    "updateblueprintmsg": "AO",
    "getblueprintmsg": "AO",
    "getblueprintsmsg": "AO",
    "removeblueprintmsg": "AO",
    "getblueprinthistorymsg": "AO",
    "updateblueprintstatusmsg": "A",
    "reconcileblueprintmsg": "A",
    "channelappendmsg": "A",
    "channelreadmsg": "A",
    "subscribechannelmsg": "A",
    "subscribeprocessmsg": "A",
    "subscribeprocessesmsg": "A",
}
"""The rows of RPCs whose own tests try them with everybody: the check alone (identity.md section 7)."""

HIDDEN: dict[str, tuple[int, str] | None] = {
    "getprocessmsg": (404, "Failed to get process, process not found"),
    "removeprocessmsg": (500, "Failed to remove process, process is nil"),
    "cancelprocessmsg": (500, "Failed to cancel process, process is nil"),
    "closesuccessfulmsg": (500, "Failed to close process as successful, process is nil"),
    "closefailedmsg": (500, "Failed to close process as failed, process is nil"),
    "setoutputmsg": (500, "Failed to set output, process is nil"),
    "addattributemsg": (404, "Failed to add attribute, process not found"),
    "getattributemsg": (400, "Attribute does not exists"),
    "removefunctionmsg": (404, "Failed to remove function, function does not exist"),
    "getprocessgraphmsg": (500, "Failed to get processgraph, graph is nil"),
    "removeprocessgraphmsg": (500, "Failed to remove processgraph, graph is nil"),
    "cancelprocessgraphmsg": (500, "Failed to cancel processgraph, graph is nil"),
    "addchildmsg": None,
    "addlogmsg": (500, "Failed to add log, process is nil"),
    "getlogsmsg": (500, "Failed to get logs, process does not exist"),
}
"""What outsiders are told by RPCs that name only an id: it does not exist (envelope.md sections 5 and 9)."""

OUTSIDERS = ("server", "neighbour", "stranger")

# What a member is told whose role is right and who is not the one executor that may do it.
NOT_THE_ONE = (
    "Not allowed to",
    "Only an executor",
    "Failed to assign process, executor not found",
    "Failed to close process as",
    "Failed to set output, not allowed",
    "Failed to add attribute, only executor with id",
    "Failed to add log, not allowed",
    "Failed to add executor log, executor",
    "Process with Id",
)


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A scene for what changes nothing."""
    return Scene()


def test_every_rpc_of_these_domains_has_a_row(scene: Scene) -> None:
    assert set(named_samples(scene)) == set(TABLE)
    rows = {name.removesuffix(" by executor") for name in TABLE}
    registered = {name for name, rpc in REGISTRY.items() if rpc.kind is not Kind.SYSTEM}
    modules = {REGISTRY[name].module for name in rows}
    assert rows | set(CODES) >= {name for name in registered if REGISTRY[name].module in modules}


@pytest.mark.parametrize("name", [name for name in {**TABLE, **CODES} if name in REGISTRY])
def test_the_check_of_every_rpc_is_that_of_the_table(name: str) -> None:
    assert REGISTRY[name].role.value == {**TABLE, **CODES}[name]


@pytest.mark.parametrize(("name", "role"), list(product(TABLE, ROLES)))
def test_who_may_do_what(name: str, role: str) -> None:
    scene = Scene()
    message = named_samples(scene)[name](scene)
    check = TABLE[name]
    if role in MAY[check]:
        refusal = refusal_of(scene, role, message)
        assert refusal == "" or (role != "approved" and refusal.startswith(NOT_THE_ONE))
    elif name in HIDDEN and role in OUTSIDERS:
        hidden = HIDDEN[name] or scene.refused("stranger", unknown(message))
        assert scene.refused(role, message) == hidden
    else:
        assert scene.refused(role, message) == DENIED[check]


def refusal_of(scene: Scene, role: str, message: Message[Any]) -> str:
    """The text with which an RPC is refused, empty if it is done."""
    try:
        scene.world.call(identity(role), message)
    except Refusal as refusal:
        return refusal.message
    return ""


def unknown(message: Message[Any]) -> Message[Any]:
    """The same about something that does not exist."""
    kind = type(message)
    if isinstance(message, AddAttribute):
        return AddAttribute(attribute=Attribute(targetid=NOTHING, key="k"))
    if isinstance(message, AddChild):
        return AddChild(processgraphid=NOTHING, parentprocessid=NOTHING, spec=SPEC)
    if isinstance(message, GetLogs) and message.executorname:
        return GetLogs(colonyname="dev", executorname="nobody", count=10)
    for field in ("processid", "processgraphid", "functionid", "attributeid"):
        if hasattr(message, field):
            return kind(**{field: NOTHING})
    if hasattr(message, "executorname"):
        return kind(colonyname="dev", executorname="nobody")  # type: ignore[call-arg]
    if hasattr(message, "executorid"):
        return kind(colonyname="dev", executorid=NOTHING)  # type: ignore[call-arg]
    return kind(colonyname="dev", name="nobody")  # type: ignore[call-arg]


NAMING = (
    *HIDDEN,
    "getlogsmsg by executor",
    "removeusermsg",
    "getusermsg",
    "approveexecutormsg",
    "rejectexecutormsg",
    "removeexecutormsg",
    "getexecutormsg",
    "getexecutorbyidmsg",
)
"""RPCs that name something in a colony."""


@pytest.mark.parametrize(("name", "role"), list(product(NAMING, OUTSIDERS)))
def test_outsiders_cannot_tell_what_exists(scene: Scene, name: str, role: str) -> None:
    message = named_samples(scene)[name](scene)
    told = scene.refused(role, unknown(message))
    assert told == scene.refused(role, message)
    if name not in HIDDEN:
        assert told == DENIED[TABLE[name]]


ABOUT_AN_UNKNOWN_COLONY: list[tuple[str, Message[Any], int, str]] = [
    ("owner", PauseAssignments(), 403, "Empty Colony name"),
    ("owner", PauseAssignments(colonyname="x"), 403, "Colony with name <x> does not exists"),
    (
        "owner",
        ApproveExecutor(colonyname="x", executorname="approved"),
        403,
        "Colony with name <x> does not exists",
    ),
    (
        "owner",
        RejectExecutor(colonyname="x", executorname="approved"),
        403,
        "Colony with name <x> does not exists",
    ),
    (
        "owner",
        RemoveExecutor(colonyname="x", executorname="approved"),
        403,
        "Colony with name <x> does not exists",
    ),
    (
        "user",
        GetExecutor(colonyname="x", executorname="approved"),
        403,
        "Colony with name <x> does not exists",
    ),
    ("user", GetColony(colonyname="x"), 403, "Colony with name <x> does not exists"),
    ("user", GetColony(), 403, "Colony with name <> does not exists"),
    ("user", SubmitFunctionSpec(spec=type(SPEC)()), 403, "Colony with name <> does not exists"),
    ("user", GetUsers(colonyname="x"), 400, "Colony with name <x> does not exists"),
    ("owner", RemoveUser(colonyname="x", name="bob"), 400, "Colony with name <x> does not exists"),
]


@pytest.mark.parametrize(("role", "message", "status", "text"), ABOUT_AN_UNKNOWN_COLONY)
def test_unknown_colonies(scene: Scene, role: str, message: Message[Any], status: int, text: str) -> None:
    assert scene.refused(role, message) == (status, text)


MISSING: list[Message[Any]] = [
    GetProcess(processid=""),
    RemoveProcess(processid="dev"),
    CancelProcess(processid=NOTHING),
    CloseSuccessful(processid=NOTHING),
    CloseFailed(processid=NOTHING),
    SetOutput(processid=NOTHING),
    GetProcessGraph(processgraphid=""),
    RemoveProcessGraph(processgraphid=NOTHING),
    CancelProcessGraph(processgraphid=NOTHING),
    RemoveFunction(functionid=NOTHING),
]


@pytest.mark.parametrize("message", MISSING)
def test_members_are_told_the_same_of_what_does_not_exist(scene: Scene, message: Message[Any]) -> None:
    name = next(iter(rpc.payloadtype for rpc in REGISTRY.values() if rpc.message is type(message)))
    assert scene.refused("user", message) == scene.refused("stranger", message) == HIDDEN[name]


def test_a_tag_alone_finds_nothing(scene: Scene) -> None:
    wrong = scene.running[:8] + NOTHING[8:]
    assert scene.refused("user", GetProcess(processid=wrong)) == HIDDEN["getprocessmsg"]
    wrong = scene.running[:-1]
    assert scene.refused("user", GetProcess(processid=wrong)) == HIDDEN["getprocessmsg"]


def test_a_key_with_several_roles_has_them_all() -> None:
    """The development setup uses one key as user and executor (identity.md section 5)."""
    scene = Scene()
    world = scene.world
    both = identity("user")
    world.executor("user")
    world.call(world.owner, RejectExecutor(colonyname="dev", executorname="user"))
    assert world.call(both, GetUser(colonyname="dev", name="bob")).name == "bob"
    assert world.call(both, GetProcess(processid=scene.running)).processid == scene.running


def test_a_user_who_is_a_pending_executor_gets_no_work() -> None:
    scene = Scene()
    world = scene.world
    world.executor("user")
    world.call(world.owner, RejectExecutor(colonyname="dev", executorname="user"))
    message = named_samples(scene)["assignprocessmsg"](scene)
    assert scene.refused("user", message) == (500, "Failed to assign process, executor not found")


def test_members_or_the_owner_pass_the_check_ao() -> None:
    """The check AO of identity.md section 6, which no RPC of this domain needs yet."""
    world = World()
    world.colony()
    world.executor("approved")
    asked = GetColony(colonyname="dev")
    locator: Any = REGISTRY["getcolonymsg"].locator
    assert isinstance(locator, Locator)

    def rule() -> Empty:
        return Empty()

    rpc = Rpc("x", Kind.QUERY, GetColony, Role.MEMBER_OR_OWNER, locator, "x", rule, "x", lambda _: "dev")
    for role in ("user", "approved", "owner"):
        assert authorise(rpc, View(world.state, identity(role).id), asked) is world.state.colonies["dev"]
    for role in ("server", "stranger"):
        with pytest.raises(Refusal, match="Access denied, not colony owner"):
            authorise(rpc, View(world.state, identity(role).id), asked)
