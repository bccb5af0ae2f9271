"""How an executor becomes a member of its colony (protocol: members.md section 3, tools.md section 5.1)."""

from __future__ import annotations

from collections.abc import Iterable

from colonyledger.binding import Binding
from colonyledger.client import Client
from colonyledger.errors import AccessDenied, ConfigurationError, Conflict, InvalidRequest
from colonyledger.wire import Executor, ExecutorState, Function

__all__ = ["add_functions", "ensure_member"]


async def ensure_member(executor: Client, owner: Client, record: Executor, *, replace: bool) -> None:
    """Add and approve the executor of `record`, unless it is there already with the same key.

    If its name belongs to another key, that executor is removed first if `replace` is true.

    Raises:
        ConfigurationError: the name belongs to another key, or the executor was rejected.
    """
    try:
        await owner.add_executor(record)
    except (Conflict, InvalidRequest) as refusal:
        known = await _known(executor, record)
        if known is None:
            if not replace:
                raise ConfigurationError(
                    f"Executor {record.executorname} could not be added: {refusal.message}. If an earlier "
                    f"run left it there, give that run's key file, say replace=True, or run: "
                    f"colony executor remove --name {record.executorname}."
                ) from refusal
            await owner.remove_executor(record.executorname)
            await owner.add_executor(record)
        elif known.state == ExecutorState.APPROVED:
            return
        elif known.state == ExecutorState.REJECTED:
            raise ConfigurationError(
                f"Executor {record.executorname} was rejected; the colony's owner can approve it again."
            ) from refusal
    await owner.approve_executor(record.executorname)


async def add_functions(executor: Client, record: Executor, bindings: Iterable[Binding]) -> None:
    """Register the functions that are not registered yet.

    Raises:
        AccessDenied: the executor is not approved.
    """
    registered = {function.funcname for function in await executor.get_functions(record.executorname)}
    for binding in bindings:
        if binding.name not in registered:
            await executor.add_function(
                Function(
                    executorname=record.executorname,
                    executortype=record.executortype,
                    funcname=binding.name,
                    description=binding.description,
                    args=binding.described_arguments(),
                )
            )


async def _known(executor: Client, record: Executor) -> Executor | None:
    """The colony's record of this very executor, None if its key is not a member."""
    try:
        members = await executor.get_executors()
    except AccessDenied:
        return None
    for member in members:
        if (member.executorname, member.executorid) == (record.executorname, record.executorid):
            return None if member.state == ExecutorState.UNREGISTERED else member
    return None
