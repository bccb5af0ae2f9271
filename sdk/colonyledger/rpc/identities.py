"""Going on with another key (protocol: members.md section 7)."""

from __future__ import annotations

from colonyledger.rpc.caller import Caller
from colonyledger.wire import ChangeColonyId, ChangeExecutorId, ChangeUserId

__all__ = ["IdentityCalls"]


class IdentityCalls(Caller):
    """Calls by which a key is replaced; the old one is refused from then on."""

    async def change_user_id(self, userid: str) -> None:
        """The user itself: go on with another key, whose id is `userid`."""
        await self.call(ChangeUserId(colonyname=self.colony, userid=userid))

    async def change_executor_id(self, executorid: str) -> None:
        """The executor itself: go on with another key, whose id is `executorid`; what it runs stays with it."""
        await self.call(ChangeExecutorId(colonyname=self.colony, executorid=executorid))

    async def change_colony_id(self, colonyid: str) -> None:
        """Colony owner: hand the colony to another key, whose id is `colonyid`."""
        await self.call(ChangeColonyId(colonyname=self.colony, colonyid=colonyid))
