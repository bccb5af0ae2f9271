"""Karapace with the words of the compose file, on a broker with TLS, SCRAM and ACLs: it takes our schemas.

It is in no package index, so nothing installs it: LEDGER_KARAPACE names a Python that has it.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from services.ledger.kafka.registry import schemas
from tests.infra.test_secure_kafka import colony
from tests.kafka_broker import KafkaBroker, running_broker
from tests.servers import STARTS_WITHIN, clean_environment

SERVICE: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yml").read_text())[
    "services"
]["karapace"]


class Karapace:
    """The registry as the compose file starts it, but for addresses, places and the number of brokers."""

    def __init__(self, python: str, broker: KafkaBroker) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        given = {name: str(value) for name, value in SERVICE["environment"].items()}
        ours = {
            "KARAPACE_BOOTSTRAP_URI": broker.bootstrap,
            "KARAPACE_SSL_CAFILE": str(broker.secrets / "ca.pem"),
            "KARAPACE_ADVERTISED_HOSTNAME": "127.0.0.1",
            "KARAPACE_HOST": "127.0.0.1",
            "KARAPACE_PORT": str(self.port),
            "KARAPACE_REPLICATION_FACTOR": "1",
        }
        assert ours.keys() <= given.keys()
        self.url = f"http://127.0.0.1:{self.port}"
        self._python = python
        self._environment = clean_environment(**given | ours)
        *shell, script = SERVICE["entrypoint"]
        password = str(broker.secrets / "registry.password")
        script = script.replace("$$", "$").replace("/run/secrets/registry", shlex.quote(password))
        self._command = [*shell, script.replace("python3", shlex.quote(python))]
        self._log = broker.directory / "karapace.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until the compose file's health check is content."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, cwd=self._log.parent, stdout=log, stderr=log
            )
        deadline = time.monotonic() + STARTS_WITHIN
        while not self.is_healthy():
            over = self._process.poll() is not None or time.monotonic() > deadline
            assert not over, self._log.read_text()
            time.sleep(0.1)

    def is_healthy(self) -> bool:
        """What the health check of the compose file says."""
        code = SERVICE["healthcheck"]["test"][-1].replace(":8081/", f":{self.port}/")
        asked = subprocess.run([self._python, "-c", code], capture_output=True, timeout=30, check=False)
        return asked.returncode == 0

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STARTS_WITHIN)
            self._process = None


@pytest.fixture
def karapace(tmp_path: Path) -> Iterator[Karapace]:
    """A registry on a broker of its own, with the rights of `registry`, not started yet."""
    python = os.environ.get("LEDGER_KARAPACE", "")
    if not python:
        pytest.skip("Karapace is in no package index; LEDGER_KARAPACE names a Python that has it")
    with running_broker(tmp_path / "kafka", "--secure") as broker:
        words = ("acls", "registry", "--apply", "--brokers", broker.bootstrap)
        allowed = colony("kafka", *words, **broker.variables("admin"))
        assert allowed.returncode == 0, allowed.stderr
        found = Karapace(python, broker)
        try:
            yield found
        finally:
            found.stop()


def test_karapace_takes_our_schemas_and_keeps_them(karapace: Karapace) -> None:
    karapace.start()
    for _ in range(2):
        done = colony("kafka", "schemas", "--registry", karapace.url)
        assert done.returncode == 0, done.stderr
        look_at(karapace.url)
    karapace.stop()
    assert not karapace.is_healthy()
    karapace.start()
    look_at(karapace.url)


def look_at(url: str) -> None:
    """Every id is that of our schema, and every subject has its versions in order."""
    with httpx.Client(base_url=url) as registry:
        versions: dict[str, list[int]] = {}
        for schema in schemas():
            text = registry.get(f"/schemas/ids/{schema.id}").json()["schema"]
            assert json.loads(text) == json.loads(schema.text)
            versions.setdefault(schema.subject, []).append(len(versions.get(schema.subject, [])) + 1)
        assert set(registry.get("/subjects").json()) == versions.keys()
        for subject, numbers in versions.items():
            assert registry.get(f"/subjects/{subject}/versions").json() == numbers
