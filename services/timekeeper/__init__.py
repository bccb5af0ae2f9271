"""What makes the log's clock move when nobody calls, and what it knows of executors that only ask."""

from services.timekeeper.heard import INTERVAL_SECONDS, HeardFrom
from services.timekeeper.parked import ParkedExecutors
from services.timekeeper.ticks import Ticker

__all__ = ["INTERVAL_SECONDS", "HeardFrom", "ParkedExecutors", "Ticker"]
