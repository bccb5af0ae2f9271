"""The form of ids and how they say which colony they belong to."""

from __future__ import annotations

import hashlib
import re

__all__ = ["TAG_DIGITS", "Aliases", "home_of", "is_identity", "tag_of"]

TAG_DIGITS = 8
"""Every id that the server gives starts with this many digits, the tag of its colony's name."""

_IDENTITY = re.compile(r"[0-9a-f]{64}", re.ASCII)


def is_identity(text: str) -> bool:
    """Whether `text` can be the id of a key: 64 lower-case hex digits."""
    return _IDENTITY.fullmatch(text) is not None


def tag_of(colonyname: str) -> str:
    """The tag of a colony: the first digits of the hash of its name."""
    return hashlib.sha3_256(colonyname.encode()).hexdigest()[:TAG_DIGITS]


def home_of(tag: str, partitions: int) -> int:
    """The partition, of so many, that holds the colony of a tag."""
    return int(tag, 16) % partitions


class Aliases:
    """Ids of one colony that do not start with its tag: chosen by clients, or hashes of other things.

    Two colonies may have things of one id; `colonies` holds the names of both.
    """

    __slots__ = ("_colonies", "_name", "_tag")

    def __init__(self, colonies: dict[str, tuple[str, ...]], name: str, tag: str) -> None:
        self._colonies = colonies
        self._name = (name,)
        """One object for nearly all of them."""
        self._tag = tag

    def add(self, identifier: str) -> None:
        """Let `identifier` lead to the colony."""
        if not identifier.startswith(self._tag):
            others = self._colonies.get(identifier)
            self._colonies[identifier] = self._name if others is None else others + self._name

    def remove(self, identifier: str) -> None:
        """Let `identifier` lead here no more."""
        names = list(self._colonies.get(identifier, ()))
        if self._name[0] in names:
            names.remove(self._name[0])
            if names:
                self._colonies[identifier] = tuple(names)
            else:
                del self._colonies[identifier]
