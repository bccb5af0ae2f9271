"""Time zones: the table against the IANA database that it is made from."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest

from infra.zones import generate
from projections.zones import Period, is_zone, periods, periods_of
from projections.zonetable import VERSION, ZONES

UNTIL = int(datetime(2045, 1, 1, tzinfo=UTC).timestamp())


def at(year: int, month: int = 1, day: int = 1, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp())


def database(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, name)


def offset(zone: ZoneInfo, second: int) -> int:
    found = datetime.fromtimestamp(second, zone).utcoffset()
    assert found is not None
    return int(found.total_seconds())


def test_the_table_is_made_from_the_database_that_is_installed() -> None:
    assert generate.release() == VERSION
    assert generate.zones() == ZONES


@pytest.mark.parametrize("initial", sorted({name[0] for name in ZONES}))
def test_every_zone_keeps_the_offsets_of_the_database(initial: str) -> None:
    for name in (name for name in ZONES if name.startswith(initial)):
        zone = database(name)
        told = list(takewhile(lambda period: period.start < UNTIL, periods(name, generate.START)))
        assert told[0].start == generate.START
        assert told[-1].end >= UNTIL
        for period in told:
            end = min(period.end, UNTIL)
            for second in (period.start, (period.start + end) // 2, end - 1):
                assert offset(zone, second) == period.offset, (name, datetime.fromtimestamp(second, UTC))
        assert all(before.end == after.start for before, after in pairwise(told))


def test_periods_begin_anywhere() -> None:
    spring, autumn = at(2026, 3, 29, 1), at(2026, 10, 25, 1)
    assert list(islice(periods("Europe/Stockholm", at(2026)), 2)) == [
        Period(at(2026), spring, 3600),
        Period(spring, autumn, 7200),
    ]
    assert next(periods("Europe/Stockholm", spring - 1)) == Period(spring - 1, spring, 3600)
    assert next(periods("Europe/Stockholm", spring)) == Period(spring, autumn, 7200)
    assert next(periods("Europe/Stockholm", autumn)).offset == 3600


@pytest.mark.parametrize(
    ("name", "offsets"),
    [
        ("UTC", [0]),
        ("Asia/Kolkata", [19_800]),
        ("Asia/Kathmandu", [20_700]),
        ("America/New_York", [-18_000, -14_400, -18_000]),
        ("Europe/Dublin", [0, 3600, 0]),
        ("Australia/Lord_Howe", [39_600, 37_800, 39_600]),
        ("Antarctica/Troll", [0, 7200, 0]),
    ],
)
def test_offsets_of_a_year(name: str, offsets: list[int]) -> None:
    year = takewhile(lambda period: period.start < at(2025), periods(name, at(2024)))
    assert [period.offset for period in year] == offsets


def test_changes_that_no_rule_tells_come_first() -> None:
    told = list(islice(periods_of("60 27816480=120 27816540=-150 <-02>2", 0), 3))
    assert told[:2] == [Period(0, 60 * 27816480, 3600), Period(60 * 27816480, 60 * 27816540, 7200)]
    assert told[2].offset == -7200


@pytest.mark.parametrize("line", ["CET", "CET-1CEST,J60,J300", "60 CET-1CEST,M3.5.0"])
def test_what_is_no_rule_is_found(line: str) -> None:
    with pytest.raises(ValueError, match="is no rule of a time zone"):
        next(periods_of(line, 0))


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("Europe/Stockholm", True),
        ("UTC", True),
        ("europe/stockholm", False),
        ("", False),
        ("Mars/Olympus", False),
    ],
)
def test_names(name: str, there: bool) -> None:
    assert is_zone(name) is there
