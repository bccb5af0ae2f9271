"""Questions with a name: the files of `queries/`, each with what it answers and its parameters on top.

A comment line `-- hours = 24: how far back to look` gives a parameter with its default; without
`= …` it must be given. All other comment lines together say what the query answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

import msgspec

__all__ = ["NamedQuery", "Parameter", "UnknownQuery", "named_queries", "named_query"]

_SUFFIX = ".sql"
_PARAMETER = re.compile(r"-- (\w+)(?: = (.*?))?: (.+)")


class UnknownQuery(LookupError):
    """There is no query of this name, or it needs another parameter; the text says what there is."""


class Parameter(msgspec.Struct, frozen=True):
    """What `{name:Type}` in a query stands for; `default` is None if it must be given."""

    default: str | None
    meaning: str


class NamedQuery(msgspec.Struct, frozen=True):
    """A query, what it answers, and what it needs to know."""

    name: str
    answers: str
    parameters: dict[str, Parameter]
    sql: str

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """The values of all parameters.

        Raises:
            UnknownQuery: one is missing, or there is no such parameter.
        """
        for name in given:
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise UnknownQuery(f"{self.name} has no parameter {name}; it has {known}.")
        values = {name: given.get(name, parameter.default) for name, parameter in self.parameters.items()}
        for name, value in values.items():
            if value is None:
                raise UnknownQuery(f"{self.name} needs {name}: {self.parameters[name].meaning}.")
        return {name: value for name, value in values.items() if value is not None}


def named_queries() -> list[NamedQuery]:
    """All queries, by name."""
    folder = files("services.history") / "queries"
    names = sorted(
        path.name.removesuffix(_SUFFIX) for path in folder.iterdir() if path.name.endswith(_SUFFIX)
    )
    return [_read(name, (folder / f"{name}{_SUFFIX}").read_text("utf-8")) for name in names]


def named_query(name: str) -> NamedQuery:
    """The query of a name.

    Raises:
        UnknownQuery: there is none.
    """
    queries = {query.name: query for query in named_queries()}
    if name not in queries:
        raise UnknownQuery(f"There is no query {name!r}; there are {', '.join(queries)}.")
    return queries[name]


def _read(name: str, text: str) -> NamedQuery:
    comments = [line for line in text.splitlines() if line.startswith("--")]
    parameters: dict[str, Parameter] = {}
    answers = []
    for line in comments:
        found = _PARAMETER.fullmatch(line)
        if found is None:
            answers.append(line.removeprefix("--").strip())
        else:
            parameters[found[1]] = Parameter(found[2], found[3])
    sql = "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()
    return NamedQuery(name, " ".join(answers), parameters, sql)
