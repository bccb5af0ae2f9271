"""A conversation: random moves, told to our server and to another side, whose replies must agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple, Protocol

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.differential import automation, members, storage, work  # noqa: F401 (they declare the moves)
from tests.differential.choice import MOVES, Choice
from tests.differential.comparing import Difference
from tests.differential.opening import FIRST, opening
from tests.differential.scene import Move, Scene
from tests.differential.sides import Reply, Side

__all__ = ["Conversation", "Other", "Tally", "Verdict"]

_OK = 200

_RANDOMS = st.randoms(use_true_random=True)
"""All moves alike: what is drawn piece by piece leans towards the first of everything."""

_QUERIES = ("get", "search", "resolve", "channelread")
"""How the RPCs that change nothing begin."""


class Verdict(NamedTuple):
    """What is to be said of two replies."""

    unexplained: list[Difference]
    parts: bool
    """Whether the sides are in different states from now on, as they are meant to be."""


class Other(Side, Protocol):
    """The side that our server is compared with."""

    def judge(self, move: Move, ours: Reply, theirs: Reply) -> Verdict:
        """What is to be said of the replies to a move."""

    def is_lost_by(self, move: Move) -> bool:
        """Whether a success of ours in a move that this side sat out leaves it behind."""


@dataclass
class Tally:
    """What was sent in all conversations of a test, what our server did of it, and what was compared."""

    conversations: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)


class Conversation(RuleBasedStateMachine):
    """Moves of a few domains at a time. When the sides have parted, a new conversation begins."""

    def __init__(self, meet: Callable[[], tuple[Side, Other]], tally: Tally) -> None:
        super().__init__()
        self._meet = meet
        self._tally = tally
        self._domains: list[str] = []

    @initialize(
        random=_RANDOMS,
        domains=st.lists(st.sampled_from(sorted(FIRST)), min_size=1, max_size=3, unique=True),
    )
    def begin(self, random: Random, domains: list[str]) -> None:
        self._domains = [*domains, "work", "work"]
        self._begin(random)

    @rule(random=_RANDOMS)
    def move(self, random: Random) -> None:
        if self._parted:
            self._begin(random)
        choice = self._choice(random)
        makers = MOVES[choice.one(self._domains)]
        self._tell(makers[choice.one(sorted(makers))](choice))

    def _begin(self, random: Random) -> None:
        self._ours, self._theirs = self._meet()
        self._scene = Scene()
        self._parted = False
        self._number = 0
        self._tally.conversations += 1
        for each in opening():
            self._tell(each)
        choice = self._choice(random)
        for domain in dict.fromkeys(self._domains):
            for payloadtype in FIRST[domain]:
                if not self._parted:
                    self._tell(MOVES[domain][payloadtype](choice))

    def _choice(self, random: Random) -> Choice:
        """Drawn seeds are often alike, so the place in the conversation counts too."""
        return Choice(Random(f"{self._number} {random.random()}"), self._scene)

    def _tell(self, move: Move) -> None:
        """Tell both sides, and compare what they say."""
        note(f"{self._number}: {move}")
        ours = self._ours.call(move, self._number)
        theirs = self._theirs.call(move, self._number)
        assert ours is not None
        self._number += 1
        self._tally.sent[move.payloadtype] += 1
        if ours.status == _OK:
            self._tally.done[move.payloadtype] += 1
            self._scene.learn(move, ours.content)
        if theirs is None:
            self._parted = ours.status == _OK and self._theirs.is_lost_by(move)
            return
        self._tally.compared[move.payloadtype] += 1
        verdict = self._theirs.judge(move, ours, theirs)
        assert not verdict.unexplained, _shown(move, verdict.unexplained)
        changes = not move.payloadtype.startswith(_QUERIES)
        self._parted = verdict.parts or (changes and (ours.status == _OK) != (theirs.status == _OK))


def _shown(move: Move, unexplained: list[Difference]) -> str:
    return "\n".join(_lines(move, unexplained))


def _lines(move: Move, unexplained: list[Difference]) -> Iterator[str]:
    yield f"{move.who} {move.payloadtype} {move.body}"
    for difference in unexplained:
        yield f"  at {difference.place}\n    ours   {difference.ours!r}\n    theirs {difference.theirs!r}"
