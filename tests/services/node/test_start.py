"""Servers that cannot start: one clear line, and an exit code that is not 0."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from colonyledger.identity import Identity
from typer.testing import CliRunner

from services.cli.server import app
from services.node.dev import SERVER_OWNER, environment
from tests.conftest import StartServer
from tests.ledgers import Ledgers
from tests.servers import COLONY, STARTS_WITHIN, Server, clean_environment


def failure(*flags: str, **variables: str) -> str:
    """What a server says that cannot start, in this process."""
    ran = CliRunner(env=dict.fromkeys(os.environ.keys() - clean_environment().keys()) | variables).invoke(
        app, ["start", "--port", "0", *flags]
    )
    assert ran.exit_code == 1, ran.output
    assert ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


def failure_of_a_process(*flags: str) -> str:
    """What a server says that cannot start, as it is installed and without settings."""
    ran = subprocess.run(
        [str(COLONY), "server", "start", "--port", "0", *flags],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=STARTS_WITHIN,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    return last


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_port_that_is_taken(tmp_path: Path, taken_port: int) -> None:
    said = failure("--dev", "--data-dir", str(tmp_path), "--port", str(taken_port))
    assert f"127.0.0.1:{taken_port}" in said
    assert "in use" in said


def test_a_host_that_is_not_here(tmp_path: Path) -> None:
    assert "it cannot listen on 192.0.2.1:" in failure(
        "--dev", "--data-dir", str(tmp_path), "--host", "192.0.2.1"
    )


@pytest.mark.embedded("two servers want the same directory")
def test_a_ledger_that_is_in_use(dev_server: Server) -> None:
    said = failure("--dev", "--data-dir", str(dev_server.directory))
    assert f"already in use by process {dev_server.process.pid}" in said
    assert dev_server.health()[0] == 200


def test_a_new_ledger_without_a_server_owner(tmp_path: Path) -> None:
    assert "COLONIES_SERVER_ID" in failure_of_a_process("--data-dir", str(tmp_path))
    # Nothing was decided: the owner can still be named.
    assert "COLONIES_SERVER_ID" in failure("--data-dir", str(tmp_path))


def test_a_ledger_with_other_keys_than_the_development_ones(
    tmp_path: Path, start_server: StartServer
) -> None:
    owner = Identity.generate()
    server = start_server("--host", "127.0.0.1", directory=tmp_path, COLONIES_SERVER_ID=owner.id)
    assert server.stop() == 0
    assert "--dev needs one of its own" in failure(
        "--dev", "--data-dir", str(tmp_path), "--ledger", server.ledger
    )


@pytest.mark.parametrize(
    ("flags", "variables", "said"),
    [
        (["--port", "65536"], {}, "COLONIES_SERVER_HTTP_PORT"),
        (["--workers", "65"], {}, "LEDGER_WORKERS"),
        (["--workers", "0"], {}, "must be from 1 to 64"),
        (["--ledger", "s3://bucket"], {}, "LEDGER_URL"),
        (["--ledger", "kafka://nowhere"], {}, "a Kafka broker is named host:port"),
        ([], {"COLONIES_SERVER_ID": "me"}, "64 lower-case hexadecimal digits"),
    ],
)
def test_settings_that_cannot_be_understood(
    tmp_path: Path, flags: list[str], variables: dict[str, str], said: str
) -> None:
    assert said in failure("--data-dir", str(tmp_path), *flags, **variables)


def test_a_data_directory_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert str(tmp_path / "file") in failure("--dev", "--data-dir", str(tmp_path / "file" / "data"))
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        assert "Permission denied" in failure("--dev", "--data-dir", str(tmp_path / "data"))


def test_a_key_file_that_holds_no_key(tmp_path: Path) -> None:
    (tmp_path / "node.key").write_text("")
    said = failure("--dev", "--data-dir", str(tmp_path))
    assert f"{tmp_path / 'node.key'} holds no key of a node" in said


def test_a_server_for_development(start_server: StartServer, ledgers: Ledgers) -> None:
    """It says what to export, logs no requests, and has a key that nobody else may read and that it keeps."""
    server = start_server("--dev")
    key = server.directory / "node.key"
    assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_text()
    Identity(before.strip())
    assert server.stop() == 0
    exported = dict(
        line.strip().removeprefix("export ").split("=") for line in server.lines if "export" in line
    )
    assert exported == environment("localhost", server.port)
    assert exported["COLONIES_SERVER_ID"] == SERVER_OWNER.id
    assert [line for line in server.lines if "HTTP Request" in line] == []
    logged = [line.split("INFO ")[1].split(" ")[0] for line in server.lines if "INFO" in line]
    ours = [word for word in logged if word in ("listening", "ready:")]
    assert ours == ["listening", "ready:"]
    assert logged == ours or ledgers.is_on_kafka, "only Kafka's client may say more"
    server.start()
    assert key.read_text() == before


@pytest.mark.embedded("a file is in the way of the reads log's directory")
def test_a_server_that_is_stopped_before_it_is_ready(start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "reads").write_text("in the way")
    server = start_server("--dev", directory=tmp_path, wait=False)
    assert server.health()[0] == 503
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0


def test_an_address_of_the_next_generation(start_server: StartServer) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    server = start_server("--dev", "--host", "::1")
    assert server.url == f"http://[::1]:{server.port}"
    assert server.health()[0] == 200
