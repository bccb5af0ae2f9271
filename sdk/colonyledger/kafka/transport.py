"""What lies below a client that reaches its servers through Kafka instead of HTTP."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError

import httpx

from colonyledger.client import Client
from colonyledger.errors import ConfigurationError
from colonyledger.identity import Identity
from colonyledger.kafka.link import KafkaLink, LinkDown
from colonyledger.kafka.outgoing import Answer
from colonyledger.retries import DEFAULT_RETRIES, Retries
from colonyledger.sync.client import SyncClient

__all__ = ["ANSWER_SECONDS", "KafkaTransport", "SyncKafkaTransport", "kafka_client", "sync_kafka_client"]

ANSWER_SECONDS = 10.0
"""Silence after which a request is sent again: about the time that another node needs to take a dead one's place."""


class KafkaTransport(httpx.AsyncBaseTransport):
    """Carries what is posted to `/api`; closing it closes the link."""

    def __init__(self, link: KafkaLink) -> None:
        self._link = link

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Exchange one request for its answer."""
        if request.url.path != "/api":
            return httpx.Response(httpx.codes.NOT_FOUND)
        body = await request.aread()
        try:
            answer = await self._link.exchange(body, silence=_silence(request))
        except LinkDown as error:
            raise httpx.ConnectError(str(error), request=request) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer came", request=request) from error
        return _response(answer)

    async def aclose(self) -> None:
        """Close the link."""
        await self._link.close()


class SyncKafkaTransport(httpx.BaseTransport):
    """The same for threads: it works while `loop`, which the link lives in, runs in another thread."""

    def __init__(self, link: KafkaLink, loop: asyncio.AbstractEventLoop) -> None:
        self._link = link
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Exchange one request for its answer."""
        if request.url.path != "/api":
            return httpx.Response(httpx.codes.NOT_FOUND)
        exchange = self._link.exchange(request.read(), silence=_silence(request))
        try:
            answer = asyncio.run_coroutine_threadsafe(exchange, self._loop).result()
        except (LinkDown, CancelledError) as error:
            raise httpx.ConnectError(str(error), request=request) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer came", request=request) from error
        except RuntimeError as error:
            exchange.close()
            raise httpx.ConnectError(f"the executor has ended: {error}", request=request) from error
        return _response(answer)


def kafka_client(
    link: KafkaLink,
    identity: Identity,
    *,
    colony: str = "",
    timeout: float = ANSWER_SECONDS,
    retries: Retries = DEFAULT_RETRIES,
) -> Client:
    """A client whose every call goes through Kafka; disconnecting it closes the link.

    Subscriptions need HTTP: `wait` asks again and again instead, and `subscribe_…` fail.
    """
    return Client(
        link.brokers.url,
        _signer(identity),
        colony=colony,
        timeout=timeout,
        retries=retries,
        transport=KafkaTransport(link),
    )


def sync_kafka_client(
    link: KafkaLink, identity: Identity, loop: asyncio.AbstractEventLoop, *, colony: str = ""
) -> SyncClient:
    """The same for the threads of a program whose event loop is `loop`; disconnecting it leaves the link open."""
    transport = SyncKafkaTransport(link, loop)
    return SyncClient(
        link.brokers.url, _signer(identity), colony=colony, timeout=ANSWER_SECONDS, transport=transport
    )


def _signer(identity: Identity | None) -> Identity:
    if identity is None:
        raise ConfigurationError("Answers on Kafka are for whoever signed; give the client an identity.")
    return identity


def _silence(request: httpx.Request) -> float:
    seconds: float = request.extensions["timeout"]["read"]
    return seconds


def _response(answer: Answer) -> httpx.Response:
    headers = {"retry-after": answer.retry_after} if answer.retry_after else {}
    return httpx.Response(answer.status, headers=headers, content=answer.body)
