"""What holds of every state, checked against the plain records."""

from __future__ import annotations

from collections import Counter
from itertools import product

from colonyledger.wire import Executor, FunctionSpec, decode

from projections.listings import Filter
from projections.process import LiveProcess
from projections.queue import Limits
from projections.state import Colony, State

STATES = range(5)

Place = tuple[int, int, int]


def check(state: State) -> None:
    """Assert that tables, counts, listings, queue and workflows of all colonies agree."""
    for colony in state.colonies.values():
        _check_members(colony)
        _check_processes(state, colony)
        _check_executions(colony)
        _check_queue(colony)
        _check_graphs(state, colony)
    colonies = list(state.colonies.values())
    assert state.totals.processes == _summed([each.processes.counts for each in colonies], 5)
    assert state.totals.graphs == _summed([each.graphs.counts for each in colonies], 5)
    assert state.totals.executors == _summed([each.executors.counts for each in colonies], 4)


def _summed(counts: list[list[int]], states: int) -> list[int]:
    return [sum(each[state] for each in counts) for state in range(states)]


def place(process: LiveProcess) -> Place:
    """Where a process stands in the queue (queue.md section 3, decisions 20)."""
    return process.record.prioritytime, process.offset, process.index


def _check_members(colony: Colony) -> None:
    executors = list(colony.executors.by_name.values())
    counted = Counter(executor.state for executor in executors)
    assert colony.executors.counts == [counted[state] for state in range(4)]
    present = [executor for executor in executors if executor.state != 3 and executor.executorid]
    assert all(colony.executors.by_id[executor.executorid] is executor for executor in present)
    assert len({executor.executorid for executor in present}) == len(present)
    users = [user for user in colony.users.by_name.values() if user.userid]
    assert {user.userid: user for user in users} == colony.users.by_id
    functions = [each for own in colony.functions.by_executor.values() for each in own.values()]
    assert sorted(each.functionid for each in functions) == sorted(colony.functions.by_id)


def _check_processes(state: State, colony: Colony) -> None:
    processes = colony.processes
    counted = Counter(process.record.state for process in processes.by_id.values())
    assert processes.counts == [counted[each] for each in STATES]
    for each in STATES:
        listed = processes.listed(each, len(processes.by_id) + 1, Filter())
        ids = [record.processid for record in listed]
        mine = {key for key, process in processes.by_id.items() if process.record.state == each}
        assert len(ids) == len(mine)
        assert set(ids) == mine
        if each == 0:
            assert ids == sorted(ids, key=lambda key: place(processes.by_id[key]))
        elif each == 1:
            assert [record.starttime for record in listed] == sorted(record.starttime for record in listed)
        else:
            ends = [record.endtime for record in listed]
            assert ends == sorted(ends, reverse=True)
    _check_filters(colony)
    for key, process in processes.by_id.items():
        found = state.find_process(key)
        assert found is not None
        assert found[1] is process
        assert key.startswith(colony.tag)


def _check_filters(colony: Colony) -> None:
    """What a filter lets pass is what a walk over the whole listing finds, in the same order; so for executors."""
    processes = colony.processes
    count = len(processes.by_id) + 1
    for each in STATES:
        found = [processes.by_id[record.processid] for record in processes.listed(each, count, Filter())]
        given = [
            (process.needs.executortype, process.record.initiatorname, process.label) for process in found
        ]
        narrowed = {
            Filter(*(value if use else "" for value, use in zip(values, used, strict=True)))
            for values in dict.fromkeys(given)
            for used in product((True, False), repeat=3)
        }
        for wanted in narrowed:
            passing = [
                process.record
                for process, values in zip(found, given, strict=True)
                if all(want in ("", value) for want, value in zip(wanted, values, strict=True))
            ]
            assert processes.listed(each, count, wanted) == passing
        submitted = [process for process in processes.by_id.values() if process.record.state == each]
        assert list(processes.in_state(each)) == submitted
        for executorid in {process.record.assignedexecutorid for process in submitted} - {""}:
            own = [process.record for process in submitted if process.record.assignedexecutorid == executorid]
            assert processes.submitted_since(0, each, executorid) == own


def _check_executions(colony: Colony) -> None:
    processes = colony.processes
    running = {key for key, process in processes.by_id.items() if process.record.state == 1}
    held = [key for own in processes.running.values() for key in own]
    assert len(held) == len(running)
    assert set(held) == running
    for executorid, own in processes.running.items():
        for key in own:
            record = processes.by_id[key].record
            assert record.assignedexecutorid == executorid
            assert record.isassigned
            assert not record.waitforparents


def _check_queue(colony: Colony) -> None:
    """Each candidate can be had, and whoever asks gets the first one that fits."""
    candidates = [
        (process, decode(bytes(process.record.spec), FunctionSpec))
        for process in colony.processes.by_id.values()
        if process.record.state == 0 and not process.record.waitforparents
    ]
    candidates.sort(key=lambda each: place(each[0]))
    for process, spec in candidates:
        asked = spec.conditions
        names = asked.executornames or ["somebody"]
        executor = Executor("", asked.executortype, names[-1], locationname=asked.locationname.upper())
        limits = Limits(process.needs.cpu, process.needs.mem)
        first = next(other for other, wanted in candidates if _may_have(executor, limits, other, wanted))
        assert colony.processes.queue.best(executor, limits) == first.record.processid
        assert colony.processes.queue.fits(process.needs, executor, limits)
    waiting = Counter(process.needs.executortype for process, _ in candidates)
    assert all(colony.processes.queue.waiting(kind) == count for kind, count in waiting.items())


def _may_have(executor: Executor, limits: Limits, process: LiveProcess, spec: FunctionSpec) -> bool:
    """The candidate test of queue.md section 4."""
    asked = spec.conditions
    return (
        asked.executortype == executor.executortype
        and (not asked.executornames or executor.executorname in asked.executornames)
        and asked.locationname.lower() in ("", executor.locationname.lower())
        and process.needs.cpu <= limits.cpu
        and process.needs.mem <= limits.mem
    )


def _check_graphs(state: State, colony: Colony) -> None:
    graphs, processes = colony.graphs, colony.processes.by_id
    counted = Counter(graph.record.state for graph in graphs.by_id.values())
    assert graphs.counts == [counted[each] for each in STATES]
    for each in STATES:
        listed = [graph.record.processgraphid for graph in graphs.listed(each, len(graphs.by_id) + 1)]
        offsets = [graphs.by_id[key].offset for key in listed]
        assert offsets == sorted(offsets, reverse=True)
        assert set(listed) == {key for key, graph in graphs.by_id.items() if graph.record.state == each}
    for key, graph in graphs.by_id.items():
        assert state.find_graph(key) == (colony, graph)
        states = [processes[member].record.state for member in graph.members]
        assert graph.counts == [states.count(each) for each in STATES]
        assert graph.record.state == graph_state(states)
        for member in graph.members:
            _check_member(processes, member)
    members = [key for graph in graphs.by_id.values() for key in graph.members]
    assert sorted(members) == sorted(key for key, each in processes.items() if each.record.processgraphid)


def graph_state(states: list[int]) -> int:
    """The state of a workflow whose members are in `states` (workflows.md section 4)."""
    if 3 in states:
        return 3
    if 4 in states:
        return 4
    if set(states) == {2}:
        return 2
    return 1 if 2 in states or 1 in states else 0


def _check_member(processes: dict[str, LiveProcess], key: str) -> None:
    process = processes[key]
    record = process.record
    for parent in record.parents:
        assert key in processes[parent].record.children
    for child in record.children:
        assert key in processes[child].record.parents
    unfinished = [parent for parent in record.parents if processes[parent].record.state != 2]
    assert process.unfinished_parents == len(unfinished)
    if record.state == 0:
        assert record.waitforparents == bool(unfinished)
