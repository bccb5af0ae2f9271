"""Write the table of time zones, projections/zonetable.py, from the IANA database in the package tzdata.

    python -m infra.zones.generate > projections/zonetable.py

The table is part of the rules of the fold. A table with other contents takes a new rules version, and
the old one stays for the records before it.
"""

from __future__ import annotations

import struct
import sys
import textwrap
from datetime import UTC, datetime
from importlib import import_module
from importlib.resources import files
from itertools import takewhile

from projections.zones import periods_of

START = int(datetime(2023, 1, 1, tzinfo=UTC).timestamp())
"""No ledger is older, so nothing before this is in the table."""

WIDTH = 100

HEADER = '''"""Time zones, written by infra/zones/generate.py from IANA {version}; change that one.

A line is a rule as POSIX writes it, after the changes of offset that the rule does not tell: the
offset in minutes east of UTC at first, then `time=offset` in minutes since 1970 and east of UTC.
"""

__all__ = ["VERSION", "ZONES"]

VERSION = "{version}"
"""The release of the IANA database."""

_LINES = {{'''

FOOTER = """}

ZONES = {name: line for line, names in _LINES.items() for name in names.split()}
\"\"\"The line of each zone.\"\"\""""


def read(name: str) -> tuple[int, list[tuple[int, int]], str]:
    """A zone from START on: its offset, its changes (time, offset) and the rule after them."""
    data = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    sizes = struct.unpack(">6l", data[20:44])
    utc, standard, leaps, times, types, letters = sizes
    start = 44 + times * 5 + types * 6 + letters + leaps * 8 + standard + utc
    utc, standard, leaps, times, types, letters = struct.unpack(">6l", data[start + 20 : start + 44])
    place = start + 44
    moments = struct.unpack(f">{times}q", data[place : place + 8 * times])
    kinds = data[place + 8 * times : place + 9 * times]
    place += 9 * times
    offsets = [struct.unpack_from(">l", data, place + 6 * kind)[0] for kind in range(types)]
    rule = data[place + 6 * types + letters + 12 * leaps + standard + utc :].strip().decode()
    offset = offsets[0]  # before all changes; of no interest if the rule holds at START already
    changes: list[tuple[int, int]] = []
    for moment, kind in zip(moments, kinds, strict=True):
        if moment <= START:
            offset = offsets[kind]
        else:
            changes.append((moment, offsets[kind]))
    return offset, changes, rule


def line(offset: int, changes: list[tuple[int, int]], rule: str) -> str:
    """The shortest line that tells the zone: with as few changes before the rule as possible."""
    if not changes:
        return rule
    until = changes[-1][0]
    for count in range(len(changes) + 1):
        listed = [f"{offset // 60}", *(f"{time // 60}={after // 60}" for time, after in changes[:count])]
        text = " ".join([*listed, rule] if count else [rule])
        if told_by(text, until) == merged([(START, offset), *changes]):
            return text
    raise ValueError(f"{rule} does not go on after {changes}")


def told_by(text: str, until: int) -> list[tuple[int, int]]:
    """The offset at START and the changes up to `until` that a line tells."""
    told = takewhile(lambda period: period.start <= until, periods_of(text, START))
    return merged([(period.start, period.offset) for period in told])


def merged(changes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The changes that change the offset."""
    return [change for place, change in enumerate(changes) if not place or change[1] != changes[place - 1][1]]


def zones() -> dict[str, str]:
    """The line of each zone that there is."""
    names = files("tzdata").joinpath("zones").read_text("utf-8").split()
    return {name: line(*read(name)) for name in sorted(names)}


def release() -> str:
    """Which release of the IANA database the package holds."""
    return str(import_module("tzdata").IANA_VERSION)


def main() -> None:
    """Print the table."""
    lines: dict[str, list[str]] = {}
    for name, text in zones().items():
        lines.setdefault(text, []).append(name)
    table = [HEADER.format(version=release())]
    for text, same in sorted(lines.items()):
        table += ["    (", *quoted(text), "    ): (", *quoted(" ".join(same)), "    ),"]
    sys.stdout.write("\n".join([*table, FOOTER, ""]))


def quoted(text: str) -> list[str]:
    """A text as literals that follow each other, one a line."""
    parts = textwrap.wrap(text, WIDTH, break_long_words=False)
    return [f'        "{part}{" " if part is not parts[-1] else ""}"' for part in parts]


if __name__ == "__main__":
    main()
