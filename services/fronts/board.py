"""Numbers that all processes of a server see, each front writing its own: connections, and requests refused as too much.

They lie in memory that the processes share, because each front must know how many connections there are in all.
"""

from __future__ import annotations

import os
from mmap import mmap
from typing import Self

__all__ = ["Board"]

_CONNECTIONS, _OVERLOADED = 0, 1
_FIELDS = 2
_BYTES = 8


class Board:
    """The numbers of `fronts` processes, in the file open as `fd`, of which this one is number `own`."""

    def __init__(self, fd: int, fronts: int, own: int = 0) -> None:
        self.fd = fd
        self._numbers = memoryview(mmap(fd, fronts * _FIELDS * _BYTES)).cast("Q")
        self._first = own * _FIELDS

    @classmethod
    def create(cls, fronts: int) -> Self:
        """A board that shows nothing yet, in memory without a name."""
        fd = os.memfd_create("colony-fronts")
        os.truncate(fd, fronts * _FIELDS * _BYTES)
        return cls(fd, fronts)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.fd)

    def connected(self, change: int) -> None:
        """Count so many connections more."""
        self._numbers[self._first + _CONNECTIONS] += change

    def overloaded(self) -> None:
        """Count a request that was refused as too much work."""
        self._numbers[self._first + _OVERLOADED] += 1

    def ended(self, front: int) -> None:
        """A front has ended, and its connections with it."""
        self._numbers[front * _FIELDS + _CONNECTIONS] = 0

    @property
    def connections(self) -> int:
        """Connections of all fronts."""
        return sum(self._numbers[_CONNECTIONS::_FIELDS])

    @property
    def refused(self) -> int:
        """Requests that all fronts have refused as too much work."""
        return sum(self._numbers[_OVERLOADED::_FIELDS])
