"""The judge accepts what may happen, and refuses what must not: histories made by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.record import Record, RecordKind
from colonyledger.wire import (
    AssignProcess,
    CloseSuccessful,
    Conditions,
    FunctionSpec,
    GetColonyStatistics,
    GetProcess,
    Message,
    Process,
    SubmitFunctionSpec,
    decode,
    encode,
    payloadtype_of,
)
from msgspec.structs import replace

from projections.event import Change
from projections.system import Undelivered
from tests.chaos.checker import check, check_holders, check_once, check_priority, check_told, unfinished
from tests.chaos.folding import Entry, answer_from, entries_of
from tests.chaos.history import Attempt, History, Operation, load
from tests.projections.world import World, identity

DEADLINE = 10


class Ledger(World):
    """A partition whose records have names of their own."""

    def record(self, who: Identity, message: Message[Any], kind: RecordKind = RecordKind.RPC) -> Record:
        return replace(super().record(who, message, kind), sequence=len(self.__dict__.get("events", ())))


class Tale:
    """What clients did, one thing after the other, and a ledger that fits it."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.ledger.colony()
        self.worker = self.ledger.executor("worker")
        self.rival = self.ledger.executor("rival")
        self.user = self.ledger.user
        self.operations: list[Operation] = []
        self.clock = 0

    @property
    def problems(self) -> list[str]:
        return check(self.operations, self.ledger.events)

    @property
    def entries(self) -> list[Entry]:
        return entries_of(self.ledger.events)

    def now(self) -> int:
        self.clock += 10
        return self.clock

    def begin(
        self, who: Identity, message: Message[Any], *, is_read: bool = False, attempts: int = 1
    ) -> Operation:
        operation = Operation(
            client="poller" if isinstance(message, AssignProcess) and message.timeout < 0 else "client",
            colony="dev",
            identity=who.id,
            payloadtype=payloadtype_of(message),
            nonce=message.nonce,
            payload=self.ledger.record(who, message).payload.decode(),
            is_read=is_read,
            invoked=self.now(),
            attempts=[Attempt(0, 0, 0, "sent")] * attempts,
        )
        self.operations.append(operation)
        return operation

    def append(self, who: Identity, message: Message[Any]) -> None:
        """A record that nobody is told of."""
        self.ledger.append(self.ledger.record(who, message))

    def end(self, operation: Operation) -> Operation:
        """Tell the client what the last record came to."""
        outcome = self.ledger.outcome
        operation.completed = self.now()
        if outcome.refusal is None:
            operation.reply = encode(outcome.reply).decode()
        else:
            operation.refusal = (outcome.refusal.status, str(outcome.refusal))
        return operation

    def do(self, who: Identity, message: Message[Any], *, attempts: int = 1) -> Operation:
        operation = self.begin(who, message, attempts=attempts)
        self.append(who, message)
        return self.end(operation)

    def read(self, message: Message[Any]) -> Operation:
        operation = self.begin(self.user, message, is_read=True)
        return self.answer(operation)

    def answer(self, operation: Operation) -> Operation:
        operation.completed = self.now()
        operation.reply, operation.refusal = answer_from(self.ledger.state, operation)
        return operation

    def submit(self, nonce: str, priority: int = 0) -> str:
        return process_in(self.do(self.user, submit_of(nonce, priority))).processid


def submit_of(nonce: str, priority: int = 0) -> SubmitFunctionSpec:
    where = Conditions("dev", executortype="edge")
    spec = FunctionSpec(
        funcname="f", conditions=where, priority=priority, maxexectime=DEADLINE, maxretries=-1
    )
    return SubmitFunctionSpec(spec=spec, nonce=nonce)


def assign_of(nonce: str, timeout: int = 5) -> AssignProcess:
    return AssignProcess(colonyname="dev", timeout=timeout, nonce=nonce)


def close_of(processid: str, nonce: str) -> CloseSuccessful:
    return CloseSuccessful(processid=processid, output=["done"], nonce=nonce)


def process_in(operation: Operation) -> Process:
    assert operation.reply is not None
    return decode(operation.reply.encode(), Process)


COUNTS = GetColonyStatistics(colonyname="dev")


@pytest.fixture
def tale() -> Tale:
    return Tale()


def test_a_plain_day(tale: Tale) -> None:
    first, urgent = tale.submit("s1"), tale.submit("s2", priority=5)
    tale.read(GetProcess(processid=first))
    assert process_in(tale.do(tale.worker, assign_of("a1"))).processid == urgent
    assert process_in(tale.do(tale.rival, assign_of("a2"))).processid == first
    tale.do(tale.worker, close_of(urgent, "c1"))
    assert tale.do(tale.worker, close_of(first, "c2")).refusal is not None
    tale.do(tale.rival, close_of(first, "c3"))
    tale.answer(tale.begin(tale.worker, assign_of("a3", timeout=-1)))
    tale.read(COUNTS)
    tale.read(GetProcess(processid="0" * 64))
    assert tale.problems == []
    assert unfinished(tale.ledger.events) == []


def test_a_message_that_is_sent_again_has_one_effect(tale: Tale) -> None:
    operation = tale.begin(tale.user, submit_of("s1"), attempts=2)
    tale.append(tale.user, submit_of("s1"))
    tale.append(tale.user, submit_of("s1"))
    tale.end(operation)
    assert tale.problems == []


def test_a_command_that_was_given_up_may_have_an_effect_or_none(tale: Tale) -> None:
    tale.begin(tale.user, submit_of("s1"))
    tale.append(tale.user, submit_of("s1"))
    tale.begin(tale.user, submit_of("s2"))
    tale.read(COUNTS)
    assert tale.problems == []
    assert len(unfinished(tale.ledger.events)) == 1


def test_an_assignment_that_reached_nobody_is_made_again(tale: Tale) -> None:
    tale.submit("s1")
    operation = tale.begin(tale.worker, assign_of("a1"), attempts=2)
    tale.append(tale.worker, assign_of("a1"))
    give_back(tale)
    tale.append(tale.worker, assign_of("a1"))
    tale.end(operation)
    assert tale.problems == []


def test_an_executor_is_told_of_nothing_and_an_earlier_attempt_arrives_late(tale: Tale) -> None:
    operation = tale.begin(tale.worker, assign_of("a1"), attempts=2)
    operation.completed, operation.refusal = tale.now(), (404, "No process available for assignment")
    tale.submit("s1")
    tale.append(tale.worker, assign_of("a1"))
    give_back(tale)
    assert tale.problems == []


def test_an_earlier_attempt_arrives_late_and_finds_nothing_either(tale: Tale) -> None:
    operation = tale.begin(tale.worker, assign_of("a1", timeout=-1), attempts=2)
    operation.completed, operation.refusal = tale.now(), (404, "No process available for assignment")
    processid = tale.submit("s1")
    tale.do(tale.rival, assign_of("a2"))
    tale.do(tale.rival, close_of(processid, "c1"))
    tale.append(tale.worker, assign_of("a1", timeout=-1))
    assert tale.problems == []


def test_an_executor_that_takes_too_long_loses_its_process(tale: Tale) -> None:
    tale.submit("s1")
    tale.do(tale.worker, assign_of("a1"))
    tale.ledger.tick(DEADLINE + 1)
    tale.do(tale.rival, assign_of("a2"))
    assert tale.problems == []


def test_reads_at_the_same_time_may_see_it_or_not(tale: Tale) -> None:
    old, new = (tale.begin(tale.user, COUNTS, is_read=True) for _ in range(2))
    tale.answer(old)
    tale.submit("s1")
    tale.answer(new)
    old.completed = tale.now()
    assert tale.problems == []


def give_back(tale: Tale) -> None:
    """A node says that the last assignment reached nobody."""
    process: Process = decode(encode(tale.ledger.outcome.reply), Process)
    tale.ledger.system(Undelivered(processid=process.processid, offset=len(tale.ledger.events) - 1))


def found(problems: list[str], *words: str) -> bool:
    """Whether there is one problem for each of these, and no other."""
    return len(problems) == len(words) and all(
        problem.find(word) >= 0 for problem, word in zip(problems, words, strict=True)
    )


def test_what_was_acknowledged_is_lost(tale: Tale) -> None:
    tale.submit("s1")
    tale.submit("s2")
    tale.ledger.events.pop()
    assert found(tale.problems, "lost: no record")


def test_another_reply(tale: Tale) -> None:
    tale.submit("s1")
    tale.operations[-1].reply = "{}"
    assert found(tale.problems, "another reply")


def test_what_was_refused_has_an_effect(tale: Tale) -> None:
    tale.submit("s1")
    operation = tale.operations[-1]
    operation.reply, operation.refusal = None, (403, "no")
    assert found(tale.problems, "refused, and yet")


def test_work_for_an_executor_that_asked_once_and_got_nothing(tale: Tale) -> None:
    tale.submit("s1")
    operation = tale.do(tale.worker, assign_of("a1"))
    operation.reply, operation.refusal = None, (404, "No process available for assignment")
    assert found(tale.problems, "refused, and yet")


@pytest.mark.parametrize("forge", [lambda each: each, lambda each: replace(each, payload="e30=")])
def test_what_nobody_sent(tale: Tale, forge: Callable[[Operation], Operation]) -> None:
    tale.submit("s1")
    tale.append(tale.user, submit_of("s2"))
    other = forge(tale.begin(tale.user, submit_of("s3")))
    tale.operations[-1] = replace(other, nonce="s2" if other.payload == "e30=" else "s3")
    assert found(tale.problems, "never sent")


def test_a_record_that_is_there_twice(tale: Tale) -> None:
    tale.submit("s1")
    tale.operations[-1].attempts *= 2
    tale.ledger.append(tale.ledger.events[-1].record)
    assert found(tale.problems, "a second time")


def test_more_records_than_attempts(tale: Tale) -> None:
    tale.submit("s1")
    tale.append(tale.user, submit_of("s1"))
    assert found(tale.problems, "more often than it was sent")


def test_an_effect_that_happens_twice(tale: Tale) -> None:
    tale.submit("s1")
    tale.submit("s2")
    entries = tale.entries
    named = defaultdict(list, {("user", "s1"): entries[-2:]})
    assert found(check_once(named, entries), "again at")


def test_the_order_is_not_that_of_the_clocks(tale: Tale) -> None:
    tale.submit("s1")
    tale.submit("s2")
    first, second = tale.operations
    first.invoked, first.completed, second.invoked, second.completed = 300, 400, 100, 200
    assert found(tale.problems, "out of order")


def test_a_stale_read(tale: Tale) -> None:
    old = tale.read(COUNTS)
    tale.submit("s1")
    tale.read(COUNTS).reply = old.reply
    assert found(tale.problems, "no state from")


def test_a_read_of_the_future(tale: Tale) -> None:
    early = tale.read(COUNTS)
    tale.submit("s1")
    early.reply = tale.read(COUNTS).reply
    assert found(tale.problems, "no state from")


def test_reads_that_go_back_in_time(tale: Tale) -> None:
    """Neither is wrong alone: the submit was given up, so it may have happened before both, or after both."""
    old = tale.read(COUNTS)
    tale.begin(tale.user, submit_of("s1"))
    tale.append(tale.user, submit_of("s1"))
    tale.read(COUNTS)
    tale.read(COUNTS).reply = old.reply
    assert found(tale.problems, "no state from")


def test_a_read_of_what_never_was(tale: Tale) -> None:
    tale.submit("s1")
    tale.read(COUNTS).reply = "{}"
    tale.read(COUNTS)
    assert found(tale.problems, "no state from")


def test_nothing_for_an_executor_though_something_waits(tale: Tale) -> None:
    tale.submit("s1")
    operation = tale.begin(tale.worker, assign_of("a1", timeout=-1))
    operation.completed, operation.refusal = tale.now(), (404, "No process available for assignment")
    assert found(tale.problems, "no state from")


def test_a_process_is_taken_from_an_executor_that_was_told_of_it(tale: Tale) -> None:
    tale.submit("s1")
    tale.do(tale.worker, assign_of("a1"))
    give_back(tale)
    tale.do(tale.rival, assign_of("a2"))
    assert found(tale.problems, "from an executor that was told of it", "had it until")


def test_two_executors_at_the_same_time(tale: Tale) -> None:
    tale.submit("s1")
    tale.do(tale.worker, assign_of("a1"))
    entries = tale.entries
    again = entries[-1]._replace(position=len(entries))
    assert found(check_holders([], [*entries, again], {}), "is assigned at")


def test_executors_were_told_of_the_same_process(tale: Tale) -> None:
    tale.submit("s1")
    first = tale.do(tale.worker, assign_of("a1"))
    process = process_in(first)
    second = replace(first, reply=encode(replace(process, assignedexecutorid=tale.rival.id)).decode())
    assert check_told([first]) == []
    assert found(check_told([first, second]), "had it until")


def test_another_one_would_have_come_first(tale: Tale) -> None:
    first, urgent = tale.submit("s1"), tale.submit("s2", priority=5)
    tale.do(tale.worker, assign_of("a1"))
    tale.do(tale.rival, assign_of("a2"))
    entries = tale.entries
    assert check_priority(entries) == []
    swapped = [
        entry._replace(
            effects=tuple(
                effect._replace(processid=urgent if effect.processid == first else first)
                if effect.change is Change.ASSIGNED
                else effect
                for effect in entry.effects
            )
        )
        for entry in entries
    ]
    assert found(check_priority(swapped), f"the first candidate is {urgent}")


def test_a_gap_in_the_ledger(tale: Tale) -> None:
    tale.submit("s1")
    del tale.ledger.events[2]
    with pytest.raises(AssertionError, match="position 2 is missing"):
        check(tale.operations, tale.ledger.events)


def test_a_signature_of_somebody_else(tale: Tale) -> None:
    tale.submit("s1")
    tale.ledger.events[-1].record.identity = identity("stranger").id
    with pytest.raises(AssertionError, match="is not signed"):
        check(tale.operations, tale.ledger.events)


def test_a_history_is_read_as_it_was_written(tale: Tale, tmp_path: Any) -> None:
    history = History(tmp_path / "history.jsonl")
    operation, _ = history.begin("ann", "dev", tale.user, submit_of("s1"), is_read=False)
    operation.attempts.append(Attempt(1, 2, 3, "200"))
    operation.completed, operation.reply = 4, "{}"
    history.over(operation)
    open_, _ = history.begin("bob", "dev", tale.user, COUNTS, is_read=True)
    history.close(["seed 1"])
    assert load(history.path) == [operation, open_]
    assert history.path.read_text().endswith("# seed 1\n")
