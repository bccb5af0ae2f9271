"""The naive model of processes and workflows as a side: it answers what it knows about, and sits the rest out."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from tests.differential.comparing import contradictions
from tests.differential.conversation import Verdict
from tests.differential.model_rules import RULES, Body, ModelRules
from tests.differential.normal import Names, normalised
from tests.differential.scene import Move
from tests.differential.sides import NO_SIGNATURE, Reply
from tests.projections.modelled import Graph, Proc, Refused, moment

__all__ = ["ModelSide"]

_COLONY = "dev"

_LOST_BY = frozenset(
    [
        "addblueprintmsg",
        "addchildmsg",
        "addexecutormsg",
        "changeexecutoridmsg",
        "changeuseridmsg",
        "reconcileblueprintmsg",
        "removeblueprintmsg",
        "runcronmsg",
        "updateblueprintmsg",
    ]
)


class ModelSide:
    """One colony, its members, processes and workflows."""

    def __init__(self, fixed: Mapping[str, str]) -> None:
        self._fixed = fixed
        self._names = Names({**fixed, "colony:a": _COLONY})
        self._rules = ModelRules()

    def call(self, move: Move, number: int) -> Reply | None:
        """Do it in the model; None if it is about something else than the model knows."""
        rule = RULES.get(move.payloadtype)
        body = json.loads(self._names.resolve(json.dumps(move.body, ensure_ascii=False)))
        if rule is None or not _is_ours(body) or self._is_registration_anew(body):
            return None
        if move.who == NO_SIGNATURE:
            return Reply(403, "error", "")
        self._rules.model.begin(time.time_ns(), number)
        try:
            made = rule(self._rules, self._fixed.get(f"name:{move.who}", move.who), body)
        except Refused as refused:
            return Reply(refused.status, "error", self._names.symbolic(refused.text))
        self._learn(made, number)
        content = msgspec.json.encode(
            [_record(each) for each in made] if isinstance(made, list) else _record(made)
        )
        return Reply(
            200, move.payloadtype, normalised(move.payloadtype, self._names.symbolic(content.decode()))
        )

    def judge(self, _: Move, ours: Reply, theirs: Reply) -> Verdict:
        """Nothing may contradict the model."""
        return Verdict(list(contradictions(ours, theirs)), parts=False)

    def is_lost_by(self, move: Move) -> bool:
        """It is by what changes members and processes in ways that the model does not know."""
        return move.payloadtype in _LOST_BY

    def _is_registration_anew(self, body: Body) -> bool:
        """A development server takes executors under names in use, which the model refuses."""
        name = body.get("executor", {}).get("executorname")
        present = self._rules.model.executors.get(name)
        return present is not None and present.state != 3

    def _learn(self, made: Any, number: int) -> None:
        if isinstance(made, Proc) and not self._names.knows(made.id):
            self._names.learn(f"process:{number}", made.id)
        if isinstance(made, Graph) and not self._names.knows(made.id):
            self._names.learn(f"graph:{number}", made.id)
            for member in made.members:
                self._names.learn(f"graph:{number}.{member.spec.nodename}", member.id)


def _is_ours(body: Body) -> bool:
    """Whether the message is about the colony that the model knows."""
    inner = body.get("user") or body.get("executor") or body.get("spec") or {}
    named = {**body, **inner, **inner.get("conditions", {})}.get("colonyname", _COLONY)
    return bool(named == _COLONY)


def _record(made: Any) -> Any:
    """A record as it is sent, but for what the model says nothing about."""
    if isinstance(made, Proc):
        return {key: value for key, value in made.expected().items() if key not in ("spec", "attributes")}
    if isinstance(made, Graph):
        return {
            "processgraphid": made.id,
            "initiatorid": made.initiator.id,
            "initiatorname": made.initiator.name,
            "colonyname": _COLONY,
            "rootprocessids": [each.id for each in made.roots],
            "state": made.state,
            "submissiontime": moment(made.submitted),
            "starttime": moment(made.started),
            "endtime": moment(made.ended),
            "processids": [each.id for each in made.members],
        }
    return made
