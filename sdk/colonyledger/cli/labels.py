"""Labels of files as people give them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from colonyledger.errors import InvalidArgument
from colonyledger.wire import MalformedJson, decode

__all__ = ["label_here", "normalised"]

_MARK = ".cfs"
"""The file that a synchronised directory has: it names the label."""


class _Mark(msgspec.Struct, gc=False):
    label: str = ""


def normalised(label: str) -> str:
    """A label as clients write it: one slash before it, none after it (protocol: files.md section 2)."""
    return f"/{label.strip('/')}"


def label_here(label: str) -> str:
    """The label that was given, else that of the working directory, in its normal form.

    Raises:
        InvalidArgument: neither is there.
    """
    if label:
        return normalised(label)
    try:
        mark = decode(Path(_MARK).read_bytes(), _Mark)
    except (OSError, MalformedJson):
        raise InvalidArgument(f"Name a label with --label; this directory has no {_MARK} with one.") from None
    return normalised(mark.label)
