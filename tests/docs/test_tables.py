"""Documents that follow from the code are as the code is."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_list_of_rpcs_is_up_to_date() -> None:
    """`python docs/tables.py` writes it anew."""
    tables = runpy.run_path(str(ROOT / "docs" / "tables.py"))
    assert tables["PROTOCOL"].read_text() == tables["protocol"]()


def test_the_list_of_settings_is_up_to_date() -> None:
    """`python docs/tables.py` writes it anew."""
    tables = runpy.run_path(str(ROOT / "docs" / "tables.py"))
    assert tables["SETTINGS"].read_text() == tables["settings"]()
