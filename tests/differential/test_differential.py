"""Random conversations with our server, compared with a naive model and, where there is one, with the reference.

`LEDGER_REFERENCE` is the address of a running reference server, such as `http://127.0.0.1:50080`,
`LEDGER_REFERENCE_PRVKEY` its owner's private key unless it is the development one. A conversation
leaves its colonies behind. `LEDGER_REFERENCE_SEQUENCES` says how many sequences there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx
import pytest
from colonyledger.identity import Identity
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from services.node.dev import SERVER_OWNER
from tests.differential.conversation import Conversation, Other, Tally
from tests.differential.model_side import ModelSide
from tests.differential.reference import ReferenceSide
from tests.differential.sides import HttpSide, Side, cast_of, fixed_names
from tests.servers import Server

STEPS = 30
REFERENCE = os.environ.get("LEDGER_REFERENCE", "")
REFERENCE_OWNER = Identity(os.environ.get("LEDGER_REFERENCE_PRVKEY", SERVER_OWNER.private_key))
SEQUENCES = int(os.environ.get("LEDGER_REFERENCE_SEQUENCES", "50"))

CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

needs_reference = pytest.mark.skipif(
    not REFERENCE, reason="needs a reference server: set LEDGER_REFERENCE to its address"
)


@pytest.fixture
def ours(dev_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=dev_server.url, timeout=60) as http:
        yield http


@pytest.fixture
def theirs() -> Iterator[httpx.Client]:
    with httpx.Client(base_url=REFERENCE, timeout=60) as http:
        yield http


def converse(meet: Callable[[], tuple[Side, Other]], sequences: int, *, derandomize: bool) -> Tally:
    """Have so many sequences; what is found is shown as it was found, with the blob that brings it back."""
    tally = Tally()

    class Bound(Conversation):
        def __init__(self) -> None:
            super().__init__(meet, tally)

    run_state_machine_as_test(
        Bound,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=derandomize,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=CHECKS,
            print_blob=True,
        ),
    )
    return tally


def test_replies_are_those_of_the_model(ours: httpx.Client) -> None:
    def meet() -> tuple[Side, Other]:
        run = uuid4().hex[:12]
        keys = cast_of(run, SERVER_OWNER)
        names = fixed_names(run, keys)
        return HttpSide(ours, keys, names), ModelSide(names)

    tally = converse(meet, 25, derandomize=True)
    assert tally.compared.total() > tally.sent.total() / 2
    assert tally.done["closesuccessfulmsg"]
    assert tally.done["submitworkflowspecmsg"]


@needs_reference
def test_replies_are_those_of_the_reference(
    ours: httpx.Client, theirs: httpx.Client, request: pytest.FixtureRequest
) -> None:
    """But for what docs/compatibility.md lists. `pytest -rP` shows what was sent."""

    def meet() -> tuple[Side, Other]:
        run = uuid4().hex[:12]
        keys, their_keys = cast_of(run, SERVER_OWNER), cast_of(run, REFERENCE_OWNER)
        return (
            HttpSide(ours, keys, fixed_names(run, keys)),
            ReferenceSide(theirs, their_keys, fixed_names(run, their_keys)),
        )

    tally = converse(meet, SEQUENCES, derandomize=False)
    request.node.add_report_section("call", "tally", str(tally))
    assert tally.compared.total() > tally.sent.total() / 2
