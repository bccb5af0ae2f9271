"""The server's answer to GetWindows, from the windows that it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from colonyledger.wire import Durations, FunctionWindow, GetWindows

from projections.event import Refusal
from services.ledger.codec import CodecError
from services.streams.held import HeldWindows
from services.streams.sketch import Sketch
from services.streams.window import Window, decode_window

__all__ = ["DEFAULT_WINDOWS", "Answering"]

DEFAULT_WINDOWS = 100
"""Windows of an answer if the request does not say."""

_NANOSECONDS = 1_000_000_000


class Answering:
    """Answers from `held`; `prepare` brings that up to date, or refuses."""

    def __init__(self, held: HeldWindows, prepare: Callable[[], None]) -> None:
        self._held = held
        self._prepare = prepare

    async def answer(self, colony: str, message: GetWindows) -> list[FunctionWindow]:
        """The newest windows of `colony` that `message` asks for.

        Raises:
            Refusal: 404, nobody counts windows here; 503, they cannot be read now.
        """
        self._prepare()
        found = self._held.select(
            colony,
            message.functionname,
            message.executorname,
            message.since,
            message.count or DEFAULT_WINDOWS,
        )
        try:
            return await asyncio.to_thread(_told, found)
        except CodecError as error:
            raise Refusal(503, f"Failed to get windows, a newer worker wrote them: {error}") from error


def _told(values: Sequence[bytes]) -> list[FunctionWindow]:
    return [_as_told(decode_window(value)) for value in values]


def _as_told(window: Window) -> FunctionWindow:
    return FunctionWindow(
        window.start,
        window.seconds,
        window.function,
        window.executor,
        window.assigned,
        window.succeeded,
        window.failed,
        window.cancelled,
        window.put_back,
        window.assigned / window.seconds,
        _durations(window.waited),
        _durations(window.executed),
    )


def _durations(sketch: Sketch) -> Durations:
    if not sketch.counts:
        return Durations()
    mean = sketch.total / sketch.count / _NANOSECONDS
    return Durations(sketch.count, mean, *map(sketch.quantile, (0.5, 0.9, 0.95, 0.99)))
