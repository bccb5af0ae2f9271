"""Private keys in files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from colonyledger.errors import ConfigurationError
from colonyledger.identity import Identity
from colonyledger.keyfile import identity_in, read_identity, write_identity


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "edge-1.key"
    first = identity_in(path)
    assert identity_in(path).id == first.id
    assert path.read_text() == f"{first.private_key}\n"


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    identity_in(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_key_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "key"
    first = identity_in(path)
    with pytest.raises(ConfigurationError, match=f"{path} cannot be made"):
        write_identity(path, Identity.generate())
    assert read_identity(path).id == first.id


@pytest.mark.parametrize("content", [b"", b"secret", b"00" * 32, "ключ".encode(), b"\xff"])
def test_a_file_without_a_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="holds no private key"):
        identity_in(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        identity_in(tmp_path)
