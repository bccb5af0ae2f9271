"""The settings of an embedded ledger."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EmbeddedOptions"]

_SMALLEST_SEGMENT_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedOptions:
    """How an embedded ledger writes and how long it keeps.

    Raises:
        ValueError: a number is out of its bounds.
    """

    segment_bytes: int = 64 * 1024 * 1024
    """Size of a segment file, allocated ahead; a larger group makes a larger file. At least 4 KiB."""
    durable: bool = True
    """Whether an append waits for fdatasync. False: the system writes it back within about 30 s."""
    retention_bytes: int | None = None
    """Drop the oldest segments while the others hold at least this much. None: keep everything."""
    retention_seconds: int | None = None
    """Drop a segment when all its records are older; they go at latest a quarter of this time later, as
    long as something is appended. None: keep everything."""
    max_waiting_records: int = 65_536
    """How many appends may wait for the disk; beyond it they fail at once."""
    max_waiting_bytes: int = 256 * 1024 * 1024
    """How many bytes of appends may wait for the disk; beyond it they fail at once."""

    def __post_init__(self) -> None:
        if self.segment_bytes < _SMALLEST_SEGMENT_BYTES:
            raise ValueError(f"segment_bytes must be at least {_SMALLEST_SEGMENT_BYTES}")
        for name in ("retention_bytes", "retention_seconds", "max_waiting_records", "max_waiting_bytes"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"{name} must be at least 1")
