"""Windows by Faust: it shares the partitions of the facts among workers and brings back what was stored.

What Faust does by itself when a table is changed is not used: it logs a change that the brokers did not
take, and commits all the same. Here every change is awaited before the facts behind it are done, so a
worker that dies at any moment, or loses its brokers, leaves facts that come again and nothing lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from tempfile import TemporaryDirectory
from time import monotonic, time_ns
from typing import Any, cast

import faust
from faust.streams import Stream
from faust.types import TP, AppT, EventT, StreamT, TableT

from services.facts.codec import decode
from services.facts.positions import Positions
from services.ledger.codec import CodecError
from services.streams.brokers import faust_broker
from services.streams.counting import Change, Counting
from services.streams.progress import Progress
from services.streams.settings import WorkerSettings
from services.streams.window import Window, WindowKey, decode_window

__all__ = ["Windowing"]

logger = logging.getLogger(__name__)

_BATCH = 1000
"""Facts that are counted before what they changed is stored, at most."""
_FLUSH_SECONDS = 0.5
"""How long facts wait for that, at most."""
_SESSION_SECONDS = 10.0
"""How long a worker may be silent before its partitions go to others."""
_STALLED_SECONDS = 120.0
"""How long facts may wait while none comes before Faust is taken for stuck."""
_LOOK_SECONDS = 5.0
_NANOSECONDS = 1_000_000_000


class Windowing:
    """Counts the facts of the partitions that this worker has. `failed` is done when it cannot go on."""

    def __init__(self, settings: WorkerSettings, partitions: int) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settings = settings
        self._facts = settings.facts(partitions)
        self._own: set[int] = set()
        """The partitions of this worker."""
        self._seen = Positions()
        self._waiting: list[EventT[Any]] = []
        self._came = monotonic()
        """When the last fact came."""
        self._storing = asyncio.Lock()
        self._folder = TemporaryDirectory(prefix="colony-windows-")
        """Faust makes folders where it is told to, though nothing is kept in them."""
        self._app = self._make_app(partitions)
        self._progress = Progress(self._facts, self._app.conf.id, lambda: sorted(self._own))
        self._windows = self._table("windows", partitions)
        self._ready = self._table("ready", partitions)
        self._counting = Counting(
            self._windows.data, self._ready.data, settings.window_seconds, settings.kept_seconds
        )

    async def start(self) -> None:
        """Join the other workers and begin."""
        topic = self._app.topic(self._facts.topic, **_BYTES)
        self._app.agent(topic, name="windows")(self._take_for_ever)
        self._app.timer(_FLUSH_SECONDS, name="store")(self._store_waiting)
        self._app.on_partitions_revoked.connect(self._on_revoked)
        self._app.on_partitions_assigned.connect(self._on_assigned)
        await self._app.start()
        self._progress.start()

    async def stop(self) -> None:
        """Leave the other workers; what is not stored is counted by them."""
        await self._progress.stop()
        await self._app.stop()
        self._folder.cleanup()

    async def stalled(self) -> None:
        """Wait until facts have waited for two minutes while none came.

        Faust now and then does not begin again when workers come and go while it brings back its tables.
        """
        while min(self._progress.seconds, monotonic() - self._came) < _STALLED_SECONDS:  # noqa: ASYNC110 (it is a clock)
            await asyncio.sleep(_LOOK_SECONDS)

    @property
    def lag(self) -> tuple[int, float]:
        """Facts of this worker's partitions that are not counted, and for how many seconds there have been any."""
        return self._progress.records, self._progress.seconds

    def latest(self) -> list[Window]:
        """The newest windows that are over, of the partitions of this worker, by the wall clock."""
        length = self._settings.window_seconds * _NANOSECONDS
        start = (time_ns() // length - 1) * length
        stored: Mapping[bytes, bytes] = self._windows.data
        keys = ((key, WindowKey.decode(key)) for key in list(stored))
        return [
            decode_window(stored[key]) for key, of in keys if of.start == start and of.partition in self._own
        ]

    def _make_app(self, partitions: int) -> AppT:
        return faust.App(
            f"{self._facts.topic}-windows",
            **faust_broker(self._facts),
            broker_commit_interval=1.0,
            broker_session_timeout=_SESSION_SECONDS,
            broker_heartbeat_interval=_SESSION_SECONDS / 5,
            consumer_auto_offset_reset="earliest",
            datadir=self._folder.name,
            loghandlers=[],
            store="memory://",
            stream_buffer_maxsize=4096,
            table_standby_replicas=0,
            topic_allow_declare=False,
            topic_disable_leader=True,
            topic_partitions=partitions,
            web_enabled=False,
        )

    def _table(self, definition: str, partitions: int) -> TableT[bytes, bytes]:
        topic = self._settings.stored(definition, partitions).topic
        return self._app.Table(
            definition,
            partitions=partitions,
            schema=faust.Schema(**_BYTES),
            changelog_topic=self._app.topic(topic, **_BYTES),
        )

    async def _take_for_ever(self, stream: StreamT[Any]) -> None:
        try:
            async for event in cast("Stream[bytes]", stream).noack().events():
                self._take(event)
                if len(self._waiting) >= _BATCH:
                    await self._store()
        except Exception as error:
            self._fail(error)
            raise

    def _take(self, event: EventT[bytes]) -> None:
        partition = event.message.partition
        self._came = monotonic()
        try:
            fact = decode(event.value or b"")
        except CodecError as error:
            where = f"topic {self._facts.topic}, partition {partition}, offset {event.message.offset}"
            raise CodecError(f"{where}: {error}") from error
        if self._seen.is_new(fact):
            self._counting.take(fact)
        self._waiting.append(event)

    async def _store_waiting(self) -> None:
        try:
            await self._store()
        except Exception as error:
            self._fail(error)
            raise

    async def _store(self) -> None:
        """Store what the facts that wait have changed, and note them as done."""
        async with self._storing:
            waiting, self._waiting = self._waiting, []
            if not waiting:
                return
            counting = self._counting
            moments, windows = counting.new_moments(), counting.changed_windows()
            spent = counting.spent_moments()
            await self._write((self._ready, moments), (self._windows, windows))
            await self._write((self._ready, spent), (self._windows, counting.old_windows()))
            for event in waiting:
                event.ack()

    async def _write(self, *writes: tuple[TableT[bytes, bytes], Sequence[Change]]) -> None:
        """Change tables, and return when the brokers have all changes."""
        sent = []
        for table, changes in writes:
            for partition, key, value in changes:
                sent.append(table.send_changelog(partition, key, value, "raw", "raw"))
                if value is None:
                    table.data.pop(key, None)
                else:
                    table.data[key] = value
        if sent:
            await asyncio.gather(*sent)

    def _on_assigned(self, *told: Any, **_: Any) -> None:
        assigned: set[TP] = told[1]
        self._own |= {partition for topic, partition in assigned if topic == self._facts.topic}

    async def _on_revoked(self, *told: Any, **_: Any) -> None:
        """Others count these partitions from now on, from what is stored: let nothing be under way."""
        revoked: set[TP] = told[1]
        gone = frozenset(partition for topic, partition in revoked if topic == self._facts.topic)
        async with self._storing:
            self._waiting = [event for event in self._waiting if event.message.partition not in gone]
            self._counting.drop(gone)
            self._own -= gone
            for partition in gone:
                self._seen.forget(partition)

    def _fail(self, error: Exception) -> None:
        logger.error("windows cannot be counted any more: %s", error)
        if not self.failed.done():
            self.failed.set_exception(error)


_BYTES: dict[str, Any] = {
    "key_type": bytes,
    "value_type": bytes,
    "key_serializer": "raw",
    "value_serializer": "raw",
}
