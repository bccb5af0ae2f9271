"""The table of RPCs: complete, and each in one place."""

from __future__ import annotations

import pytest
from colonyledger.wire import AddColony, Colony, GetColonies, payloadtype_of, reply_type_of

import projections.fold  # noqa: F401 (registers all RPCs)
from projections.registry import REGISTRY, Kind, Role, command, query

READING = {"channelreadmsg", "resolvegeneratormsg"}
"""Queries whose names do not say that they only read."""


@pytest.mark.parametrize("name", REGISTRY)
def test_what_only_reads_is_a_query(name: str) -> None:
    expected = Kind.COMMAND
    if name.startswith(("get", "search", "query")) or name in READING:
        expected = Kind.QUERY
    elif name.startswith("subscribe"):
        expected = Kind.SUBSCRIPTION
    elif name.startswith("ledger"):
        expected = Kind.SYSTEM
    assert REGISTRY[name].kind is expected


def test_system_events_are_no_names_of_the_protocol() -> None:
    names = [name for name, rpc in REGISTRY.items() if rpc.kind is Kind.SYSTEM]
    assert {"ledgerrules", "ledgertick", "ledgerheard", "ledgerundelivered"} <= set(names)
    assert not [name for name in names if name.endswith("msg")]


@pytest.mark.parametrize("name", REGISTRY)
def test_an_entry_speaks_for_itself(name: str) -> None:
    rpc = REGISTRY[name]
    assert rpc.payloadtype == name == payloadtype_of(rpc.message)
    assert rpc.rule.__doc__
    assert rpc.module.startswith("projections.")
    assert rpc.purpose
    if rpc.kind is not Kind.SUBSCRIPTION:
        assert rpc.replytype == ("pausestatusreplymsg" if name == "getpausestatusmsg" else name)
        assert reply_type_of(rpc.message) is not None


@pytest.mark.parametrize("register", [command, query])
def test_a_name_is_registered_once(register: object) -> None:
    assert callable(register)
    with pytest.raises(ValueError, match="getcoloniesmsg is registered twice"):
        register(GetColonies, Role.SERVER_OWNER, None, "get colonies")(lambda: None)


def test_a_colony_lives_where_its_name_says() -> None:
    home = REGISTRY["addcolonymsg"].home
    assert home(AddColony(colony=Colony("", "dev"))) == "dev"
    assert home(AddColony()) == ""
    assert REGISTRY["getcoloniesmsg"].home(GetColonies()) == ""
