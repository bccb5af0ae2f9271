"""How far one server goes with cores, and several with nodes and partitions: from what was measured, by simulation."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from colonyledger.identity import Identity

from benchmarks.picture import Line, lines
from benchmarks.programs import can_run_kafka, kafka, processes_of, server
from benchmarks.report import Report
from benchmarks.sides import Side
from benchmarks.stations import Commit, Machine, Process, Simulation
from benchmarks.table import Cells
from benchmarks.workload import Effort, Workload
from benchmarks.workloads import workloads
from services.cluster import holders

__all__ = ["Costs", "Shape", "measure_scaling", "simulate"]

_RUNS = 5
_SYNC = 0.0002
_ACKNOWLEDGEMENT = 0.001
"""Seconds of a group's sync, and of a batch's way to the brokers and back: they bound nothing with many clients."""

_CLIENTS = 64
"""For each core."""
_SECONDS, _WARM = 0.4, 0.1
_BEFORE = 0.7
"""The part of a process's work on a command that comes before the record is durable; reads have no other."""
_PARTITIONS = 64
_CORES = (1, 2, 3, 4, 6, 8)
_NODES = (1, 2, 4, 8, 16)


class Costs(NamedTuple):
    """Processor time of one RPC, in seconds."""

    one_submit: float
    one_read: float
    """One process that does everything."""
    owner_submit: float
    front_submit: float
    owner_read: float
    front_read: float
    node_submit: float = 0.0
    """A node on Kafka, with the fold of the record."""
    follow: float = 0.0
    """A record of another node: to fetch it and fold it."""


class Shape(NamedTuple):
    """A server of so many cores and fronts, or so many nodes of one core on Kafka.

    With 0 replicas every node folds everything.
    """

    cores: int = 1
    fronts: int = 0
    nodes: int = 0
    replicas: int = 0
    partitions: int = _PARTITIONS


async def measure_scaling(told: Callable[[str], None]) -> Report:
    """Measure what RPCs cost, and simulate machines that are not here."""
    told("scale")
    costs = await _measure(told)
    cores = [Shape(cores=number, fronts=number if number > 1 else 0) for number in _CORES]
    by_cores = [
        (shape, simulate(costs, shape, reads=False), simulate(costs, shape, reads=True)) for shape in cores
    ]
    nodes = [] if not costs.node_submit else [Shape(nodes=number) for number in _NODES]
    by_nodes = [
        (
            shape,
            simulate(costs, shape, reads=False),
            simulate(costs, shape._replace(replicas=2), reads=False),
            simulate(costs, shape._replace(replicas=2, partitions=shape.nodes), reads=False),
        )
        for shape in nodes
    ]
    tables: list[tuple[str, Cells]] = [("Measured, µs of processor time for each RPC", _cost_cells(costs))]
    tables.append(
        (
            "Simulated: one server, clients elsewhere",
            (
                ["cores", "fronts", "submits per s", "times one", "reads per s", "times one"],
                [
                    [
                        str(shape.cores),
                        str(shape.fronts or "none"),
                        *_rate(submits, by_cores[0][1]),
                        *_rate(reads, by_cores[0][2]),
                    ]
                    for shape, submits, reads in by_cores
                ],
            ),
        )
    )
    drawn = [
        Line("one server, submits, by its cores", [(shape.cores, submits) for shape, submits, _ in by_cores]),
        Line("one server, reads, by its cores", [(shape.cores, reads) for shape, _, reads in by_cores]),
    ]
    if by_nodes:
        tables.append(
            (
                "Simulated: nodes of one core on Kafka, submits per s to 512 colonies",
                (
                    [
                        "nodes",
                        "each folds all",
                        f"2 replicas, {_PARTITIONS} partitions",
                        "2 replicas, a partition for each node",
                    ],
                    [
                        [str(shape.nodes), f"{everything:,.0f}", f"{shared:,.0f}", f"{few:,.0f}"]
                        for shape, everything, shared, few in by_nodes
                    ],
                ),
            )
        )
        drawn += [
            Line(
                "nodes on Kafka, submits, each folds all",
                [(shape.nodes, rate) for shape, rate, *_ in by_nodes],
            ),
            Line(
                "nodes on Kafka, submits, 2 replicas", [(shape.nodes, rate) for shape, _, rate, _ in by_nodes]
            ),
        ]
    picture = lines(
        "How far it goes (simulated)", "cores of a server, or nodes of one core", "RPCs per second", drawn
    )
    return Report("scale", costs._asdict(), tables, {"scale.svg": picture})


def simulate(costs: Costs, shape: Shape, *, reads: bool) -> float:
    """RPCs a second."""
    simulation = Simulation()
    done = [0]
    nodes = _Nodes(simulation, costs, shape) if shape.nodes else None
    begin = nodes.submit if nodes else _Server(simulation, costs, shape, reads=reads).ask

    def again() -> None:
        done[0] += simulation.now >= _WARM
        begin(again)

    for _ in range(_CLIENTS * shape.cores * max(shape.nodes, 1)):
        begin(again)
    simulation.run(_WARM + _SECONDS)
    return done[0] / _SECONDS


class _Server:
    """One server on one machine: a process, or fronts and an owner."""

    def __init__(self, simulation: Simulation, costs: Costs, shape: Shape, *, reads: bool) -> None:
        machine = Machine(simulation, shape.cores)
        self._random = simulation.random
        self._owner = Process(machine)
        self._fronts = [Process(machine) for _ in range(shape.fronts)]
        self._commit = Commit(simulation, _SYNC)
        self._reads = reads
        alone = costs.one_read if reads else costs.one_submit
        self._owning = (costs.owner_read if reads else costs.owner_submit) if shape.fronts else alone
        self._fronting = costs.front_read if reads else costs.front_submit

    def ask(self, then: Callable[[], None]) -> None:
        """One RPC of a client."""
        if not self._fronts:
            self._own(then)
            return
        front = self._random.choice(self._fronts)
        front.take(
            self._fronting * _BEFORE,
            lambda: self._own(lambda: front.take(self._fronting * (1 - _BEFORE), then)),
        )

    def _own(self, then: Callable[[], None]) -> None:
        if self._reads:
            self._owner.take(self._owning, then)
            return
        after = self._owning * (1 - _BEFORE)
        self._owner.take(
            self._owning * _BEFORE, lambda: self._commit.take(lambda: self._owner.take(after, then))
        )


class _Nodes:
    """Nodes on one topic, each a machine of its own; clients come to any of them."""

    def __init__(self, simulation: Simulation, costs: Costs, shape: Shape) -> None:
        self._simulation = simulation
        self._costs = costs
        self._nodes = [Process(Machine(simulation, shape.cores)) for _ in range(shape.nodes)]
        names = [f"node-{number}:50080" for number in range(shape.nodes)]
        self._holders = [
            [names.index(place) for place in sorted(holders(partition, names, shape.replicas))]
            for partition in range(shape.partitions)
        ]
        self._lanes = [Commit(simulation, _ACKNOWLEDGEMENT) for _ in range(shape.partitions)]

    def submit(self, then: Callable[[], None]) -> None:
        """One RPC about a colony of some partition, which is forwarded if the node does not hold it."""
        draw = self._simulation.random
        partition = draw.randrange(512) % len(self._lanes)
        held = self._holders[partition]
        first = draw.randrange(len(self._nodes))
        if first in held:
            self._execute(partition, first, then)
            return
        # Not measured: what a read costs, HTTP on both sides and the recovery of the signer, with half of it each way.
        other, way = draw.choice(held), self._costs.one_read / 2
        self._nodes[first].take(
            way, lambda: self._execute(partition, other, lambda: self._nodes[first].take(way, then))
        )

    def _execute(self, partition: int, node: int, then: Callable[[], None]) -> None:
        before = self._costs.node_submit * _BEFORE
        self._nodes[node].take(
            before, lambda: self._lanes[partition].take(lambda: self._fold(partition, node, then))
        )

    def _fold(self, partition: int, node: int, then: Callable[[], None]) -> None:
        for holder in self._holders[partition]:
            if holder == node:
                self._nodes[node].take(self._costs.node_submit * (1 - _BEFORE), then)
            else:
                self._nodes[holder].take(self._costs.follow, lambda: None)


async def _measure(told: Callable[[str], None]) -> Costs:
    """What RPCs cost here."""
    owner = Identity.generate()
    chosen = {each.name: each for each in workloads(Effort())}
    submit, read = chosen["submit, 32 clients"], chosen["getprocess, 8 clients"]
    with tempfile.TemporaryDirectory(prefix="colony-bench-") as name, ExitStack() as stack:
        directory = Path(name)
        one = stack.enter_context(server(directory / "one", owner))
        two = stack.enter_context(server(directory / "two", owner, "--workers", "2"))
        alone = Side("one", one.url, owner, [one.pid])
        # As if the fronts were the server and all of it what it stores in.
        fronts = Side("two", two.url, owner, processes_of(two.pid)[1:], [two.pid])
        one_submit, _ = await _seconds(alone, submit)
        one_read, _ = await _seconds(alone, read)
        front_submit, all_submit = await _seconds(fronts, submit)
        front_read, all_read = await _seconds(fronts, read)
        costs = Costs(
            one_submit, one_read, all_submit - front_submit, front_submit, all_read - front_read, front_read
        )
        if not can_run_kafka():
            told("no Java: nothing about nodes")
            return costs
        broker = stack.enter_context(kafka(directory / "broker"))
        ledger = f"kafka://{broker.bootstrap}/{uuid4().hex}"
        first, second = [
            stack.enter_context(server(directory / each, owner, "--ledger", ledger)) for each in "ab"
        ]
        both = Side("nodes", first.url, owner, [first.pid], [second.pid])
        node_submit, follow = await _seconds(both, submit)
    return costs._replace(node_submit=node_submit, follow=follow)


async def _seconds(side: Side, workload: Workload) -> tuple[float, float]:
    """Processor time for each RPC of a workload, of the server and of its store, in the run that took least."""
    runs = []
    for _ in range(_RUNS):
        measured = await workload.run(side)
        rpcs = measured.rpcs or measured.operations
        runs.append((measured.server_cpu / rpcs, measured.store_cpu / rpcs))
    return min(runs, key=sum)


def _cost_cells(costs: Costs) -> Cells:
    told = [
        ("one process: submit", costs.one_submit),
        ("one process: getprocess", costs.one_read),
        ("owner behind fronts: submit", costs.owner_submit),
        ("its front: submit", costs.front_submit),
        ("owner behind fronts: getprocess", costs.owner_read),
        ("its front: getprocess", costs.front_read),
        ("node on Kafka: submit", costs.node_submit),
        ("node on Kafka: a record of another node", costs.follow),
    ]
    return ["what", "µs"], [[what, f"{seconds * 1e6:.0f}"] for what, seconds in told if seconds]


def _rate(rate: float, one: float) -> list[str]:
    return [f"{rate:,.0f}", f"{rate / one:.1f}×"]
