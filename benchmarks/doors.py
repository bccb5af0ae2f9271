"""The HTTP part of an RPC alone: from the bytes of a request to those of its reply, without sockets and without work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from benchmarks.steps import Case
from services.ingress.connection import Connection
from services.ingress.door import Door, House
from services.ingress.heads import Heads
from services.ingress.load import Load
from services.ingress.response import Response

__all__ = ["http_micros"]

_DOORS = 50
"""Connections whose requests are served in one turn of the event loop."""
_PASSES = 5
_MAX_BODY = 1024 * 1024


class _Nowhere(asyncio.Transport):
    """Takes what is written."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Called by the door."""

    def is_closing(self) -> bool:
        """Never."""
        return False


def _no_other() -> asyncio.Protocol:
    raise RuntimeError("a request of the benchmark is not served by the door")


async def http_micros(cases: Sequence[Case]) -> float:
    """Processor time of one request, in µs: the best of some passes over all cases."""
    replies = {case.body: Response(200, case.encoded) for case in cases}

    async def respond(body: bytes, _: Connection) -> Response:
        return replies[body]

    house = House(respond, Heads(_MAX_BODY), Load(2 * _DOORS), _no_other, 2 * _DOORS, set(), set())
    doors = [Door(house) for _ in range(_DOORS)]
    for door in doors:
        door.connection_made(_Nowhere())
    best = float("inf")
    for _ in range(_PASSES):
        began = time.thread_time_ns()
        for start in range(0, len(cases), _DOORS):
            for door, case in zip(doors, cases[start : start + _DOORS], strict=False):
                door.data_received(case.raw)
            await asyncio.sleep(0)
        best = min(best, (time.thread_time_ns() - began) / len(cases) / 1000)
        await asyncio.gather(*house.tasks)
    for door in doors:
        door.connection_lost(None)
    return best
