"""Programs in Python that use pycolonies, as processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.servers import Server, clean_environment

__all__ = ["PATIENCE", "run", "variables"]

PATIENCE = 120.0
"""Seconds after which a program that has not ended never will."""


def variables(server: Server, python_path: str, **more: str) -> dict[str, str]:
    """The environment of a program that uses pycolonies."""
    quick = {"PYTHONPATH": python_path, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    return clean_environment(**server.environment, **quick, **more)


def run(*command: str, env: Mapping[str, str], cwd: Path | None = None) -> str:
    """What a program says, which must succeed."""
    ran = subprocess.run(
        [sys.executable, *command],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
