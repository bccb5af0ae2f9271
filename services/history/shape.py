"""What a question reads, as a SQL parser sees it: tables of the history, subqueries, and CTEs in scope."""

from __future__ import annotations

from collections.abc import Collection

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from services.history.lexing import SqlRefused

__all__ = ["tables_read"]

_OURS = "readonly"
"""One of our settings."""
_REFUSED_NODES = (
    exp.DDL,
    exp.DML,
    exp.Command,
    exp.Into,
    exp.Lateral,
    exp.Values,
    exp.Pivot,
    exp.Placeholder,
)


def tables_read(sql: str, tables: Collection[str]) -> tuple[str, ...]:
    """The tables that a SELECT reads, in the order of their names, if all it reads is among `tables`.

    Settings will follow it; it must end so that they are read as settings.

    Raises:
        SqlRefused: it is not one SELECT, or reads something else.
    """
    try:
        parsed = sqlglot.parse(f"{sql} SETTINGS {_OURS} = 1", dialect="clickhouse")
    except (SqlglotError, RecursionError) as error:
        reason = str(error).partition("\n")[0].replace("\x1b[4m", "").replace("\x1b[0m", "")
        raise SqlRefused(f"The query cannot be understood: {reason}") from None
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Select | exp.SetOperation):
        raise SqlRefused("A query is one SELECT, or several joined by UNION, INTERSECT or EXCEPT.")
    if len(parsed[0].args.get("settings") or ()) != 1:
        raise SqlRefused("The query cannot be understood: its end is missing.")
    shape = _Shape(frozenset(tables))
    shape.visit(parsed[0], frozenset())
    return tuple(sorted(shape.used))


class _Shape:
    """Walks over a parsed query and notes the tables that it reads."""

    def __init__(self, tables: frozenset[str]) -> None:
        self._tables = tables
        self.used: set[str] = set()

    def visit(self, node: exp.Expr, visible: frozenset[str]) -> None:
        """Check `node` and what is in it; `visible` are the CTEs that it may read."""
        with_ = node.args.get("with_")
        if with_ is not None:
            visible = self._visit_ctes(with_, visible)
        self._check(node, visible)
        for child in node.iter_expressions():
            if child is not with_:
                self.visit(child, visible)

    def _check(self, node: exp.Expr, visible: frozenset[str]) -> None:
        if isinstance(node, _REFUSED_NODES):
            raise SqlRefused(f"{node.key.upper()} cannot be used in a query.")
        if isinstance(node, exp.Table):
            self._check_table(node, visible)
        elif isinstance(node, exp.From) or (isinstance(node, exp.Join) and node.kind != "ARRAY"):
            if not isinstance(node.this, exp.Table | exp.Subquery):
                raise SqlRefused("A query reads from tables and subqueries only.")
        elif isinstance(node, exp.In):
            self._check_in(node)
        elif isinstance(node, exp.CastToStrType) and not node.args["to"].is_string:
            raise SqlRefused("The type in CAST must be written out.")

    def _visit_ctes(self, with_: exp.Expr, visible: frozenset[str]) -> frozenset[str]:
        for cte in with_.expressions:
            self.visit(cte.this, visible)
            if cte.alias in self._tables:
                raise SqlRefused(f"A subquery cannot be called {cte.alias}: that is a table.")
            if isinstance(cte.this, exp.Query) and not cte.args.get("scalar"):
                visible |= {cte.alias}
        return visible

    def _check_table(self, table: exp.Table, visible: frozenset[str]) -> None:
        if not isinstance(table.this, exp.Identifier):
            raise SqlRefused("Table functions cannot be used.")
        if table.args.get("db") or table.args.get("catalog") or table.name not in self._tables | visible:
            known = ", ".join(sorted(self._tables))
            raise SqlRefused(f"There is no table {table.sql('clickhouse')}; the tables are {known}.")
        if table.name in self._tables:
            self.used.add(table.name)

    def _check_in(self, node: exp.In) -> None:
        """The engine takes a bare name after IN for a table."""
        values = [node.args.get("field"), *node.expressions]
        if any(value is not None and value.find(exp.Column) for value in values):
            raise SqlRefused("After IN comes a list of values, or (SELECT … FROM …).")
