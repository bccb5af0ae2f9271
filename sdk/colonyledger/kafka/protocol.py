"""The contract between senders and servers: topics and headers (docs/kafka-executors.md)."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "DIGEST",
    "ID",
    "MAX_ID_BYTES",
    "MAX_REQUEST_BYTES",
    "POSITION",
    "PROCESS",
    "RETRY_AFTER",
    "STATUS",
    "Topics",
    "topics_of",
]

ID = "id"
"""Header: what the sender calls its request; every answer repeats it."""
DIGEST = "digest"
"""Header of an answer: the SHA3-256 digest, in hex, that the sender signed. An id is not signed, this is."""
STATUS = "status"
"""Header of an answer: the status that HTTP would have had, as decimal text."""
RETRY_AFTER = "retry-after"
"""Header of a reply: seconds after which to ask again, as decimal text."""
PROCESS = "processid"
"""Header of an assignment: the id of the process."""
POSITION = "position"
"""Header of an assignment: `partition:offset` of the record of the ledger that asked for it."""

MAX_ID_BYTES = 128
"""Longest id; a request with a longer one is not answered."""
MAX_REQUEST_BYTES = 1024 * 1024
"""Largest request; a larger one goes over HTTP."""

_LEDGER = "ledger"


class Topics(NamedTuple):
    """The topics of one installation."""

    requests: str
    """Signed RPCs, keyed by their sender."""
    replies: str
    """What they were answered with, keyed by who signed them."""
    assignments: str
    """The processes that `assign` RPCs got, keyed by the executor."""


def topics_of(ledger: str = _LEDGER) -> Topics:
    """The topics beside a ledger: named plainly, or after the ledger's topic if that has a name of its own."""
    prefix = "" if ledger == _LEDGER else f"{ledger}-"
    return Topics(f"{prefix}requests", f"{prefix}replies", f"{prefix}assignments")
