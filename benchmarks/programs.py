"""Our server and a Kafka broker as processes, and what processes use of the machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from colonyledger.identity import Identity

__all__ = [
    "Broker",
    "Server",
    "bytes_below",
    "can_run_kafka",
    "cpu_seconds",
    "descriptors",
    "kafka",
    "memory_mib",
    "processes_of",
    "server",
]

_LISTENING = re.compile(r"listening on http://[^:]+:(\d+)")
_TICKS = os.sysconf("SC_CLK_TCK")

_SERVER = "from services.cli.server import app; app()"
_ROOT = Path(__file__).parent.parent
_KAFKA = _ROOT / "infra" / "kafka" / "kafka"


class Server:
    """A server that runs: where it is and its process."""

    def __init__(self, url: str, process: subprocess.Popen[bytes], ready_seconds: float) -> None:
        self.url = url
        self.pid = process.pid
        self.ready_seconds = ready_seconds
        """From its start to the first 200 of /health."""


@contextmanager
def server(
    directory: Path,
    owner: Identity,
    *flags: str,
    tree: Path = _ROOT,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run the server of a checkout with everything it keeps in `directory`."""
    log = directory / "server.log"
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", _SERVER, "start", "--host", "127.0.0.1", "--port", "0"]
    command += ["--data-dir", str(directory), *flags]
    environment = os.environ | {"COLONIES_SERVER_ID": owner.id, "PYTHONPATH": f"{tree}:{tree / 'sdk'}"}
    with log.open("w") as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(command, stderr=stderr, env=environment | dict(variables or {}), cwd=tree)
    try:
        url = _ready(log, process)
        yield Server(url, process, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        if match := _LISTENING.search(log.read_text()):
            url = f"http://127.0.0.1:{match.group(1)}"
            try:
                with urllib.request.urlopen(f"{url}/health", timeout=10) as health:
                    if health.status == 200:
                        return url
            except OSError:
                pass
        time.sleep(0.01)
    raise RuntimeError(f"the server did not become ready: {log.read_text()}")


class Broker:
    """A Kafka broker that runs."""

    def __init__(self, bootstrap: str, pid: int) -> None:
        self.bootstrap = bootstrap
        self.pid = pid


def can_run_kafka() -> bool:
    """Whether a broker can be started here."""
    return all(shutil.which(tool) for tool in ("java", "mvn"))


@contextmanager
def kafka(directory: Path) -> Iterator[Broker]:
    """Run a broker of one node with its files in `directory`."""
    try:
        ran = subprocess.run(
            [_KAFKA, "up", "--port", "0", "--dir", directory],
            stdout=subprocess.PIPE,
            text=True,
            timeout=300,
            check=True,
        )
        pid = int((directory / "1" / "pid").read_text())
        yield Broker(ran.stdout.strip().removeprefix("KAFKA_BOOTSTRAP="), pid)
    finally:
        subprocess.run([_KAFKA, "down", "--dir", directory], timeout=120, check=True)


def cpu_seconds(*pids: int) -> float:
    """Processor time that processes and their children have used."""
    return sum(_own_cpu_seconds(each) for pid in pids for each in processes_of(pid))


def memory_mib(*pids: int) -> float:
    """Memory of processes and their children, shared pages counted in part (PSS), in MiB."""
    return sum(_own_memory_mib(each) for pid in pids for each in processes_of(pid))


def descriptors(pid: int) -> int:
    """Files and sockets that a process and its children hold open."""
    return sum(len(_entries(Path(f"/proc/{each}/fd"))) for each in processes_of(pid))


def bytes_below(directory: Path) -> int:
    """Space that the files of a directory take on the disk."""
    total = 0
    for file in directory.rglob("*"):
        try:
            total += file.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def processes_of(pid: int) -> list[int]:
    """A process and all its children."""
    found = [pid]
    for parent in found:
        for task in _entries(Path(f"/proc/{parent}/task")):
            try:
                found.extend(map(int, (task / "children").read_text().split()))
            except OSError:
                continue
    return found


def _entries(directory: Path) -> Sequence[Path]:
    try:
        return list(directory.iterdir())
    except FileNotFoundError:
        return []


def _own_cpu_seconds(pid: int) -> float:
    """Of a process, its threads that have ended, and its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _own_memory_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))
