"""What one section of a run came to: data, tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.table import Cells, markdown

__all__ = ["Report"]


class Report(NamedTuple):
    """A section. `pictures` are SVGs by file name, `failed` says what a run must not end well with."""

    section: str
    data: Any
    tables: Sequence[tuple[str, Cells]]
    pictures: Mapping[str, str] = {}
    failed: Sequence[str] = ()

    def markdown(self) -> str:
        """Pictures, then tables below their titles."""
        shown = [f"![{name.removesuffix('.svg')}](pictures/{name})" for name in self.pictures]
        return "\n\n".join([*shown, *(f"**{title}**\n\n{markdown(cells)}" for title, cells in self.tables)])
