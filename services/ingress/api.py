"""`POST /api`: the way of one RPC from bytes to bytes. This is the hot path."""

from __future__ import annotations

import logging
import time
from asyncio import CancelledError, to_thread
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from colonyledger.wire import (
    AssignProcess,
    Executor,
    Message,
    RequestEnvelope,
    SubmitFunctionSpec,
    encode,
    payloadtype_of,
)

from projections.assignment import read_demand
from projections.event import Refusal
from projections.fold import answer, replayed
from projections.messages import read_message
from projections.registry import REGISTRY, Kind, Rpc
from projections.roles import authorise
from projections.state import State
from projections.turn import View
from services.ingress.connection import Connection
from services.ingress.demands import Demands
from services.ingress.envelopes import Signed, open_envelope, reply_envelope, verify
from services.ingress.metrics import Metrics
from services.ingress.ratelimit import RateLimits
from services.ingress.recorder import Recorder
from services.ingress.response import Response, refused
from services.ledger import CodecError, LedgerUnavailable

__all__ = ["Api", "Handler", "Public"]

Handler = Callable[[Any, Any], Awaitable[Any]]
"""Answers a query that needs I/O: called with what its rule gave and the message, gives the reply."""

Public = Callable[[str], Any]
"""Answers an RPC that needs no signature: called with the payload's text, gives the reply or refuses."""

_ASSIGN = payloadtype_of(AssignProcess)

_LARGE_BYTES = 256 * 1024
"""Requests from this size on are read in a thread, so that the others need not wait."""

_NAME_SHOWN = 64
"""Characters that are shown of a payload type that does not exist."""

logger = logging.getLogger(__name__)


class Api:
    """Answers RPCs from a replica that has caught up.

    `public` are the replies to RPCs that need no signature, `handlers` answer queries of our own
    that need I/O, both by payload type; `hear` is told of every signed call that leaves no command;
    `rates` bounds how many RPCs one identity sends.
    """

    def __init__(
        self,
        recorder: Recorder,
        demands: Demands,
        metrics: Metrics,
        hear: Callable[[int, Executor], None],
        public: Mapping[str, Public],
        handlers: Mapping[str, Handler],
        rates: RateLimits,
    ) -> None:
        self._replica = recorder.replica
        self._recorder = recorder
        self._demands = demands
        self._metrics = metrics
        self._hear = hear
        self._public = public
        self._handlers = handlers
        self._rates = rates

    async def respond(self, body: bytes, connection: Connection) -> Response:
        """Answer one request body that came over `connection`."""
        started = time.perf_counter()
        payloadtype = "unknown"
        try:
            envelope = (
                open_envelope(body) if len(body) < _LARGE_BYTES else await to_thread(open_envelope, body)
            )
            if envelope.payloadtype not in self._public:
                signed = verify(envelope) if len(body) < _LARGE_BYTES else await to_thread(verify, envelope)
                return await self.respond_signed(signed, connection, started)
            payloadtype = envelope.payloadtype
            response = self._tell_anybody(envelope)
        except (Exception, CancelledError) as error:  # noqa: BLE001 (whatever it is, the client is answered)
            response = _answer_to(error, payloadtype)
        self._metrics.count(payloadtype, response.status, time.perf_counter() - started)
        return response

    async def respond_signed(self, signed: Signed, connection: Connection, started: float) -> Response:
        """Answer a request whose signer is known; it arrived at `started` by `time.perf_counter`."""
        payloadtype = "unknown"
        try:
            self._rates.admit(signed.caller)
            rpc = self._find(signed)
            payloadtype = rpc.payloadtype
            reply = await self._reply(rpc, signed, connection)
            response = Response(200, reply_envelope(rpc.replytype, reply))
        except (Exception, CancelledError) as error:  # noqa: BLE001 (whatever it is, the client is answered)
            response = _answer_to(error, payloadtype)
        self._metrics.count(payloadtype, response.status, time.perf_counter() - started)
        return response

    def refuse(self, refusal: Refusal, started: float) -> Response:
        """Answer a request that was refused before its signer was known; it arrived at `started`."""
        response = refused(refusal)
        self._metrics.count("unknown", response.status, time.perf_counter() - started)
        return response

    def _tell_anybody(self, envelope: RequestEnvelope) -> Response:
        reply = self._public[envelope.payloadtype](envelope.payload)
        return Response(200, reply_envelope(envelope.payloadtype, encode(reply)))

    def _find(self, signed: Signed) -> Rpc:
        rpc = REGISTRY.get(signed.payloadtype)
        if rpc is not None and rpc.kind in (Kind.COMMAND, Kind.QUERY):
            return rpc
        shown = signed.payloadtype[:_NAME_SHOWN]
        self._recorder.note(signed._replace(payloadtype=shown))
        hint = ""
        if not shown:
            hint = (
                "empty (this usually means the client is misconfigured - check that COLONIES_PRVKEY "
                "and other environment variables are set correctly)"
            )
        raise Refusal(403, f"invalid rpcMsg.PayloadType: {shown}{hint}")

    async def _reply(self, rpc: Rpc, signed: Signed, connection: Connection) -> bytes:
        if rpc.kind is Kind.QUERY:
            self._recorder.note(signed)
            return await self._query(rpc, signed)
        try:
            message = await _message_of(rpc, signed.payload)
            partition = self._replica.partition_of(rpc, message)
            if partition is None:
                return await self._everywhere(rpc, signed, message)
            partition, view, known = await self._find_home(rpc, partition, signed, message)
        except Refusal:
            self._recorder.note(signed)
            raise
        if known is not None and rpc.repeated is None:
            self._recorder.note(signed)
            return known
        if rpc.payloadtype == _ASSIGN and known is None:
            return await self._assign(view, partition, signed, message, connection)
        return await self._command(signed, message, partition)

    async def _query(self, rpc: Rpc, signed: Signed) -> bytes:
        if self._replica.fault is not None:
            raise Refusal(503, f"The server cannot answer now: {self._replica.fault}")
        message = await _message_of(rpc, signed.payload)
        partition = self._replica.partition_of(rpc, message)
        if partition is None:
            await self._replica.catch_up()
        else:
            await self._replica.catch_up(partition)
        try:
            views, reply = self._answer(rpc, partition, signed, message)
        except Refusal:
            if not self._may_be_elsewhere(rpc):
                raise
            await self._replica.catch_up()
            partition = self._replica.partition_of(rpc, message)
            views, reply = self._answer(rpc, partition, signed, message)
        executor = views[0].executor
        if executor is not None:
            self._hear(partition or 0, executor)
        handler = self._handlers.get(rpc.payloadtype)
        return encode(reply if handler is None else await handler(reply, message))

    def _answer(
        self, rpc: Rpc, partition: int | None, signed: Signed, message: Message[Any]
    ) -> tuple[list[View], Any]:
        states = self._replica.states if partition is None else [self._replica.states[partition]]
        now = time.time_ns()
        views = [View(state, signed.caller, now) for state in states]
        return views, answer(views, rpc, message)

    def _may_be_elsewhere(self, rpc: Rpc) -> bool:
        """Whether an id that is not known may be an alias that another node has just brought into any partition."""
        by_id = rpc.locator is not None and rpc.locator.by_id
        return by_id and self._replica.ledger.is_shared and len(self._replica.states) > 1

    async def _find_home(
        self, rpc: Rpc, partition: int, signed: Signed, message: Message[Any]
    ) -> tuple[int, View, bytes | None]:
        """The partition of a command, the caller's view of it, and what `_admit` gives.

        Nobody is refused before everything is folded that other nodes have acknowledged.
        """
        view = View(self._replica.states[partition], signed.caller)
        try:
            return partition, view, self._admit(rpc, view, signed, message)
        except Refusal:
            if not self._replica.ledger.is_shared:
                raise
        if self._may_be_elsewhere(rpc):
            await self._replica.catch_up()
            partition = self._replica.partition_of(rpc, message) or partition
        else:
            await self._replica.catch_up(partition)
        view = View(self._replica.states[partition], signed.caller)
        return partition, view, self._admit(rpc, view, signed, message)

    async def _command(self, signed: Signed, message: Message[Any], partition: int) -> bytes:
        answer = self._recorder.command(signed, message, partition)
        if isinstance(message, SubmitFunctionSpec) and message.spec is not None:
            self._demands.foresee(partition, message.spec)
        done = await answer
        if done.refusal is not None:
            raise done.refusal
        return done.reply

    async def _everywhere(self, rpc: Rpc, signed: Signed, message: Message[Any]) -> bytes:
        """Do a command about the whole server in every partition; the last one's reply stands for all.

        A repeat goes on with the partitions that the first attempt did not reach: the others may refuse
        the caller by now.
        """
        reply: bytes | None = None
        refusal = Refusal(403, "Access denied")
        await self._replica.catch_up()
        for partition, state in enumerate(self._replica.states):
            try:
                known = self._admit(rpc, View(state, signed.caller), signed, message)
            except Refusal as refused_here:
                refusal = refused_here
            else:
                reply = await self._command(signed, message, partition) if known is None else known
        if reply is None:
            raise refusal
        return reply

    def _admit(self, rpc: Rpc, view: View, signed: Signed, message: Message[Any]) -> bytes | None:
        """The reply that the same signed bytes got before; None if this is new and the caller may ask for it.

        Raises:
            Refusal: the caller may not ask, or the first one was refused.
        """
        known = _repeated(view.state, signed, message) if message.nonce else None
        if known is None:
            authorise(rpc, view, message)
        return known

    async def _assign(
        self, view: View, partition: int, signed: Signed, message: Message[Any], connection: Connection
    ) -> bytes:
        if not isinstance(message, AssignProcess):
            raise TypeError(f"{signed.payloadtype} carries a {type(message).__name__}")
        recorded = False
        if message.timeout <= 0:
            await self._replica.catch_up(partition)
        try:
            executor, limits = read_demand(view, message)
            demand = self._demands.ask(signed, message, executor, limits, partition, connection)
            if demand.watch is not None:
                self._hear(partition, executor)
            done = await demand.answer
            recorded = done.offset >= 0
            if done.refusal is not None:
                raise done.refusal
        except Refusal:
            if not recorded:
                self._recorder.note(signed)
                if view.executor is not None:
                    self._hear(partition, view.executor)
            raise
        return done.reply


def _repeated(state: State, signed: Signed, message: Message[Any]) -> bytes | None:
    applied = state.nonces.repeated(signed.caller, message.nonce, signed.digest)
    return None if applied is None else bytes(replayed(applied))


async def _message_of(rpc: Rpc, payload: bytes) -> Message[Any]:
    if len(payload) < _LARGE_BYTES:
        return read_message(rpc, payload)
    return await to_thread(read_message, rpc, payload)


def _answer_to(error: Exception | CancelledError, payloadtype: str) -> Response:
    """What a client is told of what went wrong with its request."""
    if isinstance(error, Refusal):
        return refused(error)
    if isinstance(error, LedgerUnavailable):
        return refused(Refusal(503, f"The ledger does not answer, ask again to learn what happened: {error}"))
    if isinstance(error, CodecError):
        return refused(Refusal(413, f"The request cannot be recorded: {error}"))
    if isinstance(error, CancelledError):
        return refused(Refusal(503, "The server is stopping, ask again to learn what happened"))
    logger.error("answering %s failed", payloadtype, exc_info=error)
    return refused(Refusal(500, "The server failed to answer; its log says why"))
