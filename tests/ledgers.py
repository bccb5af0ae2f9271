"""Where the servers of tests keep their ledgers: `pytest --ledger kafka --partitions 8 --nodes 2`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from projections.event import Event
from services.ledger import Ledger, open_ledger
from tests.servers import Server

__all__ = ["Ledgers", "stored"]


@dataclass(frozen=True)
class Ledgers:
    """The ledgers of one run of pytest, all of one kind."""

    bootstrap: str = ""
    """The brokers that keep them; without any they are files."""
    partitions: int | None = None
    """Partitions of each; None: as many as a server takes that makes one."""
    nodes: int = 1
    """Servers over each."""
    workers: int = 1
    """Processes of each server that take requests."""

    @property
    def is_on_kafka(self) -> bool:
        """Whether they are topics."""
        return bool(self.bootstrap)

    def place(self, directory: Path) -> str:
        """What `--ledger` says for the data in `directory`: the same topic for the same directory."""
        if not self.is_on_kafka:
            return str(directory / "ledger")
        return f"kafka://{self.bootstrap}/{uuid5(NAMESPACE_URL, directory.as_uri()).hex}"

    def server(self, directory: Path, *flags: str, variables: Mapping[str, str]) -> Server:
        """A server that can be started; one that names a ledger in its flags has that one."""
        if self.workers > 1 and "--workers" not in flags:
            flags = (*flags, "--workers", str(self.workers))
        if "--ledger" in flags:
            return Server(directory, *flags, variables=variables)
        place = self.place(directory)
        if self.partitions is not None:
            with ThreadPoolExecutor(1) as aside:  # the caller may be in an event loop
                aside.submit(asyncio.run, _make(place, self.partitions)).result()
        elif not self.is_on_kafka:
            place = ""
        return Server(directory, *flags, variables=variables, ledger=place, companions=self.nodes - 1)


async def stored(ledger: Ledger) -> list[list[Event]]:
    """All that is in each partition."""

    async def read(partition: int) -> list[Event]:
        return [event async for events in ledger.read(partition) for event in events]

    return await asyncio.gather(*map(read, range(ledger.partitions)))


async def _make(place: str, partitions: int) -> None:
    await (await open_ledger(place, partitions=partitions)).close()
