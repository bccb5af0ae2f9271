"""What is told of events: everything that becomes true, as it is then."""

from __future__ import annotations

from collections import Counter

from colonyledger.wire import AssignProcess, PauseAssignments, RemoveColony, RemoveUser, ResumeAssignments

from projections.fold import apply
from projections.state import State
from services.facts.deriving import facts_of
from services.facts.fact import Fact, ProcessBody
from tests.projections.workload import history
from tests.projections.world import World
from tests.services.facts.reading import told_by
from tests.services.history.stored_ledger import copy
from tests.services.history.story import tell

Change = tuple[str, str, int, str]


def of_function(facts: list[Fact], funcname: str) -> list[Change]:
    """Change, state, attempt and executor of everything that is told of a function's processes."""
    bodies = [fact.body for fact in facts if isinstance(fact.body, ProcessBody)]
    return [
        (body.change, body.state, body.attempt, body.executorname)
        for body in bodies
        if body.funcname == funcname
    ]


def test_a_process_is_told_from_submission_to_end() -> None:
    world = World()
    tell(world)
    assert of_function(told_by(world.events), "lucky") == [
        ("submitted", "waiting", 0, ""),
        ("ready", "waiting", 1, ""),
        ("assigned", "running", 1, "edge1"),
        ("closed", "successful", 1, "edge1"),
    ]


def test_attempts_are_counted_though_one_record_ends_one_and_begins_the_next() -> None:
    world = World()
    tell(world)
    assert of_function(told_by(world.events), "overdue") == [
        ("submitted", "waiting", 0, ""),
        ("ready", "waiting", 1, ""),
        ("assigned", "running", 1, "edge1"),
        ("put_back", "waiting", 1, "edge1"),
        ("ready", "waiting", 2, ""),
        ("assigned", "running", 2, "edge1"),
        ("closed", "failed", 2, "edge1"),
    ]


def test_times_and_reasons_are_told() -> None:
    world = World()
    tell(world)
    closed = [
        fact
        for fact in told_by(world.events)
        if isinstance(fact.body, ProcessBody) and fact.body.change == "closed"
    ]
    failing = next(
        fact for fact in closed if isinstance(fact.body, ProcessBody) and fact.body.funcname == "failing"
    )
    assert isinstance(failing.body, ProcessBody)
    assert failing.body.errors == ["out of luck", "twice"]
    assert failing.body.started - failing.body.submitted == 7_000_000_000
    assert failing.time - failing.body.started == 1_500_000_000
    assert failing.body.ended == failing.time
    assert failing.body.executorid


def test_members_and_colonies_are_told() -> None:
    world = World()
    world.colony()
    world.executor("edge1")
    world.call(world.owner, PauseAssignments(colonyname="dev"))
    world.call(world.owner, ResumeAssignments(colonyname="dev"))
    world.call(world.owner, RemoveUser(colonyname="dev", name="alice"))
    world.call(world.server, RemoveColony(colonyname="dev"))
    kinds = [(fact.kind, fact.colony, fact.body is None) for fact in told_by(world.events)]
    assert kinds[:2] == [("executor", "dev", False)] * 2
    assert ("assignments_resumed", "dev", True) in kinds
    assert ("member_left", "dev", False) in kinds
    assert kinds[-1] == ("colony_removed", "dev", True)


def test_positions_ascend_and_leave_none_of_an_outcome_out() -> None:
    events = history(7, 400)
    state = State()
    for event in map(copy, events):
        outcome = apply(state, event)
        facts = facts_of(state, event, outcome, 1)
        assert [fact.at for fact in facts] == [(event.offset, index) for index in range(len(outcome.facts))]
        assert [fact.colony for fact in facts] == [fact.colony for fact in outcome.facts]


def test_a_random_history_tells_facts_of_most_kinds() -> None:
    kinds = Counter(fact.kind for fact in told_by(history(7, 1500)))
    assert set(kinds) >= {"process", "graph", "log", "executor", "assignments_resumed"}


def test_what_was_told_does_not_change_afterwards() -> None:
    world = World()
    world.colony()
    edge = world.executor("edge1")
    world.submit("work")
    state = State()
    facts: list[Fact] = []
    for event in map(copy, world.events):
        facts += facts_of(state, event, apply(state, event), 1)
    before = repr(facts)
    event = copy(world.events[-1])
    record = world.record(edge, AssignProcess(colonyname="dev", timeout=-1))
    event = type(event)(0, len(world.events), world.now, record)
    assert apply(state, event).refusal is None
    assert repr(facts) == before
