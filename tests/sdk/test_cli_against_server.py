"""The command line against a real server, as scripts use it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from colonyledger.cli import main
from colonyledger.context import Call
from colonyledger.executor import Executor
from colonyledger.identity import Identity
from colonyledger.keyfile import read_identity
from colonyledger.output import Failure

pytestmark = pytest.mark.usefixtures("cli_environment")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def fact(self, name: str) -> str:
        """A fact of a confirmation, such as the id in `ProcessId=…`."""
        found = re.search(rf"{name}=(\S+)", self.err)
        assert found, self.err
        return found[1]


Colony = Callable[..., Outcome]


@pytest.fixture
def colony(capsys: pytest.CaptureFixture[str]) -> Colony:
    """The command line, to be called with its arguments."""

    def go(*arguments: str, code: int = 0) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        outcome = Outcome(int(ended.value.code or 0), *capsys.readouterr())
        assert outcome.code == code, outcome
        return outcome

    return go


@pytest.fixture
def executor(kind: str) -> Iterator[str]:
    """The name and type of an executor that works in another thread."""
    executor = Executor(kind, kind, poll=30, concurrency=2)

    @executor.function
    async def square(call: Call, x: int) -> int:
        await call.log(f"squaring {x}")
        return x * x

    @executor.function
    async def broken() -> None:
        raise Failure("it is broken")

    @executor.function
    def total(*numbers: int) -> int:
        return sum(numbers)

    thread = threading.Thread(target=executor.run)
    thread.start()
    yield kind
    executor.stop()
    thread.join()


def specification(folder: Path, content: object) -> str:
    path = folder / "spec.json"
    path.write_text(json.dumps(content), "utf-8")
    return str(path)


def test_submit_from_a_file(colony: Colony, executor: str, tmp_path: Path) -> None:
    spec = {"funcname": "square", "args": [7], "conditions": {"executortype": executor}, "maxretries": 3}
    file = specification(tmp_path, spec)
    submitted = colony("function", "submit", "--spec", file, "--label", "L", "--json")
    assert submitted.json["processid"] == submitted.fact("ProcessId")
    assert submitted.json["spec"]["label"] == "L"
    assert submitted.json["spec"]["maxexectime"] == -1
    assert submitted.json["spec"]["conditions"]["colonyname"] == "dev"
    waited = colony("function", "submit", "--spec", file, "--wait")
    assert waited.out == ""
    assert waited.err.splitlines()[1].startswith("Process finished successfully ProcessId=")
    assert colony("function", "submit", "--spec", file, "--out").out == "49\n"
    assert colony("function", "submit", "--spec", file, "--follow", "--out").out == "squaring 7\n49\n"
    assert colony("function", "submit", "--spec", file, "--wait", "--json").json["out"] == [49]


def test_submit_by_options(colony: Colony, executor: str) -> None:
    assert (
        colony("function", "exec", "--func", "square", "--args", "4", "--targettype", executor, "--out").out
        == "16\n"
    )
    record = colony("executor", "get", "--name", executor, "--json").json
    by_id = colony(
        "function", "exec", "--func", "total", "--args", "1,2,3", "--targetid", record["executorid"], "--out"
    )
    assert by_id.out == "6\n"
    spec = colony(
        "function", "exec", "--func", "total", "--targettype", "none", "--targetname", "a", "--kwargs", "k:v,l:w",
        "--env", "A=b", "--priority", "2", "--maxexectime", "5", "--json",
    ).json["spec"]  # fmt: skip
    assert spec["conditions"]["executornames"] == ["a"]
    assert (spec["kwargs"], spec["env"]) == ({"k": "v", "l": "w"}, {"A": "b"})
    assert (spec["priority"], spec["maxexectime"], spec["maxretries"]) == (2, 5, -1)


@pytest.mark.embedded("workers count on Kafka, tests/services/streams")
def test_how_often_functions_are_called(colony: Colony, executor: str) -> None:
    for number in ("2", "3"):
        colony("function", "exec", "--func", "square", "--args", number, "--targettype", executor, "--wait")
    asked = ("function", "stats", "--func", "square", "--executor", executor)
    windows = colony(*asked, "--minutes", "60", "--json").json
    assert [sum(window[name] for window in windows) for name in ("assigned", "succeeded", "failed")] == [
        2,
        2,
        0,
    ]
    assert {(window["functionname"], window["executorname"]) for window in windows} == {("square", executor)}
    shown = colony(*asked).out
    for word in ("Calls/s", "Running, s", "square"):
        assert word in shown
    assert colony("function", "stats", "--func", "nothing", "--json").json == []
    assert "--count" in colony("function", "stats", "--count", "0", code=2).err


@pytest.mark.parametrize("wait", ["--wait", "--follow", "--out"])
def test_a_process_that_fails(colony: Colony, executor: str, wait: str) -> None:
    outcome = colony("function", "exec", "--func", "broken", "--targettype", executor, wait, code=1)
    assert outcome.out == ""
    assert re.fullmatch(r"Error: Process [0-9a-f]{64} failed: it is broken", outcome.err.splitlines()[-1])


def test_following_a_process_that_is_cancelled(colony: Colony, kind: str) -> None:
    processid = colony("function", "exec", "--func", "f", "--targettype", kind).fact("ProcessId")
    colony("process", "cancel", "-p", processid)
    assert colony("log", "get", "-p", processid, "--follow").out == ""


def test_waiting_for_too_long(colony: Colony, kind: str) -> None:
    arguments = ["function", "exec", "--func", "f", "--targettype", kind, "--wait", "--timeout", "0.1"]
    assert "did not end within 0.1 s" in colony(*arguments, code=1).err


def test_lists_of_processes(colony: Colony, executor: str, kind: str) -> None:
    colony(
        "function",
        "exec",
        "--func",
        "square",
        "--args",
        "4",
        "--targettype",
        executor,
        "--label",
        kind,
        "--wait",
    )
    listed = colony("process", "pss", "--executortype", executor)
    assert listed.err == ""
    for word in ("Function", "square", "4", "Ended", "Executor", executor, "myuser", kind):
        assert word in listed.out
    (record,) = colony("process", "pss", "--label", kind, "-o", "json").json
    assert record["spec"]["funcname"] == "square"
    assert colony("process", "pss", "--label", kind, "--ids").out == f"{record['processid']}\n"
    assert record["processid"] in listed.out
    for state in ("psw", "ps", "psf", "psc"):
        assert colony("process", state, "--label", kind, "--json").json == []
    shown = colony("process", "get", "-p", record["processid"]).out
    for word in ("successful", "square", executor, "16", "myuser", kind):
        assert word in shown
    assert colony("process", "get", "-p", record["processid"], "--out").out == "16\n"
    assert colony("process", "get", "-p", record["processid"], "--json").json == record


def test_an_executor_by_hand(colony: Colony, kind: str, tmp_path: Path) -> None:
    key, idfile = tmp_path / "key", tmp_path / "id"
    created = colony(
        "executor",
        "create",
        "--name",
        kind,
        "--type",
        kind,
        "--approve",
        "--keypath",
        str(key),
        "--idpath",
        str(idfile),
    )
    identity = read_identity(key)
    assert created.fact("ExecutorId") == identity.id == idfile.read_text().strip()
    signed = ["--prvkey", identity.private_key]
    assert colony("process", "assign", "--timeout", "-1", *signed, code=1).err.startswith("Error: ")
    registered = colony("function", "register", "--name", kind, "--func", "f", *signed)
    assert kind in colony("function", "ls", "--name", kind).out
    submitted = [
        colony("function", "exec", "--func", "f", "--targettype", kind).fact("ProcessId") for _ in range(2)
    ]
    for _ in range(2):
        colony("process", "assign", *signed)
    assert colony("process", "ps", "--executortype", kind, "--ids").out.split() == submitted
    colony("log", "add", "-p", submitted[0], "--msg", "half of it", *signed)
    assert colony("log", "get", "-p", submitted[0]).out == "half of it\n"
    attribute = colony("attribute", "add", "-p", submitted[0], "--key", "loss", "--value", "0.1", *signed)
    assert "0.1" in colony("attribute", "get", "--attributeid", attribute.fact("AttributeId")).out
    colony("process", "close", "-p", submitted[0], "--out", "4,nine", *signed)
    assert colony("process", "get", "-p", submitted[0], "--out").out == "4 nine\n"
    colony("process", "fail", "-p", submitted[1], "--errors", "one, two", "--errors", "three", *signed)
    assert colony("process", "get", "-p", submitted[1], "--json").json["errors"] == ["one, two", "three"]
    colony("process", "remove", "-p", submitted[1])
    assert "process not found" in colony("process", "get", "-p", submitted[1], code=1).err
    colony("function", "remove", "--functionid", registered.fact("FunctionId"), *signed)
    again = colony("executor", "create", "--name", "x", "--type", "x", "--keypath", str(key), code=1)
    assert "cannot be made: File exists" in again.err
    stranger, unused = Identity.generate().private_key, tmp_path / "unused"
    arguments = ["--name", "x", "--type", "x", "--keypath", str(unused), "--prvkey", stranger]
    assert "not colony owner" in colony("executor", "create", *arguments, code=1).err
    assert not unused.exists()


def test_executors(colony: Colony, kind: str, tmp_path: Path) -> None:
    identity = Identity.generate()
    capabilities = {
        "hardware": [{"model": "Cray", "nodes": 3}],
        "software": [{"name": "slurm", "version": "24"}],
    }
    file = specification(tmp_path, {"executortype": kind, "capabilities": capabilities})
    colony(
        "executor", "add", "--executorid", identity.id, "--name", kind, "--spec", file, "--location", "lab"
    )
    assert colony("executor", "ls", "--type", kind, "--json").json == []
    assert "pending" in colony("executor", "ls", "--all", "--type", kind).out
    colony("executor", "approve", "--name", kind)
    (listed,) = colony(
        "executor", "ls", "--location", "lab", "--filter", kind[:8], "--type", kind, "--json"
    ).json
    assert (listed["executorname"], listed["state"]) == (kind, 1)
    assert identity.id in colony("executor", "ls", "--full", "--type", kind).out
    shown = colony("executor", "get", "--name", kind).out
    for word in (kind, "approved", "lab", "Cray", "slurm", "Functions", identity.id):
        assert word in shown
    colony("executor", "reject", "--name", kind)
    assert "rejected" in colony("executor", "ls", "--all", "--type", kind).out
    colony("executor", "remove", "--name", kind)
    assert "unregistered" in colony("executor", "ls", "--all", "--type", kind).out
    assert "--name" in colony("executor", "approve", code=2).err
    assert "is nil" in colony("executor", "approve", "--name", "nobody", code=1).err


def test_workflows(colony: Colony, executor: str, tmp_path: Path) -> None:
    specs: list[dict[str, Any]] = [
        {"nodename": "a", "funcname": "square", "args": [2], "conditions": {"executortype": executor}},
        {
            "nodename": "b",
            "funcname": "total",
            "conditions": {"executortype": executor, "dependencies": ["a"]},
        },
    ]
    file = specification(tmp_path, specs)
    waited = colony("workflow", "submit", "--spec", file, "--wait")
    for word in ("successful", "square", "total", "4"):
        assert word in waited.out
    workflowid = waited.fact("WorkflowId")
    assert workflowid in colony("workflow", "pss").out
    assert colony("workflow", "get", "--workflowid", workflowid, "--json").json["state"] == 2
    assert "Processes" in colony("workflow", "get", "--workflowid", workflowid).out
    colony("workflow", "remove", "--workflowid", workflowid)
    assert "graph is nil" in colony("workflow", "get", "--workflowid", workflowid, code=1).err
    specs[0]["funcname"] = "broken"
    wrapped = specification(tmp_path, {"functionspecs": specs})
    failed = colony("workflow", "submit", "--spec", wrapped, "--wait", code=1)
    assert failed.err.splitlines()[-1].endswith("is failed.")
    assert failed.fact("WorkflowId") in colony("workflow", "psf").out
    specs[1]["conditions"]["dependencies"] = ["nowhere"]
    assert (
        "dependencies" in colony("workflow", "submit", "--spec", specification(tmp_path, specs), code=1).err
    )


def test_a_workflow_that_is_cancelled(colony: Colony, kind: str, tmp_path: Path) -> None:
    specs = [{"nodename": "a", "funcname": "f", "conditions": {"executortype": kind}}]
    workflowid = colony("workflow", "submit", "--spec", specification(tmp_path, specs)).fact("WorkflowId")
    assert workflowid in colony("workflow", "psw").out
    colony("workflow", "cancel", "-w", workflowid)
    assert workflowid in colony("workflow", "psc").out


def test_removing_everything(colony: Colony, kind: str) -> None:
    owner, user = Identity.generate(), Identity.generate()
    colony("colony", "add", "--name", kind, "--colonyid", owner.id)
    assert kind in colony("colony", "ls").out
    as_owner, as_user = (
        ["--colony", kind, "--prvkey", owner.private_key],
        ["--colony", kind, "--prvkey", user.private_key],
    )
    added = colony(
        "user", "add", "--name", "ann", "--userid", user.id, "--email", "ann@example.org", *as_owner
    )
    assert added.fact("UserId") == user.id
    assert "ann@example.org" in colony("user", "ls", *as_user).out
    assert user.id in colony("user", "get", "--name", "ann", *as_user).out
    colony("colony", "check", "--name", kind, *as_user)
    assert colony("colony", "get", "--json", *as_user).json == {"colonyid": owner.id, "name": kind}
    for _ in range(2):
        colony("function", "exec", "--func", "f", "--targettype", "t", *as_user)
    assert colony("colony", "stats", "--json", *as_user).json["waitingprocesses"] == 2
    assert "Processes" in colony("colony", "stats", *as_user).out
    assert "--yes" in colony("process", "removeall", *as_owner, code=1).err
    assert "Give one of" in colony("process", "removeall", "--waiting", "--failed", *as_owner, code=1).err
    colony("process", "removeall", "--failed", "--yes", *as_owner)
    assert len(colony("process", "psw", "--ids", *as_user).out.split()) == 2
    colony("process", "removeall", "--yes", *as_owner)
    assert colony("process", "psw", "--ids", *as_user).out == ""
    colony("workflow", "removeall", "--yes", *as_owner)
    colony("process", "pause", *as_owner)
    assert colony("process", "status", *as_user).out == "paused\n"
    colony("process", "resume", *as_owner)
    assert colony("process", "status", "--json", *as_user).json == {"colonyname": kind, "ispaused": False}
    colony("user", "remove", "--name", "ann", *as_owner)
    assert "Access denied" in colony("user", "ls", *as_user, code=1).err
    colony("colony", "remove", "--name", kind)
    assert "does not exists" in colony("colony", "check", "--name", kind, code=1).err


def test_logs_are_found(colony: Colony, executor: str) -> None:
    number = str(int(executor.removeprefix("type-"), 16) % 10**6)
    colony("function", "exec", "--func", "square", "--args", number, "--targettype", executor, "--wait")
    found = colony("log", "search", "--text", f"squaring {number}")
    assert executor in found.out
    assert colony("log", "search", "--text", f"squaring {number}", "--print").out == f"squaring {number}\n"
    (line,) = colony("log", "search", "--text", f"squaring {number}", "--seconds", "600", "--json").json
    assert colony("log", "get", "-e", executor, "--latest", "--count", "1").out == f"squaring {number}\n"
    assert colony("log", "get", "-p", line["processid"], "--since", str(line["timestamp"])).out == ""
    assert colony("log", "get", "-p", line["processid"], "--json").json == [line]


def test_the_server(colony: Colony, dev_server: Any) -> None:
    assert str(dev_server.port) in colony("server", "status").out
    assert colony("server", "status", "--json").json["backends"][0]["port"] == dev_server.port
    assert "Version" in colony("server", "info").out
    assert colony("server", "stats", "--json").json["colonies"] >= 1
    assert "Processes" in colony("server", "stats").out
    assert colony("server", "alive").err == f"The server is ready Server={dev_server.url}\n"
    assert (
        "not server owner"
        in colony("server", "stats", "--prvkey", Identity.generate().private_key, code=1).err
    )
