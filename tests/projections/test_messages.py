"""From a payload to a message: what is malformed is refused with 400 and changes nothing (envelope.md 5 and 7)."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from colonyledger.wire import MAX_DEPTH, GetProcesses, SubmitFunctionSpec, encode

from projections.event import Refusal
from projections.messages import read_message
from projections.registry import REGISTRY, Kind
from tests.projections.world import World, essence

SUBMIT = REGISTRY["submitfuncspecmsg"]
OTHERS = [name for name in REGISTRY if name != "submitfuncspecmsg"]


def b64(value: object) -> bytes:
    return b64encode(encode(value))


def refusal_of(name: str, payload: bytes) -> Refusal:
    with pytest.raises(Refusal) as refused:
        read_message(REGISTRY[name], payload)
    return refused.value


MALFORMED = {
    "empty": b"",
    "not base64": b"!!!!",
    "without padding": b"e30",
    "with a line break": b"e3\n0=",
    "not ascii": "é===".encode(),
    "no JSON": b64encode(b"{"),
    "nothing": b64encode(b""),
    "bytes behind": b64encode(b'{"msgtype":"submitfuncspecmsg"} x'),
    "two values": b64encode(b'{"msgtype":"submitfuncspecmsg"}{}'),
    "null": b64(None),
    "list": b64([]),
    "text": b64("submitfuncspecmsg"),
    "number": b64(1),
    "deep": b64encode(b"[" * 100_000),
    "deep and closed": b64encode(b"[" * 100_000 + b"]" * 100_000),
    "deep inside": b64encode(
        b'{"msgtype":"submitfuncspecmsg","x":' + b'{"x":' * 1000 + b"1" + b"}" * 1000 + b"}"
    ),
    "lone surrogate": b64encode(b'{"msgtype":"\\ud800"}'),
    "name is a number": b64({"msgtype": 1}),
    "name is a list": b64({"msgtype": ["submitfuncspecmsg"]}),
    "huge number": b64encode(b'{"msgtype":"submitfuncspecmsg","spec":{"args":[1e999]}}'),
    "long number": b64encode(b'{"msgtype":"submitfuncspecmsg","spec":{"args":[' + b"9" * 5000 + b"]}}"),
    "not a number": b64encode(b'{"msgtype":"submitfuncspecmsg","spec":{"args":[NaN]}}'),
    "spec is text": b64({"msgtype": "submitfuncspecmsg", "spec": "x"}),
    "spec is a list": b64({"msgtype": "submitfuncspecmsg", "spec": []}),
    "args is an object": b64({"msgtype": "submitfuncspecmsg", "spec": {"args": {}}}),
    "kwargs is a list": b64({"msgtype": "submitfuncspecmsg", "spec": {"kwargs": []}}),
    "env of numbers": b64({"msgtype": "submitfuncspecmsg", "spec": {"env": {"A": 1}}}),
    "integer as text": b64({"msgtype": "submitfuncspecmsg", "spec": {"priority": "1"}}),
    "integer with a fraction": b64({"msgtype": "submitfuncspecmsg", "spec": {"priority": 1.5}}),
    "integer out of range": b64({"msgtype": "submitfuncspecmsg", "spec": {"maxretries": 2**31}}),
    "integer as truth": b64({"msgtype": "submitfuncspecmsg", "spec": {"maxretries": True}}),
    "text as number": b64({"msgtype": "submitfuncspecmsg", "spec": {"funcname": 1}}),
    "truth as number": b64({"msgtype": "submitfuncspecmsg", "spec": {"fs": {"dirs": [{"keepfiles": 1}]}}}),
    "nonce as number": b64({"msgtype": "submitfuncspecmsg", "nonce": 1}),
    "walltime out of range": b64(
        {"msgtype": "submitfuncspecmsg", "spec": {"conditions": {"walltime": 2**63}}}
    ),
}


GOOD = b64({"msgtype": "submitfuncspecmsg", "spec": {"conditions": {"colonyname": "dev"}, "label": "x"}})


@pytest.mark.parametrize(
    "payload",
    [GOOD[:8] + b"\n" + GOOD[8:], GOOD + b"\n", b" " + GOOD, GOOD[:8] + b"!" + GOOD[8:], GOOD + GOOD],
)
def test_base64_with_anything_else_in_it_is_refused(world: World, payload: bytes) -> None:
    assert world.append(world.signed(world.user, "submitfuncspecmsg", GOOD)).refusal is None
    refusal = world.append(world.signed(world.user, "submitfuncspecmsg", payload)).refusal
    assert refusal is not None
    assert refusal.status == 400


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_payloads(world: World, case: str) -> None:
    before = essence(world.state)
    outcome = world.append(world.signed(world.user, "submitfuncspecmsg", MALFORMED[case]))
    assert outcome.reply is None
    assert outcome.refusal is not None
    assert outcome.refusal.status == 400
    assert outcome.refusal.message.startswith("Failed to submit process, ")
    assert essence(world.state) == before


@pytest.mark.parametrize("name", [name for name, rpc in REGISTRY.items() if rpc.kind is not Kind.SYSTEM])
@pytest.mark.parametrize("payload", [b"?", b64(None), b64([]), b64encode(b"{"), b64({"msgtype": 7})])
def test_no_rpc_takes_what_is_no_json_object(name: str, payload: bytes) -> None:
    refusal = refusal_of(name, payload)
    assert refusal.status == 400
    assert refusal.message.startswith(f"Failed to {REGISTRY[name].purpose}, ")
    assert "invalid JSON" in refusal.message


@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize("msgtype", ["", "x", "SUBMITFUNCSPECMSG", None])
def test_the_name_inside_must_be_the_name_outside(name: str, msgtype: str | None) -> None:
    body: dict[str, Any] = {} if msgtype is None else {"msgtype": msgtype}
    refusal = refusal_of(name, b64(body))
    assert refusal.status == 400
    assert refusal.message.endswith(", msg.MsgType does not match payloadType")


@pytest.mark.parametrize("first", ["submitfuncspecmsg", "x"])
def test_the_last_of_two_names_counts(world: World, first: str) -> None:
    """Duplicate keys: the last one wins (envelope.md section 7)."""
    last = "submitfuncspecmsg" if first == "x" else "x"
    text = f'{{"msgtype":"{first}","spec":{{"conditions":{{"colonyname":"dev"}}}},"msgtype":"{last}"}}'
    outcome = world.append(world.signed(world.user, "submitfuncspecmsg", b64encode(text.encode())))
    assert (outcome.refusal is None) is (last == "submitfuncspecmsg")


def test_a_payload_of_another_rpc_is_no_way_in(world: World) -> None:
    message = SubmitFunctionSpec()
    for name in OTHERS:
        assert refusal_of(name, b64(message)).message.endswith("does not match payloadType")


def test_null_is_as_good_as_missing() -> None:
    body = {"msgtype": "getprocessesmsg", "colonyname": None, "count": None, "x": None, "nonce": None}
    assert read_message(REGISTRY["getprocessesmsg"], b64(body)) == GetProcesses()


def test_what_is_accepted_beyond_the_strict() -> None:
    payload = b64encode(
        b'{"msgtype":"getprocessesmsg","count":1.0,"label":"\xff","label":"a\xffb","more":{}}'
    )
    assert read_message(REGISTRY["getprocessesmsg"], payload) == GetProcesses(count=1, label="a\ufffdb")


def test_the_deepest_nesting(world: World) -> None:
    def submit(depth: int) -> object:
        nested: Any = 1
        for _ in range(depth):
            nested = [nested]
        spec = {"conditions": {"colonyname": "dev"}, "args": nested}
        return world.send(world.user, "submitfuncspecmsg", {"spec": spec}).refusal

    assert submit(MAX_DEPTH - 2) is None
    assert submit(MAX_DEPTH - 1) is not None
