"""HTTPS: which certificate is taken, and that our SDK, others and subscribers can speak with it."""

from __future__ import annotations

import asyncio
import re
import ssl
from pathlib import Path

import httpx
import pytest
import trustme
from colonyledger.client import Client
from colonyledger.wire import (
    GetServerInfo,
    ProcessState,
    ReplyEnvelope,
    ServerInfo,
    SubscribeProcess,
    decode,
    signed,
)
from websockets.asyncio.client import connect

from services.node.dev import SERVER_OWNER
from services.node.settings import NodeSettings, SettingsError
from services.node.tls import CERTIFICATE_VARIABLES, CertificateError, cluster_context, server_context
from tests.conftest import StartServer
from tests.kafka_broker import KafkaBroker
from tests.services.shares import colonies, fair_ports, make_ledger, until_shared
from tests.services.site import reply_in

READY = re.compile(r"ready: (\d+) records are folded$")


@pytest.fixture
def authority() -> trustme.CA:
    """Vouches for the server's certificate."""
    return trustme.CA()


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> tuple[Path, Path]:
    """Certificate and key of 127.0.0.1."""
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    for blob in issued.cert_chain_pems:
        blob.write_to_path(certificate, append=True)
    issued.private_key_pem.write_to_path(key)
    return certificate, key


async def test_a_server_speaks_https(
    start_server: StartServer, authority: trustme.CA, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    server = start_server("--dev", wait=False, LEDGER_TLS_CERT=str(files[0]), LEDGER_TLS_KEY=str(files[1]))
    server.wait_for(READY)
    assert server.url == f"https://127.0.0.1:{server.port}"
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with httpx.AsyncClient(base_url=server.url, verify=trusting) as http:
        assert (await http.get("/health")).status_code == 200
        told = reply_in(await http.post("/api", content=signed(GetServerInfo(), SERVER_OWNER)), ServerInfo)
        assert [(backend.port, backend.tls) for backend in told.backends] == [(server.port, True)]
    async with httpx.AsyncClient(base_url=server.url) as http:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await http.get("/health")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/health")

    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with Client.at("127.0.0.1", server.port, SERVER_OWNER, tls=True) as client:
        assert [colony.name for colony in await client.get_colonies()] == ["dev"]
    said = "\n".join(server.lines)
    assert "export COLONIES_TLS=true" in said
    assert server.stop() == 0


async def test_nodes_forward_over_https(
    start_server: StartServer,
    kafka_broker: KafkaBroker,
    authority: trustme.CA,
    files: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    """Only nodes that know whom to trust come to serve each other's clients."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    variables = {
        "LEDGER_TLS_CERT": str(files[0]),
        "LEDGER_TLS_KEY": str(files[1]),
        "LEDGER_CLUSTER_CA": str(tmp_path / "ca.pem"),
    }
    flags = ("--dev", "--ledger", await make_ledger(kafka_broker), "--replicas", "1")
    servers = []
    for port in fair_ports(2, 1):
        server = start_server(*flags, "--port", str(port), wait=False, **variables)
        await asyncio.to_thread(server.wait_for, READY)
        servers.append(server)
    await until_shared(servers, 1)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with colonies(servers) as sites:
        for beside in sites:
            process = await beside[0].submit()
            for site in beside:
                assert (await site.get(process)).processid == process.processid
                url = site.server.url.replace("https", "wss")
                asked = SubscribeProcess(processid=process.processid, state=ProcessState.WAITING, timeout=60)
                async with connect(f"{url}/pubsub", ssl=trusting) as socket, asyncio.timeout(60):
                    await socket.send(signed(asked, site.user).decode())
                    told = decode(str(await socket.recv()).encode(), ReplyEnvelope)
                    assert not told.error


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, None),
        ({"LEDGER_TLS_CERT": "c", "LEDGER_TLS_KEY": "k"}, ("c", "k")),
        ({"COLONIES_SERVER_HTTP_TLS": "true", "COLONIES_TLSCERT": "c", "COLONIES_TLSKEY": "k"}, ("c", "k")),
        ({"COLONIES_SERVER_TLS": "true", "COLONIES_TLSCERT": "c", "COLONIES_TLSKEY": "k"}, ("c", "k")),
        (
            {
                "COLONIES_SERVER_HTTP_TLS": "true",
                "COLONIES_SERVER_HTTP_TLS_CERT": "c",
                "COLONIES_SERVER_HTTP_TLS_KEY": "k",
                "COLONIES_TLSCERT": "other",
                "COLONIES_TLSKEY": "other",
            },
            ("c", "k"),
        ),
        ({"COLONIES_SERVER_TLS": "false", "COLONIES_TLSCERT": "c", "COLONIES_TLSKEY": "k"}, None),
        ({"COLONIES_TLSCERT": "c", "COLONIES_TLSKEY": "k"}, None),
        ({"COLONIES_SERVER_TLS": "true"}, None),
    ],
)
def test_which_certificate(environment: dict[str, str], named: tuple[str, str] | None) -> None:
    assert environment.keys() <= set(CERTIFICATE_VARIABLES)
    settings = NodeSettings.from_environment(environment)
    assert (settings.tls_cert, settings.tls_key) == (
        (None, None) if named is None else (Path(named[0]), Path(named[1]))
    )


@pytest.mark.parametrize(
    "environment",
    [{"COLONIES_SERVER_HTTP_TLS": "true"}, {"LEDGER_TLS_CERT": "c"}, {"LEDGER_TLS_KEY": "k"}],
)
def test_half_of_it_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="HTTPS needs LEDGER_TLS_CERT and LEDGER_TLS_KEY"):
        NodeSettings.from_environment(environment)


def test_files_that_cannot_be_used(tmp_path: Path, files: tuple[Path, Path]) -> None:
    with pytest.raises(CertificateError, match="cannot be used: No such file"):
        server_context(tmp_path / "none", files[1])
    foreign = tmp_path / "foreign.key"
    trustme.CA().issue_cert("127.0.0.1").private_key_pem.write_to_path(foreign)
    with pytest.raises(CertificateError, match=r"cannot be used: .*MISMATCH"):
        server_context(files[0], foreign)


def test_certificates_of_other_nodes(tmp_path: Path, authority: trustme.CA) -> None:
    assert cluster_context(None) is None
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    assert isinstance(cluster_context(tmp_path / "ca.pem"), ssl.SSLContext)
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(CertificateError, match=name):
            cluster_context(tmp_path / name)
