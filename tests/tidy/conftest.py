"""The repository as the style rules see it: every file that is, or would be, committed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.tidy.sources import Repository

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def repository() -> Repository:
    """All files of this checkout that git does not ignore."""
    if not (ROOT / ".git").exists():
        pytest.skip("the style rules need a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    names = sorted(name for name in listing.stdout.decode().split("\0") if name and (ROOT / name).is_file())
    return Repository(ROOT, names)
