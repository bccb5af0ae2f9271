"""The ledger as files of this machine (docs/ledger.md)."""

from services.ledger.embedded.committer import Counters
from services.ledger.embedded.ledger import EmbeddedLedger
from services.ledger.embedded.options import EmbeddedOptions

__all__ = ["Counters", "EmbeddedLedger", "EmbeddedOptions"]
