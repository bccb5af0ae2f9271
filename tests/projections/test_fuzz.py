"""No record can stop the fold: whatever is appended is done or refused, and a refusal changes nothing."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from typing import Any

import msgspec
import pytest
from colonyledger.record import RecordKind
from colonyledger.wire import decode, encode, payloadtype_of, reply_type_of
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.digest import state_digest
from projections.event import Event, Refusal
from projections.fold import answer, apply
from projections.messages import read_message
from projections.registry import REGISTRY, Kind
from projections.state import State
from projections.turn import View
from tests.projections.invariants import check
from tests.projections.scene import NOTHING, ROLES, SAMPLES, Make, Scene, named_samples
from tests.projections.world import World, essence, identity

Json = Any
Place = tuple[str | int, ...]

JSON_TYPES: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@cache
def scene() -> Scene:
    """The history that every example starts from; it is folded anew for each."""
    return Scene()


@cache
def ids() -> tuple[str, ...]:
    """Ids and names that mean something in the scene, and some that do not."""
    here = scene()
    things = (here.waiting, here.running, here.parent, here.child, here.graph, here.idle)
    words = ("dev", "next", "approved", "pending", "removed", "bob", "edge", "*", "a", "b", "")
    return (*things, here.functionid, here.attributeid, NOTHING, identity("approved").id, *words)


NASTY = st.one_of(
    JSON_TYPES,
    st.deferred(lambda: st.sampled_from(ids())),
    st.sampled_from(
        [
            2**31 - 1,
            -(2**31),
            2**63,
            10**400,
            1e300,
            -0.0,
            "\x00",
            "\u2028",
            "😀" * 50,
            [],
            {},
            [[]],
            [None],
            {"": {}},
            "2024-01-01T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
        ]
    ),
)


AMOUNTS = st.sampled_from(["m", "1m", "-1m", "1Ki", "-1G", "1", "9" * 5000 + "m", "9" * 5000 + "Ki"])
AMOUNT_KEYS = ("cpu", "mem", "storage", "availablecpu", "availablemem")


def mutated(samples: list[Make]) -> st.SearchStrategy[tuple[str, Json]]:
    """A valid message of which up to three places were replaced, removed or added to."""

    @st.composite
    def build(draw: st.DrawFn) -> tuple[str, Json]:
        message = draw(st.sampled_from(samples))(scene())
        body: Json = msgspec.json.decode(encode(message))
        for _ in range(draw(st.integers(0, 3))):
            place = draw(st.sampled_from(places(body)))
            body = replaced(body, place, draw)
        return payloadtype_of(message), body

    return build()


def places(value: Json, above: Place = ()) -> list[Place]:
    """The ways from the top to everything in a JSON value."""
    inner: list[tuple[str | int, Json]] = []
    if isinstance(value, dict):
        inner = sorted(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [above, *(place for key, item in inner for place in places(item, (*above, key)))]


def replaced(value: Json, place: Place, draw: st.DrawFn) -> Json:
    """The value with something else at a place."""
    if not place:
        if isinstance(value, dict) and draw(st.booleans()):
            return {**value, draw(st.sampled_from(["nonce", "x", "insert", "childprocessid"])): draw(NASTY)}
        return draw(NASTY)
    key = place[0]
    if place[1:]:
        item = replaced(value[key], place[1:], draw)
    elif key in AMOUNT_KEYS:
        item = draw(AMOUNTS)
    elif draw(st.integers(0, 4)) == 0:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        kept = [(each, item) for each, item in pairs if each != key]
        return dict(kept) if isinstance(value, dict) else [item for _, item in kept]
    else:
        item = replaced(value[key], (), draw)
    if isinstance(value, dict):
        return {**value, key: item}
    assert isinstance(key, int)
    return [*value[:key], item, *value[key + 1 :]]


def folded() -> State:
    """The scene's state, fresh."""
    state = State()
    for event in scene().world.events:
        apply(state, event)
    return state


ASKED_ELSEWHERE = ("getwindowsmsg", "queryhistorymsg", "queryserverhistorymsg")
"""The fold only says whose rows may be seen; the server asks the history for them."""


def judge(payloadtype: str, payload: bytes, role: str, seconds: int = 0) -> Refusal | None:
    """Append a record, or ask a query, and check what came of it."""
    state = folded()
    world = World()
    world.now = scene().world.now + seconds * 10**9
    rpc = REGISTRY.get(payloadtype)
    kind = RecordKind.SYSTEM if rpc is not None and rpc.kind is Kind.SYSTEM else RecordKind.RPC
    record = world.signed(identity(role), payloadtype, payload, kind)
    before = essence(state)
    if rpc is not None and rpc.kind is Kind.QUERY:
        reply, refusal = asked(state, payloadtype, role, payload)
    else:
        outcome = apply(state, Event(0, state.next_offset, world.now, record))
        reply, refusal = outcome.reply, outcome.refusal
        assert not outcome.failures
        assert state.next_offset == len(scene().world.events) + 1
    if refusal is None:
        assert rpc is not None
        if rpc.kind is not Kind.SYSTEM and payloadtype not in ASKED_ELSEWHERE:
            assert decode(encode(reply), reply_type_of(rpc.message)) is not None
        check(state)
    else:
        assert 400 <= refusal.status < 600
        assert refusal.message
        assert seconds or essence(state) == before
    assert len(state_digest(state)) == 64
    return refusal


def asked(state: State, payloadtype: str, role: str, payload: bytes) -> tuple[Any, Refusal | None]:
    """What a query is answered."""
    rpc = REGISTRY[payloadtype]
    try:
        return answer([View(state, identity(role).id)], rpc, read_message(rpc, payload)), None
    except Refusal as refusal:
        return None, refusal


def json_bytes(body: Json) -> bytes:
    """JSON with integers of any size."""
    if isinstance(body, dict):
        return b"{" + b",".join(encode(key) + b":" + json_bytes(item) for key, item in body.items()) + b"}"
    if isinstance(body, list):
        return b"[" + b",".join(map(json_bytes, body)) + b"]"
    return str(body).encode() if isinstance(body, int) and not isinstance(body, bool) else encode(body)


names = st.sampled_from([*REGISTRY, "nosuchmsg", "", "getcolonymsg "])
roles = st.sampled_from([*ROLES, "server", "owner", "user", "approved", "approved", "approved"])


@settings(max_examples=400)
@given(names, st.binary(max_size=60), roles)
def test_any_bytes_as_a_payload(payloadtype: str, payload: bytes, role: str) -> None:
    refusal = judge(payloadtype, payload, role)
    assert refusal is not None
    assert refusal.status in (400, 403)


@settings(max_examples=400)
@given(names, JSON_TYPES, roles)
def test_any_json_as_a_payload(payloadtype: str, body: Json, role: str) -> None:
    refusal = judge(payloadtype, b64encode(json_bytes(body)), role)
    assert refusal is not None
    assert refusal.status in (400, 403)


@settings(max_examples=400)
@given(
    st.sampled_from(sorted(REGISTRY)),
    st.dictionaries(st.sampled_from(["colonyname", "spec", "x"]), NASTY),
    roles,
)
def test_the_right_name_around_anything(payloadtype: str, body: dict[str, Json], role: str) -> None:
    judge(payloadtype, b64encode(json_bytes({**body, "msgtype": payloadtype})), role)


@settings(max_examples=700)
@given(mutated(SAMPLES), roles, st.sampled_from([0, 0, 150]))
def test_mutated_messages(made: tuple[str, Json], role: str, seconds: int) -> None:
    payloadtype, body = made
    judge(payloadtype, b64encode(json_bytes(body)), role, seconds)


WITH_SPECS = [make for make in SAMPLES if "spec" in getattr(make(scene()), "__struct_fields__", ())]


@settings(max_examples=500)
@given(mutated(WITH_SPECS), st.sampled_from(["user", "approved"]))
def test_mutated_specs(made: tuple[str, Json], role: str) -> None:
    payloadtype, body = made
    judge(payloadtype, b64encode(json_bytes(body)), role)


@settings(max_examples=300)
@given(st.sampled_from(SAMPLES), st.integers(0, 10_000), st.integers(0, 255), roles)
def test_a_flipped_byte(sample: Make, place: int, byte: int, role: str) -> None:
    message = sample(scene())
    text = bytearray(encode(message))
    text[place % len(text)] = byte
    judge(payloadtype_of(message), b64encode(bytes(text)), role)


@pytest.mark.parametrize("name", list(named_samples(Scene())))
def test_every_sample_of_the_fuzz_is_done_for_somebody(name: str) -> None:
    message = named_samples(scene())[name](scene())
    payload = b64encode(encode(message))
    assert any(judge(payloadtype_of(message), payload, role) is None for role in ROLES)
