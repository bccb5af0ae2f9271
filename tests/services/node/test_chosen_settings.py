"""Settings that the rules follow: from the environment into the ledger (constants.md sections 4 and 10)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from projections.state import Settings
from services.node.chosen import chosen_settings
from services.node.settings import NodeSettings, SettingsError
from tests.servers import COLONY, STARTS_WITHIN, clean_environment

DEFAULTS = Settings(stale_executor_seconds=600, cleanup_seconds=60)
WEEK = {"COLONIES_RETENTION": "true", "COLONIES_RETENTION_POLICY": "604800"}


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [
        ({}, DEFAULTS),
        ({"COLONIES_STALE_EXECUTOR_DURATION": "0"}, Settings(stale_executor_seconds=0)),
        (
            {"COLONIES_STALE_EXECUTOR_DURATION": "30", "COLONIES_CLEANUP_INTERVAL": "5"},
            Settings(stale_executor_seconds=30, cleanup_seconds=5),
        ),
        (WEEK, replace(DEFAULTS, retention_seconds=604_800)),
        (WEEK | {"COLONIES_RETENTION": "false"}, DEFAULTS),
        ({"COLONIES_RETENTION_POLICY": "60"}, DEFAULTS),
        (
            WEEK | {"LEDGER_RETENTION_ALL": "1"},
            replace(DEFAULTS, retention_seconds=604_800, retention_all=True),
        ),
        ({"TZ": "Europe/Stockholm"}, replace(DEFAULTS, timezone="Europe/Stockholm")),
        ({"TZ": "Europe/Stockholm", "LEDGER_TIMEZONE": "UTC"}, DEFAULTS),
        ({"COLONIES_ALLOW_EXECUTOR_REREGISTER": "yes"}, replace(DEFAULTS, reregister=True)),
    ],
)
def test_what_the_environment_says(environment: dict[str, str], chosen: Settings) -> None:
    assert chosen_settings(NodeSettings.from_environment(environment)) == chosen


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"COLONIES_RETENTION": "true"}, "COLONIES_RETENTION_POLICY"),
        ({"COLONIES_RETENTION": "true", "COLONIES_RETENTION_POLICY": "0"}, "COLONIES_RETENTION_POLICY"),
        ({"COLONIES_RETENTION": "true", "COLONIES_RETENTION_POLICY": "-1"}, "COLONIES_RETENTION_POLICY"),
        ({"COLONIES_RETENTION": "perhaps"}, "COLONIES_RETENTION must be true or false"),
        ({"COLONIES_STALE_EXECUTOR_DURATION": "-1"}, "COLONIES_STALE_EXECUTOR_DURATION"),
        ({"COLONIES_CLEANUP_INTERVAL": "often"}, "COLONIES_CLEANUP_INTERVAL must be a whole number"),
        ({"LEDGER_TIMEZONE": "Mars/Olympus"}, "'Mars/Olympus'"),
        ({"TZ": ":/etc/localtime"}, "LEDGER_TIMEZONE"),
    ],
)
def test_what_cannot_be(environment: dict[str, str], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        NodeSettings.from_environment(environment)


def test_a_server_does_not_start_with_retention_and_no_policy(tmp_path: Path) -> None:
    started = subprocess.run(
        [str(COLONY), "server", "start", "--dev", "--port", "0", "--data-dir", str(tmp_path / "data")],
        env=clean_environment(COLONIES_RETENTION="true"),
        capture_output=True,
        text=True,
        timeout=STARTS_WITHIN,
        check=False,
    )
    assert started.returncode != 0
    assert "COLONIES_RETENTION_POLICY" in started.stderr
    assert "Traceback" not in started.stderr
