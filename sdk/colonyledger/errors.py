"""Everything that can go wrong, as one tree.

    ColonyError
    ├── ConfigurationError          a setting or key is missing or cannot be used
    ├── InvalidArgument             a value cannot be sent (also a ValueError)
    │   └── InvalidWorkflow         a workflow has a cycle, or two nodes of one name
    ├── ConnectionFailed            the server could not be reached, or hung up
    ├── BadReply                    what answered does not speak the protocol
    ├── WaitTimedOut                what was waited for did not happen in time (also a TimeoutError)
    └── ServerRefused               the server answered with an error; has `status` and `message`
        ├── InvalidRequest     400
        ├── BadSignature       401
        ├── AccessDenied       403
        ├── NotFound           404
        ├── Conflict           409
        ├── TooLarge           413
        ├── TooMany            429  may have `retry_after`
        └── NotReady           503  may have `retry_after`

The text of every error is a sentence that a person can act on. The server's own words are kept in
`ServerRefused.message`; statuses are those of envelope.md section 4.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

__all__ = [
    "AccessDenied",
    "BadReply",
    "BadSignature",
    "ColonyError",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "InvalidArgument",
    "InvalidRequest",
    "InvalidWorkflow",
    "NotFound",
    "NotReady",
    "ServerRefused",
    "TooLarge",
    "TooMany",
    "WaitTimedOut",
    "refusal",
]


class ColonyError(Exception):
    """Anything that this package raises on purpose."""


class ConfigurationError(ColonyError):
    """A setting or key is missing or cannot be used."""


class InvalidArgument(ColonyError, ValueError):
    """A value cannot be sent."""


class InvalidWorkflow(InvalidArgument):
    """A workflow cannot be submitted as it is drawn."""


class ConnectionFailed(ColonyError):
    """The server could not be reached, or hung up before it answered."""


class BadReply(ColonyError):
    """What answered does not speak the protocol."""


class WaitTimedOut(ColonyError, TimeoutError):
    """What was waited for did not happen in time."""


class ServerRefused(ColonyError):
    """The server answered with an error."""

    advice: ClassVar[str] = ""
    """What to do about it, if that can be said for every error of the class."""

    def __init__(
        self, status: int, message: str, payloadtype: str, *, retry_after: float | None = None
    ) -> None:
        said = f"The server refused {payloadtype} ({status}): {message or 'no reason given'}"
        super().__init__(f"{said.rstrip('.')}. {self.advice}" if self.advice else said)
        self.status = status
        self.message = message
        """The server's own words."""
        self.payloadtype = payloadtype
        """The RPC that was refused, such as `submitfuncspecmsg`."""
        self.retry_after = retry_after
        """Seconds after which the server wants to be asked again, if it said so."""

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild = partial(type(self), retry_after=self.retry_after)
        return rebuild, (self.status, self.message, self.payloadtype)


class InvalidRequest(ServerRefused):
    """400: the request is malformed, or does not fit the state of what it names."""


class BadSignature(ServerRefused):
    """401: the signature is not a signature."""

    advice = "Check that the private key is 64 hex digits of a secp256k1 key."


class AccessDenied(ServerRefused):
    """403: the key that signed has no right to do this."""

    advice = "Check that the call is signed with the right key and names the right colony."


class NotFound(ServerRefused):
    """404: there is no such thing."""


class Conflict(ServerRefused):
    """409: the name is taken, or the thing is in use."""


class TooLarge(ServerRefused):
    """413: the message is larger than the server takes."""

    advice = "Put large data into files and send their names."


class TooMany(ServerRefused):
    """429: more than the server allows in this time."""

    advice = "Try again later."


class NotReady(ServerRefused):
    """503: the server cannot do this now."""

    advice = "Try again later."


_BY_STATUS: dict[int, type[ServerRefused]] = {
    400: InvalidRequest,
    401: BadSignature,
    403: AccessDenied,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: TooMany,
    503: NotReady,
}


def refusal(
    status: int, message: str, payloadtype: str, *, retry_after: float | None = None
) -> ServerRefused:
    """The error for an answer with this status."""
    kind = _BY_STATUS.get(status, ServerRefused)
    return kind(status, message, payloadtype, retry_after=retry_after)
