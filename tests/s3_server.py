"""A real S3 server for tests: moto, as a process of its own. It keeps objects in memory and checks no signature."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread, Timer

from tests.servers import STARTS_WITHIN, clean_environment

__all__ = ["S3Server", "running_s3"]

_LISTENING = re.compile(r"Running on http://(\S+:\d+)$")


@dataclass(frozen=True)
class S3Server:
    """A running S3 server."""

    address: str
    """Host and port."""

    def environment(self, bucket: str) -> Mapping[str, str]:
        """What the ecosystem's programs need to keep files in `bucket`, which they make (tools.md section 2.2)."""
        return {
            "AWS_S3_ENDPOINT": self.address,
            "AWS_S3_ACCESSKEY": "any-access-key",
            "AWS_S3_SECRETKEY": "any-secret-key",
            "AWS_S3_REGION": "us-east-1",
            "AWS_S3_BUCKET": bucket,
            "AWS_S3_TLS": "false",
            "AWS_S3_SKIPVERIFY": "false",
        }


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """An S3 server on a free port, empty."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    process = subprocess.Popen(command, env=clean_environment(), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    too_late = Timer(STARTS_WITHIN, process.kill)
    too_late.start()
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := _LISTENING.search(line.rstrip()):
                break
        else:
            raise AssertionError(f"the S3 server did not start:\n{''.join(said)}")
        too_late.cancel()
        # Nobody reads what it says about every request, but a full pipe would stop it.
        drain = Thread(target=deque, args=(process.stderr, 0), daemon=True)
        drain.start()
        yield S3Server(found[1])
    finally:
        too_late.cancel()
        process.kill()
        process.wait()
        process.stderr.close()
