"""Unmodified clients of the ecosystem: where they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
    folder = clients / "pycolonies"
    if not folder.is_dir():
        pytest.skip(f"the source of pycolonies is not there ({folder})")
    return folder
