"""Our server as a process, and what a process uses of the machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colonyledger.identity import Identity

__all__ = ["cpu_seconds", "memory_mib", "server"]

_LISTENING = re.compile(r"listening on http://[^:]+:(\d+)")
_TICKS = os.sysconf("SC_CLK_TCK")


_SERVER = "from services.cli.server import app; app()"
_ROOT = Path(__file__).parent.parent


@contextmanager
def server(directory: Path, owner: Identity, *flags: str, tree: Path = _ROOT) -> Iterator[tuple[str, int]]:
    """Run the server of a checkout with everything it keeps in `directory`; gives its URL and process id."""
    log = directory / "server.log"
    directory.mkdir(parents=True, exist_ok=True)
    with log.open("w") as stderr:
        command = [
            sys.executable,
            "-c",
            _SERVER,
            "start",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--data-dir",
            str(directory),
            *flags,
        ]
        environment = os.environ | {"COLONIES_SERVER_ID": owner.id, "PYTHONPATH": f"{tree}:{tree / 'sdk'}"}
        process = subprocess.Popen(command, stderr=stderr, env=environment, cwd=tree)
    try:
        yield _ready(log, process), process.pid
    finally:
        process.terminate()
        process.wait(30)


def _ready(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if match := _LISTENING.search(log.read_text()):
            url = f"http://127.0.0.1:{match.group(1)}"
            try:
                with urllib.request.urlopen(f"{url}/health") as health:
                    if health.status == 200:
                        return url
            except OSError:
                pass
        time.sleep(0.02)
    raise RuntimeError(f"the server did not become ready: {log.read_text()}")


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and its children have used."""
    return sum(_own_cpu_seconds(each) for each in _tree(pid))


def memory_mib(pid: int) -> float:
    """Memory of a process and its children, shared pages counted in part, in MiB."""
    return sum(_own_memory_mib(each) for each in _tree(pid))


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        children = Path(f"/proc/{parent}/task/{parent}/children")
        if children.exists():
            found.extend(map(int, children.read_text().split()))
    return found


def _own_cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _own_memory_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
