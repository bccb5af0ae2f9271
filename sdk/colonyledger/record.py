"""One entry of the ledger: what was signed, by whom, and when it arrived.

The Avro schema is `schemas/avro/record.avsc`; the two are kept equal by a test.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Record", "RecordKind"]


class RecordKind(StrEnum):
    """Who may have written a record."""

    RPC = "rpc"
    """A signed RPC of a user, executor or owner."""
    SYSTEM = "system"
    """One of the few events that a node signs itself: rules, tick, heard, undelivered, checkpoint, closed, epoch."""


class Record(msgspec.Struct, gc=False):
    """A record exactly as it is kept. Its partition, offset and time are given by the ledger."""

    kind: RecordKind
    payloadtype: str
    digest: bytes
    """SHA3-256 of `payload`: the 32 bytes that were signed."""
    signature: bytes
    """r, s, v: 65 bytes."""
    identity: str
    """The id recovered from digest and signature, 64 hex digits."""
    arrived: int
    """When the node received it, nanoseconds since 1970 by the node's clock. Not the ledger's time."""
    node: str
    """The run of a node that appended it; unique to one start of one server process."""
    sequence: int
    """The number of this record in that run, from 0: (node, sequence) names a record before it has an offset."""
    rules: int
    """The version of the rules in force at the node."""
    payload: bytes
    """The base64 text exactly as received."""
    origin: int = -1
    """The partition in which it was first appended, if that was in a ledger of fewer partitions that this one continues;
    -1: in this partition."""
