# Written by sdk/generate_sync.py from colonyledger/rpc/records.py; change that one.
"""What comes over the websocket of one subscription (protocol: logs-channels-realtime.md section 3)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Generic, TypeVar

from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidStatus,
)
from websockets.sync.client import ClientConnection, connect

from colonyledger.errors import BadReply, ColonyError, ConnectionFailed, refusal
from colonyledger.replies import record_in
from colonyledger.wire import Message, payloadtype_of, reply_type_of

__all__ = ["Records", "connected"]

R = TypeVar("R")

_CLOSE_SECONDS = 1.0
"""How long the server may take to say goodbye."""
_BUSY = (429, 503)
"""What a server answers that cannot take one more subscriber now."""


class Records(Generic[R]):
    """The records that the server at `url` sends over `connection` for the subscription `message`."""

    def __init__(self, connection: ClientConnection, message: Message[R], url: str) -> None:
        self._connection = connection
        self._message = message
        self._url = url

    def ask(self, body: bytes) -> None:
        """Send `body`, the signed form of the message.

        Raises:
            ConnectionFailed: the server has hung up.
        """
        try:
            self._connection.send(body.decode())
        except ConnectionClosed as error:
            raise self._broken(error) from error

    def next(self) -> R | None:
        """The next record; None if the server has ended the connection in good order.

        Raises:
            ServerRefused: the server does not, or no longer, allow it.
            ConnectionFailed: the connection broke.
            BadReply: what was sent does not speak the protocol.
        """
        try:
            frame = self._connection.recv()
        except ConnectionClosedOK:
            return None
        except ConnectionClosed as error:
            raise self._broken(error) from error
        return record_in(
            frame.encode() if isinstance(frame, str) else bytes(frame),
            status=200,
            headers={},
            to=reply_type_of(type(self._message)),
            payloadtype=payloadtype_of(self._message),
            url=self._url,
        )

    def _broken(self, error: ConnectionClosed) -> ConnectionFailed:
        return ConnectionFailed(f"The connection to {self._url} broke: {error}.")


@contextmanager
def connected(
    url: str, *, payloadtype: str, verify_tls: bool, open_seconds: float
) -> Iterator[ClientConnection]:
    """A new websocket to the server at `url` for a subscription of the type `payloadtype`, as long as the block runs.

    Raises:
        ConnectionFailed: no server answers.
        ServerRefused: the server has too many subscribers, or is not ready.
        BadReply: what answers offers no websockets.
    """
    place = f"ws{url.removeprefix('http')}/pubsub"
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(
                connect(
                    place,
                    ssl=_unverified() if place.startswith("wss:") and not verify_tls else None,
                    compression=None,
                    max_size=None,
                    open_timeout=open_seconds,
                    close_timeout=_CLOSE_SECONDS,
                )
            )
        except InvalidStatus as error:
            raise _turned_away(error, payloadtype, url) from error
        except InvalidHandshake as error:
            raise BadReply(f"{url} offers no websockets: {error}.") from error
        except OSError as error:
            raise ConnectionFailed(
                f"No server answers at {url} ({error}); check that it runs, and the host, port and TLS."
            ) from error
        try:
            yield connection
        except BaseException as error:
            if not isinstance(error, Exception):
                # Thrown away or cancelled, perhaps by an event loop on its way out: no time for a goodbye.
                connection.close()
                stack.pop_all()
            raise


def _turned_away(error: InvalidStatus, payloadtype: str, url: str) -> ColonyError:
    answer = error.response
    if answer.status_code in _BUSY:
        return refusal(answer.status_code, bytes(answer.body).decode(errors="replace"), payloadtype)
    return BadReply(f"{url} offers no websockets (HTTP status {answer.status_code}).")


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
