"""A naive colony, written from the protocol with plain lists: what the fold must agree with.

It knows one colony, its owner, one user and some executors. It is slow and has no indexes; every
answer is computed from the lists of processes and workflows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from colonyledger.wire import FunctionSpec, Statistics

from tests.projections.modelled import (
    CANCELLED,
    CPU,
    FAILED,
    MEM,
    NAMES,
    RUNNING,
    SECOND,
    SUCCESS,
    WAITING,
    Graph,
    Member,
    Proc,
    Refused,
)


class Model:
    """One colony called "dev"."""

    def __init__(self, now: int, user: Member) -> None:
        self.now = now
        self.offset = 0
        self.user = user
        self.paused = False
        self.executors: dict[str, Member] = {}
        self.processes: list[Proc] = []
        self.graphs: list[Graph] = []
        self._moves = 0

    # -- time ----------------------------------------------------------------------------------------------

    def begin(self, now: int, offset: int) -> None:
        """A record comes: the clock moves, and what is due fires before it is looked at."""
        self.now, self.offset = now, offset
        while due := sorted(self._due()):
            self._fire(due[0][2])

    def _due(self) -> Iterator[tuple[int, int, Proc]]:
        for place, process in enumerate(self.processes):
            if process.is_candidate and 0 < process.waitdeadline <= self.now:
                yield process.waitdeadline, place, process
            if process.state == RUNNING and 0 < process.execdeadline <= self.now:
                yield process.execdeadline, place, process

    def _fire(self, process: Proc) -> None:
        if process.state == WAITING:
            self._fail(process, ["Maximum waiting time limit exceeded"])
        elif 0 <= process.spec.maxretries <= process.retries:
            self._fail(process, ["Maximum execution time limit exceeded"])
        else:
            process.retries += 1
            process.ended = self.now
            self._to_queue(process)

    # -- members -------------------------------------------------------------------------------------------

    def caller(self, name: str) -> Member:
        """An approved executor or the user (identity.md section 6, check A)."""
        executor = self.executors.get(name)
        if executor is not None and executor.state == 1:
            return executor
        if name == "user":
            return self.user
        raise Refused(403, "Access denied, not a member of Colony with name <dev>")

    def add_executor(self, new: Member) -> None:
        present = self.executors.get(new.name)
        if present is not None and present.state != 3:
            raise Refused(400, f"Executor with name <{new.name}> in Colony <dev> already exists")
        self.executors.pop(new.name, None)
        self.executors[new.name] = new

    def set_executor_state(self, name: str, state: int, doing: str) -> None:
        executor = self.executors.get(name)
        if executor is None:
            raise Refused(500, f"Failed to {doing} executor, executor is nil")
        if state == 3:
            executor.functions.clear()
            held = [each for each in self.processes if each.state == RUNNING and each.is_held_by(executor)]
            for process in sorted(held, key=lambda each: each.moved):
                self._give_back(process)
        elif executor.state == 3:
            raise Refused(400, f"Failed to {doing} executor, ")
        executor.state = state

    # -- processes -----------------------------------------------------------------------------------------

    def submit(self, name: str, spec: FunctionSpec, processid: str) -> Proc:
        process = Proc(processid, (self.offset, 0), self.caller(name), spec, self.now)
        self._check_spec(spec)
        self._add(process)
        self._wait(process)
        return process

    def _check_spec(self, spec: FunctionSpec) -> None:
        if abs(spec.priority) > 50_000:
            outside = "priority outside range [-50000, 50000]"
            raise Refused(400, f"Failed to submit function spec, {outside}")
        if spec.conditions.cpu not in CPU:
            raise Refused(400, "Error converting CPU to int")
        if spec.conditions.mem not in MEM:
            raise Refused(400, "error converting memory to int")

    def _add(self, process: Proc) -> None:
        process.attributes = [(key, value, 3) for key, value in process.spec.env.items()]
        self.processes.append(process)

    def _wait(self, process: Proc) -> None:
        if process.spec.maxwaittime > 0:
            process.waitdeadline = self.now + process.spec.maxwaittime * SECOND

    def find(self, processid: str, status: int, text: str) -> Proc:
        for process in self.processes:
            if process.id == processid:
                return process
        raise Refused(status, text)

    def assign(self, name: str, timeout: int, cpu: str, mem: str) -> Proc:
        executor = self.caller(name)
        if timeout == 0:
            raise Refused(400, "Invalid timeout value, timeout cannot be zero")
        if executor is self.user:
            raise Refused(500, "Failed to assign process, executor not found")
        if self.paused:
            raise Refused(
                408 if timeout > 0 else 503,
                "Assignment timeout: colony assignments are paused"
                if timeout > 0
                else "No processes available: colony assignments are paused",
            )
        limits = (CPU[cpu] if cpu else None, MEM[mem] if mem else None)
        fitting = [process for process in self.processes if process.fits(executor, *limits)]
        if not fitting:
            raise Refused(404, "No process available for assignment")
        process = min(fitting, key=lambda each: each.rank)
        process.holder, process.assigned, process.offset = executor, True, self.offset
        process.started = self.now
        if process.spec.maxexectime > 0:
            process.execdeadline = self.now + process.spec.maxexectime * SECOND
        if process.parents:
            process.input = [value for parent in process.parents for value in parent.output]
        self._move(process, RUNNING)
        return process

    def close(self, name: str, process: Proc, output: list[Any], word: str = "successful") -> None:
        self._check_holder(name, process, word)
        if process.state in (FAILED, CANCELLED):
            raise Refused(400, f"Tried to set {NAMES[process.state]} process as successful")
        if process.state == SUCCESS:
            return
        process.output = output or process.output
        self._end(process, SUCCESS)
        runs = self.executors[name].functions.get(process.spec.funcname)
        if runs is not None:
            waited, executed = process.started - process.submitted, self.now - process.started
            runs.append((waited / SECOND, executed / SECOND))
        for child in process.children:
            if child.waits and all(parent.state == SUCCESS for parent in child.parents):
                child.waits = False
                if child.state == WAITING:
                    self._wait(child)

    def fail(self, name: str, process: Proc, errors: list[str]) -> None:
        self._check_holder(name, process, "failed")
        if process.state == FAILED and process.closed:
            return
        if process.state != RUNNING:
            raise Refused(400, f"Tried to set {NAMES[process.state]} process as failed")
        self._fail(process, errors)
        process.closed = True

    def _check_holder(self, name: str, process: Proc, word: str) -> None:
        member = self.caller(name)
        if process.holder is None:
            raise Refused(403, f"Failed to close process as {word}, process is not assigned")
        if not process.is_held_by(member):
            not_allowed = f"not allowed to close process as {word}"
            raise Refused(403, f"Failed to close process as {word}, {not_allowed}")

    def set_output(self, name: str, process: Proc, output: list[Any]) -> None:
        if not process.is_held_by(self.caller(name)):
            raise Refused(403, "Failed to set output, ")
        if process.state != RUNNING:
            raise Refused(403, "Failed to set output, process is not running")
        process.output = output or process.output

    def add_attribute(self, name: str, process: Proc, key: str, value: str, kind: int) -> None:
        member = self.caller(name)
        if process.state != RUNNING:
            raise Refused(403, "Failed to add attribute, process is not running")
        if not process.is_held_by(member):
            raise Refused(403, "Failed to add attribute, only executor with id <")
        for present, known, sort in process.attributes:
            if (present, sort) == (key, kind):
                if known != value:
                    raise Refused(400, "Failed to add attribute, ")
                return
        process.attributes.append((key, value, kind))

    def cancel(self, name: str, process: Proc) -> None:
        self.caller(name)
        if process.graph:
            raise Refused(400, "Failed to cancel, cannot cancel a process part of a workflow")
        if process.state >= SUCCESS:
            already = "already " if process.state == CANCELLED else ""
            raise Refused(400, f"Tried to cancel {already}{NAMES[process.state]} process")
        self._end(process, CANCELLED)

    def remove(self, name: str, process: Proc) -> None:
        self.caller(name)
        if process.graph:
            raise Refused(400, "Failed to remove, cannot remove a process part of a workflow")
        if process.state == RUNNING:
            raise Refused(400, "Failed to remove process, cannot remove a running process")
        self.processes.remove(process)

    def remove_all(self, state: int) -> None:
        if state == RUNNING:
            raise Refused(400, "Not possible to remove running processes")
        kept = [each for each in self.processes if each.graph or state not in (-1, each.state)]
        self.processes = kept

    def undelivered(self, process: Proc, offset: int) -> None:
        if process.state == RUNNING and process.offset == offset and process in self.processes:
            self._give_back(process)

    def _give_back(self, process: Proc) -> None:
        process.started = process.ended = 0
        self._to_queue(process)

    def _to_queue(self, process: Proc) -> None:
        process.holder, process.assigned = None, False
        self._wait(process)
        self._move(process, WAITING)

    def _fail(self, process: Proc, errors: list[str]) -> None:
        process.errors = errors
        self._end(process, FAILED)
        if process.graph and process.children:
            for member in process.graph.members:
                if member.state < SUCCESS:
                    member.errors = [f"Process {process.id} in the same workflow failed"]
                    self._end(member, FAILED)

    def _end(self, process: Proc, state: int) -> None:
        process.ended = self.now
        self._move(process, state)

    def _move(self, process: Proc, state: int) -> None:
        process.state = state
        self._moves += 1
        process.moved = self._moves
        if process.graph:
            process.graph.resolve(self.now)

    # -- workflows -----------------------------------------------------------------------------------------

    def submit_workflow(self, name: str, specs: list[FunctionSpec], ids: Iterator[str]) -> Graph:
        initiator = self.caller(name)
        by_name = {spec.nodename: spec for spec in specs}
        for spec in specs:
            if any(parent not in by_name for parent in spec.conditions.dependencies):
                raise Refused(500, "Failed to submit workflow, invalid dependencies, ")
        if any(_above(by_name, spec.nodename) >= {spec.nodename} for spec in specs):
            raise Refused(500, "Failed to submit workflow")
        graph = Graph(next(ids), initiator, self.now)
        made: dict[str, Proc] = {}
        for index, spec in enumerate(specs):
            made[spec.nodename] = Proc(next(ids), (self.offset, index), initiator, spec, self.now, graph)
        for process in made.values():
            process.parents = [made[parent] for parent in process.spec.conditions.dependencies]
            process.waits = bool(process.parents)
            for parent in process.parents:
                parent.children.append(process)
        for process in made.values():
            self._add(process)
            if not process.waits:
                self._wait(process)
        graph.members = list(made.values())
        graph.roots = [process for process in graph.members if not process.parents]
        self.graphs.append(graph)
        return graph

    def add_child(
        self, name: str, parent: Proc, child: Proc | None, spec: FunctionSpec, insert: bool, processid: str
    ) -> Proc:
        caller = self.caller(name)
        if parent.state != RUNNING:
            raise Refused(400, f"Process with Id {parent.id} is not running")
        if not parent.is_held_by(caller):
            raise Refused(400, f"Process with Id {parent.id} is not assigned to executor with Id {caller.id}")
        if child is not None and not insert and (child.graph is not parent.graph or child.state != WAITING):
            raise Refused(400, "")
        self._check_spec(spec)
        new = Proc(processid, (self.offset, 0), caller, spec, self.now, parent.graph, waits=True)
        new.parents = [parent]
        if insert:
            new.children, parent.children = parent.children, [new]
            for below in new.children:
                below.parents = [each for each in below.parents if each is not parent] + [new]
        else:
            parent.children = [*parent.children, new]
            if child is not None:
                new.children, child.parents, child.waits = [child], [*child.parents, new], True
        assert parent.graph is not None
        parent.graph.members.append(new)
        self._add(new)
        return new

    def cancel_graph(self, name: str, graph: Graph) -> None:
        self.caller(name)
        if graph.state < SUCCESS:
            for process in graph.members:
                if process.state < SUCCESS:
                    self._end(process, CANCELLED)

    def remove_graph(self, name: str, graph: Graph) -> None:
        self.caller(name)
        if graph.state == RUNNING:
            raise Refused(400, "Failed to remove processgraph, cannot remove a running processgraph")
        self._forget(graph)

    def remove_all_graphs(self, state: int) -> None:
        if state == RUNNING:
            raise Refused(400, "not possible to remove running processgraphs")
        for graph in [each for each in self.graphs if state in (-1, each.state)]:
            self._forget(graph)

    def _forget(self, graph: Graph) -> None:
        self.graphs.remove(graph)
        self.processes = [each for each in self.processes if each.graph is not graph]

    # -- answers -------------------------------------------------------------------------------------------

    def listed(self, state: int, **filters: str) -> list[str]:
        """processes.md section 7.4."""
        found = [each for each in self.processes if each.state == state and _passes(each, filters)]
        if state == WAITING:
            found.sort(key=lambda each: each.rank)
        else:
            found.sort(key=lambda each: each.moved, reverse=state >= SUCCESS)
        return [each.id for each in found]

    def statistics(self) -> Statistics:
        states = [process.state for process in self.processes]
        graphs = [graph.state for graph in self.graphs]
        executors = [executor.state for executor in self.executors.values()]
        counts = [states.count(state) for state in range(5)] + [graphs.count(state) for state in range(5)]
        return Statistics(1, len(executors), executors.count(1), executors.count(3), *counts)


def _passes(process: Proc, filters: dict[str, str]) -> bool:
    values = {
        "executortype": process.spec.conditions.executortype,
        "label": process.spec.label,
        "initiator": process.initiator.name,
    }
    return all(values[key] == value for key, value in filters.items())


def _above(specs: dict[str, FunctionSpec], name: str) -> set[str]:
    """Everything that a node waits for, at any distance."""
    above: set[str] = set()
    pending = list(specs[name].conditions.dependencies)
    while pending:
        each = pending.pop()
        if each not in above:
            above.add(each)
            pending += specs[each].conditions.dependencies
    return above
