"""colonies-ts, unmodified: its whole own test suite, unit tests and those against a server."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.conftest import StartServer
from tests.servers import clean_environment

INSTALLED = Path(__file__).parents[2] / ".cache" / "clients"
PATIENCE = 300.0
OLDEST_NODE = 18
"""The major version that it asks for."""
ITS_FILES = {"client.integration.test.ts": 34, "client.test.ts": 16, "crypto.test.ts": 10}
"""How many tests each of its files has, at least."""


@pytest.fixture(scope="session")
def colonies_ts(colonies_ts_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of it that can be run."""
    modules = node_modules(colonies_ts_source / "package.json")
    copy = tmp_path_factory.mktemp("clients") / "colonies-ts"
    shutil.copytree(colonies_ts_source, copy, copy_function=shutil.copyfile)
    copy.chmod(0o755)  # its source may be read-only
    (copy / "node_modules").symlink_to(modules)
    return copy


def node_modules(package: Path) -> Path:
    """What npm installs for a package.json, made once for each version of it and of node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node or npm is not installed, so no client in TypeScript can be run")
    version = run(node, "--version", cwd=package.parent).stdout.strip()
    major = re.match(r"v(\d+)\.", version)
    if major is None or int(major[1]) < OLDEST_NODE:
        pytest.skip(f"node is {version}; colonies-ts needs {OLDEST_NODE} or newer")
    key = hashlib.sha256(version.encode() + package.read_bytes()).hexdigest()[:16]
    installed = INSTALLED / f"colonies-ts-{key}"
    if not installed.is_dir():
        INSTALLED.mkdir(parents=True, exist_ok=True)
        unfinished = Path(mkdtemp(dir=INSTALLED))
        try:
            shutil.copyfile(package, unfinished / package.name)
            quietly = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
            ran = run(npm, "install", *quietly, cwd=unfinished)
            assert ran.returncode == 0, f"npm could not install what colonies-ts needs:\n{ran.stderr}"
            unfinished.rename(installed)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return installed / "node_modules"


def run(*command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A program, to its end."""
    return subprocess.run(
        command,
        env=clean_environment(**variables),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_its_own_test_suite(start_server: StartServer, colonies_ts: Path) -> None:
    server = start_server("--dev")
    ran = run(
        str(colonies_ts / "node_modules" / ".bin" / "vitest"),
        *["run", "--reporter=default", "--reporter=json", "--outputFile.json=report.json"],
        cwd=colonies_ts,
        # It makes the colony `test` and its executor with the development keys, which it has written down.
        COLONIES_SERVER_HOST=server.host,
        COLONIES_SERVER_PORT=str(server.port),
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads((colonies_ts / "report.json").read_text())
    tests = [
        (Path(file["name"]).name, test["fullName"], test["status"])
        for file in report["testResults"]
        for test in file["assertionResults"]
    ]
    assert [test for test in tests if test[2] != "passed"] == []
    for name, count in ITS_FILES.items():
        assert sum(test[0] == name for test in tests) >= count, name
    assert report["numTotalTests"] == len(tests)
