"""All the state of one partition of the ledger."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from colonyledger.wire import Colony as ColonyRecord
from colonyledger.wire import Location

from projections.blueprints import Blueprints
from projections.crons import Crons
from projections.definitions import Definitions
from projections.executors import Executors
from projections.files import Files
from projections.functions import Functions
from projections.generators import Generators
from projections.graphs import Graphs, LiveGraph
from projections.histories import Histories
from projections.identities import Identities
from projections.ids import TAG_DIGITS, Aliases, tag_of
from projections.logs import Logs
from projections.nonces import Nonces
from projections.process import LiveProcess, Processes
from projections.reconciliation import Place, Site
from projections.retention import Retention
from projections.snapshots import Snapshots
from projections.stale import Watch
from projections.timers import Timers
from projections.users import Users

__all__ = ["Checkpoint", "Colony", "Settings", "State", "Totals"]


class Checkpoint(msgspec.Struct, frozen=True, gc=False):
    """What a node says the state of a partition is once all records before `offset` are folded."""

    offset: int
    digest: str
    """`state_digest` of that state."""
    rules: int
    """The newest rules that the node knew."""


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What operators choose and the rules follow; set by `rules` events, so that a replay follows it too."""

    reregister: bool = False
    """Whether an executor may be added again under a name that is in use (constants.md section 10)."""
    stale_executor_seconds: int = 0
    """How long an executor may be silent before it is looked after (constants.md section 4); 0 is for ever."""
    cleanup_seconds: int = 60
    """How long a silent executor has then to come back before it is unregistered (constants.md section 4)."""
    retention_seconds: int = 0
    """How long what has ended successfully stays in memory (constants.md section 4); 0 is for ever."""
    retention_all: bool = False
    """Whether what has failed or was cancelled leaves as well (queue.md quirk Q11)."""
    timezone: str = "UTC"
    """The zone of cron expressions that name none (crons-generators.md section 1.3, quirk C11)."""


class Totals(msgspec.Struct):
    """How many processes, workflows and executors all colonies of a partition have in each state."""

    processes: list[int] = msgspec.field(default_factory=lambda: [0] * 5)
    graphs: list[int] = msgspec.field(default_factory=lambda: [0] * 5)
    executors: list[int] = msgspec.field(default_factory=lambda: [0] * 4)


class Colony:
    """One colony and everything in it."""

    __slots__ = (
        "aliases",
        "blueprints",
        "crons",
        "definitions",
        "executors",
        "files",
        "functions",
        "generators",
        "graphs",
        "histories",
        "identities",
        "locations",
        "logs",
        "paused",
        "processes",
        "record",
        "retention",
        "sites",
        "snapshots",
        "tag",
        "users",
        "watches",
    )

    def __init__(self, record: ColonyRecord, aliases: dict[str, tuple[str, ...]], totals: Totals) -> None:
        self.aliases = own = Aliases(aliases, record.name, tag_of(record.name))
        self.record = record
        self.tag = tag_of(record.name)
        self.paused = False
        self.users = Users()
        self.executors = Executors(totals.executors)
        self.functions = Functions(own)
        self.processes = Processes(own, totals.processes)
        self.graphs = Graphs(totals.graphs)
        self.logs = Logs()
        self.crons = Crons()
        self.generators = Generators()
        self.locations: dict[str, Location] = {}
        self.identities = Identities()
        self.watches: dict[str, Watch] = {}
        """When executors are looked after next, by name."""
        self.retention = Retention()
        self.files = Files()
        self.snapshots = Snapshots()
        self.definitions = Definitions()
        self.blueprints = Blueprints()
        self.histories = Histories()
        self.sites: dict[Place, Site] = {}


class State:
    """Everything that the records of one partition have come to."""

    __slots__ = (
        "_aliases",
        "_tags",
        "checkpoint",
        "clock",
        "colonies",
        "next_offset",
        "nonces",
        "rules",
        "server_id",
        "settings",
        "successor",
        "timers",
        "totals",
    )

    def __init__(self) -> None:
        self.next_offset = 0
        """The offset after the last record that was folded."""
        self.clock = 0
        """The newest append time, nanoseconds since 1970."""
        self.rules = 0
        """The version of the rules in force; 0 before the first `rules` event."""
        self.server_id = ""
        self.checkpoint: Checkpoint | None = None
        """The newest one; nothing that is decided depends on it."""
        self.settings = Settings()
        self.successor: str | None = None
        """Where the ledger goes on once the partition is closed; None before that."""
        self.colonies: dict[str, Colony] = {}
        self.totals = Totals()
        self.timers = Timers()
        self.nonces = Nonces()
        self._tags: dict[str, list[Colony]] = {}
        self._aliases: dict[str, tuple[str, ...]] = {}

    def add_colony(self, record: ColonyRecord) -> None:
        """Keep a colony whose name is free."""
        colony = Colony(record, self._aliases, self.totals)
        self.colonies[record.name] = colony
        self._tags.setdefault(colony.tag, []).append(colony)

    def remove_colony(self, colony: Colony) -> None:
        """Forget a colony and everything in it."""
        del self.colonies[colony.record.name]
        for total, counts in (
            (self.totals.processes, colony.processes.counts),
            (self.totals.graphs, colony.graphs.counts),
            (self.totals.executors, colony.executors.counts),
        ):
            total[:] = [all_of_them - own for all_of_them, own in zip(total, counts, strict=True)]
        self._tags[colony.tag].remove(colony)
        if not self._tags[colony.tag]:
            del self._tags[colony.tag]
        for identifier in (*colony.processes.attributes, *colony.functions.by_id):
            colony.aliases.remove(identifier)

    def is_alias(self, identifier: str) -> bool:
        """Whether this id leads to a colony of this partition without starting with its tag."""
        return identifier in self._aliases

    @property
    def contested(self) -> dict[str, tuple[str, ...]]:
        """Ids that lead to several colonies without starting with their tags: the names, in the order of arrival."""
        return {alias: names for alias, names in self._aliases.items() if len(names) > 1}

    def restore_contested(self, contested: dict[str, tuple[str, ...]]) -> None:
        """Put names in the order of their arrival; the ids lead to these colonies already."""
        self._aliases.update(contested)

    def homes(self, identifier: str) -> Iterator[Colony]:
        """The colonies that something with this id can be in: rarely more than one."""
        for name in self._aliases.get(identifier, ()):
            yield self.colonies[name]
        yield from self._tags.get(identifier[:TAG_DIGITS], ())

    def find_process(self, processid: str) -> tuple[Colony, LiveProcess] | None:
        """The process of an id, and its colony."""
        for colony in self.homes(processid):
            process = colony.processes.by_id.get(processid)
            if process is not None:
                return colony, process
        return None

    def find_graph(self, graphid: str) -> tuple[Colony, LiveGraph] | None:
        """The workflow of an id, and its colony."""
        for colony in self.homes(graphid):
            graph = colony.graphs.by_id.get(graphid)
            if graph is not None:
                return colony, graph
        return None
