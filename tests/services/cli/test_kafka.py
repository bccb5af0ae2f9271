"""`colony kafka schemas`, against a stand-in for a schema registry; tests/infra/test_karapace.py has a real one.

`colony kafka acls` is tested against a real broker in tests/infra/test_secure_kafka.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from services.ledger.kafka.registry import schemas
from tests.services.cli.conftest import Run


class Registry(HTTPServer):
    """Numbers schemas as they come, and knows those that it has, as Karapace does."""

    def __init__(self, *others: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.known = [*others]
        self.subjects: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Answering(BaseHTTPRequestHandler):
    server: Registry

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert asked["schemaType"] == "AVRO"
        self.server.subjects.append(self.path.split("/")[2])
        if asked["schema"] not in self.server.known:
            self.server.known.append(asked["schema"])
        body = json.dumps({"id": self.server.known.index(asked["schema"]) + 1}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library calls it so)
        """Say nothing."""


@pytest.fixture(params=[(), ('{"type": "string"}',)], ids=["empty", "used"])
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    """A registry, empty or with somebody else's schema."""
    with Registry(*request.param) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_schemas_are_put_under_the_ids_of_records(run: Run, registry: Registry) -> None:
    is_used = bool(registry.known)
    for _ in range(2):
        done = run("kafka", "schemas", "--registry", registry.url)
        if is_used:
            assert done.code == 1
            assert "take an empty registry" in done.err
            return
        assert done.code == 0, done.err
    assert registry.known == [schema.text for schema in schemas()]
    assert registry.subjects == 2 * [schema.subject for schema in schemas()]


def test_ids_leave_no_gap_that_a_registry_would_fill() -> None:
    assert [schema.id for schema in schemas()] == list(range(1, len(schemas()) + 1))


def test_schemas_are_listed(run: Run) -> None:
    listed = json.loads(run("kafka", "schemas", "--json").out)
    assert [(each["id"], each["subject"]) for each in listed] == [
        (schema.id, schema.subject) for schema in schemas()
    ]
    assert listed[0]["subject"] == "org.colonyledger.Record"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense"])
def test_no_registry(run: Run, url: str) -> None:
    done = run("kafka", "schemas", "--registry", url)
    assert done.code == 1
    assert done.err.startswith("Error: ")
