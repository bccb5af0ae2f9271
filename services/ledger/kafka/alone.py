"""One at a time: a task that two must not do at once holds a consumer group that nobody else may be in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorForGroupError,
    for_code,
)

from services.ledger.base import LedgerRefused, LedgerUnavailable
from services.ledger.kafka.consumers import reason_of
from services.ledger.kafka.settings import KafkaSettings

__all__ = ["alone"]

_SESSION_MILLISECONDS = 45_000
"""How long one who has died keeps others away."""
_AGAIN_SECONDS = 0.2
_FOR_EVER_MILLISECONDS = 2**31 - 1


@asynccontextmanager
async def alone(settings: KafkaSettings, task: str) -> AsyncIterator[None]:
    """Do a task with a topic that nobody else does meanwhile, on any machine.

    The loop must not be blocked for longer than half a minute.

    Raises:
        LedgerRefused: somebody else does it.
        LedgerUnavailable: the brokers do not answer.
    """
    group = f"{settings.topic}-{task}"
    member = AIOKafkaConsumer(
        settings.topic,
        **settings.client()
        | {
            "group_id": group,
            "enable_auto_commit": False,
            "session_timeout_ms": _SESSION_MILLISECONDS,
            "heartbeat_interval_ms": _SESSION_MILLISECONDS // 10,
            "max_poll_interval_ms": _FOR_EVER_MILLISECONDS,
        },
    )
    try:
        try:
            async with asyncio.timeout(settings.timeout_seconds + _SESSION_MILLISECONDS / 1000):
                await _check(settings, task, group, others=0)
                await member.start()
                # Two who came at the same moment both go.
                await _check(settings, task, group, others=1)
        except (KafkaError, TimeoutError) as error:
            raise LedgerUnavailable(f"Kafka at {settings.bootstrap_servers}: {reason_of(error)}") from error
        yield
    finally:
        await member.stop()


async def _check(settings: KafkaSettings, task: str, group: str, *, others: int) -> None:
    admin = AIOKafkaAdminClient(**settings.client())
    try:
        await admin.start()
        members = await _members(admin, group)
    finally:
        await admin.close()
    if len(members) > others:
        raise LedgerRefused(
            f"somebody else has {task} under way with topic {settings.topic} now, "
            f"or was stopped in it less than {_SESSION_MILLISECONDS // 1000} s ago: try again then"
        )


async def _members(admin: AIOKafkaAdminClient, group: str) -> Sequence[Any]:
    while True:
        try:
            (described,) = await admin.describe_consumer_groups([group])
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            # As long as the brokers make the topic in which they keep groups.
            await asyncio.sleep(_AGAIN_SECONDS)
            continue
        ((code, _, _, _, _, members, *_),) = described.groups
        if not code:
            return list(members)
        if for_code(code) not in (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            raise for_code(code)(f"group {group} cannot be described")
        await asyncio.sleep(_AGAIN_SECONDS)
