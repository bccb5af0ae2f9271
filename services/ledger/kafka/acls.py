"""The least that each kind of program needs of the brokers, from infra/kafka/acls.toml."""

from __future__ import annotations

import asyncio
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest

from services.ledger.base import LedgerRefused, LedgerUnavailable
from services.ledger.kafka.consumers import reason_of
from services.ledger.kafka.settings import KafkaSettings

__all__ = ["Grant", "allow", "as_command", "grants_of", "roles"]

_RESOURCES = {"topic": 2, "group": 3}
_PATTERNS = {"literal": 3, "prefixed": 4}
_OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
_ALLOW = 3
_LEDGER = "ledger"
"""The topic of a ledger that was given no other name."""


class Grant(NamedTuple):
    """What a user may do with one topic or consumer group, or with all whose names begin alike."""

    principal: str
    resource: str
    """topic or group"""
    name: str
    pattern: str
    """literal or prefixed"""
    operations: tuple[str, ...]


def roles() -> list[str]:
    """The kinds of programs that there are."""
    return list(_declared())


def grants_of(role: str, principal: str, ledger: str) -> list[Grant]:
    """What `principal`, a program of this role, may do where `ledger` is the name of the ledger's topic."""
    prefix = "" if ledger == _LEDGER else f"{ledger}-"
    names = {"{ledger}": ledger, "{prefix}": prefix, "{principal}": principal}
    return list(_grants(_declared()[role], principal, names))


def as_command(grant: Grant, bootstrap: str) -> str:
    """The words for Kafka's own tool, in a shell."""
    words = [
        "kafka-acls.sh",
        "--bootstrap-server",
        bootstrap,
        "--command-config",
        "admin.properties",
        "--add",
    ]
    words += ["--allow-principal", f"User:{grant.principal}"]
    for operation in grant.operations:
        words += ["--operation", operation]
    words += [f"--{grant.resource}", grant.name, "--resource-pattern-type", grant.pattern]
    return shlex.join(words)


async def allow(settings: KafkaSettings, grants: Sequence[Grant]) -> None:
    """Tell the brokers. What was allowed already stays allowed.

    Raises:
        LedgerRefused: we may not do that, or the cluster keeps no ACLs.
        LedgerUnavailable: the brokers do not answer.
    """
    client = AIOKafkaClient(**settings.client())
    try:
        async with asyncio.timeout(settings.timeout_seconds):
            await client.bootstrap()
            node = client.get_random_node()
            for grant in grants:
                for operation in grant.operations:
                    answer = await client.send(node, _request(grant, operation))
                    ((code, _),) = answer.creation_responses
                    if code:
                        what = f"User:{grant.principal} {operation} {grant.resource} {grant.name}"
                        raise LedgerRefused(
                            f"{what} cannot be allowed: the brokers say {for_code(code).message}"
                        )
    except (KafkaError, TimeoutError) as error:
        raise LedgerUnavailable(f"Kafka at {settings.bootstrap_servers}: {reason_of(error)}") from error
    finally:
        await client.close()


def _request(grant: Grant, operation: str) -> CreateAclsRequest:
    return CreateAclsRequest(
        _RESOURCES[grant.resource],
        grant.name,
        _PATTERNS[grant.pattern],
        f"User:{grant.principal}",
        "*",
        _OPERATIONS[operation],
        _ALLOW,
    )


def _declared() -> dict[str, dict[str, dict[str, list[str]]]]:
    return tomllib.loads((files("infra") / "kafka" / "acls.toml").read_text("utf-8"))


def _grants(role: dict[str, dict[str, list[str]]], principal: str, names: dict[str, str]) -> Iterator[Grant]:
    for kind, resources in role.items():
        for name, operations in resources.items():
            for mark, meant in names.items():
                name = name.replace(mark, meant)  # noqa: PLW2901 (it becomes the real name)
            pattern = "prefixed" if name.endswith("*") else "literal"
            yield Grant(principal, kind.removesuffix("s"), name.removesuffix("*"), pattern, tuple(operations))
