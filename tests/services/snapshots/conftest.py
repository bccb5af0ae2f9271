"""Ledgers with a known history, and places for snapshots of them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from projections.digest import state_digest
from projections.event import Event
from projections.fold import apply
from projections.state import State
from services.ledger import Ledger, open_ledger
from services.snapshots.base import SnapshotStore
from services.snapshots.opening import open_store
from tests.golden.record import write
from tests.projections.workload import history
from tests.s3_server import S3Server, running_s3


@pytest.fixture(scope="session")
def events() -> list[Event]:
    """A few hundred records of every kind."""
    return history(5, 420)[:420]


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """One S3 server for all of these tests."""
    with running_s3() as server:
        yield server


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The place of snapshots in a bucket of the test's own, with the environment that leads there."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{s3.address}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any-access-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any-secret-key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}/some/prefix"


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotStore:
    """An empty store of each kind."""
    if request.param == "s3":
        return open_store(request.getfixturevalue("bucket"))
    return open_store(str(tmp_path / "snapshots"))


@pytest.fixture
def directory(tmp_path: Path) -> SnapshotStore:
    """An empty store in a directory."""
    return open_store(str(tmp_path / "snapshots"))


@pytest.fixture
async def ledger(tmp_path: Path, events: list[Event]) -> AsyncIterator[Ledger]:
    """A ledger with `events`."""
    await write(tmp_path / "ledger", events)
    opened = await open_ledger(tmp_path / "ledger", read_only=True)
    yield opened
    await opened.close()


def digest_at(events: Sequence[Event], position: int) -> str:
    """What the records before a position come to."""
    state = State()
    for event in events[:position]:
        apply(state, event)
    return state_digest(state)
