"""Places in S3, as all parts of a server reach them: credentials and endpoint come from the environment."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Self

import boto3
from botocore.config import Config

__all__ = ["S3Place", "s3_client"]


class S3Place(NamedTuple):
    """Where objects have their names below a prefix of a bucket."""

    bucket: str
    prefix: str
    """Empty, or ending with a slash."""

    @classmethod
    def of(cls, bucket: str, prefix: str) -> Self:
        """The place below a prefix that somebody wrote."""
        return cls(bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "")

    def at(self, name: str) -> dict[str, str]:
        """The arguments by which a client names an object."""
        return {"Bucket": self.bucket, "Key": self.prefix + name}

    def __str__(self) -> str:
        """The place as a URL."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


def s3_client() -> Any:
    """A client of the S3 server that the environment names.

    Raises:
        BotoCoreError: the environment does not say how to reach it.
    """
    own_server = "AWS_ENDPOINT_URL" in os.environ or "AWS_ENDPOINT_URL_S3" in os.environ
    config = Config(s3={"addressing_style": "path" if own_server else "auto"})
    return boto3.client("s3", config=config)
