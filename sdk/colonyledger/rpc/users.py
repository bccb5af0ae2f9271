"""Users (protocol: members.md section 2)."""

from __future__ import annotations

from colonyledger.rpc.caller import Caller
from colonyledger.wire import AddUser, GetUser, GetUserById, GetUsers, RemoveUser, User

__all__ = ["UserCalls"]


class UserCalls(Caller):
    """Calls about users."""

    async def add_user(self, name: str, userid: str, *, email: str = "", phone: str = "") -> User:
        """Colony owner: add a user; `userid` is the id of the user's key."""
        user = User(colonyname=self.colony, userid=userid, name=name, email=email, phone=phone)
        return await self.call(AddUser(user=user))

    async def remove_user(self, name: str) -> None:
        """Colony owner: remove a user; what it submitted stays."""
        await self.call(RemoveUser(colonyname=self.colony, name=name))

    async def get_users(self) -> list[User]:
        """Member: the colony's users, oldest first."""
        return await self.call(GetUsers(colonyname=self.colony))

    async def get_user(self, name: str) -> User:
        """Member: one user by name."""
        return await self.call(GetUser(colonyname=self.colony, name=name))

    async def get_user_by_id(self, userid: str) -> User:
        """Member: one user by id."""
        return await self.call(GetUserById(colonyname=self.colony, userid=userid))
