"""Opens the files of every partition, to read or to write them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from services.ledger.embedded.directory import partition_directories
from services.ledger.embedded.options import EmbeddedOptions
from services.ledger.embedded.recovery import recover
from services.ledger.embedded.segments import Segments
from services.ledger.embedded.writer import SegmentWriter
from services.ledger.tail import Tail

__all__ = ["Partition", "open_to_read", "open_to_write"]


class Partition(NamedTuple):
    """One partition: its files, and where it ends."""

    segments: Segments
    tail: Tail


def open_to_read(directory: Path, partitions: int | None) -> list[Partition]:
    """The partitions up to what is known to be durable; nothing is changed."""
    opened = []
    for number, folder in enumerate(partition_directories(directory, partitions, create=False)):
        segments = Segments(folder, number)
        end, damage = segments.durable_end(), None
        if end is None:
            recovered = recover(segments, durable=True)
            end, damage = recovered.end, recovered.damage
        opened.append(Partition(segments, Tail(end, damage)))
    return opened


def open_to_write(
    directory: Path, partitions: int | None, options: EmbeddedOptions
) -> tuple[list[Partition], dict[int, SegmentWriter]]:
    """The partitions, torn ends cut, and a writer for each; no writer at all if any is damaged."""
    found = []
    for number, folder in enumerate(partition_directories(directory, partitions, create=True)):
        segments = Segments(folder, number)
        found.append((segments, recover(segments, durable=options.durable)))
    opened = [Partition(segments, Tail(recovered.end, recovered.damage)) for segments, recovered in found]
    writers: dict[int, SegmentWriter] = {}
    if all(partition.tail.damage is None for partition in opened):
        try:
            for segments, recovered in found:
                writers[segments.partition] = SegmentWriter(segments, recovered, options)
        except OSError:
            for writer in writers.values():
                writer.close()
            raise
    return opened, writers
