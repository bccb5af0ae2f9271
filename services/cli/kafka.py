"""`colony kafka`: what a Kafka cluster has to know of us, which is ACLs and schemas."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
import typer
from colonyledger.cli import Session, command
from colonyledger.cli.session import group
from colonyledger.cli.tables import number, table, text
from colonyledger.errors import InvalidArgument

from projections.ids import is_identity
from services.cli.places import told
from services.ledger.kafka.acls import Grant, allow, as_command, grants_of, roles
from services.ledger.kafka.registry import register, schemas
from services.ledger.opening import kafka_settings

__all__ = ["app"]

app = group("Prepare a Kafka cluster: who may do what, and the schemas of records.")

_EXECUTOR = "executor"


class _Listed(msgspec.Struct):
    """A schema and its id."""

    id: int
    subject: str
    schema: str


@command(
    app,
    "acls",
    examples=[
        "colony kafka acls node worker auditor",
        "colony kafka acls node=node-1 node=node-2 --topic ledger",
        "colony kafka acls executor=039231c7644e04b6895471dd5335cf332681c54e27f81fac54f9067b3f2c0103",
        "colony kafka acls node worker auditor --apply --brokers broker:9092",
    ],
)
def write_acls(
    session: Session,
    *,
    who: Annotated[
        list[str],
        typer.Argument(
            help="ROLE or ROLE=USER; roles are node, worker, auditor, registry and executor=ID",
            metavar="WHO...",
        ),
    ],
    topic: Annotated[str, typer.Option(help="The ledger's topic")] = "ledger",
    brokers: Annotated[str, typer.Option(help="Brokers, host:port[,host:port…]")] = "localhost:9092",
    apply: Annotated[
        bool, typer.Option("--apply", help="Tell the brokers, as the user of LEDGER_KAFKA_USERNAME")
    ] = False,
) -> None:
    """Print the commands that let programs do what they must and nothing else, or do it."""
    grants = [grant for word in who for grant in _grants(word, topic)]
    if apply:
        with told():
            asyncio.run(allow(kafka_settings(f"kafka://{brokers}/{topic}"), grants))
        session.say("The brokers allow it", Users=len({grant.principal for grant in grants}))
    elif session.wants_json:
        session.show([grant._asdict() for grant in grants])
    else:
        for grant in grants:
            typer.echo(as_command(grant, brokers))


@command(
    app,
    "schemas",
    examples=["colony kafka schemas", "colony kafka schemas --registry http://karapace:8081"],
)
def seed_schemas(
    session: Session,
    *,
    registry: Annotated[str, typer.Option(help="Put them into the schema registry at this address")] = "",
) -> None:
    """List the schemas with their ids, or put them into a schema registry under the same ids."""
    wanted = schemas()
    if registry:
        with told():
            register(registry, wanted)
        session.say("The registry has the schemas", Schemas=len(wanted))
        return
    listed = [_Listed(schema.id, schema.subject, schema.text) for schema in wanted]
    rows = [(schema.id, schema.subject) for schema in wanted]
    session.show(listed, table("Schemas", [number("Id"), text("Subject")], rows))


def _grants(word: str, topic: str) -> list[Grant]:
    role, _, user = word.partition("=")
    if role not in roles():
        raise InvalidArgument(f"{role!r} is no role; there are {', '.join(roles())}.")
    if role == _EXECUTOR and not is_identity(user):
        raise InvalidArgument(
            "An executor is named by its id: executor= and 64 lower-case hexadecimal digits."
        )
    return grants_of(role, user or role, topic)
