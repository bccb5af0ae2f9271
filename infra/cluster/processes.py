"""Processes that go on when who started them has ended, and are found again by the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["Process"]

_STEP_SECONDS = 0.05


class Process:
    """A process whose number and log are kept in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.name = directory.name
        self.log = directory / "log"
        self._directory = directory
        self._note = directory / "pid"

    @property
    def is_running(self) -> bool:
        """Whether it runs: the process is there, and it is ours and not a later one with its number."""
        noted = self._noted()
        return noted is not None and _born(noted[0]) == noted[1]

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it in the background, unless it runs."""
        if self.is_running:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            started = subprocess.Popen(  # noqa: S603 (the command is ours)
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._note.write_text(f"{started.pid} {_born(started.pid)}")

    def stop(self, patience: float) -> None:
        """Ask it to end, and end it after `patience` seconds."""
        noted = self._noted()
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + patience
            if noted is not None and self.is_running:
                os.kill(noted[0], number)
            while self.is_running and time.monotonic() < deadline:
                time.sleep(_STEP_SECONDS)
        self._note.unlink(missing_ok=True)

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def _noted(self) -> tuple[int, str] | None:
        try:
            number, _, born = self._note.read_text().partition(" ")
        except FileNotFoundError:
            return None
        return int(number), born


def _born(number: int) -> str:
    """When process `number` was started, in the kernel's count; empty if it is not there or has ended."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]
