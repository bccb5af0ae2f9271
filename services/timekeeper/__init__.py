"""What makes the log's clock move when nobody calls, and what it knows of executors that only ask."""

from services.timekeeper.keeper import Timekeeper

__all__ = ["Timekeeper"]
