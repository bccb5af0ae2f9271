"""Executors at work for a real server."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from colonyledger import executor as executor_module
from colonyledger.context import Call
from colonyledger.errors import ConfigurationError, ServerRefused
from colonyledger.executor import Executor
from colonyledger.graph import Task
from colonyledger.identity import Identity
from colonyledger.output import Failure, Output
from colonyledger.spec import SpecOptions, function_spec
from colonyledger.sync.context import SyncCall
from colonyledger.wire import Executor as ExecutorRecord
from colonyledger.wire import ExecutorState, Process, ProcessState
from colonyledger.workflow import Workflow

from tests.sdk.conftest import Members

pytestmark = pytest.mark.usefixtures("cli_environment")


@pytest.fixture
def executor(kind: str) -> Executor:
    """An executor named after its type, with the function `ping`, that may run three processes."""
    return offering_ping(Executor(kind, kind, concurrency=3, poll=30))


def offering_ping(executor: Executor) -> Executor:
    @executor.function
    async def ping() -> str:
        """Say that somebody is there."""
        return "pong"

    return executor


async def ran(members: Members, kind: str, function: str, *args: Any, **options: Any) -> Process:
    """A process as it is when it has ended."""
    spec = function_spec(function, args=args, executortype=kind, **options)
    return await members.user.wait((await members.user.submit(spec)).processid, timeout=60)


@asynccontextmanager
async def working(executor: Executor, members: Members, kind: str) -> AsyncIterator[None]:
    """Let an executor work, from its first answer to the end of its last process."""
    serving = asyncio.create_task(executor.serve())
    try:
        await asyncio.wait(
            {serving, asyncio.create_task(ran(members, kind, "ping"))}, return_when=asyncio.FIRST_COMPLETED
        )
        yield
    finally:
        executor.stop()
        await serving


@contextmanager
def told(words: str) -> Iterator[asyncio.Event]:
    """An event that is set when executors of this process log `words`."""
    event, logger = asyncio.Event(), logging.getLogger("colonyledger.executor")

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if words in record.getMessage():
                event.set()

    handler, level = Listening(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield event
    logger.removeHandler(handler)
    logger.setLevel(level)


async def record(members: Members, name: str) -> ExecutorRecord:
    (found,) = [found for found in await members.user.get_executors() if found.executorname == name]
    return found


async def test_it_registers_works_and_leaves(members: Members, executor: Executor, kind: str) -> None:
    @executor.function(name="double", description="Twice as much.")
    async def any_name(x: int, factor: int = 2) -> int:
        return x * factor

    async with working(executor, members, kind):
        assert (await record(members, kind)).state == ExecutorState.APPROVED
        process = await ran(members, kind, "double", 21)
        assert (process.state, list(process.output)) == (ProcessState.SUCCESS, [42])
        functions = {function.funcname: function for function in await members.user.get_functions(kind)}
        assert sorted(functions) == ["double", "ping"]
        assert functions["ping"].description == "Say that somebody is there."
        assert functions["double"].description == "Twice as much."
        assert [argument.name for argument in functions["double"].args] == ["x", "factor"]
        assert functions["double"].executortype == kind
    assert (await record(members, kind)).state == ExecutorState.UNREGISTERED


async def test_what_functions_return_and_raise(members: Members, executor: Executor, kind: str) -> None:
    results: dict[str, Any] = {
        "nothing": None,
        "several": Output([1, "a"]),
        "one_list": [1, 2],
        "value": {"k": [1.5]},
        "no_json": object(),
    }
    problems: dict[str, BaseException] = {
        "own_words": Failure("one", "two"),
        "error": ValueError("no such luck"),
        "silent": ValueError(),
        "leaving": SystemExit(3),
        "stopping": StopIteration(),
    }

    def returning(value: object) -> Any:
        return lambda: value

    def raising(problem: BaseException) -> Any:
        def function() -> None:
            raise problem

        return function

    for name, value in results.items():
        executor.function(name=name)(returning(value))
    for name, problem in problems.items():
        executor.function(name=name)(raising(problem))
    async with working(executor, members, kind):
        outputs = {name: list((await ran(members, kind, name)).output) for name in list(results)[:4]}
        assert outputs == {"nothing": [], "several": [1, "a"], "one_list": [[1, 2]], "value": [{"k": [1.5]}]}
        errors = {name: list((await ran(members, kind, name)).errors) for name in [*problems, "unknown"]}
        assert errors == {
            "own_words": ["one", "two"],
            "error": ["ValueError: no such luck"],
            "silent": ["ValueError"],
            "leaving": ["SystemExit: 3"],
            "stopping": ["RuntimeError: the function raised StopIteration"],
            "unknown": ["Unsupported function: unknown"],
        }
        (sentence,) = (await ran(members, kind, "no_json")).errors
        assert sentence.startswith("The result cannot be sent: ")
        (sentence,) = (await ran(members, kind, "ping", 1)).errors
        assert "The arguments do not fit ping" in sentence


async def test_async_and_sync_functions_use_their_call(
    members: Members, executor: Executor, kind: str
) -> None:
    @executor.function
    async def asynchronous(call: Call, x: int) -> None:
        await call.log(f"got {x}")
        await call.set_attribute("where", "loop")
        await call.set_output(x, "a")

    @executor.function
    def synchronous(call: SyncCall, x: int) -> None:
        call.log(f"got {x}")
        call.set_attribute("where", threading.current_thread().name)
        call.set_output(x, "s")

    async with working(executor, members, kind):
        for name, place in (("asynchronous", "loop"), ("synchronous", "colony")):
            process = await ran(members, kind, name, 5)
            assert list(process.output) == [5, name[0]]
            (attribute,) = process.attributes
            assert attribute.key == "where"
            assert attribute.value.startswith(place)
            assert [line.message for line in await members.user.get_logs(process.processid)] == ["got 5"]


async def test_a_workflow_of_functions(members: Members, executor: Executor, kind: str) -> None:
    @executor.function
    async def gen_nums() -> Output:
        return Output([2, 3])

    @executor.function
    async def square(call: Call, *numbers: int) -> int:
        return int(numbers[call.args[0]] ** 2)

    @executor.function
    def total(*numbers: int) -> int:
        return sum(numbers)

    async with working(executor, members, kind):
        workflow = Workflow(members.user)
        options: SpecOptions = {"executortype": kind, "maxexectime": 200, "maxretries": 5}
        generate = workflow.call("gen_nums", **options)
        squares = [Task("square", **(options | SpecOptions(args=[place]))) for place in range(2)]
        add = generate >> squares >> Task("total", **options)
        run = await (await workflow.execute()).wait(timeout=60)
        assert run.errors == {}
        assert [list(run[task].output) for task in (generate, *squares, add)] == [[2, 3], [4], [9], [13]]


async def test_processes_run_at_the_same_time(members: Members, executor: Executor, kind: str) -> None:
    meeting, threads_meeting = asyncio.Event(), threading.Barrier(3)
    there: list[int] = []

    @executor.function
    async def meet() -> None:
        there.append(1)
        if len(there) == 3:
            meeting.set()
        await meeting.wait()

    @executor.function
    def meet_in_threads() -> None:
        threads_meeting.wait(60)

    async with working(executor, members, kind):
        for name in ("meet", "meet_in_threads"):
            ended = await asyncio.gather(*(ran(members, kind, name) for _ in range(3)))
            assert {process.state for process in ended} == {ProcessState.SUCCESS}


async def test_no_more_than_wanted_run_at_the_same_time(members: Members, kind: str) -> None:
    executor = offering_ping(Executor(kind, kind, concurrency=2, poll=30))
    started, may_end = asyncio.Semaphore(0), asyncio.Event()

    @executor.function
    async def hold() -> None:
        started.release()
        await may_end.wait()

    async with working(executor, members, kind):
        running = [asyncio.create_task(ran(members, kind, "hold")) for _ in range(3)]
        await started.acquire()
        await started.acquire()
        another = await members.executor(kind)
        left_over = await another.assign(timeout=10)
        may_end.set()
        assert left_over is not None
        await another.close(left_over.processid)
        assert {process.state for process in await asyncio.gather(*running)} == {ProcessState.SUCCESS}


async def test_a_stop_lets_running_processes_finish(members: Members, executor: Executor, kind: str) -> None:
    started, may_end = asyncio.Event(), asyncio.Event()

    @executor.function
    async def slow() -> str:
        started.set()
        await may_end.wait()
        return "done"

    serving = asyncio.create_task(executor.serve())
    running = asyncio.create_task(ran(members, kind, "slow"))
    await started.wait()
    with told("Finishing 1 running processes") as finishing:
        executor.stop()
        await asyncio.wait(
            {serving, asyncio.create_task(finishing.wait())}, return_when=asyncio.FIRST_COMPLETED
        )
    may_end.set()
    await serving
    process = await running
    assert (process.state, list(process.output)) == (ProcessState.SUCCESS, ["done"])
    waiting = await members.user.submit(function_spec("slow", executortype=kind))
    assert (await members.user.get_process(waiting.processid)).state == ProcessState.WAITING


async def test_a_process_that_overran_its_deadline(
    members: Members, executor: Executor, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    may_end = asyncio.Event()

    @executor.function
    async def late() -> None:
        await may_end.wait()

    with caplog.at_level(logging.WARNING, "colonyledger.executor"):
        async with working(executor, members, kind):
            process = await ran(members, kind, "late", maxexectime=1, maxretries=0)
            assert list(process.errors) == ["Maximum execution time limit exceeded"]
            may_end.set()
            assert list((await ran(members, kind, "ping")).output) == ["pong"]
    assert f"Process {process.processid}: its result was not accepted" in caplog.text
    assert (await members.user.get_process(process.processid)).state == ProcessState.FAILED


async def test_a_key_file_makes_it_the_same_executor_again(
    members: Members, kind: str, tmp_path: Path
) -> None:
    ids = []
    for _ in range(2):
        executor = offering_ping(Executor(kind, kind, key_file=tmp_path / "key", poll=30))
        async with working(executor, members, kind):
            ids.append((await record(members, kind)).executorid)
        assert (await record(members, kind)).state == ExecutorState.APPROVED
    assert ids[0] == ids[1] == Identity((tmp_path / "key").read_text().strip()).id


async def test_it_waits_until_its_owner_approves_it(
    members: Members, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = Identity.generate()
    monkeypatch.delenv("COLONIES_COLONY_PRVKEY")
    monkeypatch.setenv("COLONIES_PRVKEY", identity.private_key)
    executor = offering_ping(Executor(kind, kind, poll=30))
    serving = asyncio.create_task(executor.serve())
    try:
        with told(
            f"colony executor add --name {kind} --type {kind} --executorid {identity.id} --approve"
        ) as asked:
            await asked.wait()
        await members.colony_owner.add_executor(
            ExecutorRecord(executorid=identity.id, executortype=kind, executorname=kind)
        )
        await members.colony_owner.approve_executor(kind)
        assert list((await ran(members, kind, "ping")).output) == ["pong"]
    finally:
        executor.stop()
        await serving
    assert (await record(members, kind)).state == ExecutorState.APPROVED


async def test_it_ends_when_its_owner_removes_it(members: Members, executor: Executor, kind: str) -> None:
    serving = asyncio.create_task(executor.serve())
    assert (await ran(members, kind, "ping")).state == ProcessState.SUCCESS
    await members.colony_owner.remove_executor(kind)
    with pytest.raises(ConfigurationError, match=f"{kind} is no approved member any more"):
        await serving


async def test_it_comes_back_if_the_server_forgot_it(
    members: Members, executor: Executor, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor_module, "FORGOTTEN_SECONDS", 0.0)
    async with working(executor, members, kind):
        await members.colony_owner.remove_executor(kind)
        assert list((await ran(members, kind, "ping")).output) == ["pong"]


async def test_the_wrong_owner(kind: str) -> None:
    executor = Executor(kind, kind, owner=Identity.generate())
    with pytest.raises(ServerRefused, match="not colony owner"):
        await executor.serve()


async def test_settings_come_from_the_environment(
    members: Members, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLONIES_EXECUTOR_NAME", kind)
    monkeypatch.setenv("COLONIES_EXECUTOR_TYPE", kind)
    monkeypatch.delenv("HOSTNAME", raising=False)
    async with working(offering_ping(Executor(poll=30)), members, kind):
        assert (await record(members, kind)).executortype == kind
    monkeypatch.delenv("COLONIES_EXECUTOR_TYPE")
    with pytest.raises(ConfigurationError, match="COLONIES_EXECUTOR_TYPE"):
        await Executor().serve()


def test_declarations_that_make_no_sense() -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        Executor("n", "t", concurrency=0)
    with pytest.raises(ConfigurationError, match="at least 1"):
        Executor("n", "t", poll=0)
    executor = offering_ping(Executor("n", "t"))
    with pytest.raises(ConfigurationError, match="has a function ping already"):
        offering_ping(executor)


async def test_one_that_is_stopped_before_it_starts(members: Members, kind: str) -> None:
    executor = offering_ping(Executor(kind, kind, poll=30))
    executor.stop()
    await executor.serve()
    assert kind not in [found.executorname for found in await members.user.get_executors()]
    async with working(executor, members, kind):
        assert (await record(members, kind)).state == ExecutorState.APPROVED
