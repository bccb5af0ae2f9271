"""Attributes of processes (protocol: processes.md section 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import AddAttribute, Attribute, AttributeType, GetAttribute, ProcessState

from projections.event import Refusal
from projections.locators import required
from projections.process import LiveProcess
from projections.processes import Found, located_process
from projections.registry import Locator, Role, command, query
from projections.specs import attribute_id, with_environment

if TYPE_CHECKING:
    from projections.state import Colony, State
    from projections.turn import Turn, View

__all__ = ["add_attribute", "get_attribute"]


def _target(message: AddAttribute) -> str:
    return required(message.attribute, "Failed to add attribute, attribute is nil").targetid


@command(
    AddAttribute,
    Role.MEMBER,
    located_process(404, "Failed to add attribute, process not found", _target),
    "add attribute",
)
def add_attribute(turn: Turn, message: AddAttribute, found: Found) -> Attribute:
    """Attach an attribute to a running process; the same one again changes nothing (quirk P16)."""
    new = required(message.attribute, "Failed to add attribute, attribute is nil")
    colony, process = found
    record = process.record
    if record.state != ProcessState.RUNNING:
        raise Refusal(403, "Failed to add attribute, process is not running")
    if record.assignedexecutorid != turn.caller:
        raise Refusal(
            403,
            "Failed to add attribute, only executor with id "
            f"<{record.assignedexecutorid}> is allowed to set attributes",
        )
    attributeid = attribute_id(record.processid, new.key, new.attributetype)
    present = _find(process, attributeid)
    if present is not None:
        if present.value != new.value:
            raise Refusal(
                400, f"Failed to add attribute, the process has an attribute <{new.key}> of this type already"
            )
        return present
    attribute = Attribute(
        attributeid,
        record.processid,
        colony.record.name,
        record.processgraphid,
        record.state,
        new.attributetype,
        new.key,
        new.value,
    )
    record.attributes = (*record.attributes, attribute)
    if attribute.attributetype == AttributeType.ENV:
        record.spec = with_environment(record.spec, attribute.key, attribute.value)
    colony.processes.add_attribute(process, attributeid)
    return attribute


def _find(process: LiveProcess, attributeid: str) -> Attribute | None:
    return next((each for each in process.record.attributes if each.attributeid == attributeid), None)


def _find_attribute(state: State, message: GetAttribute) -> tuple[Colony, Attribute] | None:
    for colony in state.homes(message.attributeid):
        processid = colony.processes.attributes.get(message.attributeid)
        attribute = (
            None if processid is None else _find(colony.processes.by_id[processid], message.attributeid)
        )
        if attribute is not None:
            return colony, attribute
    return None


_ATTRIBUTE = Locator[GetAttribute, Attribute](
    _find_attribute,
    lambda _: Refusal(400, "Attribute does not exists"),
    lambda message: message.attributeid,
    by_id=True,
    aliased=True,
)


@query(GetAttribute, Role.MEMBER, _ATTRIBUTE, "get attribute")
def get_attribute(view: View, message: GetAttribute, attribute: Attribute) -> Attribute:
    """One attribute by its id (processes.md section 8.2)."""
    return attribute
