"""What anybody may ask without a signature (protocol: envelope.md section 6)."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import httpx
import pytest
from colonyledger.wire import ServerInfo, Version, encode

from tests.conftest import StartServer
from tests.servers import Server
from tests.services.site import client_of, error_in, reply_in


def unsigned(payloadtype: str, text: str, signature: object = "") -> bytes:
    """A request without a signature."""
    payload = b64encode(text.encode()).decode()
    return encode({"payloadtype": payloadtype, "payload": payload, "signature": signature})


@pytest.mark.parametrize("signature", ["", None, "00", "x" * 130])
async def test_version(http: httpx.AsyncClient, signature: object) -> None:
    text = '{"msgtype":"versionmsg","buildversion":"","buildtime":""}'
    answer = await http.post("/api", content=unsigned("versionmsg", text, signature))
    assert reply_in(answer, Version, "versionmsg").buildversion
    assert reply_in(answer, dict[str, str])["msgtype"] == "versionmsg"


@pytest.mark.parametrize("text", ['{"msgtype":"getserverinfomsg"}', "{}", "[", ""])
async def test_version_of_another_message(http: httpx.AsyncClient, text: str) -> None:
    if text == "{}":
        text = '{"msgtype":"versionmsgs"}'
    status, message = error_in(await http.post("/api", content=unsigned("versionmsg", text)))
    assert status == 400
    assert message.startswith("Failed to get version, invalid JSON: ")


@pytest.mark.parametrize("text", ['{"msgtype":"getserverinfomsg"}', '{"msgtype":"other"}', "[", ""])
async def test_the_server_info_ignores_its_payload(
    http: httpx.AsyncClient, server: Server, text: str
) -> None:
    answer = await http.post("/api", content=unsigned("getserverinfomsg", text))
    info = reply_in(answer, ServerInfo, "getserverinfomsg")
    assert [(backend.type, backend.port, backend.tls) for backend in info.backends] == [
        ("http", server.port, False)
    ]


async def test_what_was_built(start_server: StartServer) -> None:
    server = start_server("--dev", BUILD_VERSION="9.9", BUILD_TIME="yesterday")
    async with client_of(server) as http:
        for payloadtype in ("versionmsg", "getserverinfomsg"):
            text = f'{{"msgtype":"{payloadtype}"}}'
            answer = await http.post("/api", content=unsigned(payloadtype, text))
            told = reply_in(answer, dict[str, Any])
            assert (told["buildversion"], told["buildtime"]) == ("9.9", "yesterday")


async def test_nothing_of_it_is_recorded(http: httpx.AsyncClient) -> None:
    for payloadtype in ("versionmsg", "getserverinfomsg"):
        answer = await http.post("/api", content=unsigned(payloadtype, f'{{"msgtype":"{payloadtype}"}}'))
        assert answer.json()["error"] is False
