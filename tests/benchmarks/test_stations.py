"""The simulation of processes that share cores."""

from __future__ import annotations

import pytest

from benchmarks.scaling import Costs, Shape, simulate
from benchmarks.stations import Commit, Machine, Process, Simulation

MICROSECOND = 1e-6
COSTS = Costs(
    one_submit=100 * MICROSECOND,
    one_read=50 * MICROSECOND,
    owner_submit=60 * MICROSECOND,
    front_submit=60 * MICROSECOND,
    owner_read=20 * MICROSECOND,
    front_read=50 * MICROSECOND,
    node_submit=150 * MICROSECOND,
    follow=20 * MICROSECOND,
)


def worked(cores: int, processes: int) -> float:
    """Pieces of work of 100 µs that so many processes do in a second on so many cores."""
    simulation = Simulation()
    machine = Machine(simulation, cores)
    done = [0]

    def keep_busy(process: Process) -> None:
        def again() -> None:
            done[0] += 1
            process.take(100 * MICROSECOND, again)

        process.take(100 * MICROSECOND, again)

    for _ in range(processes):
        keep_busy(Process(machine))
    simulation.run(1)
    return done[0]


@pytest.mark.parametrize(
    ("cores", "processes", "rate"), [(1, 1, 10_000), (1, 3, 10_000), (2, 3, 20_000), (4, 2, 20_000)]
)
def test_a_process_does_one_thing_at_a_time_and_a_core_one_process(
    cores: int, processes: int, rate: int
) -> None:
    assert worked(cores, processes) == pytest.approx(rate, rel=0.02)


def test_what_waits_is_made_durable_together() -> None:
    simulation = Simulation()
    commit = Commit(simulation, 1)
    ends: list[float] = []

    def note() -> None:
        ends.append(simulation.now)

    commit.take(note)
    commit.take(note)
    commit.take(note)
    simulation.run(10)
    assert ends == [1, 2, 2]


def test_the_same_seed_is_the_same_run() -> None:
    assert simulate(COSTS, Shape(2, 2), reads=False) == simulate(COSTS, Shape(2, 2), reads=False)


@pytest.mark.parametrize(
    ("shape", "reads", "bound"),
    [
        (Shape(1), False, 1 / COSTS.one_submit),
        (Shape(1), True, 1 / COSTS.one_read),
        (Shape(2, 2), False, 2 / (COSTS.owner_submit + COSTS.front_submit)),
        (Shape(8, 8), False, 1 / COSTS.owner_submit),
        (Shape(8, 8), True, 1 / COSTS.owner_read),
        (Shape(nodes=1), False, 1 / COSTS.node_submit),
        (Shape(nodes=8), False, 8 / (COSTS.node_submit + 7 * COSTS.follow)),
    ],
)
def test_a_shape_comes_near_to_what_bounds_it_and_not_beyond(shape: Shape, reads: bool, bound: float) -> None:
    assert 0.85 * bound < simulate(COSTS, shape, reads=reads) < 1.02 * bound


def test_nodes_that_share_do_more_than_nodes_that_all_fold_everything() -> None:
    everything, shared = [simulate(COSTS, Shape(nodes=16, replicas=number), reads=False) for number in (0, 2)]
    assert shared > 1.3 * everything
