"""The history beside a node: written behind the fold's back, asked through RPCs."""

from __future__ import annotations

import asyncio

from colonyledger.wire import QueryHistory, QueryServerHistory, payloadtype_of

from services.history.answering import Answering
from services.history.engine import Engine, HistoryError
from services.history.opening import open_history
from services.history.sink import HistorySink
from services.ingress.api import Handler
from services.ingress.metrics import Metrics
from services.node.settings import NodeSettings, SettingsError
from services.replica import Replica
from services.snapshots import StateBefore

__all__ = ["Historian"]

_IN_PROCESS = "chdb"


class Historian:
    """Keeps the history where the settings say."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._engine = engine
        self._answering = Answering(engine)
        self._sink: HistorySink | None = None
        metrics.gauge(
            "colonyledger_history_lag_records", "Records folded and not in the history yet", self._behind
        )
        metrics.gauge(
            "colonyledger_history_lag_seconds", "Ledger time by which the history is behind", self._late
        )

    @classmethod
    async def open(cls, settings: NodeSettings, metrics: Metrics) -> Historian:
        """Open the engine that the settings name.

        Raises:
            SettingsError: it cannot be opened like this; the text says what to do.
        """
        in_process = settings.history == _IN_PROCESS
        place = settings.data_dir / "history" if in_process else settings.history
        try:
            return cls(await asyncio.to_thread(open_history, place), metrics)
        except HistoryError as error:
            raise SettingsError(str(error)) from error

    @property
    def handlers(self) -> dict[str, Handler]:
        """Who answers the questions to the history, by payload type."""
        answer = self._answering.answer
        return {payloadtype_of(QueryHistory): answer, payloadtype_of(QueryServerHistory): answer}

    async def follow(self, replica: Replica, before: StateBefore) -> None:
        """Write down what `replica` folds; call it before the replica starts.

        Rows that are not at hand are made by folding anew, from what `before` gives.

        Raises:
            SettingsError: the history was written from another ledger, or cannot be written.
            LedgerUnavailable: the ledger cannot be read.
        """
        sink = HistorySink(self._engine, replica.ledger, replica.states, before=before)
        try:
            await sink.start()
        except HistoryError as error:
            raise SettingsError(str(error)) from error
        self._sink = sink
        replica.listeners.append(sink.accept)

    def take(self, partition: int) -> None:
        """The replica has begun to follow a partition."""
        if self._sink is not None:
            self._sink.take(partition)

    async def close(self) -> None:
        """Write what is at hand and close the engine."""
        if self._sink is not None:
            await self._sink.close()
        await asyncio.to_thread(self._answering.close)
        await asyncio.to_thread(self._engine.close)

    def _behind(self) -> float:
        return 0 if self._sink is None else self._sink.lag.records

    def _late(self) -> float:
        return 0 if self._sink is None else self._sink.lag.seconds
