"""Windows beside a node: counted here on an embedded ledger, by workers on Kafka; asked for through an RPC."""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns

from colonyledger.wire import GetWindows, payloadtype_of

from projections.event import Refusal
from services.ingress.api import Handler
from services.ledger.opening import kafka_settings
from services.node.settings import NodeSettings
from services.replica import Replica
from services.streams.answering import Answering
from services.streams.beside import CountingBeside
from services.streams.held import HeldWindows
from services.streams.reading import WindowReader
from services.streams.settings import stored_settings

__all__ = ["Windows"]


class Windows:
    """In the order of a node's life: `follow`, `handlers`, `stop`."""

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._held = HeldWindows(settings.windows_per_colony)
        self._prepare: Callable[[], None] = _refuse
        self._beside: CountingBeside | None = None
        self._reader: WindowReader | None = None

    @property
    def handlers(self) -> dict[str, Handler]:
        """Who answers GetWindows, by payload type."""
        return {payloadtype_of(GetWindows): Answering(self._held, self._prepare).answer}

    def follow(self, replica: Replica) -> None:
        """Hold windows from now on; call it before the replica starts."""
        if not self._settings.windows_per_colony:
            return
        if self._settings.is_on_kafka:
            ledger = kafka_settings(self._settings.ledger_url)
            topic = stored_settings(ledger, "windows", replica.ledger.partitions)
            reader = self._reader = WindowReader(topic, self._held)
            reader.start()
            self._prepare = lambda: _look_at(reader)
        else:
            self._beside = CountingBeside(replica.states, self._held, time_ns())
            replica.listeners.append(self._beside.accept)
            self._prepare = self._beside.store

    async def stop(self) -> None:
        """Hold no more."""
        if self._reader is not None:
            await self._reader.stop()
        if self._beside is not None:
            self._beside.stop()


def _look_at(reader: WindowReader) -> None:
    """Refuse if there is nothing to answer from."""
    if reader.fault is not None:
        raise Refusal(503, f"Failed to get windows: {reader.fault}")
    if not reader.exists:
        raise Refusal(404, "Nobody counts windows for this ledger: start `colony streams worker`")


def _refuse() -> None:
    raise Refusal(404, "This server holds no windows")
