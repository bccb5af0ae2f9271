"""`GET /pubsub`: signed requests for subscriptions in, events out (protocol: logs-channels-realtime.md section 3)."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from colonyledger.wire import (
    Executor,
    Message,
    SubscribeChannel,
    SubscribeProcess,
    SubscribeProcesses,
)
from msgspec.structs import replace
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from projections.event import Refusal
from projections.messages import read_message
from projections.realtime import colonies_of, colony_meant
from projections.registry import REGISTRY, Kind, Rpc
from services.ingress.envelopes import Signed, open_envelope, verify
from services.ingress.forwarding import Mark, mark_of
from services.ingress.metrics import Metrics
from services.ingress.recorder import Recorder
from services.ledger import LedgerUnavailable
from services.realtime.connection import Connection
from services.realtime.hub import Hub
from services.realtime.limits import RealtimeLimits
from services.realtime.relay import Relay
from services.realtime.subscriptions import (
    Asked,
    ChannelSubscription,
    ProcessesSubscription,
    ProcessSubscription,
    Subscription,
)
from services.replica import NotServed

__all__ = ["Pubsub"]

_NAME_SHOWN = 64
"""Characters that are shown of a payload type that is no subscription."""

_TRY_AGAIN = 1013


class Pubsub:
    """Serves websocket connections from a replica that has caught up. `hear` is told of every signed call.

    `relay` has other nodes serve what is about partitions that the replica does not serve.
    """

    def __init__(
        self,
        recorder: Recorder,
        metrics: Metrics,
        hear: Callable[[int, Executor], None],
        limits: RealtimeLimits,
        relay: Relay | None = None,
    ) -> None:
        self._relay = relay
        self._recorder = recorder
        self._replica = recorder.replica
        self._metrics = metrics
        self._hear = hear
        self._limits = limits
        self._hub = Hub()
        self._replica.listeners.append(self._hub.on_fold)
        self.connections = 0
        """How many clients are connected."""

    @property
    def subscriptions(self) -> int:
        """How many subscriptions there are."""
        return self._hub.subscriptions

    @property
    def relayed(self) -> int:
        """How many of them are to what other nodes serve."""
        return self._hub.relayed

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one client that has asked for a websocket, until one side hangs up."""
        if self.connections >= self._limits.max_connections:
            text = f"{self.connections} clients are connected to this server already"
            await PlainTextResponse(text, 429, {"Retry-After": "1"})(scope, receive, send)
            return
        self.connections += 1
        try:
            await receive()  # says only that a client has asked
            await send({"type": "websocket.accept"})
            on_request = partial(self._on_request, mark_of(scope["headers"]))
            await Connection(self._limits, self._hub.remove).run(receive, send, on_request)
        except OSError:
            return  # the client was gone before it was accepted
        finally:
            self.connections -= 1

    def leave(self, partition: int) -> None:
        """Disconnect those who are subscribed to what is in a partition that is not served any more."""
        for connection in self._hub.connections_to(self._replica.states[partition]):
            connection.close(_TRY_AGAIN, "another server serves this now: subscribe again")

    async def _on_request(self, mark: Mark | None, connection: Connection, body: bytes) -> None:
        started = time.perf_counter()
        payloadtype, status = "unknown", 200
        try:
            signed = verify(open_envelope(body))
        except Refusal as refusal:
            status = refusal.status
            connection.reject(refusal)
        else:
            try:
                rpc = self._find(signed)
                payloadtype = rpc.payloadtype
                await self._subscribe(connection, rpc, signed, body if mark is None else b"")
            except NotServed as error:
                status = 503
                connection.refuse(Refusal(503, str(error)))
            except LedgerUnavailable as error:
                status = 503
                connection.refuse(Refusal(503, f"The ledger does not answer: {error}"))
            except Refusal as refusal:
                status = refusal.status
                connection.refuse(refusal)
        self._metrics.count(payloadtype, status, time.perf_counter() - started)

    def _find(self, signed: Signed) -> Rpc:
        rpc = REGISTRY.get(signed.payloadtype)
        if rpc is not None and rpc.kind is Kind.SUBSCRIPTION:
            return rpc
        shown = signed.payloadtype[:_NAME_SHOWN]
        self._recorder.note(signed._replace(payloadtype=shown))
        raise Refusal(403, f"invalid rpcMsg.PayloadType: {shown}")

    async def _subscribe(self, connection: Connection, rpc: Rpc, signed: Signed, body: bytes) -> None:
        """Subscribe here, or by sending `body` to another node, if there is any."""
        self._recorder.note(signed)
        message: Message[Any] = read_message(rpc, signed.payload)
        if self._replica.fault is not None:
            raise Refusal(503, f"Not ready: {self._replica.fault}")
        await self._replica.catch_up()
        if isinstance(message, SubscribeProcesses) and not message.colonyname:
            message = replace(message, colonyname=await self._colony_meant(signed.caller, body))
        partition = self._replica.partition_of(rpc, message) or 0
        asked = Asked(self._replica.states[partition], rpc, message, signed.caller)
        subscription: Subscription
        if partition in self._replica.served:
            view, subject = asked.judge()
            if view.executor is not None:
                self._hear(partition, view.executor)
            subscription = _subscription(asked, connection, subject)
        elif self._relay is not None and body:
            subscription = self._relay.subscribe(asked, connection, partition, body)
        else:
            raise self._replica.not_serving(partition)
        connection.add(subscription)
        self._hub.add(subscription)
        subscription.begin()

    async def _colony_meant(self, caller: str, body: bytes) -> str:
        """The colony of which the caller is a member, who names none."""
        names = colonies_of((self._replica.states[each] for each in sorted(self._replica.served)), caller)
        if body and self._relay is not None and (missing := self._replica.not_served):
            names += await self._relay.colonies_of_caller(body, missing)
        return colony_meant(names)


def _subscription(
    asked: Asked, connection: Connection, subject: Any
) -> ProcessSubscription | ProcessesSubscription | ChannelSubscription:
    message = asked.message
    if isinstance(message, SubscribeProcess):
        return ProcessSubscription(asked, connection, message, subject)
    if isinstance(message, SubscribeProcesses):
        return ProcessesSubscription(asked, connection, message)
    if isinstance(message, SubscribeChannel):
        return ChannelSubscription(asked, connection, message, *subject)
    raise TypeError(f"{asked.rpc.payloadtype} has no subscription")
