"""Snapshots in an S3 bucket. Credentials and endpoint come from the environment, as for every client of S3."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import BinaryIO, cast

from botocore.exceptions import BotoCoreError, ClientError

from services.s3 import S3Place, s3_client
from services.snapshots.base import SnapshotName, Stored, StoreUnavailable, Write

__all__ = ["S3Store"]


class S3Store:
    """A snapshot is written to a temporary file and uploaded whole.

    Raises:
        StoreUnavailable: the environment does not say how to reach S3.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        self._place = S3Place.of(bucket, prefix)
        with self._told():
            self._client = s3_client()

    @property
    def place(self) -> str:
        """Bucket and prefix."""
        return str(self._place)

    def list(self, partition: int | None = None) -> list[Stored]:
        """The snapshots that are there, newest position first."""
        within = "partition-" if partition is None else f"partition-{partition:05d}/"
        found = []
        with self._told():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._place.bucket, Prefix=self._place.prefix + within):
                for entry in page.get("Contents", ()):
                    name = SnapshotName.read(entry["Key"].removeprefix(self._place.prefix))
                    if name is not None:
                        found.append(Stored(name, entry["Size"], entry["LastModified"].timestamp()))
        return sorted(found, key=lambda each: each.name[1:], reverse=True)

    @contextmanager
    def open(self, name: SnapshotName) -> Iterator[BinaryIO]:
        """A snapshot, to be read."""
        with self._told():
            answer = self._client.get_object(**self._place.at(name.path))
            with closing(answer["Body"]) as body:
                yield cast("BinaryIO", body)

    def put(self, name: SnapshotName, write: Write, check: Write) -> int:
        """Keep a snapshot."""
        with self._told(), tempfile.TemporaryFile(prefix="snapshot-") as file:
            draft = cast("BinaryIO", file)
            write(draft)
            size = draft.tell()
            draft.seek(0)
            check(draft)
            draft.seek(0)
            self._client.upload_fileobj(draft, **self._place.at(name.path))
        return size

    def remove(self, name: SnapshotName) -> None:
        """Let one go."""
        with self._told():
            self._client.delete_object(**self._place.at(name.path))

    def keep(self, name: SnapshotName) -> str:
        """Copy one to the prefix `evidence`."""
        with self._told():
            self._client.copy(self._place.at(name.path), **self._place.at(f"evidence/{name.path}"))
        return f"{self._place}/evidence"

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError, OSError) as error:
            raise StoreUnavailable(f"the snapshots in {self._place} cannot be used: {error}") from error
