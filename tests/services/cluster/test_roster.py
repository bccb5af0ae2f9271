"""Who lives, and who goes first."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise

import msgspec
import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from services.cluster.announcements import decode, encode
from services.cluster.roster import ALIVE_SECONDS, Announcement, Roster, place_hash
from services.ledger import CodecError
from services.ledger.codec import schema_versions

RUNS = ["a", "b", "c", "d"]


def node(run: str, *wanted: int, ready: bool = True) -> Announcement:
    return Announcement(run, "machine", "host", 50080, ready, (7, 8), wanted)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def rosters(*announcements: Announcement) -> dict[str, Roster]:
    """What each of some nodes knows when all have heard all."""
    known = {each.run: Roster(each.run, Clock()) for each in announcements}
    for roster in known.values():
        for announcement in announcements:
            roster.hear(announcement)
    return known


def test_who_does_not_serve_a_partition_does_not_go_first_in_it() -> None:
    without, *others = [
        msgspec.structs.replace(node(run), served=served)
        for run, served in (("a", (0,)), ("b", (0, 1)), ("c", (0, 1)))
    ]
    known = rosters(without, *others)
    for number in range(40):
        ranks = [known[run].rank(str(number), partition=1) for run in ("b", "c")]
        assert sorted(ranks) == [0, 1]
        everywhere = sorted(roster.rank(str(number), partition=0) for roster in known.values())
        assert everywhere == [0, 1, 2]
    assert known["b"].rank("anything", partition=2) == 0, (
        "a node that says nothing of a partition does not serve it"
    )


def test_who_distrusts_a_partition() -> None:
    told = msgspec.structs.replace(node("a"), folded=(7, -1))
    assert [told.distrusts(partition) for partition in range(3)] == [False, True, False]
    assert decode(encode(told)).distrusts(1)


@given(st.text(max_size=20))
def test_all_nodes_agree_on_the_order(subject: str) -> None:
    known = rosters(*(node(run) for run in RUNS))
    assert sorted(roster.rank(subject) for roster in known.values()) == [0, 1, 2, 3]


def test_subjects_spread_over_the_nodes() -> None:
    known = rosters(*(node(run) for run in RUNS))
    firsts = [
        next(run for run, roster in known.items() if roster.rank(str(number)) == 0) for number in range(400)
    ]
    assert all(firsts.count(run) > 60 for run in RUNS)


def test_a_node_that_leaves_changes_the_order_of_nobody_else() -> None:
    for number in range(50):
        subject = str(number)
        known = rosters(*(node(run) for run in RUNS))
        before = sorted(known, key=lambda run: known[run].rank(subject))
        gone = before.pop(number % len(before))
        for run in before:
            known[run].forget(gone)
        ranks = [known[run].rank(subject) for run in before]
        assert all(first < second for first, second in pairwise(ranks))
        assert ranks[0] == 0


def test_only_nodes_that_are_ready_and_want_it_count() -> None:
    here, there = place_hash("dev", "edge"), place_hash("dev", "cloud")
    known = rosters(node("a", here), node("b", here, there), node("c", here, ready=False), node("d"))
    for number in range(50):
        subject = str(number)
        assert {known["a"].rank(subject, here), known["b"].rank(subject, here)} == {0, 1}
        assert known["b"].rank(subject, there) == 0


def test_a_silent_node_is_taken_for_dead() -> None:
    clock = Clock()
    roster = Roster("a", clock)
    roster.hear(node("b"))
    clock.now += ALIVE_SECONDS
    assert [other.run for other in roster.others()] == ["b"]
    clock.now += 0.1
    assert roster.others() == []
    roster.hear(node("b"))
    assert [other.run for other in roster.others()] == ["b"]


def test_a_node_does_not_hear_itself() -> None:
    roster = Roster("a", Clock())
    roster.hear(node("a"))
    assert roster.others() == []


def test_places_are_told_apart() -> None:
    assert (
        len({place_hash("ab", "c"), place_hash("a", "bc"), place_hash("abc", ""), place_hash("", "abc")}) == 4
    )


def test_an_announcement_as_bytes() -> None:
    told = node("a", -(2**63), 2**63 - 1, place_hash("dev", "edge"))
    assert decode(encode(told)) == told


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", b"\x00\x00\x00\x00\x01junk", b"\x00\x00\x00\x00\x04", b"\x00\x00\x00\x00\x05", b"{}"],
)
def test_what_is_no_announcement(body: bytes) -> None:
    with pytest.raises(CodecError):
        decode(body)


def test_who_serves_a_partition() -> None:
    told = [msgspec.structs.replace(node(run), served=served) for run, served in (("b", (0, 1)), ("c", (1,)))]
    known = rosters(node("a"), *told)
    assert [other.run for other in known["a"].serving(1)] == ["b", "c"]
    assert [other.run for other in known["a"].serving(0)] == ["b"]
    assert known["a"].serving(2) == []
    assert known["b"].rank("x", partition=0) == 0
    assert known["a"].rank("x", partition=2) == 0
    assert sorted(known[run].rank("x", partition=1) for run in ("b", "c")) == [0, 1]


def test_an_announcement_of_an_older_version() -> None:
    """It says nothing of what it serves, so nothing is forwarded to it."""
    version = schema_versions()["org.colonyledger.Node"][0]
    told = node("a", 7)
    body = BytesIO(b"\x00" + version.id.to_bytes(4, "big"))
    body.seek(5)
    schemaless_writer(body, parse_schema(version.schema), msgspec.structs.asdict(told))
    assert decode(body.getvalue()) == told
