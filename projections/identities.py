"""Going on with another key: ids that change, and what follows them (protocol: members.md section 7)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
from colonyledger.wire import ChangeColonyId, ChangeExecutorId, ChangeUserId, Empty, ExecutorState

from projections.event import ExecutorChanged, MemberLeft, Refusal
from projections.ids import is_identity
from projections.locators import member_colony, owned_colony
from projections.registry import Role, command

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import Turn

__all__ = [
    "Identities",
    "IdentitiesImage",
    "change_colony_id",
    "change_executor_id",
    "change_user_id",
]

_REGISTERED = (ExecutorState.PENDING, ExecutorState.APPROVED)


class _Holder(msgspec.Struct, gc=False):
    """Somebody who changed ids, with the id that they have now."""

    current: str


class _Period(msgspec.Struct, gc=False):
    """Until which record of the log somebody had an id."""

    end: int
    holder: _Holder


class IdentitiesImage(msgspec.Struct, array_like=True, frozen=True):
    """What `Identities` holds. Holders are known by their place in `holders`."""

    holders: list[str]
    """The present id of each holder."""
    active: list[tuple[str, int]]
    """The holder of each id that can be changed again."""
    periods: list[tuple[str, int, int]]
    """Each id that was given up, the offset of the change, and the holder."""


class Identities:
    """Whose an id was: a process, cron or generator belongs to whoever had its initiator's id when it was made.

    So nothing has to be rewritten when an id changes, and nobody inherits what an earlier holder
    of the same id made.
    """

    __slots__ = ("_holders", "_periods")

    def __init__(self) -> None:
        self._holders: dict[str, _Holder] = {}
        self._periods: dict[str, list[_Period]] = {}

    def changed(self, former: str, identity: str, offset: int) -> None:
        """Take note that with the record at `offset` the holder of `former` goes on as `identity`."""
        holder = self._holders.pop(former, None) or _Holder(former)
        holder.current = identity
        self._holders[identity] = holder
        self._periods.setdefault(former, []).append(_Period(offset, holder))

    def current(self, identity: str, since: int) -> str:
        """The id now of whoever had `identity` when the record at offset `since` was folded."""
        periods = self._periods.get(identity)
        if periods is None:
            return identity
        place = bisect_right(periods, since, key=lambda period: period.end)
        return identity if place == len(periods) else periods[place].holder.current

    def __iter__(self) -> Iterator[tuple[str, int, str]]:
        """Every id that was given up, with the offset of the change and the holder's present id."""
        for identity, periods in self._periods.items():
            for period in periods:
                yield identity, period.end, period.holder.current

    def image(self) -> IdentitiesImage:
        """Everything that is here, to be kept."""
        image = IdentitiesImage([], [], [])
        numbered: dict[str, list[tuple[_Holder, int]]] = {}

        def number(holder: _Holder) -> int:
            # Two have one present id only if one gave it up without going on, and the other took it.
            same = numbered.setdefault(holder.current, [])
            for known, place in same:
                if known is holder:
                    return place
            same.append((holder, len(image.holders)))
            image.holders.append(holder.current)
            return same[-1][1]

        image.active.extend((identity, number(holder)) for identity, holder in self._holders.items())
        for identity, periods in self._periods.items():
            image.periods.extend((identity, period.end, number(period.holder)) for period in periods)
        return image

    def restore(self, image: IdentitiesImage) -> None:
        """Become what was kept."""
        holders = [_Holder(current) for current in image.holders]
        self._holders = {identity: holders[place] for identity, place in image.active}
        self._periods = {}
        for identity, end, place in image.periods:
            self._periods.setdefault(identity, []).append(_Period(end, holders[place]))


def _new_id(text: str, whose: str) -> str:
    identity = text.lower()
    if not is_identity(identity):
        raise Refusal(400, f"Failed to change {whose} Id, new {whose} Id is not 64 characters (of hex)")
    return identity


@command(ChangeUserId, Role.ANY_MEMBER, member_colony(), "change user Id")
def change_user_id(turn: Turn, message: ChangeUserId, colony: Colony) -> Empty:
    """Let the calling user go on with another key."""
    user = colony.users.by_id.get(turn.caller)
    if user is None:
        raise Refusal(400, "Failed to change user Id, user not found")
    userid = _new_id(message.userid, "user")
    name = colony.record.name
    if colony.users.by_id.get(userid, user) is not user:
        raise Refusal(409, f"A user with Id <{userid}> already exists in Colony with name <{name}>")
    colony.users.set_id(user, userid)
    _follow(turn, colony, userid)
    return Empty()


@command(ChangeExecutorId, Role.ANY_MEMBER, member_colony(), "change executor Id")
def change_executor_id(turn: Turn, message: ChangeExecutorId, colony: Colony) -> Empty:
    """Let the calling executor go on with another key; what it runs stays with it."""
    executor = turn.executor
    if executor is None or executor.state not in _REGISTERED:
        raise Refusal(400, "Failed to change executor Id, executor not found")
    executorid = _new_id(message.executorid, "executor")
    name = colony.record.name
    other = colony.executors.by_id.get(executorid, executor)
    if other is not executor:
        if other.state != ExecutorState.UNREGISTERED:
            raise Refusal(409, f"An executor with Id <{executorid}> already exists in Colony <{name}>")
        colony.executors.release_id(other)
    colony.executors.set_id(executor, executorid)
    colony.processes.hand_over(turn.caller, executorid)
    _follow(turn, colony, executorid)
    turn.tell(ExecutorChanged(name, executor))
    return Empty()


@command(ChangeColonyId, Role.COLONY_OWNER, owned_colony(), "change colony Id")
def change_colony_id(turn: Turn, message: ChangeColonyId, colony: Colony) -> Empty:
    """Hand the colony to another key; the old one is refused from then on."""
    colonyid = _new_id(message.colonyid, "colony")
    colony.record.colonyid = colonyid
    _follow(turn, colony, colonyid)
    return Empty()


def _follow(turn: Turn, colony: Colony, identity: str) -> None:
    """Let what the caller made belong to its new id, unless somebody of the colony goes on with the old one."""
    former = turn.caller
    if former == identity:
        return
    turn.tell(MemberLeft(colony.record.name, former))
    executor = colony.executors.by_id.get(former)
    stays_executor = executor is not None and executor.state != ExecutorState.UNREGISTERED
    if not stays_executor and former not in colony.users.by_id and former != colony.record.colonyid:
        colony.identities.changed(former, identity, turn.event.offset)
