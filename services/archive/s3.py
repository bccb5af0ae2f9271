"""Archives in an S3 bucket. Credentials and endpoint come from the environment, as for every client of S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from services.ledger import LedgerUnavailable
from services.s3 import S3Place, s3_client

__all__ = ["BucketArchive"]

_MISSING = {"NoSuchKey", "404"}


class BucketArchive:
    """Objects have their names below a prefix. The bucket must exist.

    Raises:
        LedgerUnavailable: the environment does not say how to reach S3.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        self._place = S3Place.of(bucket, prefix)
        with self._told():
            self._client: Any = s3_client()

    @property
    def place(self) -> str:
        """Bucket and prefix."""
        return str(self._place)

    def read(self, name: str) -> bytes | None:
        """An object; None if it is not there."""
        with self._told():
            try:
                answer = self._client.get_object(**self._place.at(name))
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _MISSING:
                    return None
                raise
            with closing(answer["Body"]) as body:
                data: bytes = body.read()
                return data

    def write(self, name: str, data: bytes) -> None:
        """Put an object."""
        with self._told():
            self._client.put_object(**self._place.at(name), Body=data)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError, OSError) as error:
            raise LedgerUnavailable(f"the archive {self.place} cannot be used: {error}") from error
