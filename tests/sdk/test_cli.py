"""The command line without a server: help, errors, keys, plug-ins."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Annotated, NamedTuple

import pytest
import typer
from colonyledger.cli import Session, app, command, main
from colonyledger.identity import Identity


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in an environment with no settings but those given."""

    def go(*arguments: str, **variables: str) -> Outcome:
        for name in ("SERVER_HOST", "SERVER_PORT", "SERVER_HTTP_PORT", "TLS", "SERVER_TLS", "COLONY_NAME"):
            monkeypatch.delenv(f"COLONIES_{name}", raising=False)
        for name in (
            "PRVKEY",
            "COLONY_PRVKEY",
            "SERVER_PRVKEY",
            "CLI_ASCII",
            "EXECUTOR_NAME",
            "EXECUTOR_TYPE",
        ):
            monkeypatch.delenv(f"COLONIES_{name}", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Outcome(code or 0, *capsys.readouterr())

    return go


GROUPS = {
    "server": ["status", "info", "stats", "alive", "chid"],
    "cluster": ["info"],
    "colony": ["add", "ls", "get", "remove", "stats", "check", "chid"],
    "user": ["add", "ls", "get", "remove", "chid"],
    "executor": ["add", "create", "ls", "get", "approve", "reject", "remove", "chid"],
    "location": ["add", "ls", "get", "nodes", "remove"],
    "function": ["submit", "exec", "register", "remove", "ls", "stats"],
    "process": [
        "psw",
        "ps",
        "pss",
        "psf",
        "psc",
        "get",
        "assign",
        "close",
        "fail",
        "cancel",
        "remove",
        "removeall",
    ],
    "workflow": ["submit", "psw", "ps", "pss", "psf", "psc", "get", "cancel", "remove", "removeall"],
    "cron": ["add", "ls", "get", "run", "remove"],
    "generator": ["add", "pack", "ls", "get", "remove"],
    "attribute": ["add", "get"],
    "log": ["add", "get", "search"],
    "fs": ["ls", "info", "remove"],
    "blueprint": ["add", "update", "get", "ls", "set", "remove", "reconcile", "history", "log", "doctor"],
    "security": ["generate", "id"],
}
COMMANDS = [(group, name) for group, names in GROUPS.items() for name in names]


@pytest.mark.parametrize(("group", "name"), COMMANDS)
def test_every_command_has_help_with_an_example(run: Run, group: str, name: str) -> None:
    shown = run(group, name, "--help", COLUMNS="300", TERMINAL_WIDTH="300")
    assert shown.code == 0
    assert f"$ colony {group} {name}" in shown.out or "; do" in shown.out
    for option in ("--host", "--port", "--insecure", "--prvkey", "--output", "--json", "--colonyname"):
        assert option in shown.out


def test_the_groups(run: Run) -> None:
    shown = run("--help")
    assert shown.code == 0
    for group in (*GROUPS, "config", "version"):
        assert f" {group} " in shown.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["process", "nonsense"], "No such command 'nonsense'"),
        (["process", "get"], "--processid"),
        (["process", "ps", "--count", "many"], "--count"),
        (["process", "ps", "-o", "yaml"], "yaml"),
        (["process", "ps", "--nonsense"], "--nonsense"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], words: str) -> None:
    outcome = run(*arguments)
    assert outcome.code == 2
    assert words in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["process", "ps"], "COLONIES_PRVKEY is not set"),
        (["colony", "stats"], "COLONIES_PRVKEY is not set"),
        (["colony", "ls"], "COLONIES_SERVER_PRVKEY is not set"),
        (["process", "pause"], "COLONIES_COLONY_PRVKEY is not set"),
        (["process", "ps", "--prvkey", Identity.generate().private_key], "COLONIES_COLONY_NAME is not set"),
        (["process", "ps", "--prvkey", "ab"], "--prvkey is no private key"),
        (["security", "id", "--prvkey", "ab"], "--prvkey is no private key"),
        (["config"], "COLONIES_COLONY_NAME is not set"),
        (["executor", "create", "--keypath", "k", "--type", "t"], "COLONIES_EXECUTOR_NAME is not set"),
        (["log", "get"], "Name a process with --processid or an executor"),
        (["function", "submit", "--spec", "none.json"], "none.json cannot be read"),
    ],
)
def test_errors_are_one_clear_line(run: Run, arguments: list[str], words: str) -> None:
    outcome = run(*arguments)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1
    assert words in outcome.err


def test_no_server(run: Run, nowhere: str) -> None:
    port = nowhere.rpartition(":")[2]
    for arguments in (["server", "status"], ["server", "alive"]):
        outcome = run(*arguments, "--host", "127.0.0.1", "--port", port)
        assert outcome.code == 1
        assert outcome.err.startswith("Error: ")
        assert nowhere in outcome.err
        assert outcome.err.count("\n") == 1


def test_an_unforeseen_error_is_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Identity:
        raise RuntimeError("dice")

    monkeypatch.setattr(Identity, "generate", broken)
    outcome = run("security", "generate")
    assert outcome.code == 1
    assert (
        outcome.err == "Error: this should not have happened: RuntimeError('dice') (--verbose tells more)\n"
    )
    assert "Traceback" in run("security", "generate", "--verbose").err


def test_a_key_and_its_id(run: Run) -> None:
    made = json.loads(run("security", "generate", "-o", "json").out)
    assert Identity(made["prvkey"]).id == made["id"]
    assert run("security", "id", "--prvkey", made["prvkey"]).out == f"{made['id']}\n"
    assert run("security", "id", COLONIES_PRVKEY=made["prvkey"]).out == f"{made['id']}\n"
    assert json.loads(run("security", "id", "--prvkey", made["prvkey"], "--json").out) == {"id": made["id"]}
    assert made["id"] not in run("security", "generate").out


def test_settings(run: Run) -> None:
    variables = {"COLONIES_SERVER_HOST": "h", "COLONIES_SERVER_PORT": "1", "COLONIES_COLONY_NAME": "c"}
    assert json.loads(run("config", "--json", **variables).out) == {"server": "http://h:1", "colony": "c"}
    changed = run("config", "--json", "--host", "i", "--port", "2", "--tls", "--colony", "d", **variables)
    assert json.loads(changed.out) == {"server": "https://i:2", "colony": "d"}
    secure = run("config", "--json", "--insecure", COLONIES_TLS="true", COLONIES_COLONY_NAME="c")
    assert json.loads(secure.out)["server"] == "http://localhost:50080"


def test_ascii_tables(run: Run) -> None:
    assert run("version", COLONIES_CLI_ASCII="true").out.isascii()
    assert not run("version").out.isascii()


def test_completion(run: Run) -> None:
    # Told the shell, it need not find out: there is none above a test that runs in the background.
    told = run("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="true")
    assert "complete" in told.out


def test_the_program() -> None:
    program = str(Path(sys.executable).with_name("colony"))
    done = subprocess.run([program, "version", "-o", "json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["version"]
    assert done.stderr == ""


def test_output_that_nobody_reads() -> None:
    program = str(Path(sys.executable).with_name("colony"))
    with subprocess.Popen(
        [program, "version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""


plugin = typer.Typer(help="More about servers.")
other = typer.Typer(help="Something else.")


@plugin.callback()
def _more() -> None:
    """A callback that keeps a lone command a command."""


@plugin.command("dance")
def dance(port: int = 3) -> None:
    """Dance on a port."""
    typer.echo(f"dancing on {port}")


@command(other, "sing", examples=["colony other sing --output loud"])
def sing(session: Session, output: Annotated[str, typer.Option()] = "soft") -> None:
    """Sing, with an option of its own that others have too."""
    session.say(f"singing {output}", Colony=session.colony_name)


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(*, group: str) -> EntryPoints:
        targets = {"server": "plugin", "other": "other", "broken": "gone"}
        return EntryPoints(
            EntryPoint(name, f"{__name__}:{target}", group) for name, target in targets.items()
        )

    monkeypatch.setattr(app, "entry_points", found)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[sing.__module__])


@pytest.mark.usefixtures("plugins")
def test_commands_of_other_distributions(run: Run) -> None:
    assert run("server", "dance", "--port", "4").out == "dancing on 4\n"
    merged = run("server", "--help").out
    assert "dance" in merged
    assert "status" in merged
    assert run("other", "sing", "--output", "loud", COLONIES_COLONY_NAME="c").err == "singing loud Colony=c\n"


@pytest.mark.usefixtures("plugins")
def test_a_broken_plugin_does_not_take_the_others_with_it(run: Run) -> None:
    shown = run("--help")
    assert shown.code == 0
    assert "Something else." in shown.out
    assert shown.err.startswith("Warning: the commands of")
    assert run("process", "--help").err == ""


def test_plugins_leave_no_trace(run: Run) -> None:
    assert "dance" not in run("server", "--help").out
