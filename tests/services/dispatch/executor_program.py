"""An executor to be killed: writes a line to a file when a function starts and when it ends.

python executor_program.py FILE NAME TYPE COLONY KEY_FILE OWNER_KEY SLOTS POLL
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from colonyledger.context import Call
from colonyledger.identity import Identity
from colonyledger.kafka import KafkaExecutor

path, name, kind, colony, key_file, owner, slots, poll = sys.argv[1:]
executor = KafkaExecutor(
    name, kind, colony, key_file=key_file, owner=Identity(owner), slots=int(slots), poll=int(poll)
)
lines = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def note(what: str, processid: str) -> None:
    os.write(lines, f"{what} {processid} {os.getpid()} {time.monotonic_ns()}\n".encode())


@executor.function
async def work(call: Call, seconds: float) -> int:
    note("start", call.process.processid)
    await asyncio.sleep(seconds)
    note("end", call.process.processid)
    return os.getpid()


executor.run()
