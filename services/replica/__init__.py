"""A running fold over the ledger: what answers are computed from."""

from services.replica.replica import Answer, Listener, Replica
from services.replica.system import SystemWriter

__all__ = ["Answer", "Listener", "Replica", "SystemWriter"]
