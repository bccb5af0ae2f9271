"""What reconcilers write while they work."""

from __future__ import annotations

from time import sleep

import typer

from colonyledger.cli.deployments import at_place, handlers
from colonyledger.cli.session import Session
from colonyledger.errors import ColonyError
from colonyledger.wire import Executor, ExecutorState, Log

__all__ = ["NoReconciler", "print_log"]

_POLL_SECONDS = 1.0


class NoReconciler(ColonyError):
    """There is no executor whose log could be shown."""


def print_log(session: Session, name: str, count: int, *, following: bool) -> None:
    """Print the newest `count` lines of each reconciler of a blueprint, of all if `name` is empty.

    Raises:
        NoReconciler: there is none.
    """
    reconcilers = [executor.executorname for executor in _reconcilers(session, name)]
    if not reconcilers:
        raise NoReconciler(f"Nobody reconciles {name or 'blueprints'}: no executor is approved for it.")
    latest = dict.fromkeys(reconcilers, 0)
    for reconciler in reconcilers:
        lines = session.member.get_executor_logs(reconciler, count=count, latest=True)
        latest[reconciler] = _print(reconciler, lines, 0)
    while following:
        sleep(_POLL_SECONDS)
        for reconciler, since in latest.items():
            lines = session.member.get_executor_logs(reconciler, since=since) if since else []
            if not since:
                lines = session.member.get_executor_logs(reconciler, latest=True)
            latest[reconciler] = _print(reconciler, lines, since)


def _print(reconciler: str, lines: list[Log], since: int) -> int:
    """Print lines, and give the time of the last one."""
    for line in lines:
        typer.echo(f"[{reconciler}] {line.message.rstrip()}")
    return lines[-1].timestamp if lines else since


def _reconcilers(session: Session, name: str) -> list[Executor]:
    approved = [
        executor for executor in session.member.get_executors() if executor.state == ExecutorState.APPROVED
    ]
    found = handlers(session.member.get_blueprint_definitions())
    if not name:
        types = {handler.executor_type for handler in found.values()}
        return [executor for executor in approved if executor.executortype in types]
    blueprint = session.member.get_blueprint(name)
    wanted = found.get(blueprint.kind)
    here = at_place(approved, blueprint.metadata.locationname)
    return [executor for executor in here if wanted and executor.executortype == wanted.executor_type]
