"""The SDK's way through Kafka: what it believes, what it sends again, and what it costs who does not use it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import uuid4

import colonyledger.kafka
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from colonyledger.errors import BadReply, ConfigurationError, ConnectionFailed, NotReady
from colonyledger.identity import Identity, digest_of
from colonyledger.kafka import KafkaBrokers, KafkaExecutor, KafkaLink, kafka_client
from colonyledger.kafka.protocol import topics_of
from colonyledger.kafka.transport import sync_kafka_client
from colonyledger.retries import Retries
from colonyledger.wire import Colony, ReplyEnvelope, RequestEnvelope, decode, encode

from tests.kafka_broker import KafkaBroker

ONCE = Retries(attempts=1)
TWICE = Retries(attempts=2, first=0.01)


class Request(NamedTuple):
    """A request as it came."""

    name: bytes
    key: bytes
    body: bytes

    @property
    def digest(self) -> bytes:
        return digest_of(decode(self.body, RequestEnvelope).payload.encode()).hex().encode()


def envelope(record: object) -> bytes:
    return encode(ReplyEnvelope("reply", b64encode(encode(record)).decode(), error=False))


class Servers:
    """Plays the servers at topics of its own."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.ledger = uuid4().hex
        self.topics = topics_of(self.ledger)

    @property
    def brokers(self) -> KafkaBrokers:
        return KafkaBrokers(servers=self.bootstrap, ledger=self.ledger)

    async def __aenter__(self) -> Self:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(topic, 1, 1) for topic in self.topics])
        await admin.close()
        self._producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await self._producer.start()
        await self._consumer.start()
        self._consumer.assign([TopicPartition(self.topics.requests, 0)])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._producer.stop()
        await self._consumer.stop()

    async def request(self) -> Request:
        """The next request."""
        async with asyncio.timeout(60):
            record = await self._consumer.getone()
        return Request(dict(record.headers)["id"], record.key, record.value)

    async def answer(
        self, request: Request, record: object, *, key: bytes | None = None, **headers: bytes
    ) -> None:
        """Answer a request, with some headers changed."""
        told = {"id": request.name, "digest": request.digest, "status": b"200"} | headers
        await self._producer.send_and_wait(
            self.topics.replies, envelope(record), key or request.key, headers=list(told.items())
        )

    async def put(self, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        """Put anything among the replies."""
        await self._producer.send_and_wait(self.topics.replies, value, key, headers=headers)


@pytest.fixture
async def servers(kafka_broker: KafkaBroker) -> AsyncIterator[Servers]:
    async with Servers(kafka_broker.bootstrap) as servers:
        yield servers


async def test_only_the_answer_to_what_was_signed_counts(servers: Servers, identity: Identity) -> None:
    async with kafka_client(KafkaLink(servers.brokers), identity) as client:
        call = asyncio.create_task(client.get_colonies())
        request = await servers.request()
        assert request.key == identity.id.encode()
        await servers.answer(request, [Colony("", "another id")], id=b"0" * 32)
        await servers.answer(request, [Colony("", "another request")], digest=b"0" * 64)
        await servers.answer(request, [Colony("", "somebody else's")], key=b"0" * 64)
        await servers.answer(request, [Colony("", "no status")], status=b"fine")
        await servers.put(request.key, None, [("id", request.name)])
        await servers.put(None, b"{", [("id", b"\xff"), ("status", b"\xff")])
        await servers.answer(request, [Colony("", "right")])
        await servers.answer(request, [Colony("", "too late")])
        assert [colony.name for colony in await call] == ["right"]


async def test_it_sends_the_same_again_under_another_name(servers: Servers, identity: Identity) -> None:
    async with kafka_client(KafkaLink(servers.brokers), identity, timeout=0.5, retries=TWICE) as client:
        with pytest.raises(ConnectionFailed, match="is silent"):
            await client.add_colony("c", identity.id)
        first, second = await servers.request(), await servers.request()
        assert first.body == second.body
        assert first.name != second.name


async def test_what_the_server_says(servers: Servers, identity: Identity) -> None:
    async with kafka_client(KafkaLink(servers.brokers), identity, retries=ONCE) as client:
        call = asyncio.create_task(client.get_colonies())
        request = await servers.request()
        await servers.put(
            request.key,
            encode(
                ReplyEnvelope(
                    "error", b64encode(encode({"status": 503, "message": "no"})).decode(), error=True
                )
            ),
            [
                ("id", request.name),
                ("digest", request.digest),
                ("status", b"503"),
                ("retry-after", b"7"),
            ],
        )
        with pytest.raises(NotReady) as refused:
            await call
        assert refused.value.retry_after == 7
        call = asyncio.create_task(client.get_colonies())
        request = await servers.request()
        headers = [("id", request.name), ("digest", request.digest), ("status", b"200")]
        await servers.put(request.key, b"no envelope", headers)
        with pytest.raises(BadReply):
            await call
        assert not await client.is_healthy()


async def test_threads_share_the_link(servers: Servers, identity: Identity) -> None:
    link = KafkaLink(servers.brokers)
    loop = asyncio.get_running_loop()
    with sync_kafka_client(link, identity, loop) as client:
        calls = [asyncio.create_task(asyncio.to_thread(client.get_colonies)) for _ in range(3)]
        for number in range(3):
            await servers.answer(await servers.request(), [Colony("", str(number))])
        names = {colony.name for colonies in await asyncio.gather(*calls) for colony in colonies}
        assert names == {"0", "1", "2"}
        assert not await asyncio.to_thread(client.is_healthy)
    await link.close()


async def test_closing_tells_who_waits(servers: Servers, identity: Identity) -> None:
    link = KafkaLink(servers.brokers)
    client = kafka_client(link, identity, retries=ONCE)
    call = asyncio.create_task(client.get_colonies())
    await servers.request()
    await client.disconnect()
    with pytest.raises(ConnectionFailed, match="closed"):
        await call
    with pytest.raises(ConnectionFailed, match="closed"):
        await kafka_client(link, identity, retries=ONCE).get_colonies()


async def test_brokers_that_are_away(nowhere: str, identity: Identity) -> None:
    where = nowhere.removeprefix("http://")
    link = KafkaLink(KafkaBrokers(servers=where, timeout_seconds=1))
    async with kafka_client(link, identity, retries=ONCE) as client:
        with pytest.raises(ConnectionFailed, match=f"kafka://{where}"):
            await client.get_colonies()


async def test_topics_that_are_not_there(kafka_broker: KafkaBroker, identity: Identity) -> None:
    brokers = KafkaBrokers(servers=kafka_broker.bootstrap, ledger=uuid4().hex, timeout_seconds=1)
    async with kafka_client(KafkaLink(brokers), identity, retries=ONCE) as client:
        with pytest.raises(ConnectionFailed):
            await client.get_colonies()


def test_settings_from_the_environment(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("hush\n")
    given = {
        "LEDGER_KAFKA_BROKERS": "a:1,b:2",
        "LEDGER_KAFKA_TOPIC": "books",
        "LEDGER_KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
        "LEDGER_KAFKA_USERNAME": "ann",
        "LEDGER_KAFKA_PASSWORD_FILE": str(password),
    }
    brokers = KafkaBrokers.from_environment(given)
    assert brokers.url == "kafka://a:1"
    assert brokers.topics == ("books-requests", "books-replies", "books-assignments")
    assert topics_of() == ("requests", "replies", "assignments")
    client: dict[str, Any] = brokers.client()
    assert (client["bootstrap_servers"], client["security_protocol"]) == ("a:1,b:2", "SASL_SSL")
    assert (client["sasl_plain_username"], client["sasl_plain_password"]) == ("ann", "hush")
    assert client["sasl_mechanism"] == "SCRAM-SHA-512"
    assert client["ssl_context"] is not None
    assert "hush" not in repr(brokers)
    assert KafkaBrokers.from_environment({"LEDGER_KAFKA_BROKERS": "a:1"}).client()["ssl_context"] is None


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "LEDGER_KAFKA_BROKERS"),
        ({"LEDGER_KAFKA_SECURITY_PROTOCOL": "TLS"}, "must be one of PLAINTEXT"),
        ({"LEDGER_KAFKA_PASSWORD_FILE": "none"}, "cannot be read from none"),
        ({"LEDGER_KAFKA_SECURITY_PROTOCOL": "SSL", "LEDGER_KAFKA_CA": "none"}, "in none cannot be used"),
    ],
)
def test_settings_that_cannot_be_used(environment: dict[str, str], said: str) -> None:
    servers = {"LEDGER_KAFKA_BROKERS": "a:1"} if environment else {}
    with pytest.raises(ConfigurationError, match=said):
        KafkaBrokers.from_environment(servers | environment).client()


async def test_an_executor_needs_brokers(monkeypatch: pytest.MonkeyPatch, identity: Identity) -> None:
    monkeypatch.delenv("LEDGER_KAFKA_BROKERS", raising=False)
    executor = KafkaExecutor("e", "t", "c", identity=identity)
    with pytest.raises(ConfigurationError, match="No Kafka brokers are named"):
        await executor.serve()


def test_exported_names() -> None:
    assert colonyledger.kafka.__all__ == ["KafkaBrokers", "KafkaExecutor", "KafkaLink", "kafka_client"]
    assert set(colonyledger.kafka.__all__) <= set(dir(colonyledger.kafka))
    with pytest.raises(AttributeError, match="no attribute 'Kafka'"):
        colonyledger.kafka.Kafka  # noqa: B018


NEVER_LOADED = """
import sys, colonyledger.executor, colonyledger.sync.client, colonyledger.kafka.protocol
from colonyledger.kafka import KafkaBrokers
sys.exit("aiokafka" in sys.modules)
"""

MISSING = """
import sys
sys.modules["aiokafka"] = None
try:
    from colonyledger.kafka import KafkaExecutor
except ImportError as error:
    sys.exit("pip install 'colonyledger[kafka]'" not in str(error))
sys.exit(2)
"""


@pytest.mark.parametrize("program", [NEVER_LOADED, MISSING])
def test_who_does_not_use_it_needs_no_aiokafka(program: str) -> None:
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
