"""Who may question the history, and about what; the ingress runs the question (docs/history.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import QueryHistory, QueryServerHistory

from projections.locators import owned_colony
from projections.registry import Role, query

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import View

__all__ = ["query_history", "query_server_history"]


@query(QueryHistory, Role.COLONY_OWNER, owned_colony(), "query history")
def query_history(view: View, message: QueryHistory, colony: Colony) -> str:
    """The scope of the question: the name of the colony whose rows may be seen."""
    return colony.record.name


@query(QueryServerHistory, Role.SERVER_OWNER, None, "query history of the server")
def query_server_history(views: list[View], message: QueryServerHistory) -> None:
    """The scope of the question: None, the rows of all colonies may be seen."""
