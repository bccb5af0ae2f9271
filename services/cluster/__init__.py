"""The nodes over one ledger: who lives, and who goes first (architecture, Assignment)."""

from services.cluster.membership import Alone, KafkaMembership, Membership
from services.cluster.roster import Announcement, place_hash

__all__ = ["Alone", "Announcement", "KafkaMembership", "Membership", "place_hash"]
