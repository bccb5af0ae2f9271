"""pycolonies, unmodified: an executor and a client as processes of their own, and its own test suite."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.clients.python_program import PATIENCE, run, variables
from tests.conftest import StartServer
from tests.s3_server import S3Server
from tests.servers import Server

PROGRAMS = Path(__file__).parent / "programs"
ITS_PORT = 50080
"""The port that its tests have written down."""

NEEDS = {
    "test_sync": "libcfslib.so, a library of the reference's command line",
    "test_get_files": "libcfslib.so, a library of the reference's command line",
}
"""Its tests that need more than a server and an S3 store."""


@pytest.fixture(params=["wheel", "source"])
def python_path(request: pytest.FixtureRequest) -> str:
    """Where the programs import pycolonies from: what pip has installed, or the newer source."""
    return "" if request.param == "wheel" else str(request.getfixturevalue("pycolonies_source"))


@pytest.fixture
def executor(dev_server: Server, python_path: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """An executor of a type of its own, which ends when it is told to."""
    kind = f"echo-{uuid4().hex[:8]}"
    command = [sys.executable, str(PROGRAMS / "echo_executor.py"), kind]
    process = subprocess.Popen(command, env=variables(dev_server, python_path))
    yield kind, process
    process.kill()
    process.wait()


def test_an_executor_and_a_client(
    dev_server: Server, python_path: str, executor: tuple[str, subprocess.Popen[bytes]]
) -> None:
    kind, process = executor
    told = run(str(PROGRAMS / "client.py"), kind, env=variables(dev_server, python_path))
    assert json.loads(told) == {
        "echoed": ["hello", 42],
        "state": 2,
        "again": ["hello", 42],
        "logs": ["doing echo"],
        "added": [5],
        "terms": [["terms", "2"]],
        "graph": 2,
        "members": 3,
        "functions": ["add", "echo", "stop"],
        "failed": ["as told"],
        "executors": [kind],
        "missing": "Failed to get process, process not found",
        "stopped": 2,
    }
    assert process.wait(PATIENCE) == 0


def test_its_own_test_suite(start_server: StartServer, pycolonies_source: Path, s3: S3Server) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", ITS_PORT))
        except OSError as error:
            pytest.skip(f"its tests talk to port {ITS_PORT}, which is not free: {error}")
    server = start_server("--dev", "--port", str(ITS_PORT))
    environment = variables(server, str(pycolonies_source), **s3.environment("its-tests"))
    run("test/setup_test_env.py", env=environment, cwd=pycolonies_source)
    left_out = [
        word for name in NEEDS for word in ("--deselect", f"test/colonies_test.py::TestColonies::{name}")
    ]
    quietly = ["-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:randomly", "-q", "-rs"]
    summary = run("-m", "pytest", *quietly, *left_out, "test", env=environment, cwd=pycolonies_source)
    passed = re.search(r"(\d+) passed", summary)
    assert passed is not None, summary
    assert int(passed[1]) >= 48, summary
    skipped = re.findall(r"SKIPPED .*: (.*)", summary)
    # It asks for users with the server's key, which no server allows, and says so itself.
    assert set(skipped) <= {"User operations require admin permissions"}, summary
    # It reads the right names.
    assert f"{len(NEEDS)} deselected" in summary
