"""A broker with TLS, SCRAM and ACLs: who gets in, and what they may do there."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import TopicAuthorizationFailedError
from colonyledger.identity import Identity

from services.ledger import KafkaLedger, LedgerUnavailable
from services.ledger.kafka.acls import Grant, grants_of, roles
from services.ledger.opening import kafka_settings
from tests.conftest import StartServer
from tests.kafka_broker import KafkaBroker, running_broker
from tests.servers import COLONY, STARTS_WITHIN, clean_environment
from tests.services.site import Site


@pytest.fixture(scope="module")
def secure_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker of this module's own, with the users admin, node, worker and auditor."""
    with running_broker(tmp_path_factory.mktemp("kafka"), "--secure") as broker:
        yield broker


@pytest.fixture
async def topic(secure_broker: KafkaBroker) -> str:
    """A ledger's topic of 2 partitions, made by node, that node and auditor may use as ACLs say."""
    topic = f"ledger-{uuid.uuid4().hex[:8]}"
    words = ("acls", "node", "auditor", "--topic", topic, "--apply", "--brokers", secure_broker.bootstrap)
    assert colony("kafka", *words, **secure_broker.variables("admin")).returncode == 0
    where = f"kafka://{secure_broker.bootstrap}/{topic}"
    settings = kafka_settings(where, environment=secure_broker.variables("node"))
    ledger = KafkaLedger(replace(settings, partitions=2))
    await ledger.start()
    await ledger.close()
    return topic


def colony(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What became of a command."""
    return subprocess.run(
        [str(COLONY), *words],
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        timeout=STARTS_WITHIN,
        check=False,
    )


async def test_a_server_works_with_the_rights_of_a_node(
    secure_broker: KafkaBroker, topic: str, start_server: StartServer
) -> None:
    where = f"kafka://{secure_broker.bootstrap}/{topic}"
    server = start_server("--dev", "--ledger", where, **secure_broker.variables("node"))
    async with Site(server) as site:
        worker = await site.executor()
        submitted = await site.submit()
        given = await site.assign(worker)
        assert given.processid == submitted.processid
        await site.close(worker, given)
    assert server.stop() == 0
    log = "\n".join(server.lines)
    assert (secure_broker.secrets / "node.password").read_text().strip() not in log

    verified = colony("ledger", "verify", "--ledger", where, **secure_broker.variables("auditor"))
    assert (verified.returncode, "Every record is what it claims to be" in verified.stderr) == (0, True), (
        verified
    )


async def test_an_auditor_may_not_write(secure_broker: KafkaBroker, topic: str) -> None:
    where = f"kafka://{secure_broker.bootstrap}/{topic}"
    ledger = KafkaLedger(kafka_settings(where, environment=secure_broker.variables("auditor")))
    with pytest.raises(LedgerUnavailable, match="ClusterAuthorizationFailed"):
        await ledger.start()


async def test_an_auditor_archives_and_an_administrator_restores(
    secure_broker: KafkaBroker, topic: str, start_server: StartServer, tmp_path: Path
) -> None:
    where, archive = f"kafka://{secure_broker.bootstrap}/{topic}", str(tmp_path / "archive")
    server = start_server("--dev", "--ledger", where, **secure_broker.variables("node"))
    async with Site(server) as site:
        process = await site.submit()
        assert server.stop() == 0
        archived = colony(
            "ledger", "archive", "--ledger", where, "--to", archive, **secure_broker.variables("auditor")
        )
        assert archived.returncode == 0, archived.stderr

        new = f"{topic}-restored"
        words = ("acls", "node", "auditor", "--topic", new, "--apply", "--brokers", secure_broker.bootstrap)
        assert colony("kafka", *words, **secure_broker.variables("admin")).returncode == 0
        restored = f"kafka://{secure_broker.bootstrap}/{new}"
        restore = ("ledger", "restore", "--from", archive, "--to", restored)
        refused = colony(*restore, **secure_broker.variables("node"))
        assert (refused.returncode, "cannot be changed" in refused.stderr) == (1, True), refused
        done = colony(*restore, **secure_broker.variables("admin"))
        assert done.returncode == 0, done.stderr
        again = start_server("--dev", "--ledger", restored, **secure_broker.variables("node"))
        there = site.beside(again)
        assert (await there.get(process)).submissiontime == process.submissiontime
        await there.leave()


def test_nobody_gets_in_with_a_wrong_password(secure_broker: KafkaBroker, tmp_path: Path) -> None:
    wrong = "not-the-password-of-node"
    (tmp_path / "password").write_text(wrong)
    variables = secure_broker.variables("node") | {"LEDGER_KAFKA_PASSWORD_FILE": str(tmp_path / "password")}
    refused = colony("ledger", "tail", "--ledger", f"kafka://{secure_broker.bootstrap}", **variables)
    assert refused.returncode == 1
    assert "SaslAuthenticationFailed" in refused.stderr
    assert wrong not in refused.stderr + refused.stdout


def test_nobody_gets_in_without_tls(secure_broker: KafkaBroker) -> None:
    variables = secure_broker.variables("node") | {"LEDGER_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}
    del variables["LEDGER_KAFKA_CA"]
    refused = colony("ledger", "tail", "--ledger", f"kafka://{secure_broker.bootstrap}", **variables)
    assert refused.returncode == 1
    assert (secure_broker.secrets / "node.password").read_text().strip() not in refused.stderr


def test_a_broker_that_nobody_vouches_for_is_not_trusted(secure_broker: KafkaBroker) -> None:
    variables = secure_broker.variables("node")
    del variables["LEDGER_KAFKA_CA"]
    refused = colony("ledger", "tail", "--ledger", f"kafka://{secure_broker.bootstrap}", **variables)
    assert refused.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr


def test_only_an_administrator_gives_rights(secure_broker: KafkaBroker) -> None:
    words = ("kafka", "acls", "node", "--apply", "--brokers", secure_broker.bootstrap)
    refused = colony(*words, **secure_broker.variables("worker"))
    assert refused.returncode == 1
    assert refused.stderr == (
        "Error: User:node Create topic ledger cannot be allowed: "
        "the brokers say CLUSTER_AUTHORIZATION_FAILED.\n"
    )


async def test_who_was_given_nothing_reads_nothing(
    secure_broker: KafkaBroker, topic: str, start_server: StartServer
) -> None:
    where = f"kafka://{secure_broker.bootstrap}/{topic}"
    start_server("--dev", "--ledger", where, **secure_broker.variables("node"))
    settings = kafka_settings(where, environment=secure_broker.variables("worker"))
    consumer = AIOKafkaConsumer(topic, **settings.consumer())
    with pytest.raises(TopicAuthorizationFailedError):
        await consumer.start()
    await consumer.stop()


def test_rights_are_the_least() -> None:
    assert roles() == ["node", "worker", "executor", "auditor", "registry"]
    assert grants_of("auditor", "ann", "ledger") == [
        Grant("ann", "topic", "ledger", "literal", ("Describe", "DescribeConfigs", "Read"))
    ]
    writes = {
        role: {grant.name for grant in grants_of(role, "me", "mine") if "Write" in grant.operations}
        for role in roles()
    }
    assert writes["node"] == {
        "mine",
        "mine-reads",
        "mine-facts",
        "mine-nodes",
        "mine-replies",
        "mine-assignments",
    }
    assert writes["executor"] == {"mine-requests"}
    assert writes["worker"] == {"mine-windows", "mine-ready"}
    assert writes["auditor"] == set()
    assert not any(
        {"All", "Alter", "Delete"} & set(grant.operations)
        for role in roles()
        for grant in grants_of(role, "me", "mine")
    )


def test_commands_are_printed_for_the_shell() -> None:
    me = Identity.generate().id
    printed = colony("kafka", "acls", f"executor={me}", "registry=it's", "--brokers", "b:1")
    assert printed.returncode == 0
    lines = printed.stdout.splitlines()
    assert lines[0] == (
        f"kafka-acls.sh --bootstrap-server b:1 --command-config admin.properties --add --allow-principal User:{me} "
        "--operation Describe --operation Write --topic requests --resource-pattern-type literal"
    )
    assert any("'User:it'\"'\"'s'" in line and line.endswith("prefixed") for line in lines)


@pytest.mark.parametrize("word", ["king", "executor", "executor=bob"])
def test_a_role_that_does_not_exist(word: str) -> None:
    refused = colony("kafka", "acls", word)
    assert refused.stdout == ""
    assert refused.returncode != 0
    assert refused.stderr.startswith("Error: ")
