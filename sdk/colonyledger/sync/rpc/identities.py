# Written by sdk/generate_sync.py from colonyledger/rpc/identities.py; change that one.
"""Going on with another key (protocol: members.md section 7)."""

from __future__ import annotations

from colonyledger.sync.rpc.caller import Caller
from colonyledger.wire import ChangeColonyId, ChangeExecutorId, ChangeUserId

__all__ = ["IdentityCalls"]


class IdentityCalls(Caller):
    """Calls by which a key is replaced; the old one is refused from then on."""

    def change_user_id(self, userid: str) -> None:
        """The user itself: go on with another key, whose id is `userid`."""
        self.call(ChangeUserId(colonyname=self.colony, userid=userid))

    def change_executor_id(self, executorid: str) -> None:
        """The executor itself: go on with another key, whose id is `executorid`; what it runs stays with it."""
        self.call(ChangeExecutorId(colonyname=self.colony, executorid=executorid))

    def change_colony_id(self, colonyid: str) -> None:
        """Colony owner: hand the colony to another key, whose id is `colonyid`."""
        self.call(ChangeColonyId(colonyname=self.colony, colonyid=colonyid))
