"""Commands about attributes of processes."""

from __future__ import annotations

from typing import Annotated

import typer

from colonyledger.cli.process import ProcessId
from colonyledger.cli.session import Session, command, group
from colonyledger.cli.tables import details
from colonyledger.wire import Attribute, AttributeType

app = group("Small facts attached to processes.")


@command(app, "add", examples=["colony attribute add -p 4b1f… --key loss --value 0.02"])
def add_attribute(
    session: Session,
    processid: ProcessId,
    key: Annotated[str, typer.Option(help="Name of the fact")],
    value: Annotated[str, typer.Option(help="The fact")],
) -> None:
    """Attach a fact to a running process (the executor that runs it)."""
    attribute = session.member.add_attribute(processid, key, value)
    session.say("Attribute added", attribute, AttributeId=attribute.attributeid)


@command(app, "get", examples=["colony attribute get --attributeid ac17…"])
def get_attribute(
    session: Session, attributeid: Annotated[str, typer.Option(help="Id of the attribute")]
) -> None:
    """Show one attribute."""
    attribute = session.member.get_attribute(attributeid)
    session.show(attribute, details("Attribute", _rows(attribute)))


def _rows(attribute: Attribute) -> list[tuple[str, object]]:
    return [
        ("Key", attribute.key),
        ("Value", attribute.value),
        ("Type", AttributeType(attribute.attributetype).name.lower()),
        ("Process id", attribute.targetid),
        ("Attribute id", attribute.attributeid),
    ]
