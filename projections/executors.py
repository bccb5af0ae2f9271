"""Executors of a colony, from registration to removal (protocol: members.md section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from colonyledger.wire import (
    AddExecutor,
    ApproveExecutor,
    Capabilities,
    Empty,
    Executor,
    ExecutorState,
    GetExecutor,
    GetExecutorById,
    GetExecutors,
    RejectExecutor,
    RemoveExecutor,
    ReportAllocation,
    UpdateExecutor,
)
from msgspec.structs import replace

from projections import lifecycle
from projections.event import ExecutorChanged, Refusal
from projections.locators import member_colony, owned_colony, required, within
from projections.registry import Role, command, query

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import Turn, View

__all__ = [
    "Executors",
    "add_executor",
    "approve_executor",
    "get_executor",
    "get_executor_by_id",
    "get_executors",
    "reject_executor",
    "remove_executor",
    "report_allocation",
    "unregister",
    "update_executor",
]


class Executors:
    """The executors of one colony in all states, by name and by id. A non-empty id belongs to one of them."""

    __slots__ = ("_added", "_equipped", "_numbers", "_totals", "by_id", "by_name", "counts")

    def __init__(self, totals: list[int]) -> None:
        self.by_name: dict[str, Executor] = {}
        self.by_id: dict[str, Executor] = {}
        self.counts = [0, 0, 0, 0]
        """How many executors there are in each state."""
        self._totals = totals
        """The same of all colonies together."""
        self._added = 0
        self._numbers: dict[str, int] = {}
        """How many were added before each, by name."""
        self._equipped: dict[str, dict[str, Executor]] = {}
        """Those that are registered and have said what hardware they have, at each location."""

    def add(self, executor: Executor) -> None:
        """Keep an executor whose name and id are free."""
        self._count(executor, 1)
        self.by_name[executor.executorname] = executor
        self._numbers[executor.executorname] = self._added
        self._added += 1
        self._keep_equipped(executor)
        if executor.executorid:
            self.by_id[executor.executorid] = executor

    def _count(self, executor: Executor, change: int) -> None:
        self.counts[executor.state] += change
        self._totals[executor.state] += change

    def set_state(self, executor: Executor, state: ExecutorState) -> None:
        """Change where an executor stands."""
        self._count(executor, -1)
        executor.state = state.value
        self._count(executor, 1)
        self._keep_equipped(executor)

    def set_capabilities(self, executor: Executor, capabilities: Capabilities) -> None:
        """Change what an executor has."""
        executor.capabilities = capabilities
        self._keep_equipped(executor)

    def set_id(self, executor: Executor, executorid: str) -> None:
        """Let an executor go on with another id that is free."""
        self.release_id(executor)
        executor.executorid = executorid
        self.by_id[executorid] = executor

    def forget(self, executor: Executor) -> None:
        """Drop an executor's record."""
        self._count(executor, -1)
        del self.by_name[executor.executorname]
        del self._numbers[executor.executorname]
        self._drop_equipped(executor)
        self.release_id(executor)

    def equipped(self) -> list[Executor]:
        """The registered executors that have said what hardware they have, in the order of their addition."""
        return self._in_order(executor for own in self._equipped.values() for executor in own.values())

    def equipped_at(self, location: str) -> list[Executor]:
        """Those of them at a location; case does not matter."""
        return self._in_order(self._equipped.get(location.casefold(), {}).values())

    def _in_order(self, executors: Iterable[Executor]) -> list[Executor]:
        return sorted(executors, key=lambda executor: self._numbers[executor.executorname])

    def _keep_equipped(self, executor: Executor) -> None:
        if executor.capabilities.hardware and executor.state != ExecutorState.UNREGISTERED:
            self._equipped.setdefault(executor.locationname.casefold(), {})[executor.executorname] = executor
        else:
            self._drop_equipped(executor)

    def _drop_equipped(self, executor: Executor) -> None:
        location = executor.locationname.casefold()
        own = self._equipped.get(location, {})
        if own.pop(executor.executorname, None) is not None and not own:
            del self._equipped[location]

    def release_id(self, executor: Executor) -> None:
        """Let another executor have the id of a removed one."""
        if self.by_id.get(executor.executorid) is executor:
            del self.by_id[executor.executorid]


def _colony_of_new_executor(message: AddExecutor) -> str:
    return required(message.executor, "Failed to add executor, executor is nil").colonyname


@command(AddExecutor, Role.COLONY_OWNER, owned_colony(_colony_of_new_executor), "add executor")
def add_executor(turn: Turn, message: AddExecutor, colony: Colony) -> Executor:
    """Register an executor; it is pending until approved (members.md, addexecutormsg)."""
    new = required(message.executor, "Failed to add executor, executor is nil")
    colonyname, name, executorid = colony.record.name, new.executorname, new.executorid.lower()
    present = colony.executors.by_name.get(name)
    registered = present is not None and present.state != ExecutorState.UNREGISTERED
    if registered and not turn.state.settings.reregister:
        raise Refusal(400, f"Executor with name <{name}> in Colony <{colonyname}> already exists")
    other = colony.executors.by_id.get(executorid)
    if other is not None and other is not present and other.state != ExecutorState.UNREGISTERED:
        raise Refusal(400, f"An executor with Id <{executorid}> already exists in Colony <{colonyname}>")
    if present is not None:
        if registered:
            unregister(turn, colony, present)
        colony.executors.forget(present)
    if other is not None and other is not present:
        colony.executors.release_id(other)
    executor = replace(
        new,
        executorid=executorid,
        colonyname=colonyname,
        state=ExecutorState.PENDING.value,
        commissiontime=turn.moment,
        lastheardfromtime=Executor().lastheardfromtime,
    )
    colony.executors.add(executor)
    turn.tell(ExecutorChanged(colonyname, executor))
    return executor


def _by_name(doing: str) -> Refusal:
    return Refusal(500, f"Failed to {doing} executor, executor is nil")


def _pick(
    colony: Colony, message: ApproveExecutor | RejectExecutor | RemoveExecutor | GetExecutor
) -> Executor | None:
    return colony.executors.by_name.get(message.executorname)


@command(
    ApproveExecutor,
    Role.COLONY_OWNER,
    within(owned_colony(), _pick, lambda _: _by_name("approve")),
    "approve executor",
)
def approve_executor(turn: Turn, message: ApproveExecutor, found: tuple[Colony, Executor]) -> Empty:
    """Let an executor work (members.md section 3.1). A removed executor must be added again first."""
    colony, executor = found
    if executor.state == ExecutorState.UNREGISTERED:
        raise Refusal(
            400, f"Failed to approve executor, executor <{executor.executorname}> was removed; add it again"
        )
    colony.executors.set_state(executor, ExecutorState.APPROVED)
    turn.tell(ExecutorChanged(colony.record.name, executor))
    return Empty()


@command(
    RejectExecutor,
    Role.COLONY_OWNER,
    within(owned_colony(), _pick, lambda _: _by_name("reject")),
    "reject executor",
)
def reject_executor(turn: Turn, message: RejectExecutor, found: tuple[Colony, Executor]) -> Empty:
    """Stop an executor from working; what it runs is left to its deadline (members.md section 3.1)."""
    colony, executor = found
    if executor.state == ExecutorState.UNREGISTERED:
        raise Refusal(400, f"Failed to reject executor, executor <{executor.executorname}> was removed")
    colony.executors.set_state(executor, ExecutorState.REJECTED)
    turn.tell(ExecutorChanged(colony.record.name, executor))
    return Empty()


@command(
    RemoveExecutor,
    Role.COLONY_OWNER,
    within(owned_colony(), _pick, lambda _: _by_name("remove")),
    "remove executor",
)
def remove_executor(turn: Turn, message: RemoveExecutor, found: tuple[Colony, Executor]) -> Empty:
    """Unregister an executor; what it runs goes back to the queue (members.md, removeexecutormsg)."""
    colony, executor = found
    unregister(turn, colony, executor)
    return Empty()


def unregister(turn: Turn, colony: Colony, executor: Executor) -> None:
    """Take an executor out of service; what it runs goes back to the queue."""
    colony.executors.set_state(executor, ExecutorState.UNREGISTERED)
    colony.functions.remove_of(executor.executorname)
    lifecycle.put_back_all(turn, colony, executor)
    turn.tell(ExecutorChanged(colony.record.name, executor))


@query(GetExecutors, Role.ANY_MEMBER, member_colony(), "get executors")
def get_executors(view: View, message: GetExecutors, colony: Colony) -> list[Executor]:
    """All executors in all states (members.md, getexecutorsmsg)."""
    return list(colony.executors.by_name.values())


@query(GetExecutor, Role.MEMBER, within(member_colony(), _pick, lambda _: _by_name("get")), "get executor")
def get_executor(view: View, message: GetExecutor, found: tuple[Colony, Executor]) -> Executor:
    """One executor by name (members.md, getexecutormsg)."""
    return found[1]


def _pick_by_id(colony: Colony, message: GetExecutorById) -> Executor | None:
    return colony.executors.by_id.get(message.executorid)


def _no_such_id(message: GetExecutorById) -> Refusal:
    return Refusal(404, "Failed to get executor by ID, executor is nil")


@query(GetExecutorById, Role.MEMBER, within(member_colony(), _pick_by_id, _no_such_id), "get executor by ID")
def get_executor_by_id(view: View, message: GetExecutorById, found: tuple[Colony, Executor]) -> Executor:
    """One executor by id (members.md, getexecutorbyidmsg)."""
    return found[1]


@command(UpdateExecutor, Role.ANY_MEMBER, member_colony(), "update executor")
def update_executor(turn: Turn, message: UpdateExecutor, colony: Colony) -> Empty:
    """Replace the caller's capabilities (members.md, updateexecutormsg)."""
    executor = _itself(turn, colony, message.executorname, "Only an executor can update its own capabilities")
    colony.executors.set_capabilities(executor, message.capabilities)
    return Empty()


@command(ReportAllocation, Role.ANY_MEMBER, member_colony(), "report allocation")
def report_allocation(turn: Turn, message: ReportAllocation, colony: Colony) -> Empty:
    """Replace the caller's allocations (members.md, reportallocationmsg)."""
    executor = _itself(
        turn, colony, message.executorname, "Only an executor can report allocations to itself"
    )
    executor.allocations = message.allocations
    return Empty()


def _itself(turn: Turn, colony: Colony, name: str, denial: str) -> Executor:
    executor = colony.executors.by_name.get(name)
    if executor is None:
        raise Refusal(400, f"Executor with name <{name}> does not exist")
    if executor.executorid != turn.caller:
        raise Refusal(400, denial)
    return executor
