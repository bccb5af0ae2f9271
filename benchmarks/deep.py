"""Assignment while very many processes wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from benchmarks.connection import Broken, payload_of
from benchmarks.exchanges import connected, share, work
from benchmarks.sides import Measured, Side
from benchmarks.site import Site
from benchmarks.workload import Effort, Goal, Workload

__all__ = ["deep_workloads"]

_EXECUTORS = 8
_SUBMITTERS = 16
_ASSIGNS = 300
"""Assignments of one round; as many processes are submitted after it."""
_SHALLOW = 1000


class _Submitted(msgspec.Struct, gc=False):
    processid: str


def _deep(effort: Effort, depth: int) -> Callable[[Side], Awaitable[Measured]]:
    async def run(side: Side) -> Measured:
        site = await Site(side.url, side.owner).open(_EXECUTORS)
        measured, seen, submitted = Measured(), dict[str, None](), set[str]()
        async with connected(side.url, _SUBMITTERS) as submitters:
            while measured.seconds < effort.seconds:
                missing = depth - (len(submitted) - len(seen))
                made = await share(submitters, (site.submit() for _ in range(missing)))
                submitted |= {
                    msgspec.json.decode(payload_of(body), type=_Submitted).processid
                    for _, body in made.replies
                }
                await work(side, site, seen, measured, (_ASSIGNS, 10 * effort.seconds), closes=False)
        measured.operations = len(seen)
        if not seen.keys() <= submitted:
            raise Broken("a process was assigned that nobody submitted")
        if await site.counts() != (len(submitted) - len(seen), len(seen), 0):
            raise Broken(f"{len(submitted)} submitted, {len(seen)} assigned, {await site.counts()} counted")
        await site.close()
        return measured

    return run


def deep_workloads(effort: Effort) -> list[Workload]:
    """At the depths of the table; less of it in a hurry."""
    made: list[Workload] = []
    for depth in (_SHALLOW, 10_000, 50_000):
        if depth > _SHALLOW and effort.number(depth) < depth:
            continue
        name = f"assign, {depth:,} waiting, {_EXECUTORS} executors"
        flat = made[0].name if made else ""
        made.append(
            Workload(
                name,
                "assigns",
                _deep(effort, depth),
                Goal(8, flat),
                most_repeats=1 if depth > _SHALLOW else 100,
            )
        )
    return made
