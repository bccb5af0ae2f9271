"""The command groups fs and blueprint against a real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from colonyledger.cli import main
from colonyledger.cli.deployments import instances
from colonyledger.sync.client import SyncClient
from colonyledger.wire import (
    Blueprint,
    BlueprintMetadata,
    Executor,
    ExecutorState,
    File,
    GetCrons,
    RemoveCron,
)

pytestmark = pytest.mark.usefixtures("cli_environment")


class Outcome(NamedTuple):
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Colony = Callable[..., Outcome]


@pytest.fixture
def colony(capsys: pytest.CaptureFixture[str]) -> Colony:
    """The command line, to be called with its arguments."""

    def go(*arguments: str, code: int = 0) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        outcome = Outcome(*capsys.readouterr())
        assert int(ended.value.code or 0) == code, outcome
        return outcome

    return go


@pytest.fixture
def client() -> Iterator[SyncClient]:
    """The user's client."""
    with SyncClient.from_environment() as client:
        yield client


def specification(folder: Path, content: object) -> str:
    path = folder / "spec.json"
    path.write_text(json.dumps(content), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("group", "name"),
    [("fs label", name) for name in ("ls", "remove")]
    + [("fs snapshot", name) for name in ("create", "ls", "info", "remove", "removeall")]
    + [("blueprint definition", name) for name in ("add", "ls", "get", "remove")],
)
def test_help_of_the_inner_groups(colony: Colony, group: str, name: str) -> None:
    assert f"$ colony {group} {name}" in colony(*group.split(), name, "--help").out


def test_files(
    colony: Colony, client: SyncClient, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = f"/{kind}"
    old = client.add_file(File(label=label, name="f", size=1))
    new = client.add_file(File(label=label, name="f", size=2))
    client.add_file(File(label=f"{label}/below", name="g"))
    client.add_file(File(label=f"{label}s", name="h"))
    assert [file["fileid"] for file in colony("fs", "ls", "-l", kind, "--json").json] == [new.fileid]
    assert "f" in colony("fs", "ls", "--label", f"{label}/").out
    revisions = colony("fs", "info", "-l", kind, "-n", "f", "--json").json
    assert [file["fileid"] for file in revisions] == [new.fileid, old.fileid]
    shown = colony("fs", "info", "--fileid", old.fileid).out
    assert "accesskey" not in shown.lower()
    assert old.fileid in shown
    monkeypatch.chdir(tmp_path)
    assert "Name a label" in colony("fs", "ls", code=1).err
    (tmp_path / ".cfs").write_text(json.dumps({"label": label}), "utf-8")
    assert len(colony("fs", "ls", "--json").json) == 1
    assert "Name a revision" in colony("fs", "info", code=1).err
    listed = colony("fs", "label", "ls", "-l", kind, "--json").json
    assert [each["name"] for each in listed] == [label, f"{label}/below"]
    assert label in colony("fs", "label", "ls").out
    assert "Revisions=1" in colony("fs", "remove", "-i", old.fileid).err
    assert colony("fs", "info", "-i", old.fileid, code=1).out == ""
    assert "say --yes" in colony("fs", "label", "remove", "-l", kind, code=1).err
    assert "Labels=2 Files=2" in colony("fs", "label", "remove", "-l", kind, "--yes").err
    assert colony("fs", "label", "ls", "-l", kind, "--json").json == []
    assert [each.name for each in client.get_file_labels(f"{label}s")] == [f"{label}s"]


def test_snapshots(colony: Colony, client: SyncClient, kind: str) -> None:
    file = client.add_file(File(label=f"/{kind}/src", name="main.py"))
    made = colony("fs", "snapshot", "create", "-l", kind, "-n", kind, "--json").json
    assert made["fileids"] == [file.fileid]
    client.remove_file(file.fileid)
    assert "main.py" in colony("fs", "snapshot", "info", "-n", kind).out
    assert kind in colony("fs", "snapshot", "ls").out
    assert colony("fs", "snapshot", "info", "-i", made["snapshotid"], "--json").json == made
    assert "Name a snapshot" in colony("fs", "snapshot", "info", code=1).err
    assert "say --yes" in colony("fs", "snapshot", "removeall", code=1).err
    colony("fs", "snapshot", "remove", "-n", kind)
    assert "404" in colony("fs", "snapshot", "info", "-n", kind, code=1).err
    colony("fs", "snapshot", "create", "-l", kind, "-n", kind)
    assert "Snapshots removed Colony=dev" in colony("fs", "snapshot", "removeall", "--yes").err
    assert colony("fs", "snapshot", "ls", "--json").json == []


@pytest.fixture
def blueprint(colony: Colony, kind: str, tmp_path: Path) -> str:
    """The name of a blueprint whose reconciler is of the type of the same name."""
    definition = {
        "metadata": {"name": kind},
        "spec": {
            "names": {"kind": kind},
            "schema": {"properties": {"replicas": {"type": "integer", "description": "how many"}}},
            "handler": {"executorType": kind, "functionName": "reconcile"},
        },
    }
    added = colony("blueprint", "definition", "add", "--spec", specification(tmp_path, definition))
    assert f"Definition added Name={kind} Kind={kind}" in added.err
    wanted = {
        "kind": kind,
        "metadata": {"name": kind, "locationname": kind},
        "spec": {"replicas": 1, "env": {"TZ": "UTC"}},
    }
    added = colony("blueprint", "add", "--spec", specification(tmp_path, wanted))
    assert f"Blueprint added Name={kind}" in added.err
    return kind


def test_definitions(colony: Colony, blueprint: str) -> None:
    assert blueprint in colony("blueprint", "definition", "ls").out
    assert "how many" in colony("blueprint", "definition", "get", "--name", blueprint).out
    refused = colony("blueprint", "definition", "remove", "--name", blueprint, code=1).err
    assert "1 blueprint(s) of kind" in refused
    colony("blueprint", "remove", "--name", blueprint)
    colony("blueprint", "definition", "remove", "--name", blueprint)


def test_changes(colony: Colony, blueprint: str, tmp_path: Path) -> None:
    named = ("--name", blueprint)
    changed = colony("blueprint", "set", *named, "--key", "spec.env.TZ", "--value", "Europe/Oslo")
    assert "Generation=1" in changed.err
    assert "Nothing changed" in colony("blueprint", "set", *named, "--key", "replicas", "--value", "1").err
    assert "Generation=2" in colony("blueprint", "set", *named, "--key", "replicas", "--value", "2").err
    shown = colony("blueprint", "get", *named, "--json").json
    assert shown["spec"] == {"replicas": 2, "env": {"TZ": "Europe/Oslo"}}
    assert "no field 'x'" in colony("blueprint", "set", *named, "--key", "env.x", "--value", "1", code=1).err
    assert (
        "is no object"
        in colony("blueprint", "set", *named, "--key", "replicas.x", "--value", "1", code=1).err
    )
    file = specification(tmp_path, {"kind": blueprint, "metadata": {"name": blueprint}, "spec": {}})
    assert "Generation=3" in colony("blueprint", "update", "--spec", file).err
    assert "Generation=4" in colony("blueprint", "update", "--spec", file, "--force").err
    submitted = colony("blueprint", "reconcile", *named, "--json").json
    assert submitted["spec"]["kwargs"] == {"kind": blueprint, "blueprintName": blueprint}
    assert "ProcessId=" in colony("blueprint", "reconcile", *named, "--force").err
    changes = colony("blueprint", "history", *named, "--json", "--limit", "2").json
    assert [change["changetype"] for change in changes] == ["reconcile", "update"]
    assert "myuser" in colony("blueprint", "history", *named).out
    assert "Europe/Oslo" in colony("blueprint", "history", *named, "--generation", "1").out
    old = colony("blueprint", "history", *named, "--generation", "0", "--json").json
    assert old["spec"]["env"] == {"TZ": "UTC"}
    assert "Generation 99 is not" in colony("blueprint", "history", *named, "--generation", "99", code=1).err


def test_what_runs(colony: Colony, client: SyncClient, blueprint: str) -> None:
    seen = [{"name": "one", "state": "running"}, "odd"]
    client.update_blueprint_status(blueprint, {"instances": seen, "runningInstances": 1})
    shown = colony("blueprint", "get", "--name", blueprint).out
    for word in ("Instances", "running", "runningInstances", "replicas", "1 wanted"):
        assert word in shown
    assert "0/1" in colony("blueprint", "ls", "--kind", blueprint).out
    listed = colony("blueprint", "ls", "--location", blueprint.upper(), "--json").json
    assert [each["metadata"]["name"] for each in listed] == [blueprint]


def test_the_doctor(colony: Colony, client: SyncClient, blueprint: str, tmp_path: Path) -> None:
    named = ("--name", blueprint)
    found = colony("blueprint", "doctor", *named, "--json", code=1)
    assert [each["state"] for each in found.json] == ["missing", "ok", "missing"]
    assert "2 of 3 checks" in found.err
    name = f"reconcile-{blueprint}-{blueprint}"
    for cron in client.call(GetCrons(colonyname="dev", count=10_000)):
        if cron.name == name:
            client.call(RemoveCron(cronid=cron.cronid))
    colony("executor", "create", "--name", blueprint, "--type", blueprint, "--location", blueprint,
           "--approve", "--keypath", str(tmp_path / "key"))  # fmt: skip
    mended = colony("blueprint", "doctor", *named, "--fix", "--json", code=1).json
    assert [each["state"] for each in mended] == ["missing", "fixed", "fixed"]
    assert "silent" in mended[0]["finding"]
    key = (tmp_path / "key").read_text("ascii").strip()
    taken = colony("process", "assign", "--timeout", "1", "--prvkey", key, "--json").json
    assert taken["spec"]["conditions"]["executortype"] == blueprint
    colony("blueprint", "set", *named, "--key", "replicas", "--value", "0")
    assert "reconciler" in colony("blueprint", "doctor", *named).out
    colony("log", "add", "-p", taken["processid"], "--msg", "looked around", "--prvkey", key)
    assert f"[{blueprint}] looked around" in colony("blueprint", "log", *named).out
    assert f"[{blueprint}] looked around" in colony("blueprint", "log").out


def test_the_doctor_misses_no_reconciler_that_has_nothing_to_do(
    colony: Colony, kind: str, tmp_path: Path
) -> None:
    definition = {
        "metadata": {"name": kind},
        "spec": {"names": {"kind": kind}, "handler": {"executorType": kind}},
    }
    colony("blueprint", "definition", "add", "--spec", specification(tmp_path, definition))
    colony(
        "blueprint",
        "add",
        "--spec",
        specification(tmp_path, {"kind": kind, "metadata": {"name": kind}, "spec": {}}),
    )
    assert colony("blueprint", "doctor", "--name", kind, "--json").json == []


def test_nobody_reconciles(colony: Colony, blueprint: str) -> None:
    assert "no executor is approved" in colony("blueprint", "log", "--name", blueprint, code=1).err


@pytest.mark.parametrize(
    ("executor", "counts"),
    [
        (Executor(blueprintid="b", blueprintgen=2), (1, 0)),
        (Executor(blueprintid="b", blueprintgen=1), (0, 1)),
        (Executor(blueprintid="c", blueprintgen=2, executorname="my-bp-x-2"), (0, 0)),
        (Executor(executorname="my-bp-x1y2-2"), (1, 0)),
        (Executor(executorname="my-bp-x1y2-1"), (0, 1)),
        (Executor(executorname="my-bp-2"), (0, 0)),
        (Executor(executorname="my-bp-x-y-2"), (0, 0)),
        (Executor(executorname="not-my-bp-x-2"), (0, 0)),
    ],
)
def test_which_executors_run_for_a_blueprint(executor: Executor, counts: tuple[int, int]) -> None:
    wanted = Blueprint("b", "K", BlueprintMetadata("my-bp", generation=2))
    assert instances(wanted, [executor]) == (0, 0)
    executor.state = ExecutorState.APPROVED
    assert instances(wanted, [executor]) == counts
