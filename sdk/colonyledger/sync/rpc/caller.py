# Written by sdk/generate_sync.py from colonyledger/rpc/caller.py; change that one.
"""How a message gets to the server and its answer back: what the methods of every domain are written on."""

from __future__ import annotations

from base64 import b64encode
from secrets import token_hex
from time import sleep
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from msgspec.structs import replace

from colonyledger.errors import BadReply, ConfigurationError, ConnectionFailed, InvalidArgument, NotReady
from colonyledger.identity import Identity
from colonyledger.replies import record_in
from colonyledger.retries import DEFAULT_RETRIES, Retries
from colonyledger.wire import (
    GetServerInfo,
    GetVersion,
    Message,
    RequestEnvelope,
    encode,
    payloadtype_of,
    reply_type_of,
    signed,
)

__all__ = ["Caller"]

R = TypeVar("R")

_UNSIGNED = (GetVersion, GetServerInfo)
"""The calls that anybody may make (protocol: envelope.md section 6)."""

_MOST_CONNECTIONS = 100
"""Calls at one time; further ones wait for their turn."""


class Caller:
    """Calls to the server at `url`, signed by `identity`, about `colony`.

    Every command carries a random nonce, so a call that is repeated after a lost reply has one
    effect and the same reply. Calls are repeated as `retries` says when the server cannot be
    reached or is not ready. `timeout` is the longest silence of the server in seconds; a call that
    may take longer by its nature gets that much more. `transport`, if given, carries the calls
    instead of HTTP; `url` then only names the server in errors.

    Raises:
        ConfigurationError: `url` is no address of an HTTP server.
    """

    def __init__(
        self,
        url: str,
        identity: Identity | None = None,
        *,
        colony: str = "",
        timeout: float = 30.0,
        retries: Retries = DEFAULT_RETRIES,
        verify_tls: bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.identity = identity
        self._colony = colony
        self._timeout = timeout
        self._retries = retries
        self._verify_tls = verify_tls
        try:
            parsed = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"{url!r} is no address of a server: {error}.") from None
        if transport is None and (parsed.scheme not in {"http", "https"} or not parsed.host):
            raise ConfigurationError(f"{url!r} is no address of a server; it looks like http://host:50080.")
        self._http = httpx.Client(
            base_url=self.url,
            verify=verify_tls,
            limits=httpx.Limits(max_connections=_MOST_CONNECTIONS),
            transport=transport,
        )

    @property
    def colony(self) -> str:
        """The colony that calls are about.

        Raises:
            ConfigurationError: none was named.
        """
        if not self._colony:
            raise ConfigurationError(
                "No colony is named; give colony=… to the client, or set COLONIES_COLONY_NAME."
            )
        return self._colony

    def using(self, identity: Identity | None = None, *, colony: str = "") -> Self:
        """The same client with another identity or colony, on the same connections.

        Disconnecting one of them disconnects both.
        """
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.identity = identity or self.identity
        twin._colony = colony or self._colony
        return twin

    def call(
        self,
        message: Message[R],
        *,
        timeout: float = 0.0,
        retry_not_ready: bool = True,
    ) -> R:
        """Send `message`, signed, and give the record that it is answered with.

        `timeout` is how many seconds the server may take on purpose, as when it waits for work.

        Raises:
            ServerRefused: the server answered with an error.
            ConnectionFailed: no repeat found a server.
            BadReply: what answered does not speak the protocol.
            InvalidArgument: the message holds something that JSON cannot.
            ConfigurationError: the call must be signed and the client has no identity.
        """
        if not message.nonce and not _reads_only(payloadtype_of(message)):
            message = replace(message, nonce=token_hex(16))
        body = self._signed(message)
        pauses = self._retries.pauses()
        while True:
            problem: ConnectionFailed | NotReady
            try:
                return self._exchange(message, body, silence=self._timeout + timeout)
            except ConnectionFailed as error:
                problem, wanted = error, 0.0
            except NotReady as error:
                if not retry_not_ready:
                    raise
                problem, wanted = error, error.retry_after or 0.0
            pause = next(pauses, None)
            if pause is None:
                raise problem
            sleep(max(pause, min(wanted, self._retries.longest)))

    def is_healthy(self) -> bool:
        """Whether the server says that it can work now; asked once, without repeats."""
        try:
            answer = self._http.get("/health", timeout=self._timeout)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK

    def disconnect(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.disconnect()

    def _exchange(self, message: Message[R], body: bytes, *, silence: float) -> R:
        """Send `body`, the signed form of `message`, once."""
        timeout = httpx.Timeout(self._timeout, read=silence, pool=None)
        try:
            answer = self._http.post("/api", content=body, timeout=timeout)
        except httpx.ConnectError as error:
            raise ConnectionFailed(
                f"No server answers at {self.url} ({error}); check that it runs, and the host, port and TLS."
            ) from error
        except httpx.TimeoutException as error:
            raise ConnectionFailed(f"The server at {self.url} is silent ({type(error).__name__}).") from error
        except httpx.TransportError as error:
            raise ConnectionFailed(
                f"The connection to {self.url} broke: {str(error).rstrip('.')}."
            ) from error
        except httpx.RequestError as error:
            raise BadReply(f"{self.url} answered something unreadable: {error}.") from error
        return record_in(
            answer.content,
            status=answer.status_code,
            headers=answer.headers,
            to=reply_type_of(type(message)),
            payloadtype=payloadtype_of(message),
            url=self.url,
        )

    def _signed(self, message: Message[Any]) -> bytes:
        try:
            if self.identity is not None:
                return signed(message, self.identity)
            if isinstance(message, _UNSIGNED):
                payload = b64encode(encode(message)).decode("ascii")
                return encode(RequestEnvelope(payloadtype_of(message), payload))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidArgument(f"{payloadtype_of(message)} cannot be sent as JSON: {error}.") from error
        raise ConfigurationError(
            f"{payloadtype_of(message)} must be signed; give the client an identity, or set COLONIES_PRVKEY."
        )


def _reads_only(payloadtype: str) -> bool:
    """Whether an RPC of this name changes nothing, so that it can be repeated without a nonce.

    A query that this rule does not know is sent with a nonce, which does no harm.
    """
    return payloadtype.startswith(("get", "search", "query")) or payloadtype == "versionmsg"
