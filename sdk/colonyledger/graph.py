"""Drawing a workflow: tasks, arrows between them, and the check that it can be run.

    a, b, c, d = Task("gen"), Task("left"), Task("right"), Task("join")
    a >> [b, c] >> d

This is the same as `a >> b; a >> c; [b, c] >> d`. The inputs of `d` are the outputs of `b`, then
those of `c`: arrows keep the order in which they were drawn (protocol: workflows.md section 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar, Unpack, overload

from msgspec.structs import replace

from colonyledger.errors import InvalidWorkflow
from colonyledger.spec import SpecOptions, function_spec
from colonyledger.wire import FunctionSpec

__all__ = ["Graph", "Task"]

Tasks = TypeVar("Tasks", bound="Sequence[Task]")


class Task:
    """A node of a workflow: a function to run, with the options of `function_spec`.

    Without a `nodename` the workflow names it after its function: square, square-2, square-3.
    """

    def __init__(self, funcname: str, **options: Unpack[SpecOptions]) -> None:
        self.spec = function_spec(funcname, **options)
        self.parents: list[Task] = []
        self.children: list[Task] = []

    @overload
    def __rshift__(self, then: Task) -> Task: ...
    @overload
    def __rshift__(self, then: Tasks) -> Tasks: ...
    def __rshift__(self, then: Task | Tasks) -> Task | Tasks:
        """Draw an arrow from this task to `then`, or to each task in it; gives `then`."""
        for child in [then] if isinstance(then, Task) else then:
            if child not in self.children:
                self.children.append(child)
                child.parents.append(self)
        return then

    def __rrshift__(self, before: Sequence[Task]) -> Task:
        """Draw an arrow from each task in `before` to this one; gives this one."""
        for parent in before:
            parent >> self
        return self

    def __repr__(self) -> str:
        return f"Task({self.spec.nodename or self.spec.funcname!r})"


class Graph:
    """Tasks that belong together, with everything that arrows connect to them."""

    def __init__(self) -> None:
        self._added: list[Task] = []

    def add(self, task: Task) -> Task:
        """Make `task` part of the graph; gives `task`."""
        if task not in self._added:
            self._added.append(task)
        return task

    def tasks(self) -> list[Task]:
        """All tasks: parents before their children, else in the order in which they were added.

        Raises:
            InvalidWorkflow: arrows lead in a circle; the text says along which tasks.
        """
        found = _connected(self._added)
        ordered: list[Task] = []
        waiting = {task: len(task.parents) for task in found}
        ready = [task for task in found if not task.parents]
        while ready:
            task = ready.pop(0)
            ordered.append(task)
            for child in task.children:
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        if len(ordered) < len(found):
            circle = _circle([task for task in found if waiting[task]])
            names = _names(found)
            path = " → ".join(names[task] for task in circle)
            raise InvalidWorkflow(f"The workflow has a cycle: {path}. Remove one of these arrows.")
        return ordered

    def names(self) -> dict[Task, str]:
        """The node name of every task.

        Raises:
            InvalidWorkflow: two tasks were given the same name, or arrows lead in a circle.
        """
        return _names(self.tasks())

    def specs(self) -> list[FunctionSpec]:
        """What to submit.

        Raises:
            InvalidWorkflow: there is no task, two have one name, or arrows lead in a circle.
        """
        names = self.names()
        if not names:
            raise InvalidWorkflow("The workflow has no tasks.")
        return [
            replace(
                task.spec,
                nodename=name,
                conditions=replace(
                    task.spec.conditions, dependencies=[names[parent] for parent in task.parents]
                ),
            )
            for task, name in names.items()
        ]


def _connected(tasks: Iterable[Task]) -> list[Task]:
    """`tasks` and everything that arrows connect to them, nearest first."""
    found = dict.fromkeys(tasks)
    queue = list(found)
    for task in queue:
        for neighbour in (*task.parents, *task.children):
            if neighbour not in found:
                found[neighbour] = None
                queue.append(neighbour)
    return queue


def _circle(tasks: list[Task]) -> list[Task]:
    """A circle among `tasks`, of which each has a parent among them; first and last are the same."""
    path: list[Task] = [tasks[0]]
    while True:
        parent = next(parent for parent in path[-1].parents if parent in tasks)
        if parent in path:
            return [parent, *reversed(path[path.index(parent) :])]
        path.append(parent)


def _names(tasks: list[Task]) -> dict[Task, str]:
    taken: set[str] = set()
    for task in tasks:
        given = task.spec.nodename
        if given and given in taken:
            raise InvalidWorkflow(f"Two tasks are named {given!r}; a node name is unique in a workflow.")
        taken.add(given)
    names = {}
    for task in tasks:
        name = task.spec.nodename or _free_name(task.spec.funcname, taken)
        taken.add(name)
        names[task] = name
    return names


def _free_name(funcname: str, taken: set[str]) -> str:
    name, number = funcname, 1
    while name in taken:
        number += 1
        name = f"{funcname}-{number}"
    return name
