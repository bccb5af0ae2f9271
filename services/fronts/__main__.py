"""Started by a server for each of its fronts, with its orders as the only argument."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

import msgspec

from services.fronts.front import Orders, run
from services.node.loop import new_event_loop

if __name__ == "__main__":
    # The owner is told to stop, and tells its fronts when they may.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run(msgspec.json.decode(sys.argv[1], type=Orders)))
