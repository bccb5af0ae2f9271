"""A digest of all the state: two folds of one ledger must give the same.

It covers what answers and decisions depend on, and nothing that merely follows from that, such as
listings, so that it survives changes of how the state is kept: the golden histories hold it fast.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from colonyledger.wire import encode

from projections.state import Colony, State

__all__ = ["state_digest"]


def state_digest(state: State) -> str:
    """SHA3-256, in hex, over everything that answers and decisions depend on. It walks over the whole state."""
    hashed = hashlib.sha3_256()
    for part in _parts(state):
        line = encode(part)
        hashed.update(b"%d\n" % len(line))
        hashed.update(line)
    return hashed.hexdigest()


def _parts(state: State) -> Iterator[Any]:
    yield [state.next_offset, state.clock, state.rules, state.server_id, state.settings]
    if state.successor is not None:
        yield [state.successor]
    for colony in state.colonies.values():
        yield from _colony_parts(colony)
    for key, applied in state.nonces.items():
        yield [key, applied]


def _colony_parts(colony: Colony) -> Iterator[Any]:
    yield [colony.record, colony.paused]
    yield from colony.users.by_name.values()
    yield from colony.executors.by_name.values()
    yield from colony.functions.by_id.values()
    for process in colony.processes.by_id.values():
        yield [
            process.record,
            process.attempt,
            process.assigned_by,
            process.unfinished_parents,
            process.moved,
        ]
        yield [process.waitdeadline, process.execdeadline, process.closed]
        if process.channels is not None:
            yield process.channels
    for graph in colony.graphs.by_id.values():
        yield [graph.record, graph.members]
    yield from colony.logs.lines
    yield from colony.crons.by_id.values()
    yield from colony.generators.by_id.values()
    yield from colony.locations.values()
    yield from colony.identities
    yield from colony.watches.items()
    yield colony.files.last_sequence
    yield from colony.files.by_id.values()
    yield from colony.files.removed.values()
    yield from colony.snapshots.by_id.values()
    for definition in colony.definitions.by_name.values():
        yield definition.record
    yield from colony.blueprints.by_name.values()
    for changes in colony.histories.by_blueprint.values():
        yield list(changes)
    yield list(colony.histories.removed)
    for place, site in colony.sites.items():
        yield [place, site]
