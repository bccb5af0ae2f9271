"""Requests as they are signed and sent (envelope.md sections 2 and 6)."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any, get_origin

import colonyledger.wire as wire
import pytest
from colonyledger.identity import Identity, digest_of, recover
from colonyledger.wire import (
    AssignProcess,
    Colony,
    FunctionSpec,
    GetColonies,
    GetPauseStatus,
    GetProcess,
    GetVersion,
    Message,
    PauseStatus,
    Process,
    RequestEnvelope,
    SubmitFunctionSpec,
    Version,
    decode,
    payloadtype_of,
    reply_type_of,
    signed,
)

MESSAGES = [
    value
    for value in vars(wire).values()
    if isinstance(value, type) and issubclass(value, Message) and value is not Message
]
SERVER_OWNER = "039231c7644e04b6895471dd5335cf332681c54e27f81fac54f9067b3f2c0103"


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (
            "eyJtc2d0eXBlIjogImdldGNvbG9uaWVzbXNnIn0=",
            (
                "82a2287f7fa7aad2f7a476c2b91743d67792c4f1f580f7cad92ecc6c3504bc6f"
                "2f542e984ed0d7d8b5a90a6fc1a381bb18e29dceabb6e97600395d37706732af01"
            ),
        ),
        (
            "eyJtc2d0eXBlIjoiZ2V0Y29sb25pZXNtc2cifQ==",
            (
                "3cf5209e35d24048f67652cb354ded5bed0d56bdce9cab433646942a47760353"
                "283e65a2cb764e22d9efa37e67a9ba485ade029f1405e5eed13365a82250a87300"
            ),
        ),
    ],
)
def test_requests_of_other_clients(payload: str, signature: str) -> None:
    assert recover(digest_of(payload.encode()), bytes.fromhex(signature)) == SERVER_OWNER
    assert decode(b64decode(payload), GetColonies) == GetColonies()


def test_a_signed_request() -> None:
    identity = Identity.generate()
    body = signed(GetProcess(processid="p", nonce="n"), identity)
    envelope = decode(body, RequestEnvelope)
    assert envelope.payloadtype == "getprocessmsg"
    assert json.loads(b64decode(envelope.payload)) == {
        "msgtype": "getprocessmsg",
        "processid": "p",
        "nonce": "n",
    }
    signer = recover(digest_of(envelope.payload.encode()), bytes.fromhex(envelope.signature))
    assert signer == identity.id


def test_a_message_says_its_type_inside_the_signed_part() -> None:
    with pytest.raises(wire.MalformedJson):
        decode(b'{"msgtype":"getcolonymsg","processid":"p"}', GetProcess)


def test_every_message_has_its_own_payload_type() -> None:
    names = [payloadtype_of(message) for message in MESSAGES]
    assert len(names) == len(set(names)) > 50
    assert all(name.endswith("msg") and name.islower() for name in names)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_every_message_says_what_it_is_answered_with(message: type[Message[Any]]) -> None:
    reply = reply_type_of(message)
    assert get_origin(reply) is list or isinstance(reply, type) or get_origin(reply) is Process.__origin__


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_every_message_can_be_sent_and_read(message: type[Message[Any]]) -> None:
    sent = message(nonce="n")
    assert decode(wire.encode(sent), message) == sent


def test_reply_types() -> None:
    assert reply_type_of(GetColonies) == list[Colony]
    assert reply_type_of(AssignProcess) == Process
    assert reply_type_of(GetVersion) is Version
    assert reply_type_of(GetPauseStatus) is PauseStatus


def test_replies_that_name_themselves() -> None:
    text = b'{"msgtype":"pausestatusreplymsg","colonyname":"dev","ispaused":true}'
    assert decode(text, PauseStatus) == PauseStatus("dev", True)
    assert decode(b'{"buildversion":"v","buildtime":"t","msgtype":"versionmsg"}', Version) == Version(
        "v", "t"
    )


def test_embedded_records_are_sent_whole() -> None:
    sent = json.loads(wire.encode(SubmitFunctionSpec(spec=FunctionSpec(funcname="f"))))
    assert sent["spec"]["maxwaittime"] == 0
    assert sent["spec"]["conditions"]["executornames"] is None
