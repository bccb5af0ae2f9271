"""A difference from the reference that is meant, and how it is recognised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.differential.comparing import Difference
from tests.differential.scene import Move

__all__ = ["Deviation"]


@dataclass(frozen=True)
class Deviation:
    """One deliberate difference.

    `row` stands in exactly one line of the document. `payloadtypes` and `places` are patterns; `when`
    narrows it further. After a difference that `parts` the sides, their states are not comparable any more.
    """

    row: str
    payloadtypes: tuple[str, ...]
    places: tuple[str, ...]
    when: Callable[[Move, Difference], bool] = lambda move, difference: True
    parts: bool = False

    def explains(self, move: Move, difference: Difference) -> bool:
        """Whether it is why there is that difference."""
        return (
            any(fnmatchcase(move.payloadtype, each) for each in self.payloadtypes)
            and any(fnmatchcase(difference.place, each) for each in self.places)
            and self.when(move, difference)
        )
