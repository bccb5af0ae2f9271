"""Generators: full batches, partial ones after a timeout, and what they submit (crons-generators.md section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    SECOND,
    ZERO_TIME,
    AddGenerator,
    AddUser,
    Empty,
    Generator,
    GetGenerator,
    GetGenerators,
    GetProcessGraphs,
    PackGenerator,
    RemoveGenerator,
    RemoveUser,
    ResolveGenerator,
    User,
    WorkflowSpec,
    instant,
    json_text,
)

from projections import generators
from projections.limits import MAX_INTERVAL_SECONDS, MAX_TRIGGER
from tests.projections.world import START, World, node

NOBODY = "0" * 64
ORPHANED = "Could not derive InitiatorName: who added generator <batch> has left the colony"


def template(nodes: dict[str, Sequence[str]] | None = None, colony: str = "dev", **spec: Any) -> str:
    specs = [node(name, parents, **spec) for name, parents in (nodes or {"a": ()}).items()]
    return json_text(WorkflowSpec(colony, specs))


def add(world: World, who: Identity | None = None, **fields: Any) -> Generator:
    """A generator of the user that submits with three arguments, unless `fields` say otherwise."""
    new = {
        "colonyname": "dev",
        "name": "batch",
        "trigger": 3,
        "timeout": -1,
        "workflowspec": template(),
        **fields,
    }
    return world.call(who or world.user, AddGenerator(generator=Generator(**new)))


def get(world: World, generator: Generator) -> Generator:
    return world.call(world.user, GetGenerator(generatorid=generator.generatorid))


def pack(world: World, generator: Generator, *args: str) -> None:
    for arg in args:
        assert world.call(world.user, PackGenerator(generatorid=generator.generatorid, arg=arg)) == Empty()


def batches(world: World) -> list[list[Any]]:
    """The arguments of the roots of all workflows, oldest first."""
    graphs = world.call(world.user, GetProcessGraphs(colonyname="dev", count=100, state=0))
    return [list(world.get(graph.rootprocessids[0]).spec.args) for graph in graphs[::-1]]


def test_what_is_kept_of_a_generator(world: World) -> None:
    spec = template()
    generator = add(
        world,
        generatorid="mine",
        initiatorid=NOBODY,
        initiatorname="somebody",
        firstpack=instant(1),
        lastrun=instant(1),
        queuesize=7,
        checkerperiod=5,
        lasterror="none",
        workflowspec=spec,
    )
    kept = Generator(
        generator.generatorid, world.user.id, "alice", "dev", "batch", spec, 3, -1, checkerperiod=1000
    )
    assert generator == kept
    assert len(generator.generatorid) == 64
    assert get(world, generator) == kept
    assert world.call(world.user, ResolveGenerator(colonyname="dev", generatorname="batch")) == kept


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"workflowspec": "no json"}, "The workflow specification is not valid JSON: "),
        (
            {"workflowspec": template(colony="other")},
            "The workflow specification is for Colony <other>, it must be",
        ),
        ({"workflowspec": template({"a": ["b"]})}, "Failed to submit workflow, invalid dependencies"),
        ({"trigger": 0}, f"Failed to add generator, trigger outside range [1, {MAX_TRIGGER}]"),
        ({"trigger": -1}, f"Failed to add generator, trigger outside range [1, {MAX_TRIGGER}]"),
        ({"trigger": MAX_TRIGGER + 1}, f"Failed to add generator, trigger outside range [1, {MAX_TRIGGER}]"),
        (
            {"timeout": MAX_INTERVAL_SECONDS + 1},
            f"Failed to add generator, timeout larger than {MAX_INTERVAL_SECONDS} s",
        ),
        ({"name": "taken"}, "Generator with name <taken> in Colony <dev> already exists"),
    ],
)
def test_what_is_refused(world: World, fields: dict[str, Any], refusal: str) -> None:
    add(world, name="taken")
    new = {"colonyname": "dev", "name": "batch", "trigger": 3, "workflowspec": template(), **fields}
    status, text = world.refused(world.user, AddGenerator(generator=Generator(**new)))
    assert status == 400
    assert text.startswith(refusal)


def test_there_must_be_a_generator(world: World) -> None:
    refused = world.refused(world.user, AddGenerator())
    assert refused == (400, "Failed to add generator, msg.Generator is nil")


def test_there_is_a_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generators, "MAX_GENERATORS", 1)
    first = add(world)
    new = Generator(colonyname="dev", name="second", trigger=1, workflowspec=template())
    assert world.refused(world.user, AddGenerator(generator=new)) == (
        429,
        "Colony <dev> has 1 generators already",
    )
    world.call(world.user, RemoveGenerator(generatorid=first.generatorid))
    assert add(world, name="second").name == "second"


def test_generators_are_listed_oldest_first(world: World) -> None:
    names = [add(world, name=name).name for name in ("c", "a", "b")]

    def listed(how_many: int) -> list[str]:
        asked = GetGenerators(colonyname="dev", count=how_many)
        return [generator.name for generator in world.call(world.user, asked)]

    assert [listed(how_many) for how_many in (0, 2, 3, 2**63 - 1)] == [[], names[:2], names, names]
    refused = world.refused(world.user, GetGenerators(colonyname="dev", count=-1))
    assert refused == (400, "Failed to get generators, count is negative")


def test_unknown_generators(world: World) -> None:
    def missing(doing: str) -> tuple[int, str]:
        return 404, f"Failed to {doing} generator, generator is nil"

    assert world.refused(world.user, GetGenerator(generatorid=NOBODY)) == missing("get")
    assert world.refused(world.user, PackGenerator(generatorid=NOBODY)) == missing("increment")
    assert world.refused(world.user, RemoveGenerator(generatorid=NOBODY)) == missing("remove")
    asked = ResolveGenerator(colonyname="dev", generatorname="gone")
    assert world.refused(world.user, asked) == missing("resolve")


def test_outsiders_learn_nothing(world: World) -> None:
    generator = add(world)
    denied = (403, "Access denied, not a member of Colony with name <dev>")
    hidden = (404, "Failed to increment generator, generator is nil")
    asked = PackGenerator(generatorid=generator.generatorid, arg="x")
    assert world.refused(world.owner, asked) == denied
    assert world.refused(world.server, asked) == hidden
    for name in ("batch", "gone"):
        assert world.refused(world.server, ResolveGenerator(colonyname="dev", generatorname=name)) == denied


def test_a_full_batch_goes_out_at_once_in_the_order_of_packing(world: World) -> None:
    generator = add(world)
    pack(world, generator, "1", "2")
    assert (batches(world), get(world, generator).queuesize) == ([], 2)
    world.advance(5)
    pack(world, generator, "3")
    assert batches(world) == [["1", "2", "3"]]
    ran = get(world, generator)
    assert (ran.queuesize, ran.firstpack, ran.lastrun) == (0, instant(START), instant(START + 5 * SECOND))


def test_seventy_three_arguments_by_ten(world: World) -> None:
    generator = add(world, trigger=10)
    pack(world, generator, *map(str, range(73)))
    assert [len(batch) for batch in batches(world)] == [10] * 7
    assert get(world, generator).queuesize == 3
    world.tick(10**6)
    assert len(batches(world)) == 7


def test_one_argument_may_be_a_batch(world: World) -> None:
    generator = add(world, trigger=1)
    pack(world, generator, "1", "", "3")
    assert batches(world) == [["1"], [""], ["3"]]
    assert get(world, generator).firstpack == instant(START)


def test_only_roots_are_given_the_batch_and_lose_their_own_arguments(world: World) -> None:
    nodes: dict[str, Sequence[str]] = {"r1": (), "child": ["r1"], "r2": ()}
    generator = add(world, trigger=1, workflowspec=template(nodes, args=["own"], kwargs={"k": 1}))
    pack(world, generator, "x")
    graph = world.call(world.user, GetProcessGraphs(colonyname="dev", count=1, state=0))[0]
    given = {
        name: (list(process.spec.args), process.spec.kwargs) for name, process in world.members(graph).items()
    }
    assert given == {"r1": (["x"], {}), "child": (["own"], {"k": 1}), "r2": (["x"], {})}


def test_a_partial_batch_goes_out_after_the_timeout(world: World) -> None:
    generator = add(world, timeout=10)
    world.tick(100)
    pack(world, generator, "1")
    world.advance(4)
    pack(world, generator, "2")
    world.tick(5.999)
    assert batches(world) == []
    world.tick(0.001)
    assert batches(world) == [["1", "2"]]
    ran = get(world, generator)
    assert (ran.queuesize, ran.lastrun) == (0, instant(world.now))


def test_the_timeout_counts_from_the_oldest_argument_that_waits(world: World) -> None:
    generator = add(world, timeout=10)
    pack(world, generator, "1", "2", "3")
    world.tick(9)
    pack(world, generator, "4")
    world.tick(2)
    assert len(batches(world)) == 1
    world.tick(8)
    assert batches(world) == [["1", "2", "3"], ["4"]]
    world.tick(100)
    assert len(batches(world)) == 2


def test_a_batch_that_fills_up_within_the_same_instant_as_the_next_begins(world: World) -> None:
    generator = add(world, timeout=10)
    pack(world, generator, "1", "2", "3", "4")
    world.tick(10)
    assert batches(world) == [["1", "2", "3"], ["4"]]


@pytest.mark.parametrize("timeout", [0, -1, -(2**63)])
def test_without_a_timeout_it_waits_for_ever(world: World, timeout: int) -> None:
    generator = add(world, timeout=timeout)
    pack(world, generator, "1")
    world.tick(10**8)
    assert batches(world) == []


def test_what_was_due_while_nobody_called_goes_out_once(world: World) -> None:
    generator = add(world, timeout=10)
    pack(world, generator, "1")
    world.advance(1000)
    pack(world, generator, "2")
    assert batches(world) == [["1"]]
    assert get(world, generator).queuesize == 1


def test_removing_a_generator_forgets_what_waits_in_it(world: World) -> None:
    generator = add(world, timeout=10)
    pack(world, generator, "1")
    world.call(world.user, RemoveGenerator(generatorid=generator.generatorid))
    world.tick(10)
    assert batches(world) == []
    assert get(world, add(world)).queuesize == 0


def test_batches_are_submitted_on_behalf_of_who_added_the_generator(world: World, edge: Identity) -> None:
    generator = add(world, edge, trigger=1)
    pack(world, generator, "x")
    graph = world.call(world.user, GetProcessGraphs(colonyname="dev", count=1, state=0))[0]
    assert (graph.initiatorid, graph.initiatorname) == (edge.id, "edge1")


@pytest.mark.parametrize("trigger", [2, 3])
def test_nothing_is_taken_for_an_initiator_that_has_left(world: World, edge: Identity, trigger: int) -> None:
    generator = add(world, trigger=trigger)
    pack(world, generator, "1")
    world.call(world.owner, RemoveUser(colonyname="dev", name="alice"))
    refused = world.refused(edge, PackGenerator(generatorid=generator.generatorid, arg="2"))
    assert refused == (409, ORPHANED)
    assert world.call(edge, GetGenerator(generatorid=generator.generatorid)).queuesize == 1


def test_a_partial_batch_waits_until_its_initiator_is_back(world: World, edge: Identity) -> None:
    generator = add(world, timeout=10)
    pack(world, generator, "1")
    world.call(world.owner, RemoveUser(colonyname="dev", name="alice"))
    world.tick(10)
    left = world.call(edge, GetGenerator(generatorid=generator.generatorid))
    assert (left.lasterror, left.queuesize, left.lastrun) == (ORPHANED, 1, ZERO_TIME)
    world.call(world.owner, AddUser(user=User("dev", world.user.id, "alice")))
    world.tick(9)
    assert batches(world) == []
    world.tick(1)
    assert batches(world) == [["1"]]
    assert get(world, generator).lasterror == ""


def test_a_generator_holds_so_much(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generators, "MAX_QUEUED_BYTES", 5)
    generator = add(world)
    pack(world, generator, "12", "34")
    asked = PackGenerator(generatorid=generator.generatorid, arg="56")
    assert world.refused(world.user, asked) == (429, "Generator <batch> holds 5 characters already")
    pack(world, generator, "5")
    assert batches(world) == [["12", "34", "5"]]
    pack(world, generator, "12345")
