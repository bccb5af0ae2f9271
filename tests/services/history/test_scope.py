"""A colony's owner sees nothing of other colonies: the same questions get the same answers whether they are there or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from colonyledger.wire import (
    AddColony,
    AddUser,
    Colony,
    Conditions,
    FunctionSpec,
    RemoveColony,
    SubmitFunctionSpec,
    User,
    encode,
)

from services.history.asking import ask
from services.history.engine import Engine, HistoryError
from services.history.opening import open_history
from tests.projections.world import World, identity
from tests.services.history.asked import LIMITS, rows, write
from tests.services.history.questions import FAIR, SPYING
from tests.services.history.story import SECRET, other_colony, tell

QUESTIONS = [*FAIR, *SPYING]


def answer(engine: Engine, sql: str, colony: str | None = "dev") -> str:
    """Everything that who asks gets to see."""
    try:
        found = ask(engine, colony, sql, {}, LIMITS)
    except HistoryError as error:
        return f"{type(error).__name__}: {error}"
    return encode([found.columns, sorted(map(bytes, found.rows)), found.truncated]).decode()


def answers(folder: Path, world: World, colony: str | None) -> dict[str, str]:
    """What a colony's owner gets to see of a world."""
    engine = open_history(folder)
    try:
        write(engine, world)
        return {sql: answer(engine, sql, colony) for sql in QUESTIONS}
    finally:
        engine.close()


def test_other_colonies_make_no_difference(tmp_path: Path) -> None:
    alone, together = World(), World()
    tell(alone, alone=True)
    tell(together)
    without = answers(tmp_path / "without", alone, "dev")
    assert answers(tmp_path / "with", together, "dev") == without
    everything = answers(tmp_path / "all", together, None)
    assert sum(SECRET in text for text in everything.values()) > 5
    assert [sql for sql in SPYING if everything[sql] == without[sql]] == []


@pytest.mark.parametrize("name", ["it's \\ mine", "a' OR '1' = '1", "') --", "\\", "é{x:String}", "%s"])
def test_a_colony_may_have_any_name(directory: Engine, name: str) -> None:
    world = World()
    world.colony()
    world.submit("secret")
    world.call(world.server, AddColony(colony=Colony(world.owner.id, name)))
    world.call(world.owner, AddUser(user=User(name, identity("bob").id, "bob", "", "")))
    spec = FunctionSpec(funcname="mine", conditions=Conditions(name, executortype="edge"))
    world.call(identity("bob"), SubmitFunctionSpec(spec=spec))
    write(directory, world)
    assert rows(directory, "SELECT colony, function FROM processes", name) == [[name, "mine"]]


def test_a_colony_that_is_not_there_has_no_rows(engine: Engine, world: World) -> None:
    write(engine, world)
    assert rows(engine, "SELECT count() FROM records", "nowhere") == [[0]]


def test_a_new_colony_does_not_inherit_the_history_of_its_name(engine: Engine, world: World) -> None:
    world.call(world.server, RemoveColony(colonyname="other"))
    other_colony(world)
    world.call(world.server, RemoveColony(colonyname="other"))
    heir = identity("heir")
    world.call(world.server, AddColony(colony=Colony(heir.id, "other")))
    write(engine, world)
    for table in ("processes", "attempts", "logs"):
        assert rows(engine, f"SELECT count() FROM {table}", "other") == [[0]]
        assert rows(engine, f"SELECT count() FROM {table} WHERE colony = 'other'") != [[0]]
    assert rows(engine, "SELECT payloadtype FROM records", "other") == [["addcolonymsg"]]
