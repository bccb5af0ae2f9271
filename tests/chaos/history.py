"""What clients asked and were told: one operation a line, in JSON, so that a failed run can be looked into."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from colonyledger.identity import Identity
from colonyledger.wire import Message, encode, payloadtype_of, signed

__all__ = ["Attempt", "History", "Operation", "load"]


class Attempt(msgspec.Struct):
    """One request that was sent; `outcome` is an HTTP status or what the connection met."""

    node: int
    started: int
    ended: int
    outcome: str


class Operation(msgspec.Struct, kw_only=True):
    """One signed message, however often it was sent. Times are nanoseconds of the recorder's steady clock.

    It was done (`reply`), refused (`refusal`), or nobody knows (`completed` is None).
    """

    client: str
    colony: str
    identity: str
    payloadtype: str
    nonce: str
    payload: str
    """The base64 text that was signed."""
    is_read: bool
    invoked: int
    completed: int | None = None
    reply: str | None = None
    """The JSON of the reply."""
    refusal: tuple[int, str] | None = None
    attempts: list[Attempt] = msgspec.field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether it was done, as far as its client was told."""
        return self.reply is not None

    @property
    def was_doubtful(self) -> bool:
        """Whether an attempt before the last had no answer: that one may still have an effect of its own."""
        return len(self.attempts) > 1

    def __str__(self) -> str:
        tries = ", ".join(f"{each.node}:{each.outcome}" for each in self.attempts)
        told = self.refusal or (self.reply or "nothing")[:200]
        return f"{self.client} {self.payloadtype} {self.nonce} (sent to {tries}) was told {told}"


class History:
    """Collects operations, and writes each one down when it is over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.operations: list[Operation] = []
        self._file = path.open("wb")
        self._last = 0

    def begin(
        self, client: str, colony: str, who: Identity, message: Message[Any], *, is_read: bool
    ) -> tuple[Operation, bytes]:
        """An operation that is about to be sent, and the body of its requests."""
        body = signed(message, who)
        operation = Operation(
            client=client,
            colony=colony,
            identity=who.id,
            payloadtype=payloadtype_of(message),
            nonce=message.nonce,
            payload=msgspec.json.decode(body)["payload"],
            is_read=is_read,
            invoked=self._now(),
        )
        self.operations.append(operation)
        return operation, body

    def _now(self) -> int:
        """The time; no two operations begin at the same."""
        self._last = max(time.monotonic_ns(), self._last + 1)
        return self._last

    def over(self, operation: Operation) -> None:
        """Write down an operation that is answered, or given up."""
        self._file.write(encode(operation) + b"\n")

    def keep(self, name: str, lines: Iterable[object]) -> None:
        """Write something down beside the history, such as what is in the ledger."""
        self.path.with_name(name).write_text("".join(f"{line}\n" for line in lines))

    def close(self, notes: Iterable[str] = ()) -> None:
        """Write the rest: those that were never answered, and remarks on the run as `# …`."""
        for operation in self.operations:
            if operation.completed is None and not operation.attempts:
                self.over(operation)
        for note in notes:
            self._file.write(f"# {note}\n".encode())
        self._file.close()


def load(path: Path) -> list[Operation]:
    """The operations of a history that was written down, in the order in which they began."""
    lines = (line for line in path.read_bytes().splitlines() if not line.startswith(b"#"))
    return sorted(
        (msgspec.json.decode(line, type=Operation) for line in lines), key=lambda each: each.invoked
    )
