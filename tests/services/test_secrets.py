"""Secrets from the environment and from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.secrets import SecretError, secret


def test_from_the_environment() -> None:
    assert secret({"PIN": "4711"}, "PIN") == "4711"
    assert secret({}, "PIN") == ""


@pytest.mark.parametrize(
    ("content", "meant"), [("x y\n", "x y"), ("x\r\n", "x"), ("x", "x"), ("x\n\n", "x\n")]
)
def test_from_a_file(tmp_path: Path, content: str, meant: str) -> None:
    path = tmp_path / "pin"
    path.write_bytes(content.encode())
    assert secret({"PIN_FILE": str(path)}, "PIN") == meant


def test_both_are_refused_without_showing_any(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    path.write_text("hush-1")
    with pytest.raises(SecretError, match="PIN and PIN_FILE are both set") as refused:
        secret({"PIN": "hush-2", "PIN_FILE": str(path)}, "PIN")
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "is not text"), (b"x" * 70_000, "is larger")],
)
def test_a_file_that_holds_none(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "pin"
    path.write_bytes(content)
    with pytest.raises(SecretError, match=said):
        secret({"PIN_FILE": str(path)}, "PIN")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="cannot be read: No such file"):
        secret({"PIN_FILE": str(tmp_path / "none")}, "PIN")
