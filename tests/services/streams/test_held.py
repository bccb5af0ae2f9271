"""Windows in memory: the newest of each colony, and no more than there may be."""

from __future__ import annotations

import random

from services.streams.held import HeldWindows
from services.streams.window import WindowKey


def key(start: int, colony: str = "dev", function: str = "f", executor: str = "e") -> bytes:
    return WindowKey(0, start, colony, function, executor).encode()


def test_the_newest_come_first_and_names_choose() -> None:
    held = HeldWindows(100)
    for start in (60, 180, 120):
        for function in ("square", "add"):
            for executor in ("edge", "cloud"):
                name = f"{start} {function} {executor}".encode()
                assert held.put(key(start, function=function, executor=executor), name)
    assert held.put(key(240, "other"), b"another colony's")
    assert held.select("dev", "", "", 0, 3) == [b"180 add cloud", b"180 add edge", b"180 square cloud"]
    assert held.select("dev", "square", "edge", 120, 10) == [b"180 square edge", b"120 square edge"]
    assert held.select("dev", "", "edge", 181, 10) == []
    assert held.select("nobody", "", "", 0, 10) == []


def test_a_later_record_replaces_and_an_empty_one_removes() -> None:
    held = HeldWindows(100)
    held.put(key(60), b"old")
    held.put(key(60), b"new")
    assert held.select("dev", "", "", 0, 10) == [b"new"]
    held.put(key(60), None)
    held.put(key(60), None)
    assert held.select("dev", "", "", 0, 10) == []
    assert not held.all


def test_the_oldest_go_as_a_whole_and_stay_away() -> None:
    held = HeldWindows(4)
    for start in (60, 120):
        for function in ("f", "g"):
            held.put(key(start, function=function), b"%d" % start)
    assert held.put(key(180), b"180")
    assert held.select("dev", "", "", 0, 10) == [b"180", b"120", b"120"]
    assert not held.put(key(60, function="f"), b"60")
    assert held.put(key(60, "other"), b"each colony has room of its own")
    held.clear()
    assert held.put(key(60), b"60")


def test_of_one_time_no_more_are_taken_than_there_is_room_for() -> None:
    held = HeldWindows(2)
    assert [held.put(key(60, function=name), name.encode()) for name in "abc"] == [True, True, False]
    assert held.put(key(60, function="a"), b"a again")
    assert held.select("dev", "", "", 0, 10) == [b"a again", b"b"]
    assert held.put(key(120), b"120")
    assert held.select("dev", "", "", 0, 10) == [b"120"]


def test_never_more_than_the_most_and_always_the_newest(seed: int) -> None:
    chance = random.Random(seed)
    held = HeldWindows(20)
    put: dict[bytes, bytes] = {}
    for number in range(2000):
        start = number // 40 * 60
        name = key(start, function=chance.choice("abcde"))
        if held.put(name, b"%d" % number):
            put[name] = b"%d" % number
        found = held.select("dev", "", "", 0, 100)
        assert len(found) == len(held.all) <= 20
        assert all(put[each] == value for each, value in held.all.items())
        newest = [value for each, value in put.items() if WindowKey.decode(each).start == start]
        assert found[: len(newest)] == [put[each] for each in sorted(put) if put[each] in newest]
