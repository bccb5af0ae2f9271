"""Every command of the ecosystem's command line, group by group, each test in a colony of its own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from colonyledger.identity import Identity

from services.node.dev import COLONY, COLONY_OWNER
from tests.clients.colonies_cli import Cli
from tests.conftest import StartServer
from tests.s3_server import S3Server
from tests.servers import Server

CACHE = Path(__file__).parents[2] / ".cache" / "clients"
FUNCTION = {"funcname": "echo", "args": ["hello"], "label": "mine", "conditions": {"executortype": "cli"}}
WORKFLOW = [
    {"nodename": "a", "funcname": "echo", "conditions": {"executortype": "cli"}},
    {"nodename": "b", "funcname": "echo", "conditions": {"executortype": "cli", "dependencies": ["a"]}},
]
DEFINITION = {
    "metadata": {"name": "rooms"},
    "spec": {
        "names": {"kind": "Room"},
        "schema": {"type": "object", "properties": {"lamps": {"type": "number"}}, "required": ["lamps"]},
        "handler": {"executorType": "room-reconciler", "functionName": "reconcile"},
    },
}
BLUEPRINT = {"kind": "Room", "metadata": {"name": "hall"}, "spec": {"lamps": 2}}


@pytest.fixture(scope="session")
def program() -> Path:
    """The command line `colonies`: LEDGER_COLONIES_CLI names it, or COLONIES_SRC a checkout to build it from."""
    named, source = os.environ.get("LEDGER_COLONIES_CLI"), os.environ.get("COLONIES_SRC")
    if named:
        program = Path(named).absolute()
        assert program.is_file(), f"LEDGER_COLONIES_CLI names {program}, which is no file"
        return program
    if not source:
        pytest.skip("COLONIES_SRC names no checkout of colonyos/colonies, LEDGER_COLONIES_CLI no program")
    if shutil.which("go") is None:
        pytest.skip("COLONIES_SRC names a checkout, and Go is not there to build it")
    return _built(Path(source).absolute())


def _built(source: Path) -> Path:
    """The program made of a checkout with its vendored modules; kept until the checkout is another."""
    program = CACHE / hashlib.sha256(str(source).encode()).hexdigest()[:12] / "colonies"
    command = ["go", "build", "-mod=vendor", "-o", str(program), "./cmd"]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=600, check=False)
    assert built.returncode == 0, built.stderr
    return program


@pytest.fixture
def cli(program: Path, dev_server: Server, s3: S3Server, tmp_path: Path) -> Cli:
    """The command line as the user `ann` of a new colony."""
    name, owner, user = f"cli-{uuid4().hex[:8]}", Identity.generate(), Identity.generate()
    variables = {**dev_server.environment, **s3.environment(name)}
    cli = Cli(program, tmp_path, variables).with_colony(name, owner).with_key(user)
    cli("colony add", name=name, colonyid=owner.id)
    cli("user add", name="ann", userid=user.id, email="ann@example.org", phone="123")
    return cli


@pytest.fixture
def executor(cli: Cli) -> Cli:
    """The command line as the executor `worker`, of type `cli`."""
    cli("executor create", name="worker", type="cli", approve=True, keypath="key", idpath="id")
    return cli.with_key(Identity((cli.folder / "key").read_text()))


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """For a command that waits for another one."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def spec(cli: Cli, content: object) -> str:
    """The name of a file with this content."""
    path = cli.folder / f"{uuid4().hex}.json"
    path.write_text(json.dumps(content))
    return path.name


def listed(cli: Cli, command: str, **flags: object) -> list[str]:
    """The first column of a table, such as ids or names."""
    return [row[0] for row in cli(command, **flags).rows[1:]]


def test_server(program: Path, start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("--dev")
    cli = Cli(program, tmp_path, server.environment)
    cli("server alive")
    status = cli("server status").rows
    assert ["HTTP Port", str(server.port)] in status
    assert cli("server stats").facts["Colonies"] == "1"
    new = Identity.generate()
    cli("server chid", serverid=new.id)
    assert "Access denied" in cli.refused("server stats")
    assert cli.with_server_key(new)("server stats").facts["Colonies"] == "1"
    assert cli.unused("server") == {"server start"}


def test_colony(cli: Cli, executor: Cli) -> None:
    name = cli.variables["COLONIES_COLONY_NAME"]
    new = Identity.generate()
    cli("colony check", name=name)
    assert cli.refused("colony check", name="nowhere") == "Colony with name <nowhere> does not exists"
    executor("function exec", func="echo", targettype="cli")
    stats = cli("colony stats").facts
    assert (stats["Executors"], stats["Waiting processes"]) == ("1", "1")
    assert [COLONY, COLONY_OWNER.id] in cli("colony ls").rows
    cli("colony chid", colonyid=new.id)
    assert [name, new.id] in cli("colony ls").rows
    cli("colony remove", name=name)
    assert name not in listed(cli, "colony ls")
    assert cli.unused("colony") == set()


def test_user(cli: Cli) -> None:
    bob, new = Identity.generate(), Identity.generate()
    cli("user add", name="bob", userid=bob.id)
    assert sorted(cli("user ls").rows[1:]) == [["ann", "ann@example.org", "123"], ["bob", "", ""]]
    assert cli("user get", name="bob").facts["UserId"] == bob.id
    cli.with_key(bob)("user chid", userid=new.id)
    assert "Access denied" in cli.with_key(bob).refused("user ls")
    assert cli.with_key(new)("user get", name="bob").facts["UserId"] == new.id
    cli("user remove", name="bob")
    assert cli.refused("user get", name="bob") == "Failed to get user, user is nil"
    assert cli.unused("user") == set()


def test_executor(cli: Cli, executor: Cli) -> None:
    other, new = Identity.generate(), Identity.generate()
    assert cli("executor get", name="worker").facts["Id"] == (cli.folder / "id").read_text()
    cli("executor add", name="other", type="cli", executorid=other.id)
    states = ["Pending", "Approved", "Rejected"]
    for state, command in zip(states, ["executor approve", "executor reject", None], strict=True):
        assert cli("executor get", name="other").facts["State"] == state
        if command:
            cli(command, name="other")
    executor("executor chid", executorid=new.id)
    assert "Access denied" in executor.refused("executor ls")
    assert cli.with_key(new)("executor get", name="worker").facts["Id"] == new.id
    assert sorted(listed(cli, "executor ls", all=True)) == ["other", "worker"]
    cli("executor remove", name="other")
    assert listed(cli, "executor ls") == ["worker"]
    assert cli.unused("executor") == set()


def test_function(cli: Cli, executor: Cli, pool: ThreadPoolExecutor) -> None:
    registered = executor("function register", name="worker", func="echo").logged("FunctionID")
    waits = pool.submit(
        cli, "function exec", func="echo", targettype="cli", args="a,b", kwargs="c:d", wait=True, out=True
    )
    process = executor("process assign", timeout=60).logged("ProcessId")
    executor("process close", processid=process, out="e,f")
    assert waits.result().out == "e f\n"
    follows = pool.submit(cli, "function submit", spec=spec(cli, FUNCTION), follow=True)
    process = executor("process assign", timeout=60).logged("ProcessId")
    executor("process close", processid=process)
    assert follows.result().message == "Process finished successfully"
    facts = cli("function ls").facts
    assert (facts["FunctionName"], facts["Call counter"]) == ("echo", "2")
    executor("function remove", functionid=registered)
    assert cli("function ls").message == "No functions found"
    assert cli.unused("function") == set()


def test_process(cli: Cli, executor: Cli) -> None:
    file = spec(cli, FUNCTION)
    first, second, third, fourth = (cli("function submit", spec=file).logged("ProcessId") for _ in "1234")
    assert set(listed(cli, "process psw", ids=True)) == {first, second, third, fourth}
    waiting = cli("process psw", label="mine", json=True).json
    assert [process["spec"]["args"] for process in waiting] == [["hello"]] * 4
    assert cli("process psw", executortype="other").message == "No waiting processes found"
    assert executor("process assign", timeout=60).logged("ProcessId") == first
    assert listed(cli, "process ps", ids=True) == [first]
    executor("process close", processid=first, out="a,b")
    assert cli("process get", processid=first, out=True).out == "a b\n"
    executor("process assign", timeout=60)
    executor("process fail", processid=second, errors="broken")
    assert ["Errors", "broken"] in cli("process get", processid=second).rows
    cli("process cancel", processid=third)
    ended = [listed(cli, f"process {command}", ids=True) for command in ("pss", "psf", "psc")]
    assert ended == [[first], [second], [third]]
    cli("process pause")
    assert cli("process status").message == "Colony process assignments are PAUSED"
    assert (
        executor("process assign", timeout=1).message == "Assignment timeout: colony assignments are paused"
    )
    cli("process resume")
    assert cli("process status").message == "Colony process assignments are ACTIVE"
    cli("process remove", processid=first)
    assert cli.refused("process get", processid=first) == "Process not found"
    cli("process removeall", waiting=True)
    assert cli("process psw").message == "No waiting processes found"
    assert cli("process psf").rows != []
    assert cli.unused("process") == set()


def test_workflow(cli: Cli, executor: Cli) -> None:
    file = spec(cli, WORKFLOW)
    first, second, third = (cli("workflow submit", spec=file).logged("WorkflowID") for _ in "123")
    assert set(listed(cli, "workflow psw")) == {first, second, third}
    for _ in WORKFLOW:
        process = executor("process assign", timeout=60).logged("ProcessId")
        executor("process close", processid=process)
    process = executor("process assign", timeout=60).logged("ProcessId")
    assert listed(cli, "workflow ps") == [second]
    executor("process fail", processid=process, errors="broken")
    cli("workflow cancel", workflowid=third)
    ended = [listed(cli, f"workflow {command}") for command in ("pss", "psf", "psc")]
    assert ended == [[first], [second], [third]]
    nodes = cli("workflow get", workflowid=first).rows
    assert [row[1] for row in nodes if row[0] == "NodeName"] == ["a", "b"]
    cli("workflow remove", workflowid=first)
    assert cli.refused("workflow get", workflowid=first) == "Workflow not found"
    cli("workflow removeall")
    assert cli("workflow psf").message == "No failed workflows found"
    assert cli.unused("workflow") == set()


def test_log(cli: Cli, executor: Cli) -> None:
    cli("function submit", spec=spec(cli, FUNCTION))
    process = executor("process assign", timeout=60).logged("ProcessId")
    for line in ("first,", "second,", "third"):
        executor("log add", processid=process, msg=line)
    assert cli("log get", processid=process).out == "first,second,third"
    assert cli("log get", executorname="worker").out == "first,second,third"
    assert cli("log get", processid=process, first=True, count=2).out == "first,second,"
    assert cli("log search", text="ECOND").rows == []
    assert cli("log search", text="econd").facts["ProcessID"] == process
    assert cli.unused("log") == set()


def test_cron(cli: Cli, executor: Cli) -> None:
    file = spec(cli, WORKFLOW)
    added = cli("cron add", name="yearly", spec=file, cron="0 0 0 1 1 *", waitprevious=True).logged("CronID")
    assert "6 fields" in cli.refused("cron add", name="wrong", spec=file, cron="soon")
    assert cli("cron ls").rows[1:] == [[added, "yearly", "ann"]]
    assert cli("cron get", cronid=added).facts["Cron Expression"] == "0 0 0 1 1 *"
    cli("cron run", cronid=added)
    process = executor("process assign", timeout=60).logged("ProcessId")
    assert cli("process get", processid=process, json=True).json["spec"]["nodename"] == "a"
    cli("cron remove", cronid=added)
    assert cli("cron ls").message == "No crons found"
    assert cli.unused("cron") == set()


def test_generator(cli: Cli, executor: Cli) -> None:
    file = spec(cli, WORKFLOW[:1])
    added = cli("generator add", name="pairs", spec=file, trigger=2).logged("GeneratorID")
    assert cli("generator ls").rows[1:] == [[added, "pairs", "ann"]]
    cli("generator pack", generatorid=added, arg="one")
    assert cli("generator get", generatorid=added).facts["QueueSize"] == "1"
    cli("generator pack", generatorid=added, arg="two")
    process = executor("process assign", timeout=60).logged("ProcessId")
    assert cli("process get", processid=process, json=True).json["spec"]["args"] == ["one", "two"]
    assert cli("generator get", generatorid=added).facts["QueueSize"] == "0"
    cli("generator remove", generatorid=added)
    assert cli("generator get", generatorid=added).message == "Generator not found"
    assert cli.unused("generator") == set()


def test_fs(cli: Cli) -> None:
    here = cli.folder / "here"
    (here / "sub").mkdir(parents=True)
    (here / "one.txt").write_text("one")
    (here / "sub" / "two.txt").write_text("two")
    cli("fs sync", label="/mine", dir="here", yes=True)
    assert sorted(cli("fs label ls").rows[1:]) == [["/mine", "1"], ["/mine/sub", "1"]]
    assert listed(cli, "fs ls", label="/mine") == ["one.txt"]
    cli("fs get", label="/mine", name="one.txt", dir="there")
    assert (cli.folder / "there" / "one.txt").read_text() == "one"

    cli("fs snapshot create", label="/mine", snapshotname="before")
    (here / "one.txt").write_text("changed")
    (here / "three.txt").write_text("three")
    cli("fs sync", label="/mine", dir="here", yes=True)
    info = cli("fs info", label="/mine", name="one.txt").rows
    numbers = [int(row[1]) for row in info if row[0] == "Sequence Number"]
    assert len(numbers) == 2
    assert numbers[0] > numbers[1]
    cli("fs snapshot download", snapshotname="before", dir="before")
    assert (cli.folder / "before" / "one.txt").read_text() == "one"
    files = cli("fs snapshot info", snapshotname="before").rows[-2:]
    assert {row[0] for row in files} == {"one.txt", "two.txt"}
    assert listed(cli, "fs snapshot ls") == ["before"]

    cli("fs remove", label="/mine", name="three.txt")
    cli("fs clean", label="/mine", dir="here", yes=True)
    assert not (here / "three.txt").exists()
    cli("fs snapshot remove", snapshotname="before")
    cli("fs snapshot create", label="/mine", snapshotname="after")
    cli("fs snapshot removeall")
    assert cli("fs snapshot ls").message == "No snapshots found"
    cli("fs label remove", label="/mine", yes=True)
    assert cli("fs label ls").message == "No labels found"
    assert cli.refused("fs info", label="/mine", name="one.txt") == "Failed to get file"
    assert cli.unused("fs") == set()


def test_blueprint(cli: Cli) -> None:
    reconciler = Identity.generate()
    cli("executor add", name="keeper", type="room-reconciler", executorid=reconciler.id, approve=True)
    cli("blueprint definition add", spec=spec(cli, DEFINITION))
    assert cli("blueprint definition ls").rows[1:] == [["rooms", "Room", "reconcile"]]
    assert cli("blueprint definition get", name="rooms").facts["Kind"] == "Room"
    assert "lamps" in cli.refused("blueprint add", spec=spec(cli, {**BLUEPRINT, "spec": {}}))
    cli("blueprint add", spec=spec(cli, BLUEPRINT))
    assert listed(cli, "blueprint ls") == ["hall"]
    cli("blueprint set", name="hall", key="spec.lamps", value=3)
    assert cli("blueprint get", name="hall").facts["lamps"] == "3"
    changed = {**BLUEPRINT, "spec": {"lamps": 4}}
    assert cli("blueprint update", spec=spec(cli, changed)).logged("Generation") == "2"
    history = cli("blueprint history", name="hall").rows[1:]
    assert [[row[0], *row[2:]] for row in history] == [
        ["2", "update", "user: ann"],
        ["1", "update", "user: ann"],
        ["0", "create", "user: ann"],
    ]
    asked = cli("blueprint reconcile", name="hall").logged("ProcessID")
    assert asked in listed(cli, "process psw", ids=True)
    keeper = cli.with_key(reconciler)
    process = keeper("process assign", timeout=60).logged("ProcessId")
    keeper("log add", processid=process, msg="a lamp is lit")
    assert "a lamp is lit" in cli("blueprint log", name="hall").out
    assert "Handler type 'room-reconciler' matches" in cli("blueprint doctor", name="hall").out
    cli("blueprint remove", name="hall")
    assert cli("blueprint ls").message == "No blueprints found"
    cli("blueprint definition remove", name="rooms")
    assert cli("blueprint definition ls").message == "No blueprint definitions found"
    assert cli.unused("blueprint") == set()
