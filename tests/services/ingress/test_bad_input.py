"""Requests that must be refused: with the right error, at once, leaving nothing in the ledger."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    GetExecutors,
    encode,
)

from projections import fold  # noqa: F401 (fills the registry)
from projections.registry import REGISTRY, Kind
from services.node.dev import SERVER_OWNER
from tests.services.site import Site, counted, error_in, reply_in

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
Door = Callable[[bytes], Awaitable[httpx.Response]]
GOOD = b64encode(b'{"msgtype":"getcoloniesmsg"}').decode()
STRANGER = Identity("d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6")


def envelope(payloadtype: str = "getcoloniesmsg", payload: str = GOOD, signature: str | None = None) -> bytes:
    """A request body; signed by the server owner unless a signature is given."""
    signed = SERVER_OWNER.sign(payload.encode()) if signature is None else signature
    return encode({"payloadtype": payloadtype, "payload": payload, "signature": signed})


def inner(text: str | bytes, payloadtype: str = "addcolonymsg") -> bytes:
    """A request of the server owner whose payload is `text`."""
    return envelope(payloadtype, b64encode(text if isinstance(text, bytes) else text.encode()).decode())


def signature(r: int = 1, s: int = 1, v: int = 0) -> str:
    return f"{r:064x}{s:064x}{v:02x}"


@pytest.fixture
async def door(http: httpx.AsyncClient) -> AsyncIterator[Door]:
    """Takes a request body and gives the answer. Whatever the test sends must not reach the ledger."""

    async def send(body: bytes) -> httpx.Response:
        return await http.post("/api", content=body)

    before = await counted(http, "colonyledger_records_folded")
    yield send
    assert await counted(http, "colonyledger_records_folded") == before
    assert (await http.get("/health")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"text"',
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf" + envelope(),
        envelope() + b"}",
        envelope() * 2,
        b'{"payloadtype":1}',
        b'{"payload":{}}',
        b'{"signature":["a"]}',
        b'{"payload":"\\ud800"}',
        b'{"x":' * 129 + b"1" + b"}" * 129,
        b"[" * 1_000_000,
        b'{"x":' * 1_000_000,
        b'{"x":[' + b"[]," * 300_000 + b"[]]",
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_what_is_no_envelope(door: Door, body: bytes) -> None:
    status, message = error_in(await door(body))
    assert status == 400
    assert message.startswith("The request is not an RPC envelope: ")


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("", "Invalid signature length"),
        ("00", "Invalid signature length"),
        (signature()[:-2], "Invalid signature length"),
        (signature() + "00", "Invalid signature length"),
        ("0" * 1_000_000, "Invalid signature length"),
        (signature()[:-1], "Invalid signature: Odd-length string"),
        ("zz" * 65, "Invalid signature: Non-hexadecimal digit found"),
        (" 1" * 65, "Invalid signature: Non-hexadecimal digit found"),
        ("é" * 65, "Invalid signature: string argument should contain only ASCII characters"),
        (signature(v=8), "Invalid signature recovery id 8"),
        (signature(v=255), "Invalid signature recovery id 255"),
        (signature(s=ORDER - 1), "Signature s value is over half the order"),
        (signature(r=0), "Invalid signature: "),
        (signature(s=0), "Invalid signature: "),
        (signature(r=ORDER), "Invalid signature: "),
        (signature(r=5), "Invalid signature: "),
        (signature(r=ORDER - 1, v=2), "Invalid signature: "),
    ],
    ids=lambda text: text[:24],
)
@pytest.mark.parametrize("payloadtype", ["addcolonymsg", "nosuchmsg"])
async def test_what_nobody_can_have_signed(
    door: Door, signature: str, message: str, payloadtype: str
) -> None:
    status, text = error_in(await door(envelope(payloadtype, signature=signature)))
    assert status == 403
    assert text.startswith(message)


async def test_upper_case_and_the_compressed_bit_are_fine(door: Door) -> None:
    good = SERVER_OWNER.sign(GOOD.encode())
    for same in (good.upper(), f"{good[:-2]}{int(good[-2:], 16) + 4:02x}"):
        assert (await door(envelope(signature=same))).status_code == 200


async def test_a_changed_payload_is_somebody_elses(door: Door) -> None:
    good = SERVER_OWNER.sign(GOOD.encode())
    longer = b64encode(b'{"msgtype":"getcoloniesmsg" }').decode()
    assert error_in(await door(envelope(payload=longer, signature=good))) == (
        403,
        "Access denied, not server owner",
    )


@pytest.mark.parametrize(
    "payloadtype",
    [
        "nosuchmsg",
        "GetColoniesMsg",
        "error",
        "pausestatusreplymsg",
        "subscribeprocessmsg",
        "subscribeprocessesmsg",
        "subscribechannelmsg",
        *(name for name, rpc in REGISTRY.items() if rpc.kind is Kind.SYSTEM),
    ],
)
async def test_payload_types_that_are_not_served(door: Door, payloadtype: str) -> None:
    answer = await door(inner(f'{{"msgtype":"{payloadtype}"}}', payloadtype))
    assert error_in(answer) == (403, f"invalid rpcMsg.PayloadType: {payloadtype}")


async def test_an_empty_payload_type_gets_a_hint(door: Door) -> None:
    status, message = error_in(await door(envelope("")))
    assert status == 403
    assert message.startswith("invalid rpcMsg.PayloadType: empty (this usually means")


async def test_an_absurd_payload_type_is_not_repeated_in_full(door: Door) -> None:
    status, message = error_in(await door(envelope("x" * 1_000_000)))
    assert (status, message) == (403, "invalid rpcMsg.PayloadType: " + "x" * 64)


@pytest.mark.parametrize(
    "payload",
    ["***", GOOD[:-1], GOOD + "=", "_-" * 20, " " + GOOD, GOOD[:4] + "\n" + GOOD[4:], "é", "\x00", ""],
)
async def test_what_is_not_base64(door: Door, payload: str) -> None:
    status, message = error_in(await door(envelope(payload=payload)))
    assert status == 400
    assert message.startswith("Failed to get colonies, invalid JSON: ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "invalid JSON"),
        ("{", "invalid JSON"),
        ("null", "invalid JSON"),
        ("[]", "invalid JSON"),
        ('"addcolonymsg"', "invalid JSON"),
        (b"\xff\xfe", "invalid JSON"),
        ('{"msgtype":"addcolonymsg"} x', "invalid JSON"),
        ('{"msgtype":1}', "invalid JSON"),
        ("{}", "msg.MsgType does not match payloadType"),
        ('{"msgtype":"getcoloniesmsg"}', "msg.MsgType does not match payloadType"),
        ('{"msgtype":"addcolonymsg","colony":[]}', "invalid JSON"),
        ('{"msgtype":"addcolonymsg","colony":{"name":1}}', "invalid JSON"),
        ('{"msgtype":"addcolonymsg","nonce":7}', "invalid JSON"),
        ('{"msgtype":"addcolonymsg","x":' + "[" * 128 + "]" * 128 + "}", "nested deeper"),
        ('{"msgtype":"addcolonymsg","x":' + "[" * 500_000, "nested deeper"),
    ],
    ids=lambda text: repr(text[:40]),
)
async def test_what_is_not_the_message(door: Door, text: str, reason: str) -> None:
    status, message = error_in(await door(inner(text)))
    assert status == 400
    assert message.startswith("Failed to add colony, ")
    assert reason in message


WRONG = {
    "getprocessesmsg": [
        '"count":"1"',
        '"count":1.5',
        '"colonyname":7',
    ],
    "submitfuncspecmsg": [
        '"spec":{"priority":2147483648}',
        '"spec":{"maxexectime":-2147483649}',
        '"spec":{"conditions":{"walltime":9223372036854775808}}',
        '"spec":{"args":{}}',
        '"spec":{"kwargs":[]}',
        '"spec":{"env":{"a":1}}',
        '"spec":{"conditions":{"executornames":"me"}}',
    ],
    "addexecutormsg": [
        '"executor":{"commissiontime":""}',
    ],
    "closefailedmsg": ['"errors":[1]', '"errors":"failed"'],
    "assignprocessmsg": ['"timeout":"10"', '"timeout":1.5'],
}


@pytest.mark.parametrize(("payloadtype", "field"), [(name, field) for name in WRONG for field in WRONG[name]])
async def test_fields_of_the_wrong_type(door: Door, payloadtype: str, field: str) -> None:
    status, message = error_in(await door(inner(f'{{"msgtype":"{payloadtype}",{field}}}', payloadtype)))
    assert status == 400
    assert "invalid JSON" in message


@pytest.mark.parametrize(
    "fields",
    [
        '"count":10,"state":0',
        '"count":10.0,"state":0',
        '"count":10,"state":null,"executortype":null,"label":null,"initiator":null',
        '"count":1,"count":10',
        '"count":10,"unknown":{"deep":[1,{"er":null}]},"processgraphid":""',
        '"label":"\\u0000\\ud83d\\ude00","count":10',
    ],
)
async def test_what_the_protocol_accepts(site: Site, fields: str) -> None:
    text = f'{{"msgtype":"getprocessesmsg","colonyname":"{site.name}",{fields}}}'
    payload = b64encode(text.encode()).decode()
    body = envelope("getprocessesmsg", payload, site.user.sign(payload.encode()))
    assert reply_in(await site.post(body), list[Any]) == []


@pytest.mark.parametrize(
    "name", [name for name, rpc in REGISTRY.items() if rpc.kind is not Kind.SYSTEM], ids=str
)
async def test_strangers_may_do_nothing(door: Door, name: str) -> None:
    """Any RPC, with nothing in it, with the name of a colony, and with an id that there is not."""
    for fields in ({}, {"colonyname": "dev"}, {"processid": "a" * 64, "processgraphid": "a" * 64}):
        payload = b64encode(encode({"msgtype": name, **fields})).decode()
        answer = await door(envelope(name, payload, STRANGER.sign(payload.encode())))
        assert error_in(answer)[0] in (400, 403, 404, 500)
        assert "its log says why" not in error_in(answer)[1]


async def test_strangers_cannot_make_a_large_request_matter(door: Door) -> None:
    payload = b64encode(encode({"msgtype": "addcolonymsg", "x": ["y" * 1000] * 10_000})).decode()
    answer = await door(envelope("addcolonymsg", payload, STRANGER.sign(payload.encode())))
    assert error_in(answer) == (403, "Access denied, not server owner")


async def test_an_unknown_colony_has_no_members(site: Site) -> None:
    asked = GetExecutors(colonyname="no-such-colony")
    assert await site.refused(site.user, asked) == (403, "Colony with name <no-such-colony> does not exists")
    member = GetExecutors(colonyname=site.name)
    for other in (STRANGER, site.owner, SERVER_OWNER):
        assert await site.refused(other, member) == (
            403,
            f"Access denied, not a member of Colony with name <{site.name}>",
        )
