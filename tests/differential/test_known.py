"""The table of meant differences says nothing that docs/compatibility.md does not, and the moves cover the protocol."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

import projections.fold  # noqa: F401 (it registers every RPC)
from projections.registry import REGISTRY, Kind
from tests.differential import automation, members, storage, work  # noqa: F401 (they declare the moves)
from tests.differential.choice import MOVES
from tests.differential.comparing import Difference, contradictions, differences
from tests.differential.deviations import Deviation
from tests.differential.known import DEVIATIONS, deviation_for
from tests.differential.normal import Names, normalised
from tests.differential.scene import Move
from tests.differential.sides import Reply

ROWS = [
    line
    for line in (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text().splitlines()
    if line.startswith("| ")
]
SENT = {payloadtype for domain in MOVES.values() for payloadtype in domain}

LEFT_OUT = {
    "changeserveridmsg",  # other tests use the server
    "getnodemsg",  # the reference does not serve it, as the two below
    "getnodesbylocationmsg",
    "getnodesmsg",
    "getwindowsmsg",  # of our own, as the two below
    "queryhistorymsg",
    "queryserverhistorymsg",
}


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.row)
def test_a_meant_difference_is_one_row_of_the_document(deviation: Deviation) -> None:
    assert len([row for row in ROWS if deviation.row in row]) == 1


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.row)
def test_a_meant_difference_is_about_rpcs_that_are_sent(deviation: Deviation) -> None:
    for pattern in deviation.payloadtypes:
        assert any(fnmatchcase(payloadtype, pattern) for payloadtype in SENT), pattern


def test_every_rpc_over_http_is_sent() -> None:
    served = {rpc.payloadtype for rpc in REGISTRY.values() if rpc.kind in (Kind.COMMAND, Kind.QUERY)}
    assert served - SENT == LEFT_OUT
    assert served >= SENT


def test_differences_have_a_place() -> None:
    ours = Reply(200, "x", {"a": [{"b": 1}, {"b": 2}], "c": 3})
    theirs = Reply(200, "y", {"a": [{"b": 1}, {"b": 4}], "d": 3})
    assert list(differences(ours, theirs)) == [
        Difference("payloadtype", "x", "y"),
        Difference("reply.a.*.b", 2, 4),
        Difference("reply.c", 3, "(missing)"),
        Difference("reply.d", "(missing)", 3),
    ]
    assert list(differences(ours, Reply(404, "error", "no"))) == [
        Difference("status", (200, ""), (404, "no"))
    ]
    assert list(differences(Reply(404, "error", "yes"), Reply(404, "error", "no"))) == [
        Difference("message", "yes", "no")
    ]
    assert list(differences(ours, ours)) == []


def test_another_order_is_a_difference() -> None:
    one, two = {"processid": "1", "state": 0}, {"processid": "2", "state": 0}
    found = list(differences(Reply(200, "x", [one, two]), Reply(200, "x", [two | {"state": 1}, one])))
    assert [difference.place for difference in found] == ["reply.order", "reply.*.state"]


def test_a_model_is_contradicted_by_what_it_describes() -> None:
    ours = Reply(200, "x", {"state": 1, "spec": {"label": "l"}})
    assert list(contradictions(ours, Reply(200, "", {"state": 1}))) == []
    assert list(contradictions(ours, Reply(200, "", {"state": 2}))) == [Difference("reply.state", 1, 2)]
    assert list(contradictions(Reply(400, "error", "no way"), Reply(400, "error", "no"))) == []
    assert list(contradictions(Reply(400, "error", "no way"), Reply(400, "error", "way"))) != []


def test_what_is_not_meant_is_not_explained() -> None:
    move = Move("ann", "getprocessmsg", {})
    assert deviation_for(move, Difference("reply.state", 0, 1)) is None
    assert deviation_for(move, Difference("status", (200, ""), (404, "no"))) is None


def test_ids_become_symbols_and_times_become_distances() -> None:
    names = Names({"colony:a": "diff-1-a", "nothing": "0f" * 32})
    names.learn("process:3", "ab" * 32)
    text = names.symbolic(f'{{"id": "{"ab" * 32}", "on": "diff-1-a", "other": "{"cd" * 32}"}}')
    assert normalised("x", text) == {"id": "«process:3»", "on": "«colony:a»", "other": "«?»"}
    assert names.resolve("«process:3» «colony:a» «process:9»") == f"{'ab' * 32} diff-1-a {'0f' * 32}"
    times = '{"a": "0001-01-01T00:00:00Z", "b": "2001-01-01T01:00:00+01:00", "c": "2001-01-01T00:00:00Z"}'
    found = normalised("x", times)
    assert found["a"] == "never"
    assert found["b"] == found["c"]
    assert found["b"].startswith("now-")


def test_what_is_empty_is_like_what_is_left_out() -> None:
    assert normalised("x", '{"a": null, "b": "", "c": [], "d": {}, "e": 0, "f": false}') == {
        "e": 0,
        "f": False,
    }
