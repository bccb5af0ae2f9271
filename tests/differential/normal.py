"""Bringing the replies of different servers into one form: ids become symbols, times become distances."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.differential.scene import symbol

__all__ = ["Names", "normalised"]

_IDS = r"\b[0-9a-f]{64}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_UNKNOWN = symbol("?")

_CLOSE = 100
"""Seconds that do not matter: no conversation takes longer."""

_UNORDERED = frozenset(
    ["attributes", "processids", "rootprocessids", "parents", "children", "nodes", "edges", "fileids"]
)
"""Keys of lists whose order means nothing."""

_UNORDERED_REPLIES = frozenset(
    [
        "getblueprintdefinitionsmsg",
        "getblueprintsmsg",
        "getcronsmsg",
        "getexecutorsmsg",
        "getfilesmsg",
        "getfunctionsmsg",
        "getgeneratorsmsg",
        "getlocationsmsg",
        "getusersmsg",
    ]
)
"""RPCs that reply with everything there is: the reference in no certain order."""

_MEASURED = frozenset(
    ["minwaittime", "maxwaittime", "avgwaittime", "minexectime", "maxexectime", "avgexectime"]
)
"""What a function's runs took: only whether it took any time is compared."""

_DAY = 86_400 * 10**9
_PLACED = 10**15
"""Whole numbers above this are times in nanoseconds."""


class Names:
    """What one side calls the things that symbols stand for."""

    def __init__(self, fixed: Mapping[str, str]) -> None:
        self._actual = dict(fixed)
        self._symbols = {actual: name for name, actual in fixed.items()}
        literals = sorted((actual for actual in fixed.values() if actual), key=len, reverse=True)
        self._pattern = re.compile("|".join(rf"\b{re.escape(each)}\b" for each in literals) + f"|{_IDS}")

    def knows(self, actual: str) -> bool:
        """Whether there is a symbol for that id."""
        return actual in self._symbols

    def learn(self, name: str, actual: str) -> None:
        """From now on the symbol `name` stands for that id."""
        self._actual[name] = actual
        self._symbols[actual] = name

    def resolve(self, text: str) -> str:
        """The text with the side's own names; a symbol that it never learned is nobody's id."""
        nothing = self._actual["nothing"]
        return re.sub("«([^»]*)»", lambda found: self._actual.get(found[1], nothing), text)

    def symbolic(self, text: str) -> str:
        """The text with symbols instead of names; ids without one are all alike."""
        return self._pattern.sub(self._replacement, text)

    def _replacement(self, found: re.Match[str]) -> str:
        name = self._symbols.get(found[0])
        return _UNKNOWN if name is None else symbol(name)


def normalised(payloadtype: str, text: str) -> Any:
    """The JSON of a reply, whose ids are symbols already, as it can be compared."""
    value = _value("", json.loads(text), datetime.now(UTC))
    if payloadtype == "getcoloniesmsg":
        return [colony for colony in value if colony["name"].startswith(symbol("colony")[:-1])]
    if isinstance(value, list) and payloadtype in _UNORDERED_REPLIES:
        value.sort(key=_rank)
    return value


def _value(key: str, value: Any, now: datetime) -> Any:
    if isinstance(value, dict):
        return _record(value, now)
    if isinstance(value, list):
        items = [_value("", each, now) for each in value]
        return sorted(items, key=_rank) if key in _UNORDERED else items
    if isinstance(value, str):
        return _text(key, value, now)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "nanoseconds" if value > _PLACED else value
    return value


def _record(record: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Without what is empty: some servers leave it out, some write null."""
    values = {key: _value(key, value, now) for key, value in record.items()}
    if "prioritytime" in record and "submissiontime" in record:
        values["prioritytime"] = _priority(record)
    if "counter" in record:
        values |= {key: record[key] > 0 for key in _MEASURED}
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _text(key: str, text: str, now: datetime) -> Any:
    if key == "workflowspec":
        try:
            return _value("", json.loads(text), now)
        except json.JSONDecodeError:
            return text
    if not _TIME.fullmatch(text):
        return text
    time = datetime.fromisoformat(text)
    if time.year == 1:
        return "never"
    seconds = round((time - now).total_seconds() / _CLOSE) * _CLOSE
    return f"now{seconds:+}"


def _priority(record: Mapping[str, Any]) -> float:
    """The days by which a process goes before those submitted at the same time."""
    submitted = datetime.fromisoformat(record["submissiontime"]).timestamp() * 10**9
    days = float(record["prioritytime"] - submitted) / _DAY
    return -round(days * 1000) / 1000


def _rank(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
