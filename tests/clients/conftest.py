"""Unmodified clients of the ecosystem: where they are, and what they need besides a server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.s3_server import S3Server, running_s3

_BESIDE = Path(__file__).parents[3] / "shared" / "clients"


@pytest.fixture(scope="session")
def clients() -> Path:
    """The folder with sources of clients: LEDGER_CLIENTS, else `shared/clients` beside the checkout."""
    folder = Path(os.environ.get("LEDGER_CLIENTS") or _BESIDE)
    if not folder.is_dir():
        pytest.skip(f"the sources of clients are not there ({folder}); LEDGER_CLIENTS names their folder")
    return folder


@pytest.fixture(scope="session")
def pycolonies_source(clients: Path) -> Path:
    """The source of pycolonies, newer than the wheel."""
    return _source(clients, "pycolonies")


@pytest.fixture(scope="session")
def colonies_ts_source(clients: Path) -> Path:
    """The source of colonies-ts."""
    return _source(clients, "colonies-ts")


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """One S3 server for all clients: use a bucket of your own."""
    with running_s3() as server:
        yield server


def _source(clients: Path, name: str) -> Path:
    folder = clients / name
    if not folder.is_dir():
        pytest.skip(f"the source of {name} is not there ({folder})")
    return folder
