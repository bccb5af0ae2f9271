"""The settings of a worker. Flags of `colony streams worker` come first, then the environment."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.facts.topic import facts_settings
from services.ledger.kafka.settings import KafkaSettings

__all__ = ["WorkerSettings", "stored_settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How one worker process runs."""

    ledger: KafkaSettings
    """The topic of the ledger, and how its brokers are reached."""
    history: str = ""
    """`clickhouse://user:password@host:port/database` to write the history there; empty to write none."""
    snapshots: str = ""
    """Where servers keep snapshots, a directory or `s3://bucket/prefix`, to start from; empty to use none."""
    windows: bool = True
    """Whether facts are counted into windows."""
    window_seconds: int = 60
    """How long a window is."""
    kept_seconds: int = 3600
    """For how long windows are kept, by the ledger's time."""
    host: str = "0.0.0.0"  # noqa: S104 (Prometheus comes from elsewhere)
    """Address on which metrics are served."""
    port: int = 50081
    """Port on which metrics are served; 0 takes a free one."""

    def __post_init__(self) -> None:
        if not 1 <= self.window_seconds <= 86_400:
            raise ValueError("the length of a window must be from 1 to 86400 seconds")
        if self.kept_seconds < self.window_seconds:
            raise ValueError("windows must be kept at least for as long as one of them is")
        if self.history and not self.history.startswith(("clickhouse://", "clickhouses://")):
            raise ValueError(
                "a worker writes the history to a ClickHouse server, clickhouse://user:password@host:port/database; "
                "a directory belongs to the server that runs there"
            )
        if not (self.history or self.windows):
            raise ValueError("there is nothing to do: neither a history nor windows are asked for")

    def facts(self, partitions: int) -> KafkaSettings:
        """The topic of facts beside a ledger of so many partitions."""
        return facts_settings(self.ledger, partitions)

    def stored(self, definition: str, partitions: int) -> KafkaSettings:
        """A compacted topic of ours beside it: `windows` or `ready`."""
        return stored_settings(self.ledger, definition, partitions)


def stored_settings(ledger: KafkaSettings, definition: str, partitions: int) -> KafkaSettings:
    """What workers store beside a ledger of so many partitions: `windows` or `ready`."""
    topic = definition if ledger.topic == "ledger" else f"{ledger.topic}-{definition}"
    return replace(ledger, topic=topic, definition=definition, partitions=partitions)
