"""What is in the history, as an analyst sees it (docs/history.md)."""

from __future__ import annotations

import pytest
from colonyledger.wire import AddColony, ChangeServerId, Colony, RemoveColony, RemoveProcess

from projections.messages import read_message
from projections.registry import REGISTRY
from services.history.engine import Engine
from tests.projections.world import World, identity
from tests.services.history.asked import batch_of, everything, rows, write
from tests.services.history.story import SECRET, tell


def test_an_attempt_is_a_row_with_its_times_and_its_end(engine: Engine, world: World) -> None:
    write(engine, world)
    sql = """
        SELECT function, attempt, executor, executortype, waited, executed, outcome
        FROM attempts WHERE function != 'step' ORDER BY assigned_offset
    """
    assert rows(engine, sql) == [
        ["lucky", 1, "edge1", "edge", 2, 3, "succeeded"],
        ["overdue", 1, "edge1", "edge", 1, 30, "put back (deadline)"],
        ["overdue", 2, "edge1", "edge", 0, 30, "failed"],
        ["undelivered", 1, "edge1", "edge", 0, 0, "put back (undelivered)"],
        ["undelivered", 2, "edge1", "edge", 4, None, "running"],
        ["evicted", 1, "doomed", "rare", 0, 0, "put back (executor removed)"],
        ["failing", 1, "cloud1", "cloud", 7, 1.5, "failed"],
        ["secret", 1, "spy", "edge", 0, None, "running"],
    ]


def test_waiting_for_parents_is_not_waiting_for_an_executor(engine: Engine, world: World) -> None:
    write(engine, world)
    sql = "SELECT node, waited, executed FROM attempts WHERE function = 'step' ORDER BY node"
    assert rows(engine, sql) == [["first", 0, 6], ["second", 1, None]]


def test_an_attempt_names_the_records_that_prove_it(engine: Engine, world: World) -> None:
    write(engine, world)
    sql = """
        SELECT began.payloadtype, began.who, ended.payloadtype, ended.who
        FROM attempts AS a
        INNER JOIN records AS began ON a.assigned_offset = began.offset
        INNER JOIN records AS ended ON a.offset = ended.offset
        WHERE a.function = 'lucky'
    """
    assert rows(engine, sql) == [["assignprocessmsg", "edge1", "closesuccessfulmsg", "edge1"]]


def test_a_process_stands_as_it_stands(engine: Engine, world: World) -> None:
    write(engine, world)
    sql = """
        SELECT function, state, executor, attempts, retries, errors, output, priority, label
        FROM processes WHERE function != 'step' ORDER BY created
    """
    assert rows(engine, sql) == [
        ["lucky", "successful", "edge1", 1, 0, [], '["é",{"a":null}]', 3, ""],
        ["overdue", "failed", "edge1", 2, 1, ["Maximum execution time limit exceeded"], "[]", 0, ""],
        ["undelivered", "running", "edge1", 2, 0, [], "[]", 0, ""],
        ["evicted", "waiting", "", 1, 0, [], "[]", 0, ""],
        ["failing", "failed", "cloud1", 1, 0, ["out of luck", "twice"], "[]", 0, ""],
        ["wait", "waiting", "", 0, 0, [], "[]", 0, "later"],
        ["wait", "cancelled", "", 0, 0, [], "[]", 0, ""],
        ["secret", "running", "spy", 1, 0, [], "[]", 0, ""],
    ]


def test_the_specification_is_json_with_everything_in_it(engine: Engine, world: World) -> None:
    write(engine, world)
    sql = "SELECT JSONExtractString(spec, 'args', 1), JSONExtractRaw(spec, 'kwargs') FROM processes WHERE function = 'lucky'"
    assert rows(engine, sql) == [["it's \\ fine", '{"k":[1.5]}']]


def test_a_workflow_holds_its_processes_together(engine: Engine, world: World) -> None:
    write(engine, world)
    sql = """
        SELECT parent.node, child.node, child.input, parent.workflow = child.workflow
        FROM processes AS parent ARRAY JOIN children AS childid
        INNER JOIN processes AS child ON child.processid = childid
    """
    assert rows(engine, sql) == [["first", "second", "[4]", 1]]


def test_log_lines_keep_their_order(engine: Engine, world: World) -> None:
    write(engine, world)
    sql = "SELECT executor, message FROM logs WHERE colony = 'dev' ORDER BY time"
    assert rows(engine, sql) == [["edge1", "half"], ["edge1", "done; 100 %"]]


def test_a_record_is_there_with_who_signed_it_and_what_came_of_it(engine: Engine, world: World) -> None:
    write(engine, world)
    sql = "SELECT payloadtype, colony, role, who, status, refusal FROM records ORDER BY offset"
    found = rows(engine, sql)
    assert len(found) == len(world.events)
    assert found[0] == ["ledgerrules", "", "node", "node", 200, ""]
    assert found[1] == ["addcolonymsg", "dev", "server owner", "server owner", 200, ""]
    assert found[2] == ["addusermsg", "dev", "colony owner", "colony owner", 200, ""]
    assert ["submitfuncspecmsg", "dev", "user", "alice", 200, ""] in found
    assert ["assignprocessmsg", "dev", "executor", "doomed", 200, ""] in found
    refused = [row for row in found if row[4] != 200]
    assert refused == [
        ["cancelprocessmsg", "dev", "stranger", "stranger", 500, "Failed to cancel process, process is nil"],
        [
            "closesuccessfulmsg",
            "dev",
            "executor",
            "edge1",
            403,
            "Failed to close process as successful, process is not assigned",
        ],
    ]


def test_a_record_can_be_checked_without_the_ledger(engine: Engine, world: World) -> None:
    write(engine, world)
    sql = "SELECT digest, signature, identity, toUnixTimestamp64Nano(time), payload FROM records ORDER BY offset"
    for event, found in zip(world.events, rows(engine, sql), strict=True):
        record = event.record
        assert found[:4] == [record.digest.hex(), record.signature.hex(), record.identity, event.time]
        assert found[4].startswith("{")


def test_the_server_owner_is_named_even_when_the_key_changes(directory: Engine) -> None:
    world = World()
    world.call(world.server, ChangeServerId(serverid=identity("heir").id))
    write(directory, world)
    assert rows(directory, "SELECT role FROM records WHERE payloadtype = 'changeserveridmsg'") == [
        ["server owner"]
    ]


def test_payloads_that_are_no_base64_are_kept_as_they_are(directory: Engine) -> None:
    world = World()
    record = world.record(world.server, AddColony(colony=Colony(world.owner.id, "dev")))
    record.payload = b"not base64 \xff"
    world.append(record)
    write(directory, world)
    sql = "SELECT payload, status, colony FROM records WHERE payloadtype = 'addcolonymsg'"
    assert rows(directory, sql) == [["not base64 \ufffd", 400, ""]]


def test_a_removed_process_stays_and_says_so(directory: Engine) -> None:
    world = World()
    world.colony()
    process = world.submit("gone")
    world.call(world.user, RemoveProcess(processid=process.processid))
    world.submit("there")
    write(directory, world)
    sql = "SELECT function, state, removed FROM processes ORDER BY created"
    assert rows(directory, sql) == [["gone", "waiting", True], ["there", "waiting", False]]


def test_what_ran_in_a_removed_colony_does_not_run_for_ever(directory: Engine, world: World) -> None:
    world.call(world.server, RemoveColony(colonyname="other"))
    write(directory, world)
    assert rows(directory, "SELECT outcome, ended FROM attempts WHERE colony = 'other'") == [
        ["colony removed", None]
    ]
    assert rows(directory, "SELECT DISTINCT colony FROM processes WHERE removed") == [["other"]]


def test_writing_twice_changes_nothing(engine: Engine, world: World) -> None:
    write(engine, world)
    once = everything(engine)
    batch = batch_of(world)
    for _ in range(2):
        engine.write(batch, batch.origins)
    assert everything(engine) == once
    counts = rows(engine, "SELECT (SELECT count() FROM records), (SELECT count() FROM attempts)")
    assert counts == [[len(world.events), 10]]


def test_parts_of_an_attempt_may_come_in_any_order(directory: Engine, world: World) -> None:
    write(directory, world)
    expected = everything(directory)
    directory.prepare(afresh=True)
    batch = batch_of(world)
    for _, written in batch.tables:
        written.reverse()
    directory.write(batch, batch.origins)
    assert everything(directory) == expected


def test_rows_follow_from_the_ledger_alone(world: World) -> None:
    again = World()
    tell(again)
    for event in again.events:
        event.message = read_message(REGISTRY[event.record.payloadtype], event.record.payload)
    assert batch_of(again).tables == batch_of(world).tables


@pytest.mark.parametrize("table", ["records", "processes", "attempts", "logs"])
def test_every_column_is_described(directory: Engine, table: str) -> None:
    directory.prepare()
    reply = directory.select(
        "SELECT name, comment FROM system.columns "
        f"WHERE database = '{directory.database}' AND table = '{table}' AND empty(comment)"
    )
    assert b'"rows": 0' in reply


def test_the_secret_is_in_the_history(directory: Engine, world: World) -> None:
    """Otherwise the tests that it does not get out would mean nothing."""
    write(directory, world)
    assert rows(directory, "SELECT count() FROM logs WHERE message = {text:String}", text=SECRET) == [[1]]
    assert rows(
        directory, "SELECT count() FROM records WHERE position(payload, {text:String}) > 0", text=SECRET
    ) == [[2]]
