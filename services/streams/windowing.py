"""Facts counted into windows by the workers of one group, each of its share of the partitions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from time import time_ns

from aiokafka.errors import KafkaError

from services.ledger.base import LedgerUnavailable
from services.ledger.kafka.consumers import reason_of
from services.streams.counting import Counting
from services.streams.progress import Progress
from services.streams.settings import WorkerSettings
from services.streams.share import Share
from services.streams.stored import Stored
from services.streams.window import Window, WindowKey, decode_window

__all__ = ["Windowing"]

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 2.0
"""Pause after a failure of the brokers."""
_NANOSECONDS = 1_000_000_000


class Windowing:
    """Counts the facts of the partitions that this worker has. `failed` is done when it cannot go on."""

    def __init__(self, settings: WorkerSettings, partitions: int) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settings = settings
        self._facts = settings.facts(partitions)
        self._topics = tuple(settings.stored(each, partitions) for each in ("windows", "ready"))
        self._group = f"{self._facts.topic}-windows"
        self._share: Share | None = None
        self._windows: Mapping[bytes, bytes] = {}
        self._progress = Progress(self._facts, self._group, lambda: self._own)
        self._working: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Join the other workers and begin. Returns at once; brokers that are away are tried again and again."""
        self._working = asyncio.create_task(self._work_for_ever(), name="windows")
        self._working.add_done_callback(self._on_end)
        self._progress.start()

    async def stop(self) -> None:
        """Leave the other workers; what is not stored is counted by them."""
        await self._progress.stop()
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)

    @property
    def lag(self) -> tuple[int, float]:
        """Facts of this worker's partitions that are not counted, and for how many seconds there have been any."""
        return self._progress.records, self._progress.seconds

    def latest(self) -> list[Window]:
        """The newest windows that are over, of the partitions of this worker, by the wall clock."""
        length = self._settings.window_seconds * _NANOSECONDS
        start = (time_ns() // length - 1) * length
        return [
            decode_window(value)
            for key, value in self._windows.items()
            if WindowKey.decode(key).start == start
        ]

    @property
    def _own(self) -> list[int]:
        return [] if self._share is None else sorted(self._share.partitions)

    async def _work_for_ever(self) -> None:
        while True:
            try:
                await self._work()
            except (KafkaError, TimeoutError, LedgerUnavailable) as error:
                logger.warning("windows are not counted, trying again: %s", reason_of(error))
            await asyncio.sleep(_AGAIN_SECONDS)

    def _on_end(self, working: asyncio.Task[None]) -> None:
        error = None if working.cancelled() else working.exception()
        if error is not None:
            self.failed.set_exception(error)

    async def _work(self) -> None:
        """Count until the brokers fail; what is stored is read anew the next time."""
        settings = self._settings
        async with Stored(*self._topics) as stored:
            counting = Counting(stored.windows, stored.ready, settings.window_seconds, settings.kept_seconds)
            self._share = Share(self._facts, self._group, stored, counting)
            self._windows = stored.windows
            await self._share.count_for_ever()
