"""Rate limits: the bucket by itself with a clock of the test's own, and through a server."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import GetColonies, signed

from projections.event import Refusal
from services.ingress.ratelimit import RateLimits
from services.node.dev import SERVER_OWNER
from services.node.settings import NodeSettings, SettingsError
from tests.conftest import StartServer
from tests.services.site import client_of, counted, error_in

SECOND = 1_000_000_000


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000 * SECOND

    def __call__(self) -> int:
        return self.now


def passing(limits: RateLimits, identity: str, tries: int) -> int:
    """How many of `tries` requests pass."""
    passed = 0
    for _ in range(tries):
        with suppress(Refusal):
            limits.admit(identity)
            passed += 1
    return passed


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    limits = RateLimits(4, 8, clock=clock)
    assert passing(limits, "ann", 20) == 8
    clock.now += SECOND // 4
    assert passing(limits, "ann", 20) == 1
    clock.now += SECOND
    assert passing(limits, "ann", 20) == 4
    clock.now += 3600 * SECOND
    assert passing(limits, "ann", 20) == 8
    assert limits.refused == 12 + 19 + 16 + 12


def test_identities_do_not_share() -> None:
    limits = RateLimits(1, 2, clock=Clock())
    assert passing(limits, "ann", 5) == 2
    assert passing(limits, "bob", 5) == 2


def test_the_burst_is_twice_the_rate_unless_told() -> None:
    assert passing(RateLimits(3, 0, clock=Clock()), "ann", 20) == 6
    assert passing(RateLimits(3, 1, clock=Clock()), "ann", 20) == 1


def test_without_a_rate_everything_passes_and_nothing_is_kept() -> None:
    limits = RateLimits(0, 0, clock=Clock())
    assert passing(limits, "ann", 1000) == 1000
    assert len(limits) == 0


def test_memory_is_bounded_and_the_loudest_are_remembered() -> None:
    clock = Clock()
    limits = RateLimits(1, 1, identities=10, clock=clock)
    for stranger in range(100):
        assert passing(limits, f"stranger-{stranger}", 1) == 1
        clock.now += SECOND // 8
        if stranger % 8 == 0:
            clock.now += SECOND
            assert passing(limits, "ann", 3) == 1
    assert len(limits) == 10


async def test_a_server_sends_429_and_when_to_come_back(start_server: StartServer) -> None:
    server = start_server("--dev", LEDGER_RATE_PER_IDENTITY="1", LEDGER_RATE_BURST="3")
    async with client_of(server) as http:
        asked = signed(GetColonies(), SERVER_OWNER)
        answers = await asyncio.gather(*(http.post("/api", content=asked) for _ in range(60)))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        status, message = error_in(refused[0])
        assert (status, message) == (
            429,
            "This identity sends more than 1 requests a second to this server; send fewer",
        )
        assert await counted(http, "colonyledger_rate_limited_total") == len(refused)
        other = await http.post("/api", content=signed(GetColonies(), Identity.generate()))
        assert error_in(other)[0] == 403


@pytest.mark.parametrize("rate", ["-1", "1000001", "many"])
def test_a_rate_out_of_bounds(rate: str) -> None:
    with pytest.raises(SettingsError, match="LEDGER_RATE_PER_IDENTITY"):
        NodeSettings.from_environment({"LEDGER_RATE_PER_IDENTITY": rate})
