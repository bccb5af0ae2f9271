"""Events that a node appends in its own name (architecture, invariant 3)."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from typing import Any

from colonyledger.identity import Identity, digest_of
from colonyledger.record import Record, RecordKind
from colonyledger.wire import Message, encode, payloadtype_of

from projections.system import RULES_VERSION
from services.replica.replica import Answer, Replica

__all__ = ["SystemWriter", "system_record"]


def system_record(identity: Identity, message: Message[Any]) -> Record:
    """An event signed with a node's key; whoever appends it says in which run and as which of its records."""
    payload = b64encode(encode(message))
    digest = digest_of(payload)
    signature = identity.sign_digest(digest)
    return Record(
        RecordKind.SYSTEM,
        payloadtype_of(message),
        digest,
        signature,
        identity.id,
        time.time_ns(),
        "",
        0,
        RULES_VERSION,
        payload,
    )


class SystemWriter:
    """Signs system events with the node's key and appends them."""

    def __init__(self, replica: Replica, identity: Identity) -> None:
        self._replica = replica
        self._identity = identity

    def append(self, partition: int, message: Message[Any]) -> asyncio.Future[Answer]:
        """Append an event; the future is done when it is folded, or fails with LedgerUnavailable."""
        return self._replica.execute(partition, system_record(self._identity, message), message)
