"""Attributes: small facts attached to a process (protocol: processes.md sections 3 and 8)."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from colonyledger.wire.envelope import Message

__all__ = ["AddAttribute", "Attribute", "AttributeType", "GetAttribute"]


class AttributeType(IntEnum):
    """What an attribute is about."""

    IN = 0
    OUT = 1
    ERR = 2
    ENV = 3


class Attribute(msgspec.Struct, gc=False):
    """One attribute; there is one per process, key and type."""

    attributeid: str = ""
    targetid: str = ""
    targetcolonyname: str = ""
    targetprocessgraphid: str = ""
    state: int = 0
    attributetype: int = AttributeType.IN
    key: str = ""
    value: str = ""


class AddAttribute(Message[Attribute], tag="addattributemsg", frozen=True, gc=False):
    """The assigned executor: attach an attribute to its running process."""

    attribute: Attribute | None = None


class GetAttribute(Message[Attribute], tag="getattributemsg", frozen=True, gc=False):
    """Member: one attribute by id."""

    attributeid: str = ""
