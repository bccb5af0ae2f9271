"""What windows must hold, counted in the plainest way from facts that come once and in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from services.facts.fact import Fact, ProcessBody
from services.streams.window import WindowKey

Counts = dict[str, list[int]]
"""For each of assigned, succeeded, failed, cancelled and put_back: durations, or zeros where there is none."""


def windows_of(facts: Sequence[Fact], seconds: int) -> dict[WindowKey, Counts]:
    """The counts of all windows."""
    length = seconds * 1_000_000_000
    ready: dict[str, int] = {}
    found: dict[WindowKey, Counts] = defaultdict(lambda: defaultdict(list))
    for fact in facts:
        body = fact.body
        if fact.kind == "colony_removed":
            for key in [key for key in found if (key.partition, key.colony) == (fact.partition, fact.colony)]:
                del found[key]
        if not isinstance(body, ProcessBody):
            continue
        if body.change == "ready":
            ready[body.processid] = fact.time
        if not body.executorname:
            continue
        start = fact.time - fact.time % length
        counts = found[WindowKey(fact.partition, start, fact.colony, body.funcname, body.executorname)]
        if body.change == "assigned":
            counts["assigned"].append(fact.time - ready[body.processid])
        elif body.change == "put_back":
            counts["put_back"].append(0)
        elif body.change == "closed":
            what = {"successful": "succeeded"}.get(body.state, body.state)
            counts[what].append(0 if what == "cancelled" else fact.time - body.started)
    return {key: dict(counts) for key, counts in found.items() if counts}
