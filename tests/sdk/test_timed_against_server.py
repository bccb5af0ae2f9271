"""Crons, generators, locations, nodes and new keys against a real server: the client, and the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from colonyledger.cli import main
from colonyledger.errors import AccessDenied, ColonyError, Conflict, InvalidArgument, InvalidRequest, NotFound
from colonyledger.identity import Identity
from colonyledger.spec import function_spec
from colonyledger.sync.client import SyncClient
from colonyledger.wire import Capabilities, Executor, FunctionSpec, Hardware

from tests.ledgers import Ledgers
from tests.sdk.conftest import Members


def specs(kind: str) -> list[FunctionSpec]:
    return [function_spec("first", nodename="a", executortype=kind), *after(kind)]


def after(kind: str) -> list[FunctionSpec]:
    second = function_spec("second", nodename="b", executortype=kind)
    second.conditions.dependencies = ["a"]
    return [second]


async def test_crons(members: Members, kind: str) -> None:
    user = members.user
    daily = await user.add_cron(
        kind, specs(kind), expression="TZ=Europe/Stockholm 0 0 8 * * *", wait_for_previous=True
    )
    spread = await user.add_cron(f"{kind} 2", specs(kind), interval=3600, random=True)
    assert (daily.interval, daily.waitforprevprocessgraph, spread.random) == (-1, True, True)
    assert await user.get_cron(spread.cronid) == spread
    assert spread in await user.get_crons(count=10_000)
    ran = await user.run_cron(daily.cronid)
    graph = await user.get_workflow(ran.prevprocessgraphid)
    assert [graph.colonyname, len(graph.processids)] == ["dev", 2]
    assert await user.run_cron(daily.cronid) == ran
    for cron in (daily, spread):
        await user.remove_cron(cron.cronid)
    with pytest.raises(NotFound):
        await user.get_cron(daily.cronid)


@pytest.mark.parametrize("when", [{}, {"interval": 5, "expression": "@daily"}])
async def test_a_cron_runs_by_one_thing(members: Members, kind: str, when: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        await members.user.add_cron(kind, specs(kind), **when)


async def test_generators(members: Members, kind: str) -> None:
    user = members.user
    generator = await user.add_generator(kind, specs(kind), trigger=2)
    assert await user.resolve_generator(kind) == generator
    assert generator in await user.get_generators(count=10_000)
    await user.pack(generator.generatorid, "1")
    assert (await user.get_generator(generator.generatorid)).queuesize == 1
    executor = await members.executor(kind)
    await user.pack(generator.generatorid, "2")
    process = await executor.assign(timeout=10)
    assert process is not None
    assert list(process.spec.args) == ["1", "2"]
    await user.remove_generator(generator.generatorid)
    with pytest.raises(NotFound):
        await user.pack(generator.generatorid, "3")


async def test_locations_and_nodes(members: Members, kind: str) -> None:
    added = await members.colony_owner.add_location(kind, description="cellar", long=22.5, lat=65.25)
    assert await members.user.get_location(kind) == added
    assert added in await members.user.get_locations()
    identity = Identity.generate()
    await members.colony_owner.add_executor(Executor(identity.id, kind, kind, locationname=kind))
    executor = members.user.using(identity)
    with pytest.raises(AccessDenied):
        await executor.get_colony()
    await executor.update_capabilities(kind, Capabilities(hardware=[Hardware(cores=4, mem="8Gi")]))
    node = await members.user.get_node(kind)
    assert (node.cpu, node.memory, node.location, node.state) == (4, 8192, kind, "not-ready")
    assert await members.user.get_nodes(kind.upper()) == [node]
    assert node in await members.user.get_nodes()
    await members.colony_owner.remove_location(kind)
    with pytest.raises(NotFound):
        await members.user.get_location(kind)


async def test_new_keys(members: Members, kind: str) -> None:
    first, second, taken = Identity.generate(), Identity.generate(), Identity.generate()
    await members.colony_owner.add_user(kind, first.id)
    await members.colony_owner.add_user(f"{kind} 2", taken.id)
    user = members.user.using(first)
    with pytest.raises(InvalidRequest):
        await user.change_user_id("short")
    with pytest.raises(Conflict):
        await user.change_user_id(taken.id)
    await user.change_user_id(second.id)
    with pytest.raises(AccessDenied):
        await user.get_users()
    assert (await members.user.using(second).get_user(kind)).userid == second.id
    executor = await members.executor(kind)
    third, owner = Identity.generate(), Identity.generate()
    waits = asyncio.create_task(executor.assign(timeout=60))
    await executor.get_executors()
    await executor.change_executor_id(third.id)
    with pytest.raises(AccessDenied):
        await waits
    assert (await members.user.get_executor_by_id(third.id)).executortype == kind
    await members.colony_owner.change_colony_id(owner.id)
    with pytest.raises(AccessDenied):
        await members.colony_owner.remove_user(kind)
    await members.user.using(owner).change_colony_id(members.colony_owner_identity.id)
    await members.colony_owner.remove_user(kind)


class Outcome(NamedTuple):
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Colony = Callable[..., Outcome]


@pytest.fixture
def colony(cli_environment: None, capsys: pytest.CaptureFixture[str]) -> Colony:
    """The command line, to be called with its arguments."""

    def go(*arguments: str, code: int = 0) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        outcome = Outcome(*capsys.readouterr())
        assert int(ended.value.code or 0) == code, outcome
        return outcome

    return go


@pytest.fixture
def client(cli_environment: None) -> Iterator[SyncClient]:
    """The user's client."""
    with SyncClient.from_environment() as client:
        yield client


@pytest.fixture
def spec(kind: str, tmp_path: Path) -> str:
    """A file with a workflow whose first function has arguments."""
    nodes = [
        {
            "nodename": "a",
            "funcname": "first",
            "args": ["x"],
            "kwargs": {"k": 1},
            "conditions": {"executortype": kind},
        },
        {"nodename": "b", "funcname": "second", "conditions": {"executortype": kind, "dependencies": ["a"]}},
    ]
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(nodes))
    return str(file)


def test_the_command_group_cron(colony: Colony, client: SyncClient, kind: str, spec: str) -> None:
    added = colony(
        "cron", "add", "--name", kind, "--spec", spec, "--cron", "0 0 0 1 1 *", "--waitprevious", "--json"
    ).json
    cronid = added["cronid"]
    assert kind in colony("cron", "ls", "--count", "10000").out
    shown = colony("cron", "get", "--cronid", cronid).out
    for word in (kind, "0 0 0 1 1 *", "Waits for the one before", "first", "second", "x k:1"):
        assert word in shown
    assert "Cron run" in colony("cron", "run", "--cronid", cronid).err
    assert "it waits for a workflow" in colony("cron", "run", "--cronid", cronid).err
    assert client.get_cron(cronid).prevprocessgraphid
    colony("cron", "remove", "--cronid", cronid)
    assert "cron is nil" in colony("cron", "get", "--cronid", cronid, code=1).err
    by_interval = colony("cron", "add", "--name", kind, "--spec", spec, "--interval", "9999", "--random")
    assert "NextRun=" in by_interval.err
    cronid = client.get_crons(count=10_000)[-1].cronid
    assert "at random within 9999 s" in colony("cron", "get", "--cronid", cronid).out
    colony("cron", "remove", "--cronid", cronid)


@pytest.mark.parametrize(
    "options",
    [[], ["--interval", "0"], ["--interval", "-5"], ["--interval", "5", "--cron", "@daily"], ["--cron", "x"]],
)
def test_crons_that_cannot_be(colony: Colony, kind: str, spec: str, options: list[str]) -> None:
    failed = colony("cron", "add", "--name", kind, "--spec", spec, *options, code=1)
    assert failed.err.startswith("Error: ")


def test_running_a_cron_whose_initiator_has_left_fails(
    colony: Colony, client: SyncClient, kind: str, spec: str
) -> None:
    identity = Identity.generate()
    owner = client.using(Identity("ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514"))
    owner.add_user(kind, identity.id)
    added = colony(
        "cron",
        "add",
        "--name",
        kind,
        "--spec",
        spec,
        "--cron",
        "@yearly",
        "--json",
        "--prvkey",
        identity.private_key,
    )
    owner.remove_user(kind)
    failed = colony("cron", "run", "--cronid", added.json["cronid"], code=1)
    assert "who added the cron has left the colony" in failed.err
    colony("cron", "remove", "--cronid", added.json["cronid"])


def test_the_command_group_generator(colony: Colony, kind: str, spec: str) -> None:
    added = colony("generator", "add", "--name", kind, "--spec", spec, "--trigger", "5", "--json").json
    generatorid = added["generatorid"]
    colony("generator", "pack", "--generatorid", generatorid, "--arg", "x")
    assert kind in colony("generator", "ls", "--count", "10000").out
    shown = colony("generator", "get", "--generatorid", generatorid).out
    for word in (kind, "never", "1000 ms", "first", "second"):
        assert word in shown
    colony("generator", "remove", "--generatorid", generatorid)
    assert "generator is nil" in colony("generator", "get", "--generatorid", generatorid, code=1).err


def test_the_command_group_location(colony: Colony, kind: str) -> None:
    colony("location", "add", "--name", kind, "--desc", "cellar", "--long", "22.5", "--lat", "-65.25")
    assert kind in colony("location", "ls").out
    assert "-65.25" in colony("location", "get", "--name", kind).out
    assert colony("location", "nodes", "--name", kind, "--json").json == []
    assert "Nodes" in colony("location", "nodes").out
    colony("location", "remove", "--name", kind)
    colony("location", "get", "--name", kind, code=1)


def test_the_command_group_cluster(colony: Colony, ledgers: Ledgers) -> None:
    shown = colony("cluster", "info", "--json").json
    assert len(shown["nodes"]) == ledgers.nodes
    assert shown["leader"] in shown["nodes"]
    assert "Leader" in colony("cluster", "info").out


def test_new_keys_by_the_command_line(colony: Colony, client: SyncClient, kind: str) -> None:
    first, second, third = Identity.generate(), Identity.generate(), Identity.generate()
    colony("user", "add", "--name", kind, "--userid", first.id)
    colony("user", "chid", "--userid", second.id, "--prvkey", first.private_key)
    assert client.get_user(kind).userid == second.id
    colony("executor", "add", "--name", kind, "--type", kind, "--executorid", first.id, "--approve")
    colony("executor", "chid", "--executorid", third.id, "--prvkey", first.private_key)
    assert client.get_executor(kind).executorid == third.id
    before = client.get_colony().colonyid
    colony("colony", "chid", "--colonyid", first.id)
    assert client.get_colony().colonyid == first.id
    colony("colony", "chid", "--colonyid", before, "--prvkey", first.private_key)
    with pytest.raises(ColonyError):
        client.using(first).change_user_id(third.id)
