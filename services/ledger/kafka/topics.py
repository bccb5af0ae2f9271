"""Topics as infra/kafka/topics.toml declares them: made when missing, refused when different."""

from __future__ import annotations

import asyncio
import logging
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.admin import AlterConfigsRequest, DescribeConfigsRequest

from services.ledger.base import LedgerRefused, LedgerUnavailable
from services.ledger.kafka.settings import KafkaSettings

__all__ = ["TopicDefinition", "ensure_copy", "ensure_topic", "finish_copy", "topic_definitions"]

_log = logging.getLogger(__name__)

_AT_LEAST = {"max.message.bytes", "min.insync.replicas"}
_POLL_SECONDS = 0.05
_STAMPS = "message.timestamp.type"
_ANY_TIME = str(2**63 - 1)
_COPYING = {
    _STAMPS: "CreateTime",
    "message.timestamp.before.max.ms": _ANY_TIME,
    "message.timestamp.after.max.ms": _ANY_TIME,
}
"""How a topic differs from its definition while a ledger is copied into it: records keep their times, whatever
these are, and no server takes it for a ledger."""


@dataclass(frozen=True, slots=True)
class TopicDefinition:
    """How a topic must be; `settings` are Kafka's topic settings as text."""

    partitions: int
    replication_factor: int
    settings: Mapping[str, str]

    def for_replicas(self, replicas: int) -> Mapping[str, str]:
        """The settings for a topic of `replicas` replicas: as many in sync as leave one that may fail."""
        in_sync = min(int(self.settings["min.insync.replicas"]), max(replicas - 1, 1))
        return {**self.settings, "min.insync.replicas": str(in_sync)}


def topic_definitions() -> dict[str, TopicDefinition]:
    """The sections of infra/kafka/topics.toml by name."""
    declared = tomllib.loads((files("infra") / "kafka" / "topics.toml").read_text("utf-8"))
    return {
        name: TopicDefinition(
            section["partitions"],
            section["replication_factor"],
            {setting: _as_text(value) for setting, value in section["settings"].items()},
        )
        for name, section in declared.items()
    }


async def ensure_topic(settings: KafkaSettings) -> int:
    """Make the topic if it is missing, check it if it is there; the number of its partitions.

    Raises:
        LedgerRefused: the topic exists with other settings, or the brokers do not allow it.
        LedgerUnavailable: the brokers do not answer.
    """
    return await _ensure(settings, {})


async def ensure_copy(settings: KafkaSettings) -> int:
    """Make the topic for a copy if it is missing, check that it is one if it is there; the number of its partitions.

    Raises:
        LedgerRefused: the topic is something else, such as a ledger, or the brokers do not allow it.
        LedgerUnavailable: the brokers do not answer.
    """
    return await _ensure(settings, _COPYING)


async def finish_copy(settings: KafkaSettings) -> None:
    """Make a ledger of a copy that is complete: from here on the brokers' clocks give times.

    Raises:
        LedgerRefused: the brokers do not allow it.
        LedgerUnavailable: the brokers do not answer.
    """
    topic = settings.topic
    client = AIOKafkaClient(**settings.client())
    try:
        async with asyncio.timeout(settings.timeout_seconds):
            await client.bootstrap()
            replicas = await _replicas(settings)
            wanted = topic_definitions()[settings.definition].for_replicas(replicas)
            request = AlterConfigsRequest([(ConfigResourceType.TOPIC, topic, list(wanted.items()))])
            answer = await client.send(client.get_random_node(), request)
            ((code, message, *_),) = answer.resources
            if code:
                reason = message or for_code(code).description
                raise LedgerRefused(f"the settings of topic {topic} cannot be changed: {reason}")
            for broker in client.cluster.brokers():
                await _await_setting(client, broker.nodeId, topic, wanted[_STAMPS])
    except TimeoutError:
        raise LedgerUnavailable(f"Kafka at {settings.bootstrap_servers} does not answer") from None
    except KafkaError as error:
        raise LedgerUnavailable(f"Kafka at {settings.bootstrap_servers}: {error}") from error
    finally:
        await client.close()
    await ensure_topic(settings)


async def _ensure(settings: KafkaSettings, special: Mapping[str, str]) -> int:
    """Make or check a topic; `special` are its settings that are not as they are defined."""
    definitions = topic_definitions()
    if settings.definition not in definitions:
        raise LedgerRefused(f"infra/kafka/topics.toml has no section {settings.definition!r}")
    definition = definitions[settings.definition]
    definition = replace(definition, settings={**definition.settings, **special})
    admin = AIOKafkaAdminClient(**settings.client())
    try:
        async with asyncio.timeout(settings.timeout_seconds):
            await admin.start()
            partitions = await _partitions(admin, settings.topic)
            if not partitions:
                if settings.read_only:
                    raise LedgerRefused(f"there is no topic {settings.topic}, or it may not be read")
                await _create(admin, settings, definition)
                partitions = await _await_leaders(admin, settings.topic)
            await _check(admin, settings, definition, partitions)
            return len(partitions)
    except TimeoutError:
        raise LedgerUnavailable(f"Kafka at {settings.bootstrap_servers} does not answer") from None
    except KafkaError as error:
        raise LedgerUnavailable(f"Kafka at {settings.bootstrap_servers}: {error}") from error
    finally:
        await admin.close()


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


async def _partitions(admin: AIOKafkaAdminClient, topic: str) -> list[dict[str, Any]]:
    (described,) = await admin.describe_topics([topic])
    return list(described["partitions"])


async def _create(admin: AIOKafkaAdminClient, settings: KafkaSettings, definition: TopicDefinition) -> None:
    brokers = len((await admin.describe_cluster())["brokers"])
    replicas = settings.replication_factor or min(definition.replication_factor, brokers)
    if replicas < definition.replication_factor:
        _log.warning(
            "topic %s is made with %d replicas, not %d",
            settings.topic,
            replicas,
            definition.replication_factor,
        )
    topic = NewTopic(
        settings.topic,
        settings.partitions or definition.partitions,
        replicas,
        topic_configs=dict(definition.for_replicas(replicas)),
    )
    ((_, code, message),) = (await admin.create_topics([topic])).topic_errors
    error = for_code(code)
    if code and error is not TopicAlreadyExistsError:
        raise LedgerRefused(f"topic {settings.topic} cannot be created: {message or error.description}")


async def _await_leaders(admin: AIOKafkaAdminClient, topic: str) -> list[dict[str, Any]]:
    while True:
        partitions = await _partitions(admin, topic)
        if partitions and all(partition["leader"] >= 0 for partition in partitions):
            return partitions
        await asyncio.sleep(_POLL_SECONDS)


async def _check(
    admin: AIOKafkaAdminClient,
    settings: KafkaSettings,
    definition: TopicDefinition,
    partitions: list[dict[str, Any]],
) -> None:
    wrong = []
    if settings.partitions is not None and settings.partitions != len(partitions):
        wrong.append(f"it has {len(partitions)} partitions, not {settings.partitions}")
    actual = await _settings_of(admin, settings.topic)
    for name, wanted in definition.for_replicas(len(partitions[0]["replicas"])).items():
        found = actual.get(name)
        enough = name in _AT_LEAST and found is not None and int(found) >= int(wanted)
        if found != wanted and not enough:
            wrong.append(f"{name} is {found}, must be {'at least ' if name in _AT_LEAST else ''}{wanted}")
    if wrong and _is_copy(actual) and not _is_copy(definition.settings):
        raise LedgerRefused(
            f"topic {settings.topic} is a copy of a ledger that is not finished: "
            "go on with the command that began it, or delete the topic"
        )
    if wrong and _is_copy(definition.settings) and actual.get(_STAMPS) != _COPYING[_STAMPS]:
        raise LedgerRefused(f"topic {settings.topic} is a ledger already, so nothing is copied into it")
    if wrong:
        raise LedgerRefused(
            f"topic {settings.topic} is not as infra/kafka/topics.toml says: {'; '.join(wrong)}"
        )


def _is_copy(settings: Mapping[str, str]) -> bool:
    return all(settings.get(name) == value for name, value in _COPYING.items())


async def _replicas(settings: KafkaSettings) -> int:
    admin = AIOKafkaAdminClient(**settings.client())
    try:
        await admin.start()
        return len((await _partitions(admin, settings.topic))[0]["replicas"])
    finally:
        await admin.close()


async def _await_setting(client: AIOKafkaClient, broker: int, topic: str, wanted: str) -> None:
    """Wait until a broker knows that the topic's records get their times from it."""
    request = DescribeConfigsRequest([(ConfigResourceType.TOPIC, topic, [_STAMPS])])
    while True:
        answer = await client.send(broker, request)
        ((code, _, _, _, entries),) = answer.resources
        if not code and any(value == wanted for _, value, *_ in entries):
            return
        await asyncio.sleep(_POLL_SECONDS)


async def _settings_of(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    while True:
        (described,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        ((code, message, _, _, entries),) = described.resources
        if not code:
            return {name: value for name, value, *_ in entries}
        error = for_code(code)
        if error is not UnknownTopicOrPartitionError:
            raise LedgerRefused(
                f"the settings of topic {topic} cannot be read: {message or error.description}"
            )
        # A broker that has not heard of a new topic yet.
        await asyncio.sleep(_POLL_SECONDS)
