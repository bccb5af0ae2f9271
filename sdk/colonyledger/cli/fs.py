"""Commands about files: their records, labels and snapshots."""

from __future__ import annotations

from typing import Annotated

import typer

from colonyledger.cli import snapshot
from colonyledger.cli.confirming import confirm
from colonyledger.cli.labels import label_here, normalised
from colonyledger.cli.session import Session, command, group
from colonyledger.cli.tables import Table, details, ident, local_time, moment, number, table, text
from colonyledger.errors import InvalidArgument
from colonyledger.wire import File

app = group("See and remove what ColonyFS knows of files; the bytes are in the object store.")
label_app = group("Where files are.")
app.add_typer(label_app, name="label")
app.add_typer(snapshot.app, name="snapshot")

FileId = Annotated[str, typer.Option("--fileid", "-i", help="Id of a revision")]
Name = Annotated[str, typer.Option("--name", "-n", help="Name of the file; needs a label, too")]
Label = Annotated[str, typer.Option("--label", "-l", help="Label; else the one of the directory's .cfs")]


@command(app, "ls", examples=["colony fs ls --label /src", "cd src; colony fs ls"])
def list_files(session: Session, label: Label = "") -> None:
    """List the files of a label, each with its newest revision."""
    label = label_here(label)
    files = [session.member.get_file_revisions(label, file.name) for file in session.member.get_files(label)]
    columns = [text("Name"), number("Size"), moment("Added"), number("Revisions"), ident("File id")]
    rows = [
        (newest.name, newest.size, local_time(newest.added), len(revisions), newest.fileid)
        for revisions in files
        for newest in revisions[:1]
    ]
    session.show([revisions[0] for revisions in files], table(f"Files of {label}", columns, rows))


@command(
    app, "info", examples=["colony fs info --fileid 4b1f…", "colony fs info --label /src --name main.py"]
)
def show_file(session: Session, *, fileid: FileId = "", name: Name = "", label: Label = "") -> None:
    """Show one revision, or all revisions of a file, newest first."""
    files = _selected(session, fileid, name, label)
    session.show(files, *map(_file_table, files))


@command(
    app,
    "remove",
    examples=["colony fs remove --fileid 4b1f…", "colony fs remove --label /src --name main.py"],
)
def remove_file(session: Session, *, fileid: FileId = "", name: Name = "", label: Label = "") -> None:
    """Remove the record of one revision, or of all revisions of a file; the bytes stay in the object store."""
    files = _selected(session, fileid, name, label)
    for file in files:
        session.member.remove_file(file.fileid)
    session.say("File removed", Label=files[0].label, Name=files[0].name, Revisions=len(files))


def _selected(session: Session, fileid: str, name: str, label: str) -> list[File]:
    if bool(fileid) == bool(name):
        raise InvalidArgument("Name a revision with --fileid, or a file with --name and --label.")
    if fileid:
        return [session.member.get_file(fileid)]
    return session.member.get_file_revisions(label_here(label), name)


def _file_table(file: File) -> Table:
    place = file.ref.s3object
    return details(
        "File",
        [
            ("Name", file.name),
            ("Label", file.label),
            ("File id", file.fileid),
            ("Sequence number", file.sequencenr),
            ("Added", local_time(file.added)),
            ("Added by", file.initiatorname),
            ("Colony", file.colonyname),
            ("Size", file.size),
            ("Checksum", file.checksum),
            ("Checksum algorithm", file.checksumalg),
            ("Protocol", file.ref.protocol),
            ("Endpoint", place.server if place.port <= 0 else f"{place.server}:{place.port}"),
            ("TLS", place.tls),
            ("Region", place.region),
            ("Bucket", place.bucket),
            ("Object", place.object),
        ],
    )


@command(label_app, "ls", examples=["colony fs label ls", "colony fs label ls --label /src"])
def list_labels(
    session: Session,
    label: Annotated[str, typer.Option("--label", "-l", help="Only this one and those below it")] = "",
) -> None:
    """List labels, each with the number of its files."""
    labels = session.member.get_file_labels(normalised(label) if label else "", exact=bool(label))
    columns = [text("Label"), number("Files")]
    session.show(labels, table("Labels", columns, [(each.name, each.files) for each in labels]))


@command(label_app, "remove", examples=["colony fs label remove --label /src --yes"])
def remove_label(
    session: Session,
    *,
    label: Annotated[str, typer.Option("--label", "-l", help="Label")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
) -> None:
    """Remove the records of all files of a label and of the labels below it; the bytes stay."""
    label = normalised(label)
    labels = session.member.get_file_labels(label, exact=True)
    count = sum(each.files for each in labels)
    confirm(f"Remove {count} files of {len(labels)} labels, {label} and below?", yes=yes)
    for each in labels:
        for file in session.member.get_files(each.name):
            session.member.remove_file_revisions(each.name, file.name)
    session.say("Label removed", Label=label, Labels=len(labels), Files=count)
