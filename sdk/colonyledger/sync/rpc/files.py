# Written by sdk/generate_sync.py from colonyledger/rpc/files.py; change that one.
"""Files of ColonyFS: the records, not the bytes (protocol: files.md section 3)."""

from __future__ import annotations

from msgspec.structs import replace

from colonyledger.sync.rpc.caller import Caller
from colonyledger.wire import (
    AddFile,
    File,
    FileData,
    FileLabel,
    FileReference,
    GetFile,
    GetFileLabels,
    GetFiles,
    RemoveFile,
)

__all__ = ["FileCalls"]


class FileCalls(Caller):
    """Calls about files, for members. What the object store holds is not touched."""

    def add_file(self, file: File) -> File:
        """Add a file, or a newer revision of one with the same label and name.

        An empty colony name means this client's colony. The server gives id, sequence number and
        time. Keys to the object store are not sent.
        """
        place = replace(file.ref.s3object, accesskey="", secretkey="")
        file = replace(
            file, colonyname=file.colonyname or self.colony, ref=FileReference(file.ref.protocol, place)
        )
        return self.call(AddFile(file=file))

    def get_file(self, fileid: str) -> File:
        """One revision.

        Raises:
            NotFound: there is none of this id, or it was removed and no snapshot holds it.
        """
        return (self.call(GetFile(colonyname=self.colony, fileid=fileid)))[0]

    def get_latest_file(self, label: str, name: str) -> File:
        """The newest revision of a label and name, as both were given when it was added.

        Raises:
            NotFound: there is none.
        """
        return (self.call(GetFile(colonyname=self.colony, label=label, name=name, latest=True)))[0]

    def get_file_revisions(self, label: str, name: str) -> list[File]:
        """All revisions of a label and name, newest first.

        Raises:
            NotFound: there is none.
        """
        return self.call(GetFile(colonyname=self.colony, label=label, name=name))

    def get_files(self, label: str) -> list[FileData]:
        """The newest revision of each file with exactly this label, by name."""
        return self.call(GetFiles(colonyname=self.colony, label=label))

    def get_file_labels(self, name: str = "", *, exact: bool = False) -> list[FileLabel]:
        """The labels that start with `name`, in order; with `exact`, that label and all below it."""
        return self.call(GetFileLabels(colonyname=self.colony, name=name, exact=exact))

    def remove_file(self, fileid: str) -> None:
        """Remove one revision; one that is not there is no error."""
        self.call(RemoveFile(colonyname=self.colony, fileid=fileid))

    def remove_file_revisions(self, label: str, name: str) -> None:
        """Remove all revisions of a label and name; none there is no error."""
        self.call(RemoveFile(colonyname=self.colony, label=label, name=name))
