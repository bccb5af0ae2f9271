"""`colony channel` against a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from colonyledger.cli import main
from colonyledger.spec import function_spec

from tests.sdk.conftest import Members

pytestmark = pytest.mark.usefixtures("cli_environment")

Colony = Callable[..., str]


@pytest.fixture
def colony(capsys: pytest.CaptureFixture[str]) -> Colony:
    """The command line, to be called with its arguments: gives what it prints to stdout."""

    def go(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        printed = capsys.readouterr()
        assert int(ended.value.code or 0) == code, printed
        return printed.out or printed.err

    return go


@pytest.fixture
async def chat(members: Members, kind: str) -> str:
    """The id of a process of the user with the channel "chat"."""
    spec = function_spec("talk", executortype=kind, channels=["chat"])
    return (await members.user.submit(spec)).processid


def test_append_and_read(colony: Colony, chat: str) -> None:
    place = ("-p", chat, "-n", "chat")
    said = colony("channel", "append", *place, "--msg", "hello", "--sequence", "7", "--type", "end")
    assert said == f"Message added ProcessId={chat} Channel=chat\n"
    colony("channel", "append", *place, "--msg", "world", "--inreplyto", "7")
    assert colony("channel", "read", *place, "--print") == "hello\nworld\n"
    assert colony("channel", "read", *place, "--print", "--after", "1") == "world\n"
    entries = json.loads(colony("channel", "read", *place, "--json"))
    assert [(entry["sequence"], entry.get("inreplyto", 0), entry["type"]) for entry in entries] == [
        (7, 0, "end"),
        (0, 7, "data"),
    ]
    shown = colony("channel", "read", *place, "--limit", "1")
    assert re.search(r"\b7\b.*\bend\b.*\bhello\b", shown)
    assert "world" not in shown


def test_follow(colony: Colony, chat: str) -> None:
    place = ("-p", chat, "-n", "chat")
    for text in ("one", "two"):
        colony("channel", "append", *place, "--msg", text)
    assert colony("channel", "follow", *place, "--timeout", "1") == "one\ntwo\n"
    lines = colony("channel", "follow", *place, "--timeout", "1", "--after", "1", "--json").splitlines()
    assert [json.loads(line)["payload"] for line in lines] == ["dHdv"]


def test_a_channel_that_there_is_not(colony: Colony, chat: str) -> None:
    place = ("-p", chat, "-n", "nothing")
    for command in (("append", *place, "--msg", "x"), ("read", *place), ("follow", *place)):
        assert "Channel not found" in colony("channel", *command, code=1)
