"""Workflows in a few lines.

wf = Workflow(client)
gen = wf.call("gen_nums", executortype="edge")
left = wf.call("square", args=[0], executortype="cloud")
right = wf.call("square", args=[1], executortype="cloud")
total = wf.call("sum", executortype="browser")
gen >> [left, right] >> total
run = await wf.execute()
await run.wait(timeout=60)
print(run[total].output)
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Self, TypeVar, Unpack, overload

from colonyledger.client import Client
from colonyledger.errors import ConfigurationError
from colonyledger.graph import Graph, Task
from colonyledger.spec import SpecOptions
from colonyledger.states import state_name
from colonyledger.wire import FunctionSpec, Process, ProcessGraph, ProcessState

__all__ = ["Workflow", "WorkflowRun"]

Tasks = TypeVar("Tasks", bound=Sequence[Task])


class Workflow:
    """A workflow that is being drawn, to be executed as often as wanted.

    `wf >> task` makes a task part of it, as `wf.call(…)` does; everything that arrows connect to a
    part of it is part of it too. Arrows: see `colonyledger.graph`.
    """

    def __init__(self, client: Client | None = None) -> None:
        self._client = client
        self._graph = Graph()

    def call(self, funcname: str, **options: Unpack[SpecOptions]) -> Task:
        """A new task of this workflow; the options are those of `function_spec`."""
        return self._graph.add(Task(funcname, **options))

    @overload
    def __rshift__(self, first: Task) -> Task: ...
    @overload
    def __rshift__(self, first: Tasks) -> Tasks: ...
    def __rshift__(self, first: Task | Tasks) -> Task | Tasks:
        """Make `first`, or each task in it, part of this workflow; gives `first`."""
        for task in [first] if isinstance(first, Task) else first:
            self._graph.add(task)
        return first

    def specs(self) -> list[FunctionSpec]:
        """What `execute` submits.

        Raises:
            InvalidWorkflow: there is no task, two have one name, or arrows lead in a circle.
        """
        return self._graph.specs()

    async def execute(self, client: Client | None = None) -> WorkflowRun:
        """Submit the workflow to the colony of `client`, else of the client that it was made with.

        Raises:
            InvalidWorkflow: as `specs`; nothing is sent then.
        """
        caller = client or self._client
        if caller is None:
            raise ConfigurationError("The workflow has no client; give one to Workflow(…) or execute(…).")
        names = self._graph.names()
        graph = await caller.submit_workflow(self._graph.specs())
        return WorkflowRun(caller, graph, names)


class WorkflowRun:
    """One execution of a workflow. `await run` is `await run.wait()`."""

    def __init__(self, client: Client, graph: ProcessGraph, names: Mapping[Task, str]) -> None:
        self._client = client
        self._names = names
        self._processes: dict[str, Process] = {}
        self.graph = graph
        """The workflow as last seen."""

    @property
    def processgraphid(self) -> str:
        """The id of the workflow at the server."""
        return self.graph.processgraphid

    @property
    def state(self) -> ProcessState:
        """Where the workflow stood when it was last looked at."""
        return ProcessState(self.graph.state)

    @property
    def succeeded(self) -> bool:
        """Whether every process of it was successful when it was last looked at."""
        return self.state is ProcessState.SUCCESS

    @property
    def processes(self) -> Mapping[str, Process]:
        """The processes by node name, as they were at the end of the last `wait` or `refresh`.

        Those that were drawn come first and in that order, then those that executors added.
        """
        return self._processes

    @property
    def errors(self) -> dict[str, Sequence[str]]:
        """What the failed processes were closed with, by node name."""
        return {name: process.errors for name, process in self._processes.items() if process.errors}

    def __getitem__(self, node: Task | str) -> Process:
        """The process of a task, or of a node name, as it was at the last look.

        Raises:
            KeyError: no such node, or there was no `wait` or `refresh` yet.
        """
        return self._processes[node if isinstance(node, str) else self._names[node]]

    async def refresh(self) -> Self:
        """Look at the workflow and its processes now."""
        self.graph = await self._client.get_workflow(self.processgraphid)
        await self._read_processes()
        return self

    async def wait(self, timeout: float | None = None) -> Self:  # noqa: ASYNC109
        """Wait until the workflow has ended, well or not, and read its processes.

        Raises:
            WaitTimedOut: it did not end within `timeout` seconds. It goes on all the same.
        """
        self.graph = await self._client.wait_for_workflow(self.processgraphid, timeout)
        await self._read_processes()
        return self

    async def cancel(self) -> Self:
        """Cancel what has not finished."""
        await self._client.cancel_workflow(self.processgraphid)
        return await self.refresh()

    def __await__(self) -> Generator[Any, None, Self]:
        return self.wait().__await__()

    async def _read_processes(self) -> None:
        read = [await self._client.get_process(processid) for processid in self.graph.processids]
        by_name = {process.spec.nodename: process for process in read}
        drawn = {name: by_name[name] for name in self._names.values() if name in by_name}
        self._processes = drawn | by_name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.processgraphid!r}, {state_name(self.state)})"
