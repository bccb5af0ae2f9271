"""The node's own key: it signs system events."""

from __future__ import annotations

import os
from pathlib import Path

from colonyledger.identity import Identity

__all__ = ["load_key"]


def load_key(path: Path) -> Identity:
    """The key kept in a file, made if there is none; only the file's owner may read it.

    Raises:
        ValueError: the file holds no private key.
        OSError: it cannot be read or written.
    """
    try:
        text = path.read_text("ascii").strip()
    except FileNotFoundError:
        return _make_key(path)
    try:
        return Identity(text)
    except ValueError as error:
        raise ValueError(f"{path} holds no key of a node ({error}); remove it to have one made") from None


def _make_key(path: Path) -> Identity:
    """Write a new key beside its place first, so that no crash leaves half of one."""
    identity = Identity.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(identity.private_key + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return identity
