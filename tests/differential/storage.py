"""Moves about files, snapshots and log lines."""

from __future__ import annotations

from typing import Any

from tests.differential.choice import Choice, move
from tests.differential.scene import name_of

Drawn = tuple[str, dict[str, Any]]

_LABELS = ("/data", "/data/raw", "/database")
_NAMES = ("a.txt", "b.txt")


@move("files", "addfilemsg")
def add_file(choice: Choice) -> Drawn:
    size = choice.number(0, 3)
    place = {
        "server": "s3.example.org",
        "port": 443,
        "tls": True,
        "region": "r",
        "encryptionkey": "",
        "encryptionalg": "",
        "object": f"object-{choice.scene.next_number()}",
        "bucket": "b",
    }
    file = {
        "colonyname": choice.colony(),
        "label": choice.one(_LABELS),
        "name": choice.one(_NAMES),
        "size": size,
        "checksum": f"sum-{size}",
        "checksumalg": "SHA256",
        "ref": {"protocol": "s3", "s3object": place},
    }
    return choice.member(), {"file": file}


def _selection(choice: Choice) -> dict[str, Any]:
    by_id = {"fileid": choice.known("file")}
    by_name = {"label": choice.one(_LABELS), "name": choice.one(_NAMES)}
    return choice.one([by_id, by_name])


@move("files", "getfilemsg")
def get_file(choice: Choice) -> Drawn:
    body = {"colonyname": choice.colony(), "latest": bool(choice.number(0, 1))}
    return choice.member(), body | _selection(choice)


@move("files", "getfilesmsg")
def get_files(choice: Choice) -> Drawn:
    return choice.member(), {"colonyname": choice.colony(), "label": choice.one([*_LABELS, "/none"])}


@move("files", "getfilelabelsmsg")
def get_labels(choice: Choice) -> Drawn:
    name = choice.one(["", "/", "/data", "/d", "/none"])
    body = {"colonyname": choice.colony(), "name": name, "exact": bool(choice.number(0, 1))}
    return choice.member(), body


@move("files", "removefilemsg")
def remove_file(choice: Choice) -> Drawn:
    return choice.member(), {"colonyname": choice.colony()} | _selection(choice)


@move("files", "createsnapshotmsg")
def create_snapshot(choice: Choice) -> Drawn:
    name = choice.one(["s1", "s2", "s3"])
    return choice.member(), {"colonyname": choice.colony(), "label": choice.one(_LABELS), "name": name}


@move("files", "getsnapshotmsg")
def get_snapshot(choice: Choice) -> Drawn:
    which = choice.one([{"snapshotid": choice.known("snapshot")}, {"name": choice.one(["s1", "s2", "s3"])}])
    return choice.member(), {"colonyname": choice.colony()} | which


@move("files", "getsnapshotsmsg")
def get_snapshots(choice: Choice) -> Drawn:
    return choice.member(), {"colonyname": choice.colony()}


@move("files", "removesnapshotmsg")
def remove_snapshot(choice: Choice) -> Drawn:
    which = choice.one([{"snapshotid": choice.known("snapshot")}, {"name": choice.one(["s1", "s2", "s3"])}])
    return choice.member(), {"colonyname": choice.colony()} | which


@move("files", "removeallsnapshotmsg")
def remove_all_snapshots(choice: Choice) -> Drawn:
    return choice.by("ann", "owner"), {"colonyname": choice.colony()}


@move("logs", "addlogmsg")
def add_log(choice: Choice) -> Drawn:
    process, holder = choice.running()
    return holder, {"processid": process, "message": f"line {choice.scene.next_number()}"}


@move("logs", "addexecutorlogmsg")
def add_executor_log(choice: Choice) -> Drawn:
    name = choice.one(["e1", "c1"])
    message = f"note {choice.scene.next_number()}"
    body = {"colonyname": choice.colony(), "executorname": name_of(name), "message": message}
    return choice.by(name), body


@move("logs", "getlogsmsg")
def get_logs(choice: Choice) -> Drawn:
    process, _ = choice.running()
    which = choice.one(
        [{"processid": process}, {"executorname": name_of(choice.one(["e1", "c1", "nobody"]))}]
    )
    body = {"colonyname": choice.colony(), "count": choice.one([100, 1]), "since": 0}
    return choice.member(), body | which | {"latest": bool(choice.number(0, 1))}


@move("logs", "searchlogsmsg")
def search_logs(choice: Choice) -> Drawn:
    text = choice.one(["line", "note 1", "nothing"])
    return choice.member(), {"colonyname": choice.colony(), "text": text, "days": 1, "count": 100}
