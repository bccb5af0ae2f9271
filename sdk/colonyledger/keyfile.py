"""A private key in a file that only its owner can read."""

from __future__ import annotations

import os
from pathlib import Path

from colonyledger.errors import ConfigurationError
from colonyledger.identity import Identity

__all__ = ["identity_in", "read_identity", "write_identity"]


def identity_in(path: Path) -> Identity:
    """The identity whose key is in `path`; a new one is made and kept there if there is no such file.

    Raises:
        ConfigurationError: the file holds no private key, or cannot be read or made.
    """
    if path.exists():
        return read_identity(path)
    identity = Identity.generate()
    write_identity(path, identity)
    return identity


def read_identity(path: Path) -> Identity:
    """The identity whose key is in `path`.

    Raises:
        ConfigurationError: the file holds no private key, or cannot be read.
    """
    try:
        return Identity(path.read_text("ascii").strip())
    except OSError as error:
        raise ConfigurationError(f"The key file {path} cannot be read: {error.strerror}.") from error
    except ValueError:
        raise ConfigurationError(f"The file {path} holds no private key of 64 hex digits.") from None


def write_identity(path: Path, identity: Identity) -> None:
    """Keep the key of `identity` in the new file `path`.

    Raises:
        ConfigurationError: the file exists already, or cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{identity.private_key}\n")
    except OSError as error:
        raise ConfigurationError(f"The key file {path} cannot be made: {error.strerror}.") from error
