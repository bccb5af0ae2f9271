"""The server's answer to questions about the history: in threads, a few at a time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

from colonyledger.wire import HistoryResult, QueryHistory, QueryServerHistory

import projections.history  # noqa: F401 (registers the two questions)
from projections.event import Refusal
from services.history.asking import ask
from services.history.engine import Engine, HistoryUnavailable, QueryFailed
from services.history.lexing import SqlRefused
from services.history.scope import Limits

__all__ = ["DEFAULT_ROWS", "MAX_ROWS", "MAX_WAITING", "Answering"]

DEFAULT_ROWS = 10_000
"""Rows of an answer if the question does not say."""
MAX_ROWS = 100_000
"""Rows that a question may ask for."""
MAX_WAITING = 32
"""Questions that run or wait; further ones are refused with 429."""

_THREADS = 2


class Answering:
    """Answers QueryHistory and QueryServerHistory from `engine`; without one, refuses them."""

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="history-question")
        self._asked = 0
        if engine is not None:
            import_module("services.history.shape")  # slow to load: now, not beside the first question

    async def answer(self, scope: str | None, message: QueryHistory | QueryServerHistory) -> HistoryResult:
        """The rows that `message` asks for; `scope` is the colony whose rows may be seen, None for all.

        Raises:
            Refusal: 400, the question cannot be asked or exceeds a limit; 404, there is no history;
                429, too many questions at once; 503, the engine is away.
        """
        if self._engine is None:
            raise Refusal(404, "This server keeps no history")
        if not 0 <= message.maxrows <= MAX_ROWS:
            raise Refusal(400, f"Failed to query history, maxrows is not between 0 and {MAX_ROWS}")
        if self._asked >= MAX_WAITING:
            raise Refusal(429, "Too many questions to the history at once")
        limits = Limits(message.maxrows or DEFAULT_ROWS)
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, ask, self._engine, scope, message.sql, message.parameters, limits
            )
        except (SqlRefused, QueryFailed) as error:
            raise Refusal(400, f"Failed to query history: {error}") from error
        except HistoryUnavailable as error:
            raise Refusal(503, str(error)) from error
        finally:
            self._asked -= 1

    def close(self) -> None:
        """Wait for the questions that run; none may be asked after this."""
        self._threads.shutdown(cancel_futures=True)
