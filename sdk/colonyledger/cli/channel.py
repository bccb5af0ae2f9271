"""Commands about channels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from colonyledger.cli.process import ProcessId
from colonyledger.cli.session import Session, command, group
from colonyledger.cli.tables import ident, local_time, number, table, text
from colonyledger.wire import ChannelEntry, json_text

app = group("Talk with the other side of a process while it waits or runs.")

Name = Annotated[str, typer.Option("--name", "-n", help="Name of the channel, as the spec declares it")]
After = Annotated[int, typer.Option(help="Leave out so many messages from the start")]
Plain = Annotated[bool, typer.Option("--print", help="Print only the messages themselves, one a line")]


@command(app, "append", examples=['colony channel append -p 4b1f… -n chat --msg "how far are you?"'])
def append_message(
    session: Session,
    *,
    processid: ProcessId,
    name: Name,
    msg: Annotated[str, typer.Option(help="The message")],
    sequence: Annotated[int, typer.Option(help="Its number, for the other side")] = 0,
    inreplyto: Annotated[int, typer.Option(help="Number of the message that it answers")] = 0,
    payloadtype: Annotated[str, typer.Option("--type", help="data, end or error")] = "data",
) -> None:
    """Put a message at the end of a channel (who submitted the process, or the executor that has it)."""
    session.member.channel_append(
        processid, name, msg, sequence=sequence, inreplyto=inreplyto, payloadtype=payloadtype
    )
    session.say("Message added", ProcessId=processid, Channel=name)


@command(
    app,
    "read",
    examples=["colony channel read -p 4b1f… -n chat", "colony channel read -p 4b1f… -n chat --print"],
)
def read_messages(
    session: Session,
    *,
    processid: ProcessId,
    name: Name,
    after: After = 0,
    limit: Annotated[int, typer.Option(help="How many at most; 0 for all")] = 0,
    plain: Plain = False,
) -> None:
    """Show the messages in a channel, in the order in which they came."""
    entries = session.member.channel_read(processid, name, after=after, limit=limit)
    if plain and not session.wants_json:
        _print(entries)
        return
    columns = [
        ident("Time"),
        number("Number"),
        number("Answers"),
        ident("Sender id"),
        ident("Type"),
        text("Message"),
    ]
    rows = [
        (
            local_time(entry.timestamp),
            entry.sequence,
            entry.inreplyto or "",
            entry.senderid,
            entry.type,
            _shown(entry),
        )
        for entry in entries
    ]
    session.show(entries, table(f"Channel {name}", columns, rows))


@command(app, "follow", examples=["colony channel follow -p 4b1f… -n chat --timeout 60"])
def follow_messages(
    session: Session,
    *,
    processid: ProcessId,
    name: Name,
    after: After = 0,
    timeout: Annotated[int | None, typer.Option(help="Seconds; without it, until the process ends")] = None,
) -> None:
    """Print the messages in a channel, and each new one as it comes; as JSON, one object a line."""
    entries = session.member.subscribe_channel(processid, name, after=after, timeout=timeout)
    if session.wants_json:
        for entry in entries:
            typer.echo(json_text(entry))
    else:
        _print(entries)


def _print(entries: Iterable[ChannelEntry]) -> None:
    for entry in entries:
        typer.echo(_shown(entry))


def _shown(entry: ChannelEntry) -> str:
    return (entry.payload or b"").decode(errors="replace")
