"""Users (protocol: members.md section 2)."""

from __future__ import annotations

import msgspec

from colonyledger.wire.envelope import Empty, Message

__all__ = ["AddUser", "ChangeUserId", "GetUser", "GetUserById", "GetUsers", "RemoveUser", "User"]


class User(msgspec.Struct, gc=False):
    """A person or program that submits work. `userid` is the id of its key."""

    colonyname: str = ""
    userid: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""


class AddUser(Message[User], tag="addusermsg", frozen=True, gc=False):
    """Colony owner: add a user."""

    user: User | None = None


class RemoveUser(Message[Empty], tag="removeusermsg", frozen=True, gc=False):
    """Colony owner: remove a user; what it submitted stays."""

    colonyname: str = ""
    name: str = ""


class GetUsers(Message[list[User]], tag="getusersmsg", frozen=True, gc=False):
    """Member: the colony's users, oldest first."""

    colonyname: str = ""


class GetUser(Message[User], tag="getusermsg", frozen=True, gc=False):
    """Member: one user by name."""

    colonyname: str = ""
    name: str = ""


class GetUserById(Message[User], tag="getuserbyidmsg", frozen=True, gc=False):
    """Member: one user by id."""

    colonyname: str = ""
    userid: str = ""


class ChangeUserId(Message[Empty], tag="changeuseridmsg", frozen=True, gc=False):
    """The user itself: go on with another key; `userid` is the id of the new one (members.md section 7)."""

    colonyname: str = ""
    userid: str = ""
