"""`POST /api`: the way of one RPC from bytes to bytes. This is the hot path."""

from __future__ import annotations

import logging
import time
from asyncio import CancelledError, sleep, to_thread
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

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
from projections.realtime import colonies_of
from projections.registry import REGISTRY, Kind, Rpc
from projections.roles import authorise
from projections.state import State
from projections.turn import View
from services.ingress.connection import Connection
from services.ingress.demands import Demands
from services.ingress.envelopes import Signed, open_envelope, reply_envelope, request_envelope, verify
from services.ingress.forwarding import NOT_SERVED, Forwarder, Mark, Request
from services.ingress.gathering import combined, payload_of, together
from services.ingress.metrics import Metrics
from services.ingress.ratelimit import RateLimits
from services.ingress.recorder import Recorder
from services.ingress.response import Response, refused
from services.ledger import CodecError, LedgerUnavailable
from services.replica import NotServed

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


class _Asked(NamedTuple):
    """An RPC that is to be answered."""

    rpc: Rpc
    signed: Signed
    connection: Connection
    mark: Mark | None


class Api:
    """Answers RPCs from a replica that has caught up.

    `public` are the replies to RPCs that need no signature, `handlers` answer queries of our own
    that need I/O, both by payload type; `hear` is told of every signed call that leaves no command;
    `rates` bounds how many RPCs one identity sends; `forwarder` has other nodes answer what is about partitions
    that the replica does not serve.
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
        forwarder: Forwarder | None = None,
    ) -> None:
        self._replica = recorder.replica
        self._recorder = recorder
        self._demands = demands
        self._metrics = metrics
        self._hear = hear
        self._public = public
        self._handlers = handlers
        self._rates = rates
        self._forwarder = forwarder

    async def respond(self, body: bytes, connection: Connection, mark: Mark | None = None) -> Response:
        """Answer one request body that came over `connection`; `mark` is there if another node has forwarded it."""
        started = time.perf_counter()
        payloadtype = "unknown"
        try:
            envelope = (
                open_envelope(body) if len(body) < _LARGE_BYTES else await to_thread(open_envelope, body)
            )
            if envelope.payloadtype not in self._public:
                signed = verify(envelope) if len(body) < _LARGE_BYTES else await to_thread(verify, envelope)
                return await self.respond_signed(signed, connection, started, mark)
            payloadtype = envelope.payloadtype
            response = self._tell_anybody(envelope)
        except (Exception, CancelledError) as error:  # noqa: BLE001 (whatever it is, the client is answered)
            response = _answer_to(error, payloadtype)
        self._metrics.count(payloadtype, response.status, time.perf_counter() - started)
        return response

    async def respond_signed(
        self, signed: Signed, connection: Connection, started: float, mark: Mark | None = None
    ) -> Response:
        """Answer a request whose signer is known; it arrived at `started` by `time.perf_counter`."""
        payloadtype = "unknown"
        try:
            self._rates.admit(signed.caller)
            rpc = self._find(signed, mark)
            payloadtype = rpc.payloadtype
            asked = _Asked(rpc, signed, connection, mark)
            if self._forwarder is None:
                response = Response(200, reply_envelope(rpc.replytype, await self._reply(asked)))
            else:
                response = await self._answer_or_forward(asked, self._forwarder)
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

    def _find(self, signed: Signed, mark: Mark | None) -> Rpc:
        rpc = REGISTRY.get(signed.payloadtype)
        if rpc is not None and rpc.kind in (Kind.COMMAND, Kind.QUERY):
            return rpc
        if rpc is not None and rpc.kind is Kind.SUBSCRIPTION and mark is not None and mark.partitions:
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

    async def _answer_or_forward(self, asked: _Asked, forwarder: Forwarder) -> Response:
        """Answer an RPC here, or have it answered where its partition is served."""
        while True:
            try:
                return Response(200, reply_envelope(asked.rpc.replytype, await self._reply(asked)))
            except Refusal as refusal:
                if not self._may_be_elsewhere(asked):
                    raise
                return await self._search(asked, refused(refusal), forwarder)
            except NotServed as missing:
                if asked.mark is not None:
                    return NOT_SERVED
                answered = await forwarder.forward(await _request(asked), missing.partition)
            if answered is not None:
                if self._may_be_elsewhere(asked):
                    answered = await self._search(asked, answered, forwarder)
                return answered

    def _may_be_elsewhere(self, asked: _Asked) -> bool:
        """Whether what is not found may be in a partition that this node does not serve."""
        locator = asked.rpc.locator
        return (
            locator is not None and locator.aliased and asked.mark is None and bool(self._replica.not_served)
        )

    async def _search(self, asked: _Asked, response: Response, forwarder: Forwarder) -> Response:
        """Ask the other nodes for what was not found, if so, under an id that may be in any partition."""
        if response.status in (200, 503):
            return response
        for found in await forwarder.scatter(await _request(asked), self._replica.not_served):
            if found.status in (200, 503):
                return found
        return response

    async def _reply(self, asked: _Asked) -> bytes:
        rpc, signed, connection, mark = asked
        if rpc.kind is Kind.QUERY:
            return await self._query(asked)
        if rpc.kind is Kind.SUBSCRIPTION:
            return await self._memberships(asked)
        try:
            message = await _message_of(rpc, signed.payload)
            partition = (
                self._replica.partition_of(rpc, message)
                if mark is None
                else await self._partition_marked(rpc, message, mark)
            )
            if partition is None:
                return await self._everywhere(asked, message)
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

    async def _partition_marked(self, rpc: Rpc, message: Message[Any], mark: Mark) -> int | None:
        """The partition that a forwarded message is for; None if it is for all of those that the mark names.

        Raises:
            NotServed: one that it may be in is not served here.
        """
        if mark.partitions is None or rpc.locator is None:
            return self._replica.partition_of(rpc, message)
        await self._replica.catch_up(*mark.partitions)
        return self._replica.alias_in(mark.partitions, rpc, message)

    async def _query(self, asked: _Asked) -> bytes:
        rpc, signed, _, mark = asked
        if self._replica.fault is not None:
            self._recorder.note(signed)
            raise Refusal(503, f"The server cannot answer now: {self._replica.fault}")
        try:
            message = await _message_of(rpc, signed.payload)
            partition = (
                self._replica.partition_of(rpc, message)
                if mark is None
                else await self._partition_marked(rpc, message, mark)
            )
            if partition is None:
                return await self._query_all(asked, message)
            self._replica.state_served(partition)
        except Refusal:
            self._recorder.note(signed)
            raise
        self._recorder.note(signed)
        await self._replica.catch_up(partition)
        try:
            view, reply = self._answer(rpc, partition, signed, message)
        except Refusal:
            if not self._may_be_new(rpc):
                raise
            await self._replica.catch_up()
            partition = self._replica.partition_of(rpc, message) or 0
            view, reply = self._answer(rpc, partition, signed, message)
        if view.executor is not None:
            self._hear(partition, view.executor)
        handler = self._handlers.get(rpc.payloadtype)
        return encode(reply if handler is None else await handler(reply, message))

    def _answer(self, rpc: Rpc, partition: int, signed: Signed, message: Message[Any]) -> tuple[View, Any]:
        view = View(self._replica.state_served(partition), signed.caller, time.time_ns())
        return view, answer([view], rpc, message)

    async def _query_all(self, asked: _Asked, message: Message[Any]) -> bytes:
        """Answer a query about the whole server, with the others if need be."""
        rpc, signed = asked.rpc, asked.signed
        here, missing = await self._caught_up_of(self._wanted(asked))
        if not here and rpc.payloadtype not in together:
            missing = frozenset({min(missing)})  # any of them knows
        parts: list[Any] = []
        if here:
            self._recorder.note(signed)
            now = time.time_ns()
            views = [View(self._replica.states[partition], signed.caller, now) for partition in here]
            parts.append(answer(views, rpc, message))
        if missing and (rpc.payloadtype in together or not here) and self._forwarder is not None:
            answers = await self._forwarder.scatter(await _request(asked), missing)
            parts += [payload_of(each) for each in answers]
        reply = combined(rpc, parts) if len(parts) > 1 else parts[0]
        handler = self._handlers.get(rpc.payloadtype) if here else None
        return encode(reply if handler is None else await handler(reply, message))

    async def _memberships(self, asked: _Asked) -> bytes:
        """The caller's colonies in some partitions, for a node that has to know which one a subscription means."""
        here, _ = await self._caught_up_of(self._wanted(asked))
        return encode(colonies_of((self._replica.states[each] for each in here), asked.signed.caller))

    def _wanted(self, asked: _Asked) -> frozenset[int]:
        """The partitions that an RPC about the whole server is to be answered for.

        Raises:
            NotServed: they are not all served here, and nobody else can be asked.
        """
        mark = asked.mark
        wanted = self._replica.all if mark is None or mark.partitions is None else mark.partitions
        if mark is not None or self._forwarder is None:
            for partition in wanted - self._replica.served:
                raise self._replica.not_serving(partition)
        return wanted

    async def _caught_up_of(self, wanted: frozenset[int]) -> tuple[list[int], frozenset[int]]:
        """Those of some partitions that are served here, once everything is folded that others have acknowledged; the rest.

        Raises:
            NotServed: there is a rest, and nobody else can be asked.
        """
        while here := sorted(wanted & self._replica.served):
            with suppress(NotServed):
                await self._replica.catch_up(*here)
                if self._replica.served.issuperset(here):
                    break
        missing = wanted.difference(here)
        if missing and self._forwarder is None:
            raise self._replica.not_serving(min(missing))
        return here, missing

    def _may_be_new(self, rpc: Rpc) -> bool:
        """Whether an id that is not known may be an alias that another node has just brought into any partition."""
        aliased = rpc.locator is not None and rpc.locator.aliased
        return aliased and self._replica.ledger.is_shared and len(self._replica.states) > 1

    async def _find_home(
        self, rpc: Rpc, partition: int, signed: Signed, message: Message[Any]
    ) -> tuple[int, View, bytes | None]:
        """The partition of a command, the caller's view of it, and what `_admit` gives.

        Nobody is refused before everything is folded that other nodes have acknowledged.
        """
        view = View(self._replica.state_served(partition), signed.caller)
        try:
            return partition, view, self._admit(rpc, view, signed, message)
        except Refusal:
            if not self._replica.ledger.is_shared:
                raise
        if self._may_be_new(rpc):
            await self._replica.catch_up()
            partition = self._replica.partition_of(rpc, message) or partition
        else:
            await self._replica.catch_up(partition)
        view = View(self._replica.state_served(partition), signed.caller)
        return partition, view, self._admit(rpc, view, signed, message)

    async def _command(self, signed: Signed, message: Message[Any], partition: int) -> bytes:
        answer = self._recorder.command(signed, message, partition)
        is_foreseen = False
        if isinstance(message, SubmitFunctionSpec) and message.spec is not None:
            is_foreseen = self._demands.foresee(partition, message.spec)
        done = await answer
        if is_foreseen:
            # The executor has waited for longer, and is told first: in two turns of the loop its answer is written.
            await sleep(0)
            await sleep(0)
        if done.refusal is not None:
            raise done.refusal
        return done.reply

    async def _everywhere(self, asked: _Asked, message: Message[Any]) -> bytes:
        """Do a command about the whole server in every partition; the last one's reply stands for all.

        A repeat goes on with the partitions that the first attempt did not reach: the others may refuse
        the caller by now.
        """
        rpc, signed = asked.rpc, asked.signed
        reply: bytes | None = None
        refusal = Refusal(403, "Access denied")
        here, missing = await self._caught_up_of(self._wanted(asked))
        left = set(missing)
        for partition in here:
            try:
                view = View(self._replica.state_served(partition), signed.caller)
                known = self._admit(rpc, view, signed, message)
                reply = await self._command(signed, message, partition) if known is None else known
            except Refusal as refused_here:
                refusal = _unless_closed(refused_here)
            except NotServed:
                if self._forwarder is None:
                    raise
                left.add(partition)
        if left and self._forwarder is not None:
            for answered in await self._forwarder.scatter(await _request(asked), left):
                try:
                    reply = encode(payload_of(answered))
                except Refusal as refused_there:
                    if refused_there.status != 403:
                        raise
                    refusal = refused_there
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


async def _request(asked: _Asked) -> Request:
    """What another node is sent: the envelope as the client signed it."""
    signed = asked.signed
    message = await _message_of(asked.rpc, signed.payload)
    waits = isinstance(message, AssignProcess) and message.timeout > 0
    is_repeatable = bool(message.nonce) or asked.rpc.kind is Kind.QUERY
    is_large = len(signed.payload) >= _LARGE_BYTES
    body = await to_thread(request_envelope, signed) if is_large else request_envelope(signed)
    return Request(body, is_repeatable, asked.connection if waits else None)


def _unless_closed(refusal: Refusal) -> Refusal:
    """A refusal that other partitions may not share. If the ledger ends, a repeat goes on where it is continued."""
    if refusal.status == 503:
        raise refusal
    return refusal


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
    if isinstance(error, NotServed):
        return refused(Refusal(503, str(error)))
    if isinstance(error, LedgerUnavailable):
        return refused(Refusal(503, f"The ledger does not answer, ask again to learn what happened: {error}"))
    if isinstance(error, CodecError):
        return refused(Refusal(413, f"The request cannot be recorded: {error}"))
    if isinstance(error, CancelledError):
        return refused(Refusal(503, "The server is stopping, ask again to learn what happened"))
    logger.error("answering %s failed", payloadtype, exc_info=error)
    return refused(Refusal(500, "The server failed to answer; its log says why"))
