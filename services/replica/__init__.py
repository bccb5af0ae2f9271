"""A running fold over the ledger: what answers are computed from."""

from services.replica.replica import Answer, Listener, NotServed, Replica
from services.replica.system import SystemWriter

__all__ = ["Answer", "Listener", "NotServed", "Replica", "SystemWriter"]
