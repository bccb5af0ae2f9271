"""Crons: what may be added, when they run, with what, and on whose behalf (crons-generators.md section 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    SECOND,
    ZERO_TIME,
    AddCron,
    AddUser,
    CancelProcessGraph,
    CloseFailed,
    Cron,
    GetCron,
    GetCrons,
    GetProcessGraphs,
    NewCron,
    ProcessGraph,
    RemoveColony,
    RemoveCron,
    RemoveProcessGraph,
    RemoveUser,
    RunCron,
    User,
    WorkflowSpec,
    instant,
    json_text,
)

from projections import crons
from projections.limits import MAX_INTERVAL_SECONDS
from projections.state import Settings
from projections.system import Rules
from tests.projections.world import START, World, node

NOBODY = "0" * 64


def template(nodes: dict[str, Sequence[str]] | None = None, colony: str = "dev", **spec: Any) -> str:
    specs = [node(name, parents, **spec) for name, parents in (nodes or {"a": ()}).items()]
    return json_text(WorkflowSpec(colony, specs))


def add(world: World, who: Identity | None = None, **fields: Any) -> Cron:
    """A cron of the user, every ten seconds unless `fields` say otherwise."""
    new = {"colonyname": "dev", "name": "tidy", "interval": 10, "workflowspec": template(), **fields}
    return world.call(who or world.user, AddCron(cron=NewCron(**new)))


def get(world: World, cron: Cron) -> Cron:
    return world.call(world.user, GetCron(cronid=cron.cronid))


def graphs(world: World, state: int = 0) -> list[ProcessGraph]:
    """The workflows in a state, oldest first."""
    found = world.call(world.user, GetProcessGraphs(colonyname="dev", count=100, state=state))
    return found[::-1]


def count(world: World) -> int:
    statistics = world.statistics()
    return statistics.waitingworkflows + statistics.runningworkflows + statistics.successfulworkflows


def test_what_is_kept_of_a_cron(world: World) -> None:
    fields: dict[str, Any] = {
        "cronid": "mine",
        "initiatorid": NOBODY,
        "initiatorname": "somebody",
        "nextrun": instant(1),
        "lastrun": instant(1),
        "prevprocessgraphid": "of somebody else",
        "checkerperiod": 5,
        "lasterror": "none",
    }
    spec = template()
    cron = add(world, waitforprevprocessgraph=True, workflowspec=spec, **fields)
    assert cron == Cron(
        cron.cronid,
        world.user.id,
        "alice",
        "dev",
        "tidy",
        interval=10,
        nextrun=instant(START + 10 * SECOND),
        workflowspec=spec,
        waitforprevprocessgraph=True,
        checkerperiod=1000,
    )
    assert len(cron.cronid) == 64
    assert get(world, cron) == cron


@pytest.mark.parametrize(
    ("body", "waits"),
    [
        ({}, False),
        ({"waitforprevprocessgraph": True}, True),
        ({"waitforprevprocessgrap": True}, True),
        ({"waitforprevprocessgraph": True, "waitforprevprocessgrap": False}, True),
        ({"waitforprevprocessgraph": None, "waitforprevprocessgrap": None}, False),
    ],
)
def test_both_spellings_of_the_wait_key(world: World, body: dict[str, Any], waits: bool) -> None:
    cron = {"colonyname": "dev", "name": "tidy", "interval": 10, "workflowspec": template(), **body}
    outcome = world.send(world.user, "addcronmsg", {"cron": cron})
    assert outcome.refusal is None
    assert outcome.reply.waitforprevprocessgraph is waits


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"workflowspec": "no json"}, "The workflow specification is not valid JSON: "),
        ({"workflowspec": "null"}, "The workflow specification is not valid JSON: "),
        (
            {"workflowspec": template(colony="other")},
            "The workflow specification is for Colony <other>, it must be",
        ),
        ({"workflowspec": template({"a": ["b"]})}, "Failed to submit workflow, invalid dependencies"),
        (
            {"workflowspec": template({"a": ["a"]})},
            "Failed to submit workflow, its dependencies form a cycle",
        ),
        ({"workflowspec": template({"": ()})}, "Nodename is missing"),
        ({"workflowspec": '{"functionspecs":[{"nodename":"a"},{"nodename":"a"}]}'}, "Duplicate nodename: a"),
        ({"workflowspec": "{}"}, "Failed to submit workflow, it has no function specs"),
        (
            {"workflowspec": template(priority=50_001)},
            "Failed to submit function spec, priority outside range",
        ),
        (
            {"workflowspec": '{"functionspecs":[{"nodename":"a","conditions":{"mem":"much"}}]}'},
            "error converting memory to int",
        ),
        ({"interval": 0}, "Cron interval must be -1 (disabled) or larger than 0"),
        ({"interval": -2}, "Cron interval must be -1 (disabled) or larger than 0"),
        (
            {"interval": MAX_INTERVAL_SECONDS + 1},
            f"Cron interval must not be larger than {MAX_INTERVAL_SECONDS} s",
        ),
        ({"interval": -1}, "empty cron expression string"),
        ({"interval": -1, "cronexpression": "* * * * *"}, "expected exactly 6 fields, found 5: [* * * * *]"),
        (
            {"interval": -1, "cronexpression": " " * 1001},
            "The cron expression is longer than 1000 characters",
        ),
        (
            {"interval": -1, "cronexpression": "@daily", "random": True},
            "Random cron is only supported when specifying intervals",
        ),
        ({"name": "taken"}, "Cron with name <taken> in Colony <dev> already exists"),
    ],
)
def test_what_is_refused(world: World, fields: dict[str, Any], refusal: str) -> None:
    add(world, name="taken")
    new = {"colonyname": "dev", "name": "tidy", "interval": 10, "workflowspec": template(), **fields}
    status, text = world.refused(world.user, AddCron(cron=NewCron(**new)))
    assert status == 400
    assert text.startswith(refusal)


def test_there_must_be_a_cron(world: World) -> None:
    assert world.refused(world.user, AddCron()) == (400, "Failed to add cron, msg.Cron is nil")


@pytest.mark.parametrize(
    ("fields", "is_kept"),
    [
        ({"workflowspec": template(colony="")}, True),
        ({"interval": 5, "cronexpression": "nonsense"}, True),
        ({"name": ""}, True),
        ({"interval": MAX_INTERVAL_SECONDS}, True),
    ],
)
def test_what_is_accepted(world: World, fields: dict[str, Any], is_kept: bool) -> None:
    assert bool(get(world, add(world, **fields)).cronid) is is_kept


def test_there_is_a_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crons, "MAX_CRONS", 1)
    first = add(world)
    new = NewCron(colonyname="dev", name="second", interval=10, workflowspec=template())
    assert world.refused(world.user, AddCron(cron=new)) == (429, "Colony <dev> has 1 crons already")
    world.call(world.user, RemoveCron(cronid=first.cronid))
    assert add(world, name="second").name == "second"


def test_crons_are_listed_oldest_first(world: World) -> None:
    names = [add(world, name=name).name for name in ("c", "a", "b")]
    world.tick(10)

    def listed(how_many: int) -> list[str]:
        return [cron.name for cron in world.call(world.user, GetCrons(colonyname="dev", count=how_many))]

    assert [listed(how_many) for how_many in (0, 2, 3, 2**63 - 1)] == [[], names[:2], names, names]
    refused = world.refused(world.user, GetCrons(colonyname="dev", count=-1))
    assert refused == (400, "Failed to get crons, count is negative")


def test_unknown_crons(world: World) -> None:
    assert world.refused(world.user, GetCron(cronid=NOBODY)) == (404, "Failed to get cron, cron is nil")
    assert world.refused(world.user, RunCron(cronid=NOBODY)) == (404, "cron not found")
    assert world.refused(world.user, RemoveCron(cronid=NOBODY)) == (404, "Failed to remove cron, cron is nil")


def test_outsiders_cannot_tell_that_a_cron_exists_nor_run_it(world: World) -> None:
    cron = add(world)
    assert world.refused(world.server, RunCron(cronid=cron.cronid)) == (404, "cron not found")
    status, text = world.refused(world.owner, RunCron(cronid=cron.cronid))
    assert (status, text) == (403, "Access denied, not a member of Colony with name <dev>")
    assert count(world) == 0


def test_an_interval_counts_from_run_to_run(world: World) -> None:
    cron = add(world)
    world.tick(9.999)
    assert count(world) == 0
    world.tick(0.001)
    assert count(world) == 1
    ran = get(world, cron)
    assert (ran.lastrun, ran.nextrun) == (instant(START + 10 * SECOND), instant(START + 20 * SECOND))
    assert ran.prevprocessgraphid == graphs(world)[0].processgraphid
    world.tick(12)
    assert get(world, cron).nextrun == instant(START + 32 * SECOND)
    assert count(world) == 2


def test_an_expression_runs_at_its_first_match(world: World) -> None:
    # The log begins at 2023-11-14T22:13:20Z.
    cron = add(world, interval=-1, cronexpression="0 */5 * * * *")
    assert cron.nextrun.isoformat() == "2023-11-14T22:15:00+00:00"
    world.tick(100)
    assert count(world) == 1
    assert get(world, cron).nextrun.isoformat() == "2023-11-14T22:20:00+00:00"


def test_an_expression_follows_the_zone_that_the_settings_name(world: World) -> None:
    world.system(Rules(settings=Settings(timezone="Asia/Kolkata")))
    here = add(world, name="here", interval=-1, cronexpression="0 0 8 * * *")
    there = add(world, name="there", interval=-1, cronexpression="TZ=America/New_York 0 0 8 * * *")
    assert here.nextrun.isoformat() == "2023-11-15T02:30:00+00:00"
    assert there.nextrun.isoformat() == "2023-11-15T13:00:00+00:00"


def test_rules_with_an_unknown_zone_are_not_put_in_force(world: World) -> None:
    before = world.state.settings
    outcome = world.system(Rules(settings=Settings(timezone="Mars/Olympus")))
    assert outcome.refusal is not None
    assert outcome.refusal.message == "There is no time zone <Mars/Olympus>"
    assert world.state.settings == before


def test_an_expression_that_never_matches_never_runs(world: World) -> None:
    cron = add(world, interval=-1, cronexpression="0 0 0 30 2 *")
    assert cron.nextrun == ZERO_TIME
    world.tick(6 * 366 * 86_400)
    assert count(world) == 0
    ran = world.call(world.user, RunCron(cronid=cron.cronid))
    assert (ran.lastrun, ran.nextrun) == (instant(world.now), ZERO_TIME)
    assert count(world) == 1


def test_what_was_missed_runs_once(world: World) -> None:
    cron = add(world)
    world.tick(95)
    assert count(world) == 1
    assert get(world, cron).nextrun == instant(START + 105 * SECOND)


def test_random_runs_are_spread_over_the_interval(world: World) -> None:
    cron = add(world, random=True, interval=100)
    delays = []
    for _ in range(200):
        due = get(world, cron).nextrun
        delays.append(round(due.timestamp() - world.now / SECOND))
        world.tick(delays[-1])
    assert count(world) == 200
    assert 1 <= min(delays) <= 10
    assert 90 <= max(delays) <= 100
    assert len(set(delays)) > 50


def test_random_runs_are_drawn_alike_by_everybody() -> None:
    def due() -> list[str]:
        world = World()
        world.colony()
        cron = add(world, random=True, interval=1000)
        world.tick(1000)
        return [cron.nextrun.isoformat(), get(world, cron).nextrun.isoformat()]

    assert due() == due()


def test_without_waiting_runs_overlap(world: World) -> None:
    add(world)
    for _ in range(3):
        world.tick(10)
    assert world.statistics().waitingworkflows == 3


@pytest.mark.parametrize("ending", ["succeeds", "fails", "is cancelled", "is removed"])
def test_with_waiting_there_is_one_at_a_time(world: World, edge: Identity, ending: str) -> None:
    cron = add(world, waitforprevprocessgraph=True)
    for _ in range(4):
        world.tick(10)
    assert count(world) == 1
    waiting = get(world, cron)
    assert waiting.nextrun == instant(START + 20 * SECOND)
    first = graphs(world)[0].processgraphid
    if ending == "is removed":
        world.call(world.user, RemoveProcessGraph(processgraphid=first))
    elif ending == "is cancelled":
        world.call(world.user, CancelProcessGraph(processgraphid=first))
    elif ending == "fails":
        world.fail(edge, world.assign(edge))
    else:
        world.close(edge, world.assign(edge))
    world.tick()
    ran = get(world, cron)
    assert ran.prevprocessgraphid not in ("", first)
    assert ran.lastrun == instant(world.now)
    assert ran.nextrun == instant(world.now + 10 * SECOND)
    assert len(graphs(world)) == 1
    world.tick()
    assert len(graphs(world)) == 1


def test_a_workflow_that_ends_before_the_time_does_not_make_it_run_earlier(
    world: World, edge: Identity
) -> None:
    add(world, waitforprevprocessgraph=True)
    world.tick(10)
    world.close(edge, world.assign(edge))
    world.tick(9)
    assert count(world) == 1
    world.tick(1)
    assert count(world) == 2


def test_a_workflow_that_times_out_lets_the_next_one_run(world: World, edge: Identity) -> None:
    add(world, waitforprevprocessgraph=True, workflowspec=template(maxwaittime=15))
    world.tick(10)
    world.tick(10)
    world.tick(5)
    assert (len(graphs(world, 3)), len(graphs(world, 0))) == (1, 1)


def test_removing_a_cron_that_waits(world: World, edge: Identity) -> None:
    cron = add(world, waitforprevprocessgraph=True)
    world.tick(10)
    world.tick(10)
    world.call(world.user, RemoveCron(cronid=cron.cronid))
    world.close(edge, world.assign(edge))
    world.tick(100)
    assert count(world) == 1
    assert world.call(world.user, GetCrons(colonyname="dev", count=9)) == []


def test_a_removed_cron_does_not_run_and_its_name_is_free(world: World) -> None:
    cron = add(world)
    world.call(world.user, RemoveCron(cronid=cron.cronid))
    world.tick(10)
    assert count(world) == 0
    add(world)
    world.tick(10)
    assert count(world) == 1


def test_a_colony_takes_its_crons_along(world: World) -> None:
    add(world)
    world.call(world.server, RemoveColony(colonyname="dev"))
    world.colony()
    world.tick(10)
    assert count(world) == 0


def test_roots_are_given_what_the_leaves_before_put_out(world: World, edge: Identity) -> None:
    spec = template({"r1": (), "left": ["r1"], "right": ["r1"], "r2": ()})
    add(world, workflowspec=spec)
    world.tick(10)
    outputs: dict[str, list[Any]] = {"r1": ["inner"], "left": [1, "x"], "right": [{"y": 2}], "r2": []}
    for _ in range(4):
        process = world.assign(edge)
        world.close(edge, process, *outputs[process.spec.nodename])
    world.tick(10)
    members = world.members(graphs(world)[0])
    assert {name: list(process.input) for name, process in members.items()} == {
        "r1": [1, "x", {"y": 2}],
        "left": [],
        "right": [],
        "r2": [1, "x", {"y": 2}],
    }
    assert list(world.assign(edge).input) == [1, "x", {"y": 2}]


def test_the_first_run_is_given_nothing(world: World, edge: Identity) -> None:
    add(world)
    world.tick(10)
    assert list(world.assign(edge).input) == []


def test_a_workflow_that_failed_does_not_stop_the_cron(world: World, edge: Identity) -> None:
    add(world)
    world.tick(10)
    world.call(edge, CloseFailed(processid=world.assign(edge).processid, errors=["no"]))
    world.tick(10)
    assert list(world.assign(edge).input) == []


def test_running_by_hand(world: World, edge: Identity) -> None:
    cron = add(world, edge)
    world.advance(4)
    ran = world.call(world.user, RunCron(cronid=cron.cronid))
    assert (ran.lastrun, ran.nextrun) == (instant(world.now), instant(world.now + 10 * SECOND))
    graph = graphs(world)[0]
    assert ran.prevprocessgraphid == graph.processgraphid
    assert (graph.initiatorid, graph.initiatorname) == (edge.id, "edge1")
    world.tick(6)
    assert count(world) == 1
    world.tick(4)
    assert count(world) == 2


@pytest.mark.parametrize(("waits", "runs"), [(True, 1), (False, 2)])
def test_running_by_hand_while_the_one_before_is_under_way(world: World, waits: bool, runs: int) -> None:
    cron = add(world, waitforprevprocessgraph=waits)
    world.tick(10)
    before = get(world, cron)
    ran = world.call(world.user, RunCron(cronid=cron.cronid))
    assert (ran == before) is waits
    assert count(world) == runs


def test_running_by_hand_just_when_the_one_before_is_over(world: World, edge: Identity) -> None:
    cron = add(world, waitforprevprocessgraph=True)
    world.tick(10)
    process = world.assign(edge)
    world.tick(10)
    world.close(edge, process)
    world.call(world.user, RunCron(cronid=cron.cronid))
    assert count(world) == 2
    world.tick()
    assert count(world) == 2


def test_a_cron_runs_on_behalf_of_who_added_it(world: World, edge: Identity) -> None:
    add(world, edge)
    world.tick(10)
    graph = graphs(world)[0]
    assert (graph.initiatorid, graph.initiatorname) == (edge.id, "edge1")
    assert [(each.initiatorid, each.initiatorname) for each in world.members(graph).values()] == [
        (edge.id, "edge1")
    ]


def test_a_cron_whose_initiator_has_left_says_so_and_goes_on(world: World, edge: Identity) -> None:
    cron = add(world)
    world.call(world.owner, RemoveUser(colonyname="dev", name="alice"))
    world.tick(10)
    left = world.call(edge, GetCron(cronid=cron.cronid))
    assert left.lasterror == "Could not derive InitiatorName: who added the cron has left the colony"
    assert (left.lastrun, left.nextrun) == (ZERO_TIME, instant(world.now + 10 * SECOND))
    assert world.call(edge, RunCron(cronid=cron.cronid)).lasterror == left.lasterror
    world.call(world.owner, AddUser(user=User("dev", world.user.id, "alice")))
    world.tick(10)
    back = get(world, cron)
    assert (back.lasterror, back.lastrun) == ("", instant(world.now))
    assert count(world) == 1
