"""A client of S3, as all parts of a server get it: credentials and endpoint come from the environment."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config

__all__ = ["s3_client"]


def s3_client() -> Any:
    """A client of the S3 server that the environment names.

    Raises:
        BotoCoreError: the environment does not say how to reach it.
    """
    own_server = "AWS_ENDPOINT_URL" in os.environ or "AWS_ENDPOINT_URL_S3" in os.environ
    config = Config(s3={"addressing_style": "path" if own_server else "auto"})
    return boto3.client("s3", config=config)
