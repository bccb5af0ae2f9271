"""The examples of sdk/README.md work as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import colonyledger

from tests.servers import Server, clean_environment

README = (Path(colonyledger.__file__).parents[1] / "README.md").read_text("utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_examples(dev_server: Server) -> None:
    executor, client, sync_client, workflow = SNIPPETS
    environment = clean_environment(**dev_server.environment)

    def printed(program: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    with subprocess.Popen([sys.executable, "-c", executor], env=environment) as running:
        try:
            assert printed(client) == "2 [5]\n"
            assert printed(sync_client) == "[5]\n"
            assert printed(workflow) == "SUCCESS [13]\n"
        finally:
            running.terminate()
    assert running.returncode == 0


def test_the_settings_are_the_published_ones(dev_server: Server) -> None:
    for name, value in re.findall(r"(COLONIES_\w+)=(\S+)", README.partition("### ")[0]):
        if name not in {"COLONIES_SERVER_HOST", "COLONIES_SERVER_PORT"}:
            assert dev_server.environment[name] == value
