"""One node: opens the ledger, folds it, and serves once it has caught up. Comes back when the ledger does."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from colonyledger.wire import GetCluster, payloadtype_of

from projections.system import RULES_VERSION, Rules
from services.cluster import Announcement, Membership
from services.ingress.api import Api, Handler
from services.ingress.app import Health
from services.ingress.demands import Demands
from services.ingress.forwarding import Forwarder
from services.ingress.metrics import Metrics
from services.ingress.peers import Peers
from services.ingress.ratelimit import RateLimits
from services.ingress.recorder import Recorder
from services.ledger import Ledger, LedgerUnavailable
from services.node import gauges
from services.node.archiving import Archiving
from services.node.away import leave_what_is_distrusted, send_away_while_faulty
from services.node.chosen import chosen_settings
from services.node.cluster import cluster_of, join, place_of
from services.node.key import load_key
from services.node.ledgers import open_ledgers
from services.node.public import public_answers
from services.node.settings import NodeSettings, SettingsError
from services.node.sharing import Share, Sharing
from services.node.snapshotting import Snapshotting
from services.node.tls import cluster_context
from services.node.topics import Topics
from services.node.unkept import NO_HISTORY
from services.node.windows import Windows
from services.realtime import Pubsub, RealtimeLimits
from services.realtime.relay import Relay
from services.replica import Replica, SystemWriter
from services.timekeeper import Timekeeper

if TYPE_CHECKING:
    from services.node.historian import Historian

__all__ = ["Prepare", "ServerNode"]

_RETRY_SECONDS = 1.0
"""Pause between attempts to reach a ledger that is away."""

T = TypeVar("T")

Prepare = Callable[[Api], Awaitable[None]]
"""Something to do through RPCs before others may call any; done again if the ledger fails meanwhile."""

logger = logging.getLogger(__name__)


class ServerNode:
    """A node from its settings, listening on `port`. `start`, then `stop`; `api` is there while RPCs are served.

    `prepare` is done before that.

    Raises:
        OSError: the data directory cannot be used.
        ValueError: the node's key file holds no key.
    """

    def __init__(
        self, settings: NodeSettings, metrics: Metrics, port: int, prepare: Prepare | None = None
    ) -> None:
        self.settings = settings
        self.port = port
        self.metrics = metrics
        self.api: Api | None = None
        self.pubsub: Pubsub | None = None
        self.replica: Replica | None = None
        self.recorder: Recorder | None = None
        self.demands: Demands | None = None
        self.forwarder: Forwarder | None = None
        self.rates = RateLimits(settings.rate_per_identity, settings.rate_burst)
        self._prepare = prepare
        self._identity = load_key(settings.data_dir / "node.key")
        self._run = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self._reason = ""
        """Why the ledger could not be used at the last attempt; empty if it could."""
        self._logs: tuple[Ledger, Ledger | None] | None = None
        """The ledger and the reads log."""
        self._historian: Historian | None = None
        self._peers = Peers(cluster_context(settings.cluster_ca))
        self._membership: Membership | None = None
        self._sharing: Sharing | None = None
        self._is_ready = self._is_draining = False
        self._timekeeper: Timekeeper | None = None
        self._snapshots = Snapshotting(settings, metrics)
        self._topics = Topics(settings, metrics)
        self._windows = Windows(settings)
        self._archiving = Archiving(settings, metrics)
        self._tasks: list[asyncio.Task[None]] = []
        gauges.register(metrics, self)

    async def start(self) -> None:
        """Open the ledger and begin to catch up in the background.

        If the ledger cannot be reached, the node goes on trying and says so meanwhile.

        Raises:
            LedgerRefused: the ledger must not be opened: in use, or made with other settings.
            SettingsError: the history cannot be kept where the settings say.
        """
        if self.settings.history != "none":
            from services.node.historian import Historian  # noqa: PLC0415 (the rest does without its libraries)

            self._historian = await Historian.open(self.settings, self.metrics)
        try:
            self._logs = await open_ledgers(self.settings)
        except LedgerUnavailable as error:
            self._say(error)
        self._tasks = [asyncio.create_task(self._become_ready(), name="become-ready")]

    async def ready(self) -> None:
        """Wait until RPCs are served; for ever if the ledger is damaged.

        Raises:
            LedgerRefused: as from `start`, from a ledger that could not be reached then.
            SettingsError: the settings do not fit the ledger, such as a new one without a server owner.
        """
        if self._tasks:
            await asyncio.shield(self._tasks[0])

    async def stop(self) -> None:
        """Finish what is under way and close everything."""
        self.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._topics.stop()
        await self._windows.stop()
        await self._archiving.stop()
        if self._membership is not None:
            await self._membership.stop()
        if self._timekeeper is not None:
            self._timekeeper.stop()
        await self._snapshots.stop()
        self.api = self.pubsub = None
        self._peers.close()
        if self.recorder is not None:
            self.recorder.write_notes()
        if self._logs is not None:
            # Together: each may have to wait for what does not answer.
            await asyncio.gather(*(log.close() for log in self._logs if log is not None))
        if self.replica is not None:
            await self.replica.stop()
        if self._historian is not None:
            await self._historian.close()

    def drain(self) -> None:
        """Send parked executors away, and let others take over, so that the server can stop."""
        self._is_draining = True
        if self._membership is not None:
            self._membership.changed()
        if self.forwarder is not None:
            self.forwarder.close()
        if self.demands is not None:
            self.demands.close()

    def health(self) -> Health:
        """How the node is, for `/health`."""
        replica = self.replica
        if replica is not None and replica.fault is not None:
            return Health(status="faulty", reason=replica.fault)
        if self._is_ready:
            return self._ready()
        if self._reason or replica is None:
            reason = self._reason or self._snapshots.doing or "the ledger is being opened"
            return Health(status="starting", reason=reason)
        folded, end = replica.progress
        reason = f"{folded} of {end} records are folded"
        starting = Health(status="starting", reason=reason, folded=folded, end=end)
        taking = self._taking()
        return Health(starting, partitions=taking) if taking else starting

    def _taking(self) -> dict[str, Any]:
        """How far the partitions are that are not served yet, though they are of this node's share."""
        if self._sharing is None or self.replica is None or not self._sharing.taking:
            return {}
        progress = self.replica.catching_up
        return {
            str(number): dict(zip(("folded", "end"), progress.get(number, (0, None)), strict=True))
            for number in self._sharing.taking
        }

    async def _become_ready(self) -> None:
        if self._logs is None:
            await asyncio.sleep(_RETRY_SECONDS)
            self._logs = await self._insist(lambda: open_ledgers(self.settings))
        ledger, reads = self._logs
        await self._snapshots.open()
        sharing = self.settings.is_sharing
        states = None if sharing else await self._insist(lambda: self._snapshots.states(ledger))
        replica = self.replica = Replica(ledger, self._run, states)
        membership = self._membership = join(self.settings, self._run, self._describe)
        await self._insist(membership.start)
        await self._insist(lambda: self._snapshots.watch(replica))
        historian = self._historian
        if historian is not None:
            await self._insist(lambda: historian.follow(replica, self._snapshots.before(ledger)))
        self._topics.follow(replica, partial(self._leads, "facts"), self._snapshots.before(ledger))
        self._windows.follow(replica)
        writer = SystemWriter(replica, self._identity)
        if sharing:
            await membership.heard()
            api = self._make_api(Recorder(replica, reads), writer, membership)
            await self._take_share(replica, writer, membership, api)
        else:
            await self._insist(replica.start)
            await replica.caught_up()
            await _until_sound(replica)
            await self._insist(lambda: self._put_rules_in_force(replica, writer, *sorted(replica.served)))
            api = self._make_api(Recorder(replica, reads), writer, membership)
        await self._insist(lambda: self._do_first(api, replica))
        await self._insist(lambda: self._topics.start(api, replica, writer))
        self._snapshots.start(writer)
        self.api = api
        self._is_ready = True
        membership.changed()
        self._archiving.start(replica, partial(self._leads, "archive"))
        logger.info("ready: %d records are folded", replica.progress[0])

    async def _take_share(
        self, replica: Replica, writer: SystemWriter, membership: Membership, api: Api
    ) -> None:
        """Serve the partitions of this node's share, and follow it from now on as it changes.

        Raises:
            SettingsError: the settings do not fit the ledger.
        """
        demands, keeper, pubsub = self.demands, self._timekeeper, self.pubsub
        if demands is None or keeper is None or pubsub is None:
            raise RuntimeError("the parts of the node are made before it takes its share")
        share = Share(
            replicas=self.settings.replicas,
            load=partial(self._snapshots.state, replica.ledger),
            followers=(self._topics, *([] if self._historian is None else [self._historian])),
            prepare=lambda partition: self._put_rules_in_force(replica, writer, partition),
            on_served=keeper.take,
            servers=(keeper, demands, pubsub),
        )
        sharing = self._sharing = Sharing(replica, membership, self._describe().place, share)
        # Other nodes that start may need what this one has for their own start.
        self.api = api
        running = asyncio.create_task(sharing.run(), name="share")
        self._tasks.append(running)
        complete = asyncio.create_task(sharing.complete())
        await asyncio.wait([running, complete], return_when=asyncio.FIRST_COMPLETED)
        complete.cancel()
        if running.done():
            running.result()
        await _until_sound(replica)

    async def _do_first(self, api: Api, replica: Replica) -> None:
        """What comes before RPCs are served. Without all partitions it cannot be done, and was done at an earlier start."""
        if self._prepare is not None and not replica.distrusted:
            await self._prepare(api)

    async def _insist(self, step: Callable[[], Awaitable[T]]) -> T:
        """Do a step, again and again while the ledger does not let it happen."""
        while True:
            try:
                done = await step()
            except LedgerUnavailable as error:
                self._say(error)
            else:
                self._reason = ""
                return done
            await asyncio.sleep(_RETRY_SECONDS)

    def _say(self, error: LedgerUnavailable) -> None:
        reason = f"the ledger cannot be used: {error}"
        if reason != self._reason:
            logger.warning(reason)
        self._reason = reason

    async def _put_rules_in_force(self, replica: Replica, writer: SystemWriter, *partitions: int) -> None:
        settings = chosen_settings(self.settings)
        rules = Rules(serverid=self.settings.server_id, settings=settings)
        appends = []
        for partition in partitions:
            state = replica.states[partition]
            if state.rules == 0 and not self.settings.server_id:
                raise SettingsError("the ledger is new: name the server owner's id in COLONIES_SERVER_ID")
            if state.rules > RULES_VERSION:
                raise SettingsError(
                    f"the ledger has rules {state.rules}, this server knows up to {RULES_VERSION}"
                )
            if state.rules != RULES_VERSION or state.settings != settings:
                appends.append(writer.append(partition, rules))
        await asyncio.gather(*appends)

    def _make_api(self, recorder: Recorder, writer: SystemWriter, membership: Membership) -> Api:
        settings, replica = self.settings, recorder.replica
        keeper = Timekeeper(replica, writer, membership, settings.stale_executor_seconds)
        demands = Demands(recorder, writer, settings.max_parked_demands, membership)
        keeper.start(demands.waiting)
        limits = RealtimeLimits(
            max_connections=settings.max_subscribers, max_subscriptions=settings.max_subscriptions
        )
        relay = None
        if settings.is_sharing:
            self.forwarder = Forwarder(membership, self._peers, replica)
            relay = Relay(membership, self._peers, self.forwarder)
        self.pubsub = Pubsub(recorder, self.metrics, keeper.hear, limits, relay)
        self.recorder, self.demands, self._timekeeper = recorder, demands, keeper
        self._tasks += [
            asyncio.create_task(send_away_while_faulty(replica, demands, membership)),
            asyncio.create_task(
                leave_what_is_distrusted(replica, membership, (keeper, demands, self.pubsub))
            ),
        ]
        public = public_answers(settings, self.port)
        handlers: dict[str, Handler] = {payloadtype_of(GetCluster): cluster_of(self._describe, membership)}
        handlers |= self._windows.handlers
        handlers |= NO_HISTORY if self._historian is None else self._historian.handlers
        return Api(recorder, demands, self.metrics, keeper.hear, public, handlers, self.rates, self.forwarder)

    def _leads(self, work: str, partition: int) -> bool:
        """Whether this node does some work that one of all nodes does for a partition."""
        membership, replica = self._membership, self.replica
        if self.api is None or membership is None or replica is None or partition not in replica.served:
            return False
        return membership.rank(f"{work}/{partition}", partition=partition) == 0

    def _describe(self) -> Announcement:
        host, port = place_of(self.settings, self.port)
        replica = self.replica
        return Announcement(
            run=self._run,
            name=socket.gethostname(),
            host=host,
            port=port,
            ready=self.health()["status"] == "ready",
            folded=() if replica is None else _folded(replica),
            wanted=() if self.demands is None else self.demands.wanted(),
            tls=self.settings.tls_cert is not None,
            fit=replica is not None and replica.broken is None and not self._is_draining,
            served=self._served(),
        )

    def _ready(self) -> Health:
        """RPCs are served. What is not served is said beside it: a load balancer must not take the rest away as well."""
        distrusted = {} if self.replica is None else self.replica.distrusted
        partitions = self._taking() | {str(number): reason for number, reason in sorted(distrusted.items())}
        reasons = [distrusted[number] for number in sorted(distrusted)]
        states = () if self.replica is None else self.replica.states
        successors = sorted({state.successor for state in states if state.successor is not None})
        reasons += [f"this ledger is closed and goes on as {successor}" for successor in successors]
        health = Health(status="ready", **({"partitions": partitions} if partitions else {}))
        if reasons:
            health |= {"degraded": True, "reason": "; ".join(reasons)}
        return health

    def _served(self) -> tuple[int, ...]:
        """The partitions that other nodes may forward RPCs for."""
        if self.api is None or self.replica is None or self.replica.broken is not None or self._is_draining:
            return ()
        return tuple(sorted(self.replica.served) if self._sharing is None else self._sharing.served)


async def _until_sound(replica: Replica) -> None:
    while replica.fault is not None:  # noqa: ASYNC110 (the ledger gives no signal)
        await asyncio.sleep(_RETRY_SECONDS)


def _folded(replica: Replica) -> tuple[int, ...]:
    """How far each partition is folded, for the others; -1 says that it is distrusted."""
    return tuple(
        -1 if partition in replica.distrusted else state.next_offset
        for partition, state in enumerate(replica.states)
    )
