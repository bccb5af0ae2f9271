"""Things apart by two sizes, and the first in an order of those that there is room for.

Sizes lie in a plane. A few of them stand in one list. Where there are many, the plane is halved again and again, along its
axes in turn, and each part knows the first of what is in it. A part that is too large for the room is passed over as
a whole, and so is one whose first comes too late; one whose first fits is answered by that. Only what is left
is looked into. As a cut lies where it does whatever comes and goes, nothing ever has to be arranged anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from projections.ordering import Ordered

__all__ = ["Size", "Sizes"]

T = TypeVar("T")

Size = tuple[int, int]
"""Two signed integers of 64 bits."""

_LISTED = 16
"""Sizes that stand in one list; all of them are looked at to find the first."""
_LOWEST = -(2**63)


class Sizes(Generic[T]):
    """Things by their sizes. No two have the same `order`, and neither that nor a size changes for what is here."""

    __slots__ = ("_order", "_root", "_size")

    def __init__(self, order: Callable[[T], Any], size: Callable[[T], Size], first: T) -> None:
        self._order = order
        self._size = size
        self._root: _Part[T] = _Listed(order, {size(first): Ordered(order, first)})

    def add(self, item: T) -> None:
        """Put something in its place."""
        root, size = self._root, self._size(item)
        if isinstance(root, _Listed) and len(root.of_size) < _LISTED:
            root.add(size, item)
            return
        above: _Halved[T] | None = None
        part, spot = root, _spot(size)
        while isinstance(part, _Halved) and part.holds(spot):
            part.least = _lower(part.least, size)
            if self._order(item) < self._order(part.first):
                part.first = item
            above, part = part, part.halves[part.half(spot)]
        if isinstance(part, _Halved):
            other = _Listed(self._order, {size: Ordered(self._order, item)})
            self._put(above, spot, _Halved(self._order, part.corner, part, spot, other))
            return
        part.add(size, item)
        if len(part.of_size) > _LISTED:
            self._put(above, spot, part.cut())

    def remove(self, item: T) -> bool:
        """Take something away that is here; gives whether anything is left. What is empty must not be used again."""
        part, size = self._root, self._size(item)
        if isinstance(part, _Listed):
            part.remove(size, item)
            return bool(part.of_size)
        spot = _spot(size)
        path: list[_Halved[T]] = []
        while isinstance(part, _Halved):
            path.append(part)
            part = part.halves[part.half(spot)]
        part.remove(size, item)
        if not part.of_size:
            parent = path.pop()
            self._put(path[-1] if path else None, spot, parent.halves[1 - parent.half(spot)])
        for above in reversed(path):
            if above.first is not item:
                break
            above.first = min((half.first for half in above.halves), key=self._order)
        return True

    def within(self, room: Size) -> T | None:
        """The first of all whose sizes are both not above those of `room`; None if there is none."""
        order = self._order
        best: T | None = None
        parts: list[_Part[T]] = [self._root]
        while parts:
            part = parts.pop()
            if isinstance(part, _Listed):
                found = part.within(room)
            elif not _fits(part.least, room) or (best is not None and order(best) < order(part.first)):
                continue
            elif _fits(self._size(part.first), room):
                found = part.first
            else:
                parts += sorted(part.halves, key=lambda half: order(half.first), reverse=True)
                continue
            if found is not None and (best is None or order(found) < order(best)):
                best = found
        return best

    def _put(self, above: _Halved[T] | None, spot: int, part: _Part[T]) -> None:
        """Let `part` be what is at a spot below `above`, or everything."""
        if above is None:
            self._root = part
        else:
            above.halves[above.half(spot)] = part


class _Listed(Generic[T]):
    """A part with few sizes. What is `first` in it is asked for only if there is something."""

    __slots__ = ("_order", "of_size")

    def __init__(self, order: Callable[[T], Any], of_size: dict[Size, Ordered[T]]) -> None:
        self._order = order
        self.of_size = of_size

    @property
    def least(self) -> Size:
        return min(size[0] for size in self.of_size), min(size[1] for size in self.of_size)

    @property
    def first(self) -> T:
        return min((alike.first for alike in self.of_size.values()), key=self._order)

    def add(self, size: Size, item: T) -> None:
        alike = self.of_size.get(size)
        if alike is None:
            self.of_size[size] = Ordered(self._order, item)
        else:
            alike.add(item)

    def remove(self, size: Size, item: T) -> None:
        if not self.of_size[size].remove(item):
            del self.of_size[size]

    def within(self, room: Size) -> T | None:
        fitting = (alike.first for size, alike in self.of_size.items() if _fits(size, room))
        return min(fitting, key=self._order, default=None)

    def cut(self) -> _Halved[T]:
        """The same in two halves: this one, which keeps those before the cut, and another."""
        spots = {_spot(size): size for size in self.of_size}
        least, most = min(spots), max(spots)
        cut = most >> _height(least, most) - 1 << _height(least, most) - 1
        later = {size: self.of_size.pop(size) for spot, size in spots.items() if spot >= cut}
        return _Halved(self._order, least, self, most, _Listed(self._order, later))


class _Halved(Generic[T]):
    """The smallest square, or two of them side by side, with one part in one half and another one in the other."""

    __slots__ = ("corner", "first", "halves", "height", "least")

    def __init__(
        self, order: Callable[[T], Any], one_spot: int, one: _Part[T], other_spot: int, other: _Part[T]
    ) -> None:
        self.height = _height(one_spot, other_spot)
        """How large it is, as a power of two."""
        self.corner = one_spot >> self.height << self.height
        """Its first spot."""
        self.halves: list[_Part[T]] = [one, other] if one_spot < other_spot else [other, one]
        self.first: T = min(one.first, other.first, key=order)
        self.least: Size = _lower(one.least, other.least)
        """No size here is below it. It stays when one goes: less is passed over then, that is all."""

    def holds(self, spot: int) -> bool:
        """Whether a spot is in this part."""
        return spot >> self.height == self.corner >> self.height

    def half(self, spot: int) -> int:
        """In which half a spot is."""
        return spot >> self.height - 1 & 1


_Part = _Listed[T] | _Halved[T]


def _height(one: int, other: int) -> int:
    """The size, as a power of two, of the smallest part that holds two spots."""
    return (one ^ other).bit_length()


def _fits(size: Size, room: Size) -> bool:
    return size[0] <= room[0] and size[1] <= room[1]


def _lower(one: Size, other: Size) -> Size:
    return min(one[0], other[0]), min(one[1], other[1])


def _spot(size: Size) -> int:
    """Where a size is on the line that goes through the plane half by half: the bits of both, in turns."""
    # Digits of base two that are read as digits of base four stand apart.
    return int(f"{size[0] - _LOWEST:b}", 4) << 1 | int(f"{size[1] - _LOWEST:b}", 4)
