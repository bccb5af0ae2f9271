"""Choosing: what the moves are drawn with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from tests.differential.scene import CAST, COLONY, NOBODY, OTHER_COLONY, Move, Scene, symbol

__all__ = ["MOVES", "Choice", "move"]

T = TypeVar("T")


class Choice:
    """What one move is made of. Usually it makes sense; one in ten is somebody or something else."""

    def __init__(self, random: Random, scene: Scene) -> None:
        self._random = random
        self.scene = scene

    def one(self, choices: Sequence[T]) -> T:
        """One of them, all alike."""
        return self._random.choice(choices)

    def number(self, low: int, high: int) -> int:
        """A number, both ends included."""
        return self._random.randint(low, high)

    def rarely(self) -> bool:
        """True once in ten times."""
        return self.number(0, 9) == 9

    def by(self, *usual: str) -> str:
        """Who calls: one of the usual, rarely anybody."""
        return self.one(CAST) if self.rarely() else self.one(usual)

    def member(self) -> str:
        """An approved member, rarely anybody."""
        return self.by("ann", "bob", "e1", "e2", "c1")

    def colony(self) -> str:
        """The colony, rarely another, or none."""
        return self.one([OTHER_COLONY, symbol("colony:none"), ""]) if self.rarely() else COLONY

    def known(self, sort: str) -> str:
        """Something of that sort, the newer the likelier; rarely something that there is not."""
        made = self.scene.made[sort]
        if not made or self.rarely():
            return NOBODY
        return made[-1 - min(self.number(0, len(made) - 1), self.number(0, len(made) - 1))]

    def running(self) -> tuple[str, str]:
        """A process with who runs it, as far as is known; rarely any other pair."""
        holders = list(self.scene.holders.items())
        if not holders or self.rarely():
            return self.known("process"), self.member()
        process, holder = holders[-1 - min(self.number(0, len(holders) - 1), self.number(0, 3))]
        return process, self.by(holder)


Maker = Callable[[Choice], tuple[str, dict[str, Any]]]
"""Draws who calls, and the JSON without its type."""

MOVES: dict[str, dict[str, Callable[[Choice], Move]]] = {}
"""All moves by domain and payload type."""


def move(domain: str, payloadtype: str) -> Callable[[Maker], Maker]:
    """Declare how a move is drawn."""

    def declare(maker: Maker) -> Maker:
        def make(choice: Choice) -> Move:
            who, body = maker(choice)
            return Move(who, payloadtype, body)

        MOVES.setdefault(domain, {})[payloadtype] = make
        return maker

    return declare
