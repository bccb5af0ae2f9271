"""Workflows that executors run to their ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from colonyledger.wire import GetProcessGraph, ProcessGraph, SubmitWorkflow, WorkflowSpec

from benchmarks.connection import Broken, payload_of, request
from benchmarks.exchanges import connected, share, work
from benchmarks.sides import Measured, Side
from benchmarks.site import Site
from benchmarks.workload import Effort, Goal, Workload

__all__ = ["flow_workloads"]

_EXECUTORS = 8
_SUCCESSFUL = 2
_SECONDS = 300
"""Time for one round; whoever takes longer has failed."""


def _workflow(site: Site, nodes: int) -> bytes:
    """One root, `nodes` - 2 in the middle and one at the end."""
    middle = [f"middle-{turn}" for turn in range(nodes - 2)]
    specs = [site.spec("root"), *(site.spec(name, ["root"]) for name in middle), site.spec("end", middle)]
    return request(site.user, SubmitWorkflow(spec=WorkflowSpec(site.name, specs)))


def _run(effort: Effort, nodes: int, number: int) -> Callable[[Side], Awaitable[Measured]]:
    async def run(side: Side) -> Measured:
        site = await Site(side.url, side.owner).open(_EXECUTORS)
        measured, seen, submitted = Measured(), dict[str, None](), set[str]()
        async with connected(side.url, number) as connections:
            while measured.seconds < effort.seconds:
                made = await share(connections, [_workflow(site, nodes) for _ in range(number)])
                graphs = [
                    msgspec.json.decode(payload_of(body), type=ProcessGraph) for _, body in made.replies
                ]
                if any(len(graph.processids) != nodes for graph in graphs):
                    raise Broken("a workflow has not as many processes as were asked for")
                submitted |= {processid for graph in graphs for processid in graph.processids}
                await work(side, site, seen, measured, (nodes * number, _SECONDS))
                for graph in graphs:
                    asked = GetProcessGraph(processgraphid=graph.processgraphid)
                    ended = await site.call(site.user, asked)
                    if ended.state != _SUCCESSFUL:
                        raise Broken(
                            f"all processes of a workflow were closed, and its state is {ended.state}"
                        )
        measured.operations, measured.rpcs = len(seen), 2 * len(seen)
        if seen.keys() != submitted or await site.counts() != (0, 0, len(submitted)):
            raise Broken(f"not all of {len(submitted)} nodes were run: {await site.counts()}")
        await site.close()
        return measured

    return run


def flow_workloads(effort: Effort) -> list[Workload]:
    """At the sizes of the table."""
    made: list[Workload] = []
    for nodes, number, times in ((5, 20, 15.0), (50, 2, 80.0), (100, 1, 0.0)):
        name = f"workflows of {nodes} nodes, {_EXECUTORS} executors"
        flat = "" if times else made[-1].name
        made.append(Workload(name, "nodes", _run(effort, nodes, number), Goal(times, flat)))
    return made
