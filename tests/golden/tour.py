"""A history in which every domain changes state at least once, also by the clock."""

from __future__ import annotations

from colonyledger.wire import (
    AddBlueprint,
    AddBlueprintDefinition,
    AddCron,
    AddFile,
    AddFunction,
    AddGenerator,
    AddLocation,
    AddLog,
    Blueprint,
    BlueprintDefinition,
    BlueprintDefinitionSpec,
    BlueprintHandler,
    BlueprintMetadata,
    ChangeExecutorId,
    ChangeUserId,
    ChannelAppend,
    Conditions,
    CreateSnapshot,
    File,
    Function,
    FunctionSpec,
    Generator,
    Location,
    NewCron,
    PackGenerator,
    RemoveFile,
    UpdateBlueprint,
    WorkflowSpec,
    json_text,
)
from colonyledger.wire.blueprints import BlueprintDefinitionNames

from projections.event import Event
from tests.projections.world import World, identity

__all__ = ["tour"]

WORKFLOW = json_text(
    WorkflowSpec("dev", [FunctionSpec("only", "echo", conditions=Conditions("dev", executortype="edge"))])
)


def tour() -> list[Event]:
    """The same records in every run."""
    world = World(reregister=True)
    world.colony()
    edge = world.executor("edge1")
    cloud = world.executor("cloud1", "cloud", location="lab")
    world.call(edge, AddFunction(fun=Function("", "edge1", "edge", "dev", "echo", "says it again")))
    _work(world)
    _clockwork(world)
    _things(world)
    world.call(world.user, ChangeUserId(colonyname="dev", userid=identity("new user").id))
    world.call(cloud, ChangeExecutorId(colonyname="dev", executorid=identity("new cloud").id))
    for _ in range(40):
        world.tick(30)
    return world.events


def _work(world: World) -> None:
    edge = identity("edge1")
    kept = world.submit(maxexectime=5, maxretries=1, env={"A": "1"}, label="slow", channels=["talk"])
    world.assign(edge)
    payload = ChannelAppend(processid=kept.processid, name="talk", sequence=1, payload=b"hello")
    world.call(edge, payload)
    world.call(edge, AddLog(processid=kept.processid, message="a line"))
    world.tick(6)
    world.close(edge, world.assign(edge), 1, "two", {"three": None})
    world.submit(maxwaittime=3, executortype="nobody")
    world.tick(4)
    graph = world.workflow({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]})
    for output in (1, 2, 3, 4):
        world.close(edge, world.assign(edge), output)
    assert world.graph(graph).state == 2
    world.workflow({"a": [], "b": ["a"], "c": ["a"]})
    world.fail(edge, world.assign(edge), "no")


def _clockwork(world: World) -> None:
    edge = identity("edge1")
    every = NewCron(colonyname="dev", name="every", interval=20, workflowspec=WORKFLOW)
    world.call(world.user, AddCron(cron=every))
    dice = NewCron(colonyname="dev", name="dice", interval=50, random=True, workflowspec=WORKFLOW)
    world.call(world.user, AddCron(cron=dice))
    spelt = NewCron(
        colonyname="dev", name="spelt", cronexpression="0 */2 * * * *", interval=-1, workflowspec=WORKFLOW
    )
    world.call(world.user, AddCron(cron=spelt))
    new = Generator(colonyname="dev", name="three", trigger=3, timeout=60, workflowspec=WORKFLOW)
    generator = world.call(world.user, AddGenerator(generator=new))
    for argument in "abcd":
        world.call(world.user, PackGenerator(generatorid=generator.generatorid, arg=argument))
    for _ in range(10):
        world.tick(15)
        while (process := world.take(edge)) is not None:
            world.close(edge, process, *process.spec.args)


def _things(world: World) -> None:
    world.call(world.owner, AddLocation(location=Location("", "lab", "dev", "where it is", 22.1, 65.6)))
    for name in ("a", "b", "a"):
        world.call(world.user, AddFile(file=File(colonyname="dev", label="/data", name=name, size=3)))
    world.call(world.user, CreateSnapshot(colonyname="dev", label="/data", name="before"))
    world.call(world.user, RemoveFile(colonyname="dev", label="/data", name="b"))
    spec = BlueprintDefinitionSpec(
        group="test",
        version="v1",
        names=BlueprintDefinitionNames(kind="Pump"),
        handler=BlueprintHandler("edge", "care"),
    )
    definition = BlueprintDefinition(
        kind="BlueprintDefinition", metadata=BlueprintMetadata("pump", "dev"), spec=spec
    )
    world.call(world.owner, AddBlueprintDefinition(blueprintdefinition=definition))
    pump = Blueprint(kind="Pump", metadata=BlueprintMetadata("north", "dev", "lab"), spec={"speed": 3})
    world.call(world.user, AddBlueprint(blueprint=pump))
    pump.spec = {"speed": 4}
    world.call(world.user, UpdateBlueprint(blueprint=pump))
