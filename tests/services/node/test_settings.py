"""Settings from flags and the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.node.settings import NodeSettings, SettingsError

ID = "039231c7644e04b6895471dd5335cf332681c54e27f81fac54f9067b3f2c0103"


def test_defaults() -> None:
    settings = NodeSettings.from_environment({})
    assert (settings.host, settings.port) == ("0.0.0.0", 50080)
    assert settings.data_dir == Path("data")
    assert settings.ledger_url == "data/ledger"
    assert settings.max_body_bytes == 64 * 1024 * 1024
    assert settings.build_version
    assert settings.reregister is False


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("COLONIES_SERVER_HTTP_HOST", "::1", "host", "::1"),
        ("COLONIES_SERVER_HTTP_PORT", "8080", "port", 8080),
        ("COLONIES_SERVER_PORT", "8081", "port", 8081),
        ("LEDGER_DATA_DIR", "somewhere/else", "data_dir", Path("somewhere/else")),
        ("LEDGER_URL", "kafka://a:1,b:2/topic", "ledger_url", "kafka://a:1,b:2/topic"),
        ("LEDGER_URL", "a/directory", "ledger_url", "a/directory"),
        ("LEDGER_HISTORY", "chdb", "history", "chdb"),
        (
            "LEDGER_HISTORY",
            "clickhouse://me:secret@host:8123/db",
            "history",
            "clickhouse://me:secret@host:8123/db",
        ),
        ("COLONIES_SERVER_ID", ID, "server_id", ID),
        ("COLONIES_SERVER_ID", ID.upper(), "server_id", ID),
        ("COLONIES_ALLOW_EXECUTOR_REREGISTER", "TRUE", "reregister", True),
        ("COLONIES_ALLOW_EXECUTOR_REREGISTER", "0", "reregister", False),
        ("LEDGER_READS_RETENTION", "0", "reads_retention_seconds", 0),
        ("LEDGER_READS_RETENTION_BYTES", "1048576", "reads_retention_bytes", 1048576),
        ("LEDGER_MAX_BODY_BYTES", "1024", "max_body_bytes", 1024),
        ("LEDGER_MAX_PARKED_DEMANDS", "7", "max_parked_demands", 7),
        ("LEDGER_GRACEFUL_SECONDS", "30", "graceful_seconds", 30),
        ("BUILD_VERSION", "1.2.3", "build_version", "1.2.3"),
        ("BUILD_TIME", "today", "build_time", "today"),
    ],
)
def test_a_variable(variable: str, text: str, name: str, value: object) -> None:
    assert getattr(NodeSettings.from_environment({variable: text}), name) == value


def test_what_goes_before_what() -> None:
    both = {"COLONIES_SERVER_PORT": "1", "COLONIES_SERVER_HTTP_PORT": "2"}
    assert NodeSettings.from_environment(both).port == 2
    assert NodeSettings.from_environment(both, port=3).port == 3
    assert NodeSettings.from_environment(both, port=None, host=None).port == 2
    assert NodeSettings.from_environment(both, port=0).port == 0
    assert (
        NodeSettings.from_environment({"COLONIES_SERVER_HTTP_PORT": "", "COLONIES_SERVER_PORT": "1"}).port
        == 1
    )


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {"COLONIES_SERVER_HTTP_PORT": "http"},
            "COLONIES_SERVER_HTTP_PORT must be a whole number, not 'http'",
        ),
        ({"COLONIES_SERVER_PORT": "65536"}, "from 0 to 65535"),
        ({"COLONIES_SERVER_PORT": "-1"}, "from 0 to 65535"),
        ({"COLONIES_ALLOW_EXECUTOR_REREGISTER": "maybe"}, "must be true or false, not 'maybe'"),
        ({"COLONIES_SERVER_ID": "me"}, "COLONIES_SERVER_ID"),
        ({"COLONIES_SERVER_ID": "g" * 64}, "64 lower-case hexadecimal digits"),
        ({"LEDGER_URL": "postgres://host"}, "kafka://… or a directory"),
        ({"LEDGER_HISTORY": "sqlite"}, "none, chdb or clickhouse://…, not 'sqlite'"),
        ({"LEDGER_REPLICAS": "-1"}, "LEDGER_REPLICAS"),
        ({"LEDGER_REPLICAS": "2", "LEDGER_HISTORY": "chdb"}, "must not be chdb with replicas"),
        ({"LEDGER_MAX_BODY_BYTES": "10"}, "LEDGER_MAX_BODY_BYTES"),
        ({"LEDGER_MAX_BODY_BYTES": str(2**40)}, "LEDGER_MAX_BODY_BYTES"),
        ({"LEDGER_GRACEFUL_SECONDS": "1e3"}, "whole number"),
        ({"LEDGER_READS_RETENTION": "99999999999999"}, "LEDGER_READS_RETENTION"),
    ],
)
def test_what_cannot_be_understood(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as problem:
        NodeSettings.from_environment(environment)
    assert said in str(problem.value)


def test_the_history_may_be_named_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("clickhouse://ann:hush@host:8123/db\n")
    named = {"LEDGER_HISTORY_FILE": str(tmp_path / "history")}
    assert NodeSettings.from_environment(named).history == "clickhouse://ann:hush@host:8123/db"
    with pytest.raises(SettingsError, match="both set"):
        NodeSettings.from_environment({**named, "LEDGER_HISTORY": "chdb"})


def test_a_wrong_history_is_refused_without_its_password() -> None:
    with pytest.raises(SettingsError, match="must be none, chdb or clickhouse") as refused:
        NodeSettings.from_environment({"LEDGER_HISTORY": "clickhous://ann:hush@host:8123/db"})
    assert "hush" not in str(refused.value)


def test_partitions_are_shared_on_kafka_only() -> None:
    assert NodeSettings(ledger="kafka://localhost:9092", replicas=1).is_sharing
    assert not NodeSettings(ledger="kafka://localhost:9092").is_sharing
    assert not NodeSettings(replicas=1).is_sharing
