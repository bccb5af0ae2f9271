"""Folds a random history and publishes its facts, until it is killed or done.

    python publish_until_killed.py BOOTSTRAP TOPIC SEED STEPS

Prints the number of facts that are published, again and again, and "done". Not a test: run by the test that kills it.
"""

from __future__ import annotations

import asyncio
import sys

from projections.fold import apply
from projections.state import State
from services.facts.publisher import Publisher, PublisherOptions
from services.ledger import KafkaSettings
from tests.projections.workload import history
from tests.services.history.stored_ledger import StoredLedger, copy


async def main(bootstrap: str, topic: str, seed: int, steps: int) -> None:
    events = history(seed, steps)
    states = [State()]
    settings = KafkaSettings(bootstrap_servers=bootstrap, topic=topic, definition="facts", partitions=1)
    options = PublisherOptions(chunk=5)
    publisher = Publisher(StoredLedger(events), states, settings, lambda _: True, options)
    publisher.start()
    for event in map(copy, events):
        publisher.accept(event, apply(states[0], event))
        await asyncio.sleep(0.001)
        sys.stdout.write(f"{event.offset}\n")
        sys.stdout.flush()
    while publisher.lag.records:  # noqa: ASYNC110 (progress is a state, not an event)
        await asyncio.sleep(0.01)
    sys.stdout.write("done\n")
    await publisher.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
