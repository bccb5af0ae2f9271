"""Several replicas follow one log, each in its own way and with its own mishaps: all come to the same.

Everything follows from the seed, which is the test's parameter. A replica folds in batches of any
size, restarts from offset 0 at any moment, decodes some payloads ahead (sharing the decoded messages
with the others, as a node's partitions may), answers queries in between and prunes its timers.
"""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest
from colonyledger.wire import (
    GetColonyStatistics,
    GetExecutors,
    GetFunctions,
    GetProcesses,
    GetProcessGraphs,
    Message,
    SearchLogs,
    encode,
)

from projections.digest import state_digest
from projections.event import Event, Outcome, Refusal
from projections.fold import answer, apply
from projections.messages import read_message
from projections.registry import REGISTRY
from projections.state import State
from projections.turn import View
from tests.projections.invariants import check
from tests.projections.workload import history
from tests.projections.world import identity

STEPS = 500
REPLICAS = 4
MISHAPS = 0.04

QUERIES: tuple[Message[Any], ...] = (
    GetColonyStatistics(colonyname="dev"),
    GetExecutors(colonyname="dev"),
    GetFunctions(colonyname="dev"),
    GetProcesses(colonyname="dev", count=100),
    GetProcesses(colonyname="dev", count=100, state=1),
    GetProcesses(colonyname="dev", count=100, state=2),
    GetProcesses(colonyname="dev", count=100, state=3, label="x"),
    GetProcessGraphs(colonyname="dev", count=100, state=1),
    SearchLogs(colonyname="dev", days=30, count=100),
)


class Replica:
    """A fold of the log that remembers what it said of every record."""

    def __init__(self, log: list[Event], decoded: list[Message[Any] | None], seed: str) -> None:
        self.log = log
        self.decoded = decoded
        self.random = random.Random(seed)
        self.restarts = 0
        self.said: dict[int, bytes] = {}
        self.state = State()

    @property
    def is_done(self) -> bool:
        return self.state.next_offset == len(self.log)

    def step(self) -> None:
        """Fold a batch, and perhaps meet a mishap."""
        if self.random.random() < MISHAPS:
            self.restarts += 1
            self.state = State()
        start = self.state.next_offset
        for offset in range(start, min(start + self.random.choice([1, 2, 7, 64]), len(self.log))):
            self._fold(offset)
        if self.random.random() < 0.3:
            asked(self.state)
        if self.random.random() < 0.2:
            self.state.timers.prune(self.state)

    def _fold(self, offset: int) -> None:
        event = self.log[offset]
        message = self.decoded[offset] if self.random.random() < 0.5 else None
        outcome = apply(self.state, Event(event.partition, offset, event.time, event.record, message))
        assert not outcome.failures, f"the record at {offset} met an error: {outcome.failures}"
        said = summary(outcome)
        assert self.said.setdefault(offset, said) == said, f"another answer to the record at {offset}"


def summary(outcome: Outcome) -> bytes:
    """What a record came to, in short: its reply or refusal, and the facts."""
    refusal = outcome.refusal
    told = None if refusal is None else [refusal.status, refusal.message, refusal.passing]
    facts = [type(fact).__name__ + str(getattr(fact, "change", "")) for fact in outcome.facts]
    return hashlib.sha3_256(encode([outcome.reply, told, facts])).digest()


def asked(state: State) -> list[bytes]:
    """The answers to all queries."""
    answers = []
    for message in QUERIES:
        rpc = REGISTRY[message.__struct_config__.tag]  # type: ignore[index]
        try:
            answers.append(encode(answer([View(state, identity("user").id)], rpc, message)))
        except Refusal as refusal:
            answers.append(encode([refusal.status, refusal.message]))
    return answers


def decodable(event: Event) -> Message[Any] | None:
    """The message of a record, None if it cannot be read."""
    rpc = REGISTRY.get(event.record.payloadtype)
    try:
        return None if rpc is None else read_message(rpc, event.record.payload)
    except Refusal:
        return None


@pytest.mark.parametrize("seed", range(12))
def test_replicas_agree(seed: int) -> None:
    log = history(seed, STEPS)
    decoded = [decodable(event) for event in log]
    untouched = [encode(message) for message in decoded]
    replicas = [Replica(log, decoded, f"{seed}/{number}") for number in range(REPLICAS)]
    turns = random.Random(seed)
    while unfinished := [replica for replica in replicas if not replica.is_done]:
        turns.choice(unfinished).step()
    first = replicas[0]
    for number, replica in enumerate(replicas):
        which = f"seed {seed}, replica {number}"
        assert state_digest(replica.state) == state_digest(first.state), which
        assert replica.said == first.said, which
        assert asked(replica.state) == asked(first.state), which
    assert [encode(message) for message in decoded] == untouched, f"seed {seed}: a message was changed"
    assert sum(replica.restarts for replica in replicas) > 0, f"seed {seed}: nothing happened"
    check(first.state)


@pytest.mark.parametrize("seed", range(100, 106))
def test_every_prefix_is_sound_and_agrees(seed: int) -> None:
    """Two replicas agree after every single record, not only at the end."""
    log = history(seed, STEPS // 2)
    states = State(), State()
    for event in log:
        message = decodable(event)
        outcomes = [apply(states[0], event)]
        outcomes.append(
            apply(states[1], Event(event.partition, event.offset, event.time, event.record, message))
        )
        where = f"seed {seed}, offset {event.offset}"
        assert summary(outcomes[0]) == summary(outcomes[1]), where
        assert state_digest(states[0]) == state_digest(states[1]), where
        check(states[0])
    assert asked(states[0]) == asked(states[1])


def test_the_workload_reaches_what_it_is_for() -> None:
    """A simulation that meets only refusals proves nothing."""
    done: set[str] = set()
    refused: set[str] = set()
    for seed in range(12):
        state = State()
        for event in history(seed, STEPS):
            outcome = apply(state, event)
            (done if outcome.refusal is None else refused).add(event.record.payloadtype)
    expected = {"submitfuncspecmsg", "submitworkflowspecmsg", "assignprocessmsg", "closesuccessfulmsg"}
    expected |= {"closefailedmsg", "setoutputmsg", "addchildmsg", "addattributemsg", "addlogmsg"}
    expected |= {"cancelprocessmsg", "cancelprocessgraphmsg", "removeprocessmsg", "removeprocessgraphmsg"}
    expected |= {"removeallprocessesmsg", "removeexecutormsg", "pauseassignmentsmsg", "ledgerundelivered"}
    assert expected <= done
    assert {"submitfuncspecmsg", "assignprocessmsg", "closesuccessfulmsg", "nosuchmsg", ""} <= refused
