"""A real Kafka broker for tests, started and broken by infra/kafka/kafka."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

KAFKA = Path(__file__).parent.parent / "infra" / "kafka" / "kafka"
STARTED_QUICKLY = "-Xms128m -Xmx768m -XX:TieredStopAtLevel=1"


@dataclass(frozen=True)
class KafkaBroker:
    """A running broker of one node."""

    bootstrap: str
    directory: Path

    def variables(self, user: str) -> dict[str, str]:
        """What a program that is `user` has in its environment, if the broker was started with --secure."""
        return {
            "LEDGER_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "LEDGER_KAFKA_CA": str(self.secrets / "ca.pem"),
            "LEDGER_KAFKA_USERNAME": user,
            "LEDGER_KAFKA_PASSWORD_FILE": str(self.secrets / f"{user}.password"),
        }

    @property
    def secrets(self) -> Path:
        """Certificates and passwords of a secured broker."""
        return self.directory / "secrets"

    def do(self, action: str) -> None:
        """One of kill, stop, start, pause, resume."""
        run_kafka("node", "1", action, "--dir", str(self.directory))


def run_kafka(*arguments: str) -> str:
    """What the script prints."""
    ran = subprocess.run(
        [KAFKA, *arguments],
        env=os.environ | {"LEDGER_KAFKA_JVM": STARTED_QUICKLY},
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
        check=True,
    )
    return ran.stdout


@contextmanager
def running_broker(directory: Path, *flags: str) -> Iterator[KafkaBroker]:
    """A broker with its files in `directory`; skips the test if the tools to start one are missing.

    `flags` go to `kafka up`.
    """
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed, so no Kafka broker can be started")
    try:
        printed = run_kafka("up", "--port", "0", "--dir", str(directory), *flags)
        yield KafkaBroker(printed.strip().removeprefix("KAFKA_BOOTSTRAP="), directory)
    finally:
        run_kafka("down", "--dir", str(directory))
