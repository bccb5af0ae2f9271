"""The processes of one colony in each state, listed by whatever a request narrows them by (processes.md section 7.4)."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from projections.ordering import Ordered

if TYPE_CHECKING:
    from projections.process import LiveProcess

__all__ = ["Filter", "Listings"]


class Filter(NamedTuple):
    """What a listing is narrowed by; an empty text stands for everything."""

    executortype: str = ""
    initiator: str = ""
    label: str = ""


_PLACE = attrgetter("place")

_SHARED = 4096
"""Distinct combinations of filters whose objects are shared."""


class Listings:
    """For each state and every combination of filters the processes that pass, in the order of their places.

    So a page costs what it holds, however few of the others pass. A listing of one process is that
    process itself: labels that nothing else has are common.
    """

    __slots__ = ("_filters", "_listings")

    def __init__(self) -> None:
        self._listings: list[dict[Filter, LiveProcess | Ordered[LiveProcess]]] = [{}, {}, {}, {}, {}]
        self._filters: dict[tuple[str, str], tuple[Filter, ...]] = {}

    def add(self, process: LiveProcess) -> None:
        """List a process; until it is removed, its place and state must stay."""
        listings = self._listings[process.record.state]
        for each in self._passed_by(process):
            listing = listings.get(each)
            if isinstance(listing, Ordered):
                listing.add(process)
            elif listing is None:
                listings[each] = process
            else:
                listings[each] = several = Ordered(_PLACE, listing)
                several.add(process)

    def remove(self, process: LiveProcess) -> None:
        """List a process no more."""
        listings = self._listings[process.record.state]
        for each in self._passed_by(process):
            listing = listings[each]
            if not isinstance(listing, Ordered) or not listing.remove(process):
                del listings[each]

    def listed(self, state: int, wanted: Filter, *, newest_first: bool) -> Iterable[LiveProcess]:
        """The processes in a state that pass a filter, in the order of their places or the other way round."""
        listing = self._listings[state].get(wanted)
        if listing is None:
            return ()
        if not isinstance(listing, Ordered):
            return (listing,)
        return reversed(listing) if newest_first else listing

    def _passed_by(self, process: LiveProcess) -> tuple[Filter, ...]:
        kind, initiator, label = process.needs.executortype, process.record.initiatorname, process.label
        filters = self._filters.get((kind, initiator))
        if filters is None:
            if len(self._filters) > _SHARED:
                self._filters.clear()
            passed = (Filter(), Filter(kind), Filter("", initiator), Filter(kind, initiator))
            filters = self._filters[kind, initiator] = tuple(dict.fromkeys(passed))
        if not label:
            return filters
        return (*filters, *[Filter(each.executortype, each.initiator, label) for each in filters])
