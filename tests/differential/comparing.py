"""Where two replies differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from tests.differential.sides import Reply

__all__ = ["MISSING", "Difference", "contradictions", "differences"]

_OK = 200

MISSING = "(missing)"

_NOT_MODELLED = (
    "*.spec",
    "*.attributes",
    "reply.nodes",
    "reply.edges",
    "payloadtype",
    "reply.commissiontime",
    "reply.lastheardfromtime",
    "reply.requirefuncreg",
    "reply.blueprintgen",
)


class Difference(NamedTuple):
    """One place of a reply with what stands there on either side; items of a list are called `*`.

    The place is `status`, `payloadtype`, `message`, the path of a value of the JSON such as
    `reply.*.state`, or that of a list followed by `.order`. `ours` and
    `theirs` at `status` are pairs of status and message.
    """

    place: str
    ours: Any
    theirs: Any


def differences(ours: Reply, theirs: Reply) -> Iterator[Difference]:
    """All differences between two replies; a difference in status makes the others pointless."""
    if ours.status != theirs.status:
        yield Difference("status", _seen(ours), _seen(theirs))
    elif ours.status != _OK:
        if ours.content != theirs.content:
            yield Difference("message", ours.content, theirs.content)
    else:
        if ours.payloadtype != theirs.payloadtype:
            yield Difference("payloadtype", ours.payloadtype, theirs.payloadtype)
        yield from _within("reply", ours.content or None, theirs.content or None)


def contradictions(ours: Reply, theirs: Reply) -> Iterator[Difference]:
    """Where a reply is not what a model expects.

    The model says how texts of errors begin, and leaves out what it does not describe.
    """
    if ours.status == theirs.status != _OK:
        if not ours.content.startswith(theirs.content):
            yield Difference("message", ours.content, theirs.content)
    else:
        for difference in differences(ours, theirs):
            if not any(fnmatchcase(difference.place, each) for each in _NOT_MODELLED):
                yield difference


def _seen(reply: Reply) -> tuple[int, Any]:
    return reply.status, "" if reply.status == _OK else reply.content


def _within(place: str, ours: Any, theirs: Any) -> Iterator[Difference]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            yield from _within(f"{place}.{key}", ours.get(key, MISSING), theirs.get(key, MISSING))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        if ours != theirs and sorted(map(_identity, ours)) == sorted(map(_identity, theirs)):
            if list(map(_identity, ours)) != list(map(_identity, theirs)):
                yield Difference(f"{place}.order", ours, theirs)
            ours, theirs = sorted(ours, key=_identity), sorted(theirs, key=_identity)
        for one, other in zip(ours, theirs, strict=True):
            yield from _within(f"{place}.*", one, other)
    elif ours != theirs:
        yield Difference(place, ours, theirs)


def _identity(value: Any) -> str:
    """What an item is recognised by in another order: processes that a cron made have no symbol, but a node."""
    if isinstance(value, dict) and ("processid" in value or "processgraphid" in value):
        node = value.get("spec", {}).get("nodename")
        return json.dumps([value.get("processid"), value.get("processgraphid"), node])
    return json.dumps(value, sort_keys=True)
