"""What a server without a history answers to questions about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from colonyledger.wire import QueryHistory, QueryServerHistory, payloadtype_of

import projections.history  # noqa: F401 (registers the two questions)
from projections.event import Refusal
from services.ingress.api import Handler

__all__ = ["NO_HISTORY"]


async def _refuse(scope: Any, message: Any) -> Any:
    raise Refusal(404, "This server keeps no history")


NO_HISTORY: Mapping[str, Handler] = {
    payloadtype_of(QueryHistory): _refuse,
    payloadtype_of(QueryServerHistory): _refuse,
}
"""Refusals, by payload type."""
