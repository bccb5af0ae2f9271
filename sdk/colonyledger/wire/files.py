"""Files of ColonyFS: records of what lies in an object store (protocol: files.md sections 1 to 3)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from colonyledger.wire.envelope import Empty, Message
from colonyledger.wire.integers import Int64
from colonyledger.wire.times import ZERO_TIME

__all__ = [
    "AddFile",
    "File",
    "FileData",
    "FileLabel",
    "FileReference",
    "GetFile",
    "GetFileLabels",
    "GetFiles",
    "RemoveFile",
    "S3Object",
]


class S3Object(msgspec.Struct, gc=False):
    """Where the bytes are. `port` is -1 if `server` holds it.

    `accesskey` and `secretkey` are accepted because some clients send them; the server keeps
    neither, and both are empty in everything that it gives out (files.md, quirk F6).
    """

    server: str = ""
    port: Int64 = 0
    tls: bool = False
    accesskey: str = ""
    secretkey: str = ""
    region: str = ""
    encryptionkey: str = ""
    encryptionalg: str = ""
    object: str = ""
    bucket: str = ""


class FileReference(msgspec.Struct, gc=False):
    """How the bytes are reached."""

    protocol: str = ""
    s3object: S3Object = msgspec.field(default_factory=S3Object)


class File(msgspec.Struct, gc=False):
    """One revision of a file; it never changes.

    Size is in bytes. Id, sequence number, time and initiator are the server's: a later revision of
    the same label and name has a higher sequence number. Label and name are kept as they are sent.
    """

    fileid: str = ""
    colonyname: str = ""
    label: str = ""
    name: str = ""
    size: Int64 = 0
    sequencenr: Int64 = 0
    checksum: str = ""
    checksumalg: str = ""
    ref: FileReference = msgspec.field(default_factory=FileReference)
    added: datetime = ZERO_TIME
    initiatorid: str = ""
    initiatorname: str = ""


class FileData(msgspec.Struct, gc=False):
    """What a synchronisation needs to know of the newest revision of a file."""

    name: str = ""
    checksum: str = ""
    size: Int64 = 0
    s3filename: str = ""


class FileLabel(msgspec.Struct, gc=False):
    """A label, and how many differently named files it has."""

    name: str = ""
    files: int = 0


class AddFile(Message[File], tag="addfilemsg", frozen=True, gc=False):
    """Member: add a file, or a newer revision of one with the same label and name."""

    file: File | None = None


class GetFile(Message[list[File]], tag="getfilemsg", frozen=True, gc=False):
    """Member: the revision with an id; or all of a label and name, newest first; or the latest of them."""

    colonyname: str = ""
    fileid: str = ""
    label: str = ""
    name: str = ""
    latest: bool = False


class GetFiles(Message[list[FileData]], tag="getfilesmsg", frozen=True, gc=False):
    """Member: the newest revision of each file with exactly this label, by name."""

    colonyname: str = ""
    label: str = ""


class GetFileLabels(Message[list[FileLabel]], tag="getfilelabelsmsg", frozen=True, gc=False):
    """Member: the labels that start with `name`, in order; with `exact`, the label itself and those below it."""

    colonyname: str = ""
    name: str = ""
    exact: bool = False


class RemoveFile(Message[Empty], tag="removefilemsg", frozen=True, gc=False):
    """Member: remove the revision with an id, or all revisions of a label and name; the bytes stay."""

    colonyname: str = ""
    fileid: str = ""
    label: str = ""
    name: str = ""
