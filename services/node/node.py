"""One node: opens the ledger, folds it, and serves once it has caught up. Comes back when the ledger does."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from colonyledger.wire import Executor, GetCluster, payloadtype_of

from projections.system import RULES_VERSION, Rules
from services.cluster import Announcement, Membership
from services.ingress.api import Api, Handler
from services.ingress.app import Health
from services.ingress.demands import Demands
from services.ingress.metrics import Metrics
from services.ingress.recorder import Recorder
from services.ledger import Ledger, LedgerUnavailable
from services.node.chosen import chosen_settings
from services.node.cluster import cluster_of, join, place_of
from services.node.key import load_key
from services.node.ledgers import open_ledgers
from services.node.public import public_answers
from services.node.settings import NodeSettings, SettingsError
from services.node.unkept import NO_HISTORY
from services.realtime import Pubsub, RealtimeLimits
from services.replica import Replica, SystemWriter
from services.timekeeper import INTERVAL_SECONDS, HeardFrom, ParkedExecutors, Ticker

if TYPE_CHECKING:
    from services.node.historian import Historian

__all__ = ["Prepare", "ServerNode"]

_RETRY_SECONDS = 1.0
"""Pause between attempts to reach a ledger that is away."""

_PATIENCE_SECONDS = 5.0
"""How long executors wait at a node that has lost the ledger, if there are others."""

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
        self._prepare = prepare
        self._identity = load_key(settings.data_dir / "node.key")
        self._run = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self._reason = ""
        """Why the ledger could not be used at the last attempt; empty if it could."""
        self._ledger: Ledger | None = None
        self._reads: Ledger | None = None
        self._replica: Replica | None = None
        self._recorder: Recorder | None = None
        self._demands: Demands | None = None
        self._tickers: list[Ticker] = []
        self._heard: list[HeardFrom] = []
        self._waiting: ParkedExecutors | None = None
        self._historian: Historian | None = None
        self._membership: Membership | None = None
        self._starting: asyncio.Task[None] | None = None
        self._away: asyncio.Task[None] | None = None
        self._register_metrics()

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
            await self._open()
        except LedgerUnavailable as error:
            self._say(error)
        self._starting = asyncio.create_task(self._become_ready(), name="become-ready")

    async def ready(self) -> None:
        """Wait until RPCs are served; for ever if the ledger is damaged.

        Raises:
            LedgerRefused: as from `start`, from a ledger that could not be reached then.
            SettingsError: the settings do not fit the ledger, such as a new one without a server owner.
        """
        if self._starting is not None:
            await asyncio.shield(self._starting)

    async def stop(self) -> None:
        """Finish what is under way and close everything."""
        self.drain()
        for task in (self._starting, self._away):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self._membership is not None:
            await self._membership.stop()
        for ticker in self._tickers:
            ticker.stop()
        if self._waiting is not None:
            self._waiting.stop()
        for heard in self._heard:
            heard.stop()
        self.api = self.pubsub = None
        # Together: each may have to wait for what does not answer.
        await asyncio.gather(*(log.close() for log in (self._ledger, self._reads) if log is not None))
        if self._replica is not None:
            await self._replica.stop()
        if self._historian is not None:
            await self._historian.close()

    def drain(self) -> None:
        """Send parked executors away so that the server can stop."""
        if self._demands is not None:
            self._demands.close()

    def health(self) -> Health:
        """How the node is, for `/health`."""
        replica = self._replica
        if replica is not None and replica.fault is not None:
            return Health(status="faulty", reason=replica.fault)
        if self.api is not None:
            return Health(status="ready")
        if self._reason or replica is None:
            return Health(status="starting", reason=self._reason or "the ledger is being opened")
        folded, end = replica.progress
        return Health(
            status="starting", reason=f"{folded} of {end} records are folded", folded=folded, end=end
        )

    async def _open(self) -> None:
        self._ledger, self._reads = await open_ledgers(self.settings)

    async def _become_ready(self) -> None:
        if self._ledger is None:
            await asyncio.sleep(_RETRY_SECONDS)
            await self._insist(self._open)
        if self._ledger is None:
            raise LedgerUnavailable("the ledger is not open")
        replica = self._replica = Replica(self._ledger, self._run)
        historian = self._historian
        if historian is not None:
            await self._insist(lambda: historian.follow(replica))
        await self._insist(replica.start)
        await replica.caught_up()
        while replica.fault is not None:  # noqa: ASYNC110 (the ledger gives no signal)
            await asyncio.sleep(_RETRY_SECONDS)
        writer = SystemWriter(replica, self._identity)
        await self._insist(lambda: self._put_rules_in_force(replica, writer))
        membership = self._membership = join(self.settings, self._run, self._describe)
        await self._insist(membership.start)
        api = self._make_api(replica, writer, membership)
        if self._prepare is not None:
            prepare = self._prepare
            await self._insist(lambda: prepare(api))
        self.api = api
        logger.info("ready: %d records are folded", replica.progress[0])

    async def _insist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do a step, again and again while the ledger does not let it happen."""
        while True:
            try:
                await step()
            except LedgerUnavailable as error:
                self._say(error)
            else:
                self._reason = ""
                return
            await asyncio.sleep(_RETRY_SECONDS)

    def _say(self, error: LedgerUnavailable) -> None:
        reason = f"the ledger cannot be used: {error}"
        if reason != self._reason:
            logger.warning(reason)
        self._reason = reason

    async def _put_rules_in_force(self, replica: Replica, writer: SystemWriter) -> None:
        settings = chosen_settings(self.settings)
        rules = Rules(serverid=self.settings.server_id, settings=settings)
        appends = []
        for partition, state in enumerate(replica.states):
            if state.rules == 0 and not self.settings.server_id:
                raise SettingsError("the ledger is new: name the server owner's id in COLONIES_SERVER_ID")
            if state.rules > RULES_VERSION:
                raise SettingsError(
                    f"the ledger has rules {state.rules}, this server knows up to {RULES_VERSION}"
                )
            if state.rules != RULES_VERSION or state.settings != settings:
                appends.append(writer.append(partition, rules))
        await asyncio.gather(*appends)

    def _make_api(self, replica: Replica, writer: SystemWriter, membership: Membership) -> Api:
        partitions = range(replica.ledger.partitions)
        self._tickers = [
            Ticker(replica, partition, writer, partial(membership.rank, f"partition {partition}"))
            for partition in partitions
        ]
        patience = self.settings.stale_executor_seconds
        interval = min(patience / 3, INTERVAL_SECONDS) if patience else INTERVAL_SECONDS
        self._heard = [HeardFrom(replica, partition, writer, interval) for partition in partitions]
        self._recorder = Recorder(replica, self._reads)
        self._demands = Demands(self._recorder, writer, self.settings.max_parked_demands, membership)
        self._away = asyncio.create_task(self._send_away_while_faulty(replica, self._demands, membership))
        for ticker in self._tickers:
            ticker.start()
        self._waiting = ParkedExecutors(self._demands.waiting, self._hear, patience / 3)
        self._waiting.start()
        self.pubsub = Pubsub(
            self._recorder,
            self.metrics,
            self._hear,
            RealtimeLimits(
                max_connections=self.settings.max_subscribers,
                max_subscriptions=self.settings.max_subscriptions,
            ),
        )
        public = public_answers(self.settings, self.port)
        handlers: dict[str, Handler] = {payloadtype_of(GetCluster): cluster_of(self._describe, membership)}
        handlers |= NO_HISTORY if self._historian is None else self._historian.handlers
        return Api(self._recorder, self._demands, self.metrics, self._hear, public, handlers)

    async def _send_away_while_faulty(
        self, replica: Replica, demands: Demands, membership: Membership
    ) -> None:
        """Send executors to the other nodes when this one has lost the ledger for a while."""
        others = False
        while True:
            others = others or bool(membership.others)
            if replica.fault is not None:
                await asyncio.sleep(_PATIENCE_SECONDS)
                if others and replica.fault is not None:
                    demands.send_away(f"This server cannot serve now, ask again: {replica.fault}")
            await asyncio.sleep(_RETRY_SECONDS)

    def _describe(self) -> Announcement:
        host, port = place_of(self.settings, self.port)
        replica, demands = self._replica, self._demands
        return Announcement(
            run=self._run,
            name=socket.gethostname(),
            host=host,
            port=port,
            ready=self.api is not None and self.health()["status"] == "ready",
            folded=() if replica is None else tuple(state.next_offset for state in replica.states),
            wanted=() if demands is None else demands.wanted(),
        )

    def _hear(self, partition: int, executor: Executor) -> None:
        self._heard[partition].hear(executor)

    def _register_metrics(self) -> None:
        gauge, counter = self.metrics.gauge, self.metrics.counter
        gauge("colonyledger_ready", "1 if RPCs are served", lambda: float(self.health()["status"] == "ready"))
        gauge("colonyledger_parked_demands", "Executors that wait for work", self._parked)
        gauge("colonyledger_subscribers", "Websocket connections to /pubsub", self._subscribers)
        gauge("colonyledger_subscriptions", "Subscriptions on them", self._subscriptions)
        gauge("colonyledger_records_folded", "Records folded, of all partitions", self._folded)
        counter("colonyledger_reads_dropped", "Entries that the reads log did not take", self._dropped)

    def _parked(self) -> float:
        return 0 if self._demands is None else self._demands.parked

    def _subscribers(self) -> float:
        return 0 if self.pubsub is None else self.pubsub.connections

    def _subscriptions(self) -> float:
        return 0 if self.pubsub is None else self.pubsub.subscriptions

    def _folded(self) -> float:
        return 0 if self._replica is None else self._replica.progress[0]

    def _dropped(self) -> float:
        return 0 if self._recorder is None else self._recorder.reads_dropped
