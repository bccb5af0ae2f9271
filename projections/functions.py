"""Functions that executors have registered, and how long they took (protocol: processes.md section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from colonyledger.wire import AddFunction, Empty, Function, GetFunctions, RemoveFunction
from msgspec.structs import replace

from projections.event import Refusal
from projections.ids import Aliases
from projections.locators import member_colony, required
from projections.registry import Locator, Role, command, query

if TYPE_CHECKING:
    from projections.state import Colony, State
    from projections.turn import Turn, View

__all__ = ["Functions", "add_function", "get_functions", "remove_function"]


class Functions:
    """The functions of one colony, by id, and by executor name in the order of registration."""

    __slots__ = ("_aliases", "_named", "by_executor", "by_id")

    def __init__(self, aliases: Aliases) -> None:
        self._aliases = aliases
        self.by_id: dict[str, Function] = {}
        self.by_executor: dict[str, dict[str, Function]] = {}
        self._named: dict[tuple[str, str], list[Function]] = {}

    def add(self, function: Function) -> None:
        """Keep a function whose id is free."""
        self._aliases.add(function.functionid)
        self.by_id[function.functionid] = function
        self.by_executor.setdefault(function.executorname, {})[function.functionid] = function
        self._named.setdefault((function.executorname, function.funcname), []).append(function)

    def named(self, executorname: str, funcname: str) -> Sequence[Function]:
        """The functions `funcname` of an executor; clients that choose ids may have made several."""
        return self._named.get((executorname, funcname), ())

    def remove(self, function: Function) -> None:
        """Forget one function."""
        self._aliases.remove(function.functionid)
        del self.by_id[function.functionid]
        own = self.by_executor[function.executorname]
        del own[function.functionid]
        if not own:
            del self.by_executor[function.executorname]
        name = (function.executorname, function.funcname)
        self._named[name] = [each for each in self._named[name] if each is not function]
        if not self._named[name]:
            del self._named[name]

    def remove_of(self, executorname: str) -> None:
        """Forget all functions of an executor."""
        for function in list(self.by_executor.get(executorname, {}).values()):
            self.remove(function)

    def count(self, executorname: str, funcname: str, waited: float, executed: float) -> None:
        """Count one successful run, in seconds (queue.md section 9)."""
        for function in self.named(executorname, funcname):
            _count(function, waited, executed)


def _count(function: Function, waited: float, executed: float) -> None:
    function.counter += 1
    function.minwaittime = min(function.minwaittime, waited) if function.minwaittime > 0 else waited
    function.maxwaittime = max(function.maxwaittime, waited)
    function.avgwaittime = (function.avgwaittime + waited) / 2 if function.avgwaittime > 0 else waited
    function.minexectime = min(function.minexectime, executed) if function.minexectime > 0 else executed
    function.maxexectime = max(function.maxexectime, executed)
    function.avgexectime = (function.avgexectime + executed) / 2 if function.avgexectime > 0 else executed


def _colony_of_new_function(message: AddFunction) -> str:
    return required(message.fun, "Failed to add function, msg.Function is nil").colonyname


@command(AddFunction, Role.MEMBER, member_colony(_colony_of_new_function), "add function")
def add_function(turn: Turn, message: AddFunction, colony: Colony) -> Function:
    """Register a function of the caller; without an id, the one it has of that name is refreshed."""
    new = required(message.fun, "Failed to add function, msg.Function is nil")
    executor = colony.executors.by_name.get(new.executorname)
    if executor is None:
        raise Refusal(400, f"Failed to add function, Executor with name <{new.executorname}> does not exist")
    if executor.executorid != turn.caller:
        raise Refusal(403, "Not allowed to add a function to another executor")
    if new.functionid in colony.functions.by_id:
        raise Refusal(500, f"Failed to add function, a function with Id <{new.functionid}> already exists")
    for present in [] if new.functionid else colony.functions.named(new.executorname, new.funcname):
        present.executortype, present.description = new.executortype, new.description
        present.args, present.locationname = new.args, executor.locationname
        return present
    function = replace(
        new,
        functionid=new.functionid or turn.new_id(colony),
        colonyname=colony.record.name,
        locationname=executor.locationname,
    )
    colony.functions.add(function)
    return function


@query(GetFunctions, Role.MEMBER, member_colony(), "get function")
def get_functions(view: View, message: GetFunctions, colony: Colony) -> list[Function]:
    """The functions of one executor, or of the colony (processes.md section 9.2)."""
    if message.executorname:
        return list(colony.functions.by_executor.get(message.executorname, {}).values())
    return list(colony.functions.by_id.values())


def _find_function(state: State, message: RemoveFunction) -> tuple[Colony, tuple[Colony, Function]] | None:
    if not message.functionid:
        raise Refusal(400, "Failed to remove function, msg.FunctionID is empty")
    for colony in state.homes(message.functionid):
        function = colony.functions.by_id.get(message.functionid)
        if function is not None:
            return colony, (colony, function)
    return None


_FUNCTION = Locator[RemoveFunction, "tuple[Colony, Function]"](
    _find_function,
    lambda _: Refusal(404, "Failed to remove function, function does not exist"),
    lambda message: message.functionid,
    by_id=True,
    aliased=True,
)


@command(RemoveFunction, Role.MEMBER, _FUNCTION, "remove function")
def remove_function(turn: Turn, message: RemoveFunction, found: tuple[Colony, Function]) -> Empty:
    """Unregister a function of the caller (processes.md section 9.3)."""
    colony, function = found
    executor = colony.executors.by_name.get(function.executorname)
    if executor is None or executor.executorid != turn.caller:
        raise Refusal(403, "Not allowed to remove a function from another executor")
    colony.functions.remove(function)
    return Empty()
