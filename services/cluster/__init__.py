"""The nodes over one ledger: who lives, who goes first, and who holds what (architecture, Several nodes)."""

from services.cluster.membership import Alone, KafkaMembership, Membership
from services.cluster.roster import Announcement, place_hash
from services.cluster.shares import holders

__all__ = ["Alone", "Announcement", "KafkaMembership", "Membership", "holders", "place_hash"]
