"""What tests of several services share: a real S3 server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import boto3
import pytest

from tests.s3_server import S3Server, running_s3


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """One S3 server for all tests that keep something there."""
    with running_s3() as server:
        yield server


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place in a bucket of the test's own, with the environment that leads there."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{s3.address}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any-access-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any-secret-key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}/some/prefix"
