"""What runs on behalf of blueprints (protocol: blueprints.md section 6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from colonyledger.wire import Blueprint, BlueprintDefinition, BlueprintHandler, Executor, ExecutorState

__all__ = ["Instances", "at_place", "handlers", "instances", "replicas"]


class Instances(NamedTuple):
    """Executors that run for a blueprint, in its generation and in earlier ones."""

    current: int
    old: int


def replicas(blueprint: Blueprint) -> int:
    """How many executors are wanted; 0 if the spec does not say."""
    wanted = blueprint.spec.get("replicas")
    return int(wanted) if isinstance(wanted, int | float) and not isinstance(wanted, bool) else 0


def instances(blueprint: Blueprint, executors: Iterable[Executor]) -> Instances:
    """Count by the blueprint's id; executors that name none are known by their names."""
    generations = [
        generation
        for executor in executors
        if executor.state == ExecutorState.APPROVED
        and (generation := _generation(blueprint, executor)) is not None
    ]
    current = generations.count(blueprint.metadata.generation)
    return Instances(current, len(generations) - current)


def handlers(definitions: Iterable[BlueprintDefinition]) -> dict[str, BlueprintHandler]:
    """Who reconciles each kind that somebody reconciles."""
    return {
        definition.spec.names.kind: definition.spec.handler
        for definition in definitions
        if definition.spec.handler.executor_type
    }


def at_place(executors: Sequence[Executor], locationname: str) -> list[Executor]:
    """The executors that get the work of a location; work without a location goes to all of them."""
    place = locationname.casefold()
    return [executor for executor in executors if place in ("", executor.locationname.casefold())]


def _generation(blueprint: Blueprint, executor: Executor) -> int | None:
    """The generation that an executor was started for, None if it was for another blueprint."""
    if executor.blueprintid:
        return executor.blueprintgen if executor.blueprintid == blueprint.blueprintid else None
    named = re.fullmatch(rf"{re.escape(blueprint.metadata.name)}-[^-]+-(\d+)", executor.executorname)
    return None if named is None else int(named[1])
