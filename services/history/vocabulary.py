"""Which words a question may use: functions by an allow-list, keywords by what they do."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

__all__ = ["CALLS", "FORBIDDEN", "TYPES", "functions", "is_function"]

_COMBINATORS = re.compile(
    r"(?:If|Array|Map|Distinct|OrDefault|OrNull|ForEach|Resample|ArgMin|ArgMax)\Z", re.IGNORECASE
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TYPES = _words(
    """
    array bool boolean date date32 datetime datetime64 decimal decimal32 decimal64 decimal128 enum enum8 enum16
    fixedstring float32 float64 int8 int16 int32 int64 int128 ipv4 ipv6 lowcardinality map nullable string tuple
    uint8 uint16 uint32 uint64 uint128 uuid
    """
)
"""Types that values may be converted to, and that parameters may have; in lower case."""

CALLS = _words(
    """
    ALL AND ANY AS BETWEEN BY CASE CUBE DISTINCT ELSE EXCEPT EXISTS FROM HAVING ILIKE IN INTERSECT INTERVAL IS JOIN
    LIKE LIMIT NOT OFFSET ON OR OVER QUALIFY REPLACE ROLLUP SELECT SETS THEN UNION USING WHEN WHERE WITH XOR
    """
)
"""Keywords that may stand before an opening parenthesis without being a function."""

FORBIDDEN = {
    "APPLY": "APPLY calls a function by its bare name; write the calls out",
    "FINAL": "every row is shown once already; leave FINAL out",
    "FORMAT": "the format is chosen outside of the query; a column of that name must be quoted",
    "INTO": "results cannot be written anywhere",
    "OUTFILE": "results cannot be written anywhere",
    "PREWHERE": "write WHERE instead of PREWHERE",
    "RECURSIVE": "recursive queries are not supported",
    "SAMPLE": "the tables cannot be sampled",
    "SETTINGS": "settings cannot be changed",
    "TABLE": "a name TABLE must be quoted",
    "TOTALS": "write WITH ROLLUP instead of WITH TOTALS",
    "VALUES": "rows cannot be made up with VALUES",
}
"""Keywords that no question may use, and what to do instead."""


@lru_cache(maxsize=1)
def functions() -> frozenset[str]:
    """The names of all functions that may be called, without combinators, in lower case."""
    lines = (files("services.history") / "functions.txt").read_text("utf-8").splitlines()
    return frozenset(name.lower() for line in lines if not line.startswith("#") for name in line.split())


def is_function(name: str) -> bool:
    """Whether a function of this name may be called."""
    stem = name.lower()
    while stem not in functions():
        shorter = _COMBINATORS.sub("", stem)
        if shorter == stem:
            return False
        stem = shorter
    return True
