"""Secrets come from the environment or from files, and are in no text that a person may see."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["SecretError", "secret"]

_MAX_BYTES = 64 * 1024


class SecretError(ValueError):
    """A secret cannot be read; the text says which and what to do, and does not contain it."""


def secret(environment: Mapping[str, str], name: str) -> str:
    """What the variable `name` holds, or the file that `name`_FILE names; empty if neither is set.

    One line break at the file's end is not part of the secret.

    Raises:
        SecretError: both are set, or the file cannot be read, is empty, too large or no text.
    """
    path = environment.get(f"{name}_FILE")
    if not path:
        return environment.get(name, "")
    if environment.get(name):
        raise SecretError(f"{name} and {name}_FILE are both set; keep one")
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SecretError(f"{name}_FILE: {path} cannot be read: {error.strerror or error}") from None
    if len(content) > _MAX_BYTES:
        raise SecretError(f"{name}_FILE: {path} is larger than {_MAX_BYTES} bytes; it holds no secret")
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretError(f"{name}_FILE: {path} is not text") from None
    if not text:
        raise SecretError(f"{name}_FILE: {path} is empty")
    return text
