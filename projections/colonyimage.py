"""The small tables of a colony as a snapshot of the state keeps them: as JSON of their records.

Numbers on the wire may have any size and times any offset; their JSON keeps them as they are. What
can be computed from the records, such as listings, is computed again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import msgspec
from colonyledger.wire import (
    Blueprint,
    BlueprintDefinition,
    BlueprintHistory,
    Executor,
    File,
    Function,
    Location,
    Log,
    ProcessGraph,
    Snapshot,
    User,
    encode,
)

from projections.crons import LiveCron
from projections.definitions import Definition
from projections.generators import LiveGenerator
from projections.graphs import LiveGraph
from projections.limits import MAX_BLUEPRINT_HISTORY
from projections.reconciliation import Site
from projections.schemas import shape_of
from projections.stale import Watch
from projections.state import Colony

__all__ = ["Records", "dump_records", "load_records"]

_RUN_BYTES = 1 << 20
"""Bytes after which a run of records ends."""


class Records(msgspec.Struct, array_like=True, tag="records", gc=False):
    """Some records of one table of a colony, in its order: each as JSON."""

    table: str
    records: list[bytes]


class _Graph(msgspec.Struct, array_like=True, gc=False):
    record: ProcessGraph
    offset: int
    counts: list[int]


class _Table(NamedTuple):
    """One table: what is kept of it, of which type that is, and how it is put back."""

    dump: Callable[[Colony], Iterable[Any]]
    decode: Callable[[bytes], Any]
    load: Callable[[Colony, Any], object]


def _load_graph(colony: Colony, graph: _Graph) -> None:
    members = list(graph.record.processids)
    graph.record.processids = members
    colony.graphs.add(LiveGraph(graph.record, graph.offset, members, graph.counts))


def _load_log(colony: Colony, log: Log) -> None:
    colony.logs.add(log.timestamp, log.processid, log.colonyname, log.executorname, log.message)
    if log.processid and log.processid not in colony.processes.by_id:
        colony.logs.forget_process(log.processid)


def _load_cron(colony: Colony, cron: LiveCron) -> None:
    colony.crons.add(cron)
    if cron.waits_for:
        colony.crons.wait(cron, cron.waits_for)


def _load_removed_file(colony: Colony, file: File) -> None:
    colony.files.removed[file.fileid] = file


def _load_last_file(colony: Colony, sequence: int) -> None:
    colony.files.last_sequence = sequence


def _load_snapshot(colony: Colony, snapshot: Snapshot) -> None:
    colony.snapshots.add(snapshot)
    colony.files.hold(snapshot.fileids)


def _load_definition(colony: Colony, record: BlueprintDefinition) -> None:
    schema = record.spec.schema
    colony.definitions.add(Definition(record, None if schema is None else shape_of(schema)))


def _load_history(colony: Colony, history: BlueprintHistory) -> None:
    by_blueprint = colony.histories.by_blueprint
    by_blueprint.setdefault(history.blueprintid, deque(maxlen=MAX_BLUEPRINT_HISTORY)).append(history)


def _ids_of_executors(colony: Colony) -> list[tuple[str, str]]:
    """Who has each id: a removed executor's id may have gone to another."""
    return [(executorid, each.executorname) for executorid, each in colony.executors.by_id.items()]


def _load_executor(colony: Colony, executor: Executor) -> None:
    colony.executors.add(executor)
    colony.executors.by_id.clear()


def _load_id_of_executor(colony: Colony, holder: tuple[str, str]) -> None:
    colony.executors.by_id[holder[0]] = colony.executors.by_name[holder[1]]


def _load_location(colony: Colony, location: Location) -> None:
    colony.locations[location.name] = location


def _load_watch(colony: Colony, watch: tuple[str, Watch]) -> None:
    colony.watches[watch[0]] = watch[1]


def _load_site(colony: Colony, site: tuple[str, str, Site]) -> None:
    colony.sites[site[0], site[1]] = site[2]


def _load_deadline(colony: Colony, deadline: int) -> None:
    colony.retention.deadline = deadline


def _graphs(colony: Colony) -> Iterator[_Graph]:
    for graph in colony.graphs.by_id.values():
        yield _Graph(graph.record, graph.offset, graph.counts)


def _decoder(to: Any) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(to).decode


_TABLES: dict[str, _Table] = {
    "users": _Table(
        lambda colony: colony.users.by_name.values(),
        _decoder(User),
        lambda colony, user: colony.users.add(user),
    ),
    "executors": _Table(lambda colony: colony.executors.by_name.values(), _decoder(Executor), _load_executor),
    "ids of executors": _Table(_ids_of_executors, _decoder(tuple[str, str]), _load_id_of_executor),
    "functions": _Table(
        lambda colony: colony.functions.by_id.values(),
        _decoder(Function),
        lambda colony, function: colony.functions.add(function),
    ),
    "graphs": _Table(_graphs, _decoder(_Graph), _load_graph),
    "logs": _Table(lambda colony: colony.logs.lines, _decoder(Log), _load_log),
    "crons": _Table(lambda colony: colony.crons.by_id.values(), _decoder(LiveCron), _load_cron),
    "generators": _Table(
        lambda colony: colony.generators.by_id.values(),
        _decoder(LiveGenerator),
        lambda colony, generator: colony.generators.add(generator),
    ),
    "locations": _Table(lambda colony: colony.locations.values(), _decoder(Location), _load_location),
    "watches": _Table(lambda colony: colony.watches.items(), _decoder(tuple[str, Watch]), _load_watch),
    "ended": _Table(
        lambda colony: colony.retention.ended,
        _decoder(tuple[int, str]),
        lambda colony, ended: colony.retention.ended.append(ended),
    ),
    "retention": _Table(lambda colony: [colony.retention.deadline], _decoder(int), _load_deadline),
    "files": _Table(
        lambda colony: colony.files.by_id.values(),
        _decoder(File),
        lambda colony, file: colony.files.add(file),
    ),
    "removed files": _Table(lambda colony: colony.files.removed.values(), _decoder(File), _load_removed_file),
    "last file": _Table(lambda colony: [colony.files.last_sequence], _decoder(int), _load_last_file),
    "snapshots": _Table(lambda colony: colony.snapshots.by_id.values(), _decoder(Snapshot), _load_snapshot),
    "definitions": _Table(
        lambda colony: (each.record for each in colony.definitions.by_name.values()),
        _decoder(BlueprintDefinition),
        _load_definition,
    ),
    "blueprints": _Table(
        lambda colony: colony.blueprints.by_name.values(),
        _decoder(Blueprint),
        lambda colony, blueprint: colony.blueprints.put(blueprint),
    ),
    "histories": _Table(
        lambda colony: chain.from_iterable(colony.histories.by_blueprint.values()),
        _decoder(BlueprintHistory),
        _load_history,
    ),
    "removed blueprints": _Table(
        lambda colony: colony.histories.removed,
        _decoder(str),
        lambda colony, blueprintid: colony.histories.removed.append(blueprintid),
    ),
    "sites": _Table(
        lambda colony: ((*place, site) for place, site in colony.sites.items()),
        _decoder(tuple[str, str, Site]),
        _load_site,
    ),
}
"""The tables by name, in the order in which they are put back: later ones look at earlier ones."""


def dump_records(colony: Colony) -> Iterator[Records]:
    """Everything of a colony but its processes."""
    for name, table in _TABLES.items():
        run, size = Records(name, []), 0
        for record in table.dump(colony):
            line = encode(record)
            run.records.append(line)
            size += len(line)
            if size > _RUN_BYTES:
                yield run
                run, size = Records(name, []), 0
        if run.records:
            yield run


def load_records(colony: Colony, run: Records) -> None:
    """Put records back into a colony that has its processes."""
    table = _TABLES[run.table]
    for line in run.records:
        table.load(colony, table.decode(line))
