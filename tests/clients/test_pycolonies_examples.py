"""The examples of pycolonies, unmodified: its executors as processes of their own, and those who give them work."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from colonyledger import SyncClient, function_spec
from colonyledger.wire import ProcessState

from services.node.dev import COLONY, USER
from tests.clients.python_program import PATIENCE, run, variables
from tests.ledgers import Ledgers
from tests.processes import killed_when_late
from tests.s3_server import S3Server
from tests.servers import Server

EXECUTORS = ("des", "echo", "helloworld", "kwargs")
"""Each is the example `…_executor.py`, and registers itself as `…-executor`, of a type of that name."""

PRINTED = {
    "monad_example1.py": "3",
    "monad_example2.py": "3",
    "submit_echo.py": "helloworld",
    "submit_helloworld.py": "helloworld",
    "submit_kwargs.py": "",
    "submit_python.py": "3",
    "workflow_example1.py": "3",
    "workflow_example2.py": "6",
    "workflow_example3.py": "3",
}
"""The examples that wait for a result and print it in their last line."""

OTHERS = {
    "cron_example.py": "test_a_cron",
    "cross_platform_demo.py": "test_a_workflow_for_several_machines",
    "fs_examples.py": "test_files",
    "monad_example3.py": "test_a_monad_that_prints_nothing",
    "submit_helloworld_wf.py": "test_a_workflow_of_unknown_functions",
}
"""The examples with a test of their own."""

NO_PROGRAMS = {"colonies_monad.py": "the monad examples import it"}
"""What is not run, and why."""

Example = Callable[[str], str]
"""Runs an example; gives what it prints."""


@pytest.fixture(scope="module")
def examples(pycolonies_source: Path) -> Path:
    """The folder with the examples."""
    return pycolonies_source / "examples"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, ledgers: Ledgers) -> Iterator[Server]:
    """A server for the examples alone: the names of their executors are written down in them."""
    server = ledgers.server(tmp_path_factory.mktemp("server"), "--dev", variables={})
    try:
        server.start()
        yield server
        assert server.stop() == 0
    finally:
        server.end()


@pytest.fixture(scope="module")
def environment(server: Server, pycolonies_source: Path, s3: S3Server) -> dict[str, str]:
    """What the examples find in their environment."""
    return variables(server, str(pycolonies_source), **s3.environment("examples"))


@pytest.fixture(scope="module")
def executors(examples: Path, environment: dict[str, str]) -> Iterator[None]:
    """The executors of the examples at work, but for one."""
    with ExitStack() as running:
        for name in EXECUTORS:
            running.enter_context(executor(examples, name, environment))
        yield


@pytest.fixture
def python_executor(examples: Path, environment: dict[str, str]) -> Iterator[None]:
    """That one, anew for each test: it ends by itself when there was nothing to do for ten seconds."""
    with executor(examples, "python", environment):
        yield


@contextmanager
def executor(examples: Path, name: str, environment: dict[str, str]) -> Iterator[None]:
    """An executor from its registration until it has signed off."""
    command = [sys.executable, str(examples / f"{name}_executor.py")]
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        with killed_when_late(process):
            assert process.stdout.readline() == f"Executor {name}-executor registered\n"
        yield
        process.send_signal(signal.SIGINT)
        with killed_when_late(process):
            said = process.stdout.read()
        assert said.endswith(f"Executor {name}-executor unregistered\n"), said
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def example(examples: Path, environment: dict[str, str], tmp_path: Path) -> Example:
    """Runs an example in an empty folder."""
    return lambda name: run(str(examples / name), env=environment, cwd=tmp_path)


@pytest.fixture
def client(server: Server) -> Iterator[SyncClient]:
    """Sees what the examples have done."""
    with SyncClient(server.url, USER, colony=COLONY) as client:
        yield client


def graph_of(client: SyncClient, executortype: str, nodename: str) -> list[str]:
    """The nodes of the workflow in which this node waits for an executor of this type."""
    waiting = client.get_processes(ProcessState.WAITING, executortype=executortype)
    (graph,) = {process.processgraphid for process in waiting if process.spec.nodename == nodename}
    return sorted(
        process.spec.nodename for process in client.get_processes(ProcessState.NOTSET, processgraphid=graph)
    )


def test_every_example_has_a_test(examples: Path) -> None:
    tested = [f"{name}_executor.py" for name in (*EXECUTORS, "python")] + [*PRINTED, *OTHERS, *NO_PROGRAMS]
    assert sorted(path.name for path in examples.glob("*.py")) == sorted(tested)
    assert all(test in globals() for test in OTHERS.values())


@pytest.mark.usefixtures("executors", "python_executor")
@pytest.mark.parametrize("name", PRINTED)
def test_a_program_that_prints_a_result(example: Example, name: str) -> None:
    assert example(name).splitlines()[-1] == PRINTED[name]


@pytest.mark.usefixtures("python_executor")
def test_a_monad_that_prints_nothing(example: Example, client: SyncClient) -> None:
    assert example("monad_example3.py") == ""
    done = client.get_processes(ProcessState.SUCCESS, executortype="python-executor")
    assert [process.output for process in done if process.spec.funcname == "print_result"] == [[3]]


@pytest.mark.usefixtures("executors")
def test_an_executor_without_a_program(client: SyncClient) -> None:
    wanted = {"polygon": "a field", "product": "a satellite", "time": "a summer"}
    spec = function_spec("calc_ts", kwargs=wanted, executortype="des-executor")
    process = client.wait(client.submit(spec).processid, timeout=PATIENCE)
    assert process.output == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert [line.message for line in client.get_logs(process.processid)] == ["Calculating NDVI\n"]


@pytest.mark.usefixtures("executors")
def test_a_workflow_of_unknown_functions(example: Example, client: SyncClient) -> None:
    """The executor takes them and never closes them."""
    example("submit_helloworld_wf.py")
    assert graph_of(client, "helloworld-executor", "hello3") == ["hello1", "hello2", "hello3"]


def test_a_workflow_for_several_machines(example: Example, client: SyncClient) -> None:
    """None of its executors is there, so all of it waits."""
    example("cross_platform_demo.py")
    nodes = ["ice-0", "ice-1", "leonardo-0", *(f"lumi-{number}" for number in range(8))]
    assert graph_of(client, "container-executor", "ice-1") == nodes


def test_a_cron(example: Example, client: SyncClient) -> None:
    added, *listed, read = re.findall(r"[0-9a-f]{64}", example("cron_example.py"))
    assert listed == [added]
    assert read == added
    assert client.get_crons() == []
    # It was due every second, and waits for what it has started, which nobody runs.
    waiting = client.get_processes(ProcessState.WAITING, executortype="container-executor")
    fired = [process for process in waiting if process.spec.nodename == "echo"]
    assert [process.spec.kwargs["cmd"] for process in fired] == ["echo hello world"]
    assert [process.spec.conditions.executornames for process in fired] == [["dev-docker"]]


def test_files(example: Example, client: SyncClient, tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("a test\n")
    assert example("fs_examples.py").splitlines() == [
        "File uploaded successfully.",
        "Data uploaded successfully.",
        f"File downloaded to {tmp_path}/testlabel/test.txt successfully.",
        f"Data downloaded to {tmp_path}/testlabel_data/mydata successfully.",
        "Sample byte data to upload",
    ]
    assert (tmp_path / "testlabel" / "test.txt").read_text() == "a test\n"
    assert client.get_file_labels() == []
