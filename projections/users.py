"""Users of a colony (protocol: members.md section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import AddUser, Empty, GetUser, GetUserById, GetUsers, RemoveUser, User

from projections.event import MemberLeft, Refusal
from projections.locators import named_colony, required
from projections.registry import Role, command, query

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import Turn, View

__all__ = ["Users", "add_user", "get_user", "get_user_by_id", "get_users", "remove_user"]


class Users:
    """The users of one colony. A name and a non-empty id belong to one user."""

    __slots__ = ("by_id", "by_name")

    def __init__(self) -> None:
        self.by_name: dict[str, User] = {}
        self.by_id: dict[str, User] = {}

    def add(self, user: User) -> None:
        """Keep a user whose name and id are free."""
        self.by_name[user.name] = user
        if user.userid:
            self.by_id[user.userid] = user

    def set_id(self, user: User, userid: str) -> None:
        """Let a user go on with another id that is free."""
        self.by_id.pop(user.userid, None)
        user.userid = userid
        self.by_id[userid] = user

    def remove(self, user: User) -> None:
        """Forget a user."""
        del self.by_name[user.name]
        self.by_id.pop(user.userid, None)


def _no_colony(name: str) -> Refusal:
    return Refusal(400, f"Colony with name <{name}> does not exists")


def _colony_of_new_user(message: AddUser) -> str:
    return required(message.user, "Failed to add user, user is nil").colonyname


@command(AddUser, Role.COLONY_OWNER, named_colony(_colony_of_new_user, _no_colony), "add user")
def add_user(turn: Turn, message: AddUser, colony: Colony) -> User:
    """Add a user (members.md, addusermsg)."""
    new = required(message.user, "Failed to add user, user is nil")
    name = colony.record.name
    if new.name in colony.users.by_name:
        raise Refusal(400, f"A user with name <{new.name}> already exists in Colony with name <{name}>")
    userid = new.userid.lower()
    if userid in colony.users.by_id:
        raise Refusal(400, f"A user with Id <{userid}> already exists in Colony with name <{name}>")
    user = User(name, userid, new.name, new.email, new.phone)
    colony.users.add(user)
    return user


@command(
    RemoveUser, Role.COLONY_OWNER, named_colony(lambda message: message.colonyname, _no_colony), "remove user"
)
def remove_user(turn: Turn, message: RemoveUser, colony: Colony) -> Empty:
    """Remove a user; what it submitted stays (members.md, removeusermsg)."""
    user = colony.users.by_name.get(message.name)
    if user is None:
        raise Refusal(400, f"User with name <{message.name}> not found")
    colony.users.remove(user)
    turn.tell(MemberLeft(colony.record.name, user.userid))
    return Empty()


@query(GetUsers, Role.ANY_MEMBER, named_colony(lambda message: message.colonyname, _no_colony), "get users")
def get_users(view: View, message: GetUsers, colony: Colony) -> list[User]:
    """All users (members.md, getusersmsg)."""
    return list(colony.users.by_name.values())


@query(GetUser, Role.ANY_MEMBER, named_colony(lambda message: message.colonyname, _no_colony), "get user")
def get_user(view: View, message: GetUser, colony: Colony) -> User:
    """One user by name (members.md, getusermsg)."""
    user = colony.users.by_name.get(message.name)
    if user is None:
        raise Refusal(500, "Failed to get user, user is nil")
    return user


@query(
    GetUserById,
    Role.ANY_MEMBER,
    named_colony(lambda message: message.colonyname, _no_colony),
    "get user by ID",
)
def get_user_by_id(view: View, message: GetUserById, colony: Colony) -> User:
    """One user by id (members.md, getuserbyidmsg)."""
    user = colony.users.by_id.get(message.userid)
    if user is None:
        raise Refusal(404, "Failed to get user by ID, user is nil")
    return user
