"""`POST /api`: the way of one RPC from bytes to bytes. This is the hot path."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, ParamSpec, TypeVar

from colonyledger.wire import AssignProcess, Executor, Message, RequestEnvelope, encode, payloadtype_of

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
from services.ingress.envelopes import Signed, open_envelope, reply_envelope, verify
from services.ingress.forwarding import NOT_SERVED, Forwarder, Mark, Request
from services.ingress.gathering import combined, payload_of, together
from services.ingress.metrics import Metrics
from services.ingress.ratelimit import RateLimits
from services.ingress.recorder import Recorder
from services.ingress.response import Response, refused
from services.ledger import CodecError, LedgerUnavailable
from services.replica import NotServed

__all__ = ["Api", "Handler", "Public"]

P = ParamSpec("P")
T = TypeVar("T")

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
    body: bytes
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
            envelope = await _offload(len(body), open_envelope, body)
            if envelope.payloadtype in self._public:
                payloadtype = envelope.payloadtype
                response = self._tell_anybody(envelope)
            else:
                signed = await _offload(len(body), verify, envelope)
                self._rates.admit(signed.caller)
                rpc = self._find(signed, mark)
                payloadtype = rpc.payloadtype
                response = await self._answer_or_forward(_Asked(rpc, signed, body, connection, mark))
        except Refusal as refusal:
            response = refused(refusal)
        except LedgerUnavailable as error:
            response = refused(
                Refusal(503, f"The ledger does not answer, ask again to learn what happened: {error}")
            )
        except CodecError as error:
            response = refused(Refusal(413, f"The request cannot be recorded: {error}"))
        except asyncio.CancelledError:
            # The server stops and has waited long enough.
            response = refused(Refusal(503, "The server is stopping, ask again to learn what happened"))
        except Exception:
            logger.exception("answering %s failed", payloadtype)
            response = refused(Refusal(500, "The server failed to answer; its log says why"))
        self._metrics.count(payloadtype, response.status, time.perf_counter() - started)
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

    async def _answer_or_forward(self, asked: _Asked) -> Response:
        """Answer an RPC here, or have it answered where its partition is served."""
        while True:
            try:
                response = Response(200, reply_envelope(asked.rpc.replytype, await self._reply(asked)))
            except Refusal as refusal:
                if not self._may_be_elsewhere(asked):
                    raise
                response = refused(refusal)
            except NotServed as missing:
                if self._forwarder is None:
                    raise
                if asked.mark is not None:
                    return NOT_SERVED
                answer = await self._forwarder.forward(await _request(asked), missing.partition)
                if answer is None:
                    continue
                response = answer
            return await self._search(asked, response) if self._may_be_elsewhere(asked) else response

    def _may_be_elsewhere(self, asked: _Asked) -> bool:
        """Whether what is not found may be in a partition that this node does not serve."""
        locator = asked.rpc.locator
        return (
            locator is not None and locator.aliased and asked.mark is None and bool(self._replica.not_served)
        )

    async def _search(self, asked: _Asked, response: Response) -> Response:
        """Ask the other nodes for what was not found, if so, under an id that may be in any partition."""
        if response.status in (200, 503) or self._forwarder is None:
            return response
        for found in await self._forwarder.scatter(await _request(asked), self._replica.not_served):
            if found.status in (200, 503):
                return found
        return response

    async def _reply(self, asked: _Asked) -> bytes:
        rpc, signed = asked.rpc, asked.signed
        if rpc.kind is Kind.QUERY:
            return await self._query(asked)
        if rpc.kind is Kind.SUBSCRIPTION:
            return await self._memberships(asked)
        try:
            message = await _offload(len(signed.payload), read_message, rpc, signed.payload)
            partition = await self._partition_of(asked, message)
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
            return await self._assign(view, partition, signed, message, asked.connection)
        return await self._command(signed, message, partition)

    async def _partition_of(self, asked: _Asked, message: Message[Any]) -> int | None:
        """The partition that a message is for; None if it is for all of them.

        Raises:
            NotServed: it is for one that is not served here.
        """
        rpc, mark = asked.rpc, asked.mark
        if mark is not None and mark.partitions is not None and rpc.locator is not None:
            await self._replica.catch_up(*mark.partitions)
            return self._replica.alias_in(mark.partitions, rpc, message)
        partition = self._replica.partition_of(rpc, message)
        if partition is not None:
            self._replica.state_served(partition)
        return partition

    async def _query(self, asked: _Asked) -> bytes:
        rpc, signed = asked.rpc, asked.signed
        if self._replica.fault is not None:
            self._recorder.note(signed)
            raise Refusal(503, f"The server cannot answer now: {self._replica.fault}")
        try:
            message = await _offload(len(signed.payload), read_message, rpc, signed.payload)
            partition = await self._partition_of(asked, message)
        except Refusal:
            self._recorder.note(signed)
            raise
        if partition is None:
            return await self._query_all(asked, message)
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
        view = View(self._replica.state_served(partition), signed.caller)
        return view, answer([view], rpc, message)

    async def _query_all(self, asked: _Asked, message: Message[Any]) -> bytes:
        """Answer a query about the whole server, with the others if need be."""
        rpc, signed = asked.rpc, asked.signed
        wanted = self._wanted(asked)
        here = await self._caught_up_of(wanted)
        missing = wanted.difference(here)
        if not here and rpc.payloadtype not in together:
            missing = frozenset({min(missing)})  # any of them knows
        parts: list[Any] = []
        if here:
            self._recorder.note(signed)
            views = [View(self._replica.states[partition], signed.caller) for partition in here]
            parts.append(answer(views, rpc, message))
        if missing and (rpc.payloadtype in together or not here) and self._forwarder is not None:
            answers = await self._forwarder.scatter(await _request(asked), missing)
            parts += [payload_of(each) for each in answers]
        reply = combined(rpc, parts) if len(parts) > 1 else parts[0]
        handler = self._handlers.get(rpc.payloadtype) if here else None
        return encode(reply if handler is None else await handler(reply, message))

    async def _memberships(self, asked: _Asked) -> bytes:
        """The caller's colonies in some partitions, for a node that has to know which one a subscription means."""
        here = await self._caught_up_of(self._wanted(asked))
        return encode(colonies_of((self._replica.states[each] for each in here), asked.signed.caller))

    def _wanted(self, asked: _Asked) -> frozenset[int]:
        """The partitions that an RPC about the whole server is to be answered for.

        Raises:
            NotServed: it was forwarded, and they are not all served here.
        """
        mark = asked.mark
        wanted = self._replica.all if mark is None or mark.partitions is None else mark.partitions
        if mark is not None and (missing := wanted - self._replica.served):
            raise NotServed(min(missing))
        return wanted

    async def _caught_up_of(self, wanted: frozenset[int]) -> list[int]:
        """Those of some partitions that are served here, once everything is folded that others have acknowledged."""
        while here := sorted(wanted & self._replica.served):
            with suppress(NotServed):
                await self._replica.catch_up(*here)
                if self._replica.served.issuperset(here):
                    break
        return here

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
        done = await self._recorder.command(signed, message, partition)
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
        wanted = self._wanted(asked)
        left = set(wanted)
        for partition in await self._caught_up_of(wanted):
            try:
                view = View(self._replica.state_served(partition), signed.caller)
                known = self._admit(rpc, view, signed, message)
                reply = await self._command(signed, message, partition) if known is None else known
            except Refusal as refused_here:
                refusal = refused_here
            except NotServed:
                continue
            left.remove(partition)
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
    """What another node is sent."""
    payload = asked.signed.payload
    message = await _offload(len(payload), read_message, asked.rpc, payload)
    waits = isinstance(message, AssignProcess) and message.timeout > 0
    is_repeatable = bool(message.nonce) or asked.rpc.kind is Kind.QUERY
    return Request(asked.body, is_repeatable, asked.connection if waits else None)


def _repeated(state: State, signed: Signed, message: Message[Any]) -> bytes | None:
    applied = state.nonces.repeated(signed.caller, message.nonce, signed.digest)
    return None if applied is None else bytes(replayed(applied))


async def _offload(size: int, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call a function; in a thread if what it reads is large."""
    if size < _LARGE_BYTES:
        return function(*arguments, **named)
    return await asyncio.to_thread(function, *arguments, **named)
