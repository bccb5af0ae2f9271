"""The newest facts in memory, and which of them a consumer has not seen."""

from __future__ import annotations

from services.facts.backlog import Backlog
from services.facts.fact import NO_POSITION, Fact, Position
from services.facts.positions import Positions


def facts(offset: int, number: int = 2, partition: int = 0) -> list[Fact]:
    return [Fact(partition, offset, index, 0, 1, "dev", "colony_removed", None) for index in range(number)]


def at(backlog: Backlog, position: Position, most: int = 100) -> list[tuple[int, int]]:
    return [fact.at for fact in backlog.after(position, most)]


def test_what_comes_after_a_position_is_given_in_order() -> None:
    backlog = Backlog(0, 100)
    backlog.add(facts(3))
    backlog.add(facts(5))
    assert at(backlog, NO_POSITION) == [(3, 0), (3, 1), (5, 0), (5, 1)]
    assert at(backlog, Position(3, 0)) == [(3, 1), (5, 0), (5, 1)]
    assert at(backlog, Position(3, 1), most=1) == [(5, 0)]
    assert at(backlog, Position(5, 1)) == []


def test_what_is_too_much_goes_by_whole_records() -> None:
    backlog = Backlog(0, 3)
    backlog.add(facts(3))
    backlog.add(facts(5))
    assert backlog.since == 4
    assert not backlog.holds(Position(3, 1))
    assert backlog.holds(Position(4, -1))
    assert at(backlog, Position(4, -1)) == [(5, 0), (5, 1)]


def test_one_record_is_kept_however_many_facts_it_has() -> None:
    backlog = Backlog(0, 3)
    backlog.add(facts(1))
    backlog.add(facts(2, 10))
    assert len(backlog) == 10


def test_a_fold_that_began_later_holds_nothing_of_before() -> None:
    backlog = Backlog(10, 100)
    assert not backlog.holds(NO_POSITION)
    assert not backlog.holds(Position(9, 3))
    assert backlog.holds(Position(10, -1))


def test_copies_are_dropped_and_nothing_else() -> None:
    first, second = [*facts(1), *facts(2)], [*facts(2), *facts(4), *facts(1, partition=1)]
    mixed = [first[0], first[1], first[0], first[2], second[0], first[3], second[1], *second[2:], first[3]]
    positions = Positions()
    assert [(fact.partition, fact.at) for fact in mixed if positions.is_new(fact)] == [
        (0, (1, 0)),
        (0, (1, 1)),
        (0, (2, 0)),
        (0, (2, 1)),
        (0, (4, 0)),
        (0, (4, 1)),
        (1, (1, 0)),
        (1, (1, 1)),
    ]
    assert positions.of(0) == (4, 1)
    assert positions.of(7) == NO_POSITION
    positions.forget(0)
    assert positions.is_new(first[0])
