"""Whether everything is there that blueprints need (protocol: blueprints.md section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from colonyledger.cli.deployments import at_place, handlers, instances, replicas
from colonyledger.cli.session import Session
from colonyledger.cli.tables import table, text
from colonyledger.errors import ColonyError
from colonyledger.wire import (
    AddCron,
    Blueprint,
    BlueprintHandler,
    Conditions,
    Executor,
    ExecutorState,
    FunctionSpec,
    GetCrons,
    NewCron,
    WorkflowSpec,
    json_text,
)

__all__ = ["BlueprintsUnwell", "examine"]

_SILENT = timedelta(minutes=2)
_INTERVAL = 60
"""Seconds between two calls of a reconciler if the definition does not say."""
_MOST_CRONS = 10_000


class BlueprintsUnwell(ColonyError):
    """Something is missing that blueprints need."""


class Finding(msgspec.Struct, gc=False):
    """One thing that was looked at. `state` is ok, missing or fixed."""

    blueprint: str
    state: str
    finding: str


@dataclass(frozen=True)
class _Colony:
    """What was found in the colony."""

    session: Session
    handlers: dict[str, BlueprintHandler]
    executors: list[Executor]
    crons: list[str]


_Check = tuple[bool, str, Callable[[], object] | None]
"""Whether all is well, in words, and what mends it if something can."""


def examine(session: Session, name: str, *, fix: bool) -> None:
    """Examine one blueprint, all if `name` is empty, and mend what can be mended if `fix`.

    Raises:
        BlueprintsUnwell: something is missing still.
    """
    member = session.member
    blueprints = [member.get_blueprint(name)] if name else member.get_blueprints()
    crons = member.call(GetCrons(colonyname=member.colony, count=_MOST_CRONS))
    executors = [each for each in member.get_executors() if each.state == ExecutorState.APPROVED]
    colony = _Colony(
        session,
        handlers(member.get_blueprint_definitions()),
        executors,
        [cron.name.casefold() for cron in crons],
    )
    findings = []
    for blueprint in blueprints:
        for well, finding, mend in _checks(colony, blueprint):
            state = "ok" if well else "missing"
            if fix and mend is not None:
                mend()
                state = "fixed"
            findings.append(Finding(blueprint.metadata.name, state, finding))
    columns = [text("Blueprint"), text("State"), text("Finding")]
    rows = [(each.blueprint, each.state, each.finding) for each in findings]
    session.show(findings, table("Examination", columns, rows))
    missing = sum(each.state == "missing" for each in findings)
    if missing:
        raise BlueprintsUnwell(f"{missing} of {len(findings)} checks found something missing.")


def _checks(colony: _Colony, blueprint: Blueprint) -> Iterator[_Check]:
    handler = colony.handlers.get(blueprint.kind)
    if handler is not None and not handler.function_name:
        handler = None  # it only cleans up
    if handler is not None:
        yield _reconciler(colony, blueprint, handler)
        yield _cron(colony, blueprint, handler)
    if replicas(blueprint):
        yield _replicas(colony, blueprint, handler)


def _reconciler(colony: _Colony, blueprint: Blueprint, handler: BlueprintHandler) -> _Check:
    kind, place = handler.executor_type, blueprint.metadata.locationname
    every = [executor for executor in colony.executors if executor.executortype == kind]
    here = at_place(every, place)
    if not here:
        others = ", ".join(sorted({each.locationname or "no location" for each in every}))
        where = f" at {place}" if place else ""
        return (
            False,
            f"no executor of type {kind}{where}" + (f"; there are at {others}" if others else ""),
            None,
        )
    newest = max(here, key=lambda executor: executor.lastheardfromtime)
    if datetime.now(UTC) - newest.lastheardfromtime > _SILENT:
        return False, f"reconciler {newest.executorname} has been silent for more than {_SILENT}", None
    return True, f"reconciler {newest.executorname} is there", None


def _cron(colony: _Colony, blueprint: Blueprint, handler: BlueprintHandler) -> _Check:
    place = blueprint.metadata.locationname
    name = f"reconcile-{blueprint.kind}-{place}" if place else f"reconcile-{blueprint.kind}"
    if name.casefold() in colony.crons:
        return True, f"cron {name} is there", None

    def mend() -> None:
        colony.crons.append(name.casefold())
        colony.session.member.call(AddCron(cron=_new_cron(colony.session, blueprint, handler, name)))

    return False, f"no cron {name}: the blueprint is reconciled only when it changes", mend


def _new_cron(session: Session, blueprint: Blueprint, handler: BlueprintHandler, name: str) -> NewCron:
    """The cron that the server makes for the first blueprint at a place."""
    colonyname = session.member.colony
    spec = FunctionSpec(
        nodename=f"{handler.executor_type}-{handler.function_name}",
        funcname=handler.function_name,
        kwargs={"kind": blueprint.kind},
        maxexectime=-1,
        maxretries=-1,
        conditions=Conditions(
            colonyname, executortype=handler.executor_type, locationname=blueprint.metadata.locationname
        ),
    )
    return NewCron(
        colonyname=colonyname,
        name=name,
        interval=handler.reconcile_interval or _INTERVAL,
        waitforprevprocessgraph=True,
        workflowspec=json_text(WorkflowSpec(colonyname, [spec])),
    )


def _replicas(colony: _Colony, blueprint: Blueprint, handler: BlueprintHandler | None) -> _Check:
    running, wanted = instances(blueprint, colony.executors).current, replicas(blueprint)
    if running >= wanted:
        return True, f"{running} of {wanted} replicas run", None

    def mend() -> None:
        colony.session.member.reconcile_blueprint(blueprint.metadata.name, force=True)

    return False, f"only {running} of {wanted} replicas run", None if handler is None else mend
