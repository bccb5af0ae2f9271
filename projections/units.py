"""Amounts of processor and memory as text (protocol: processes.md section 1, Units; quirk P6)."""

from __future__ import annotations

import re

from projections.event import Refusal

__all__ = ["cpu_text", "memory_bytes", "memory_text", "millicores"]

_INT64 = 2**63
_MEBIBYTE = 1024**2
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_MEMORY = re.compile(r"([+-]?[0-9]{1,19})([KMGT])(i|iB|B|b|)", re.ASCII)
_POWER = {"K": 1, "M": 2, "G": 3, "T": 4}


def millicores(text: str) -> int:
    """The thousandths of a core that `text` means: `1000m` is one core; text without `m` is 0.

    Raises:
        Refusal: 400, what stands before the `m` is no integer of 64 bits.

    """
    if not text or not text.endswith("m"):
        return 0
    value = int(text[:-1]) if _INTEGER.fullmatch(text[:-1]) else _INT64
    if not -_INT64 <= value < _INT64:
        raise Refusal(
            400, f"Error converting CPU to int: {text!r} is not a number of millicores such as 500m"
        )
    return value


def memory_bytes(text: str) -> int:
    """The bytes that `text` means, such as `10G` or `512Mi`; empty is 0.

    Raises:
        Refusal: 400, not an integer of 64 bits followed by a unit.

    """
    if not text:
        return 0
    match = _MEMORY.fullmatch(text)
    if match:
        number, letter, suffix = match.groups()
        unit: int = (1024 if suffix.startswith("i") else 1000) ** _POWER[letter]
        value = int(number) * unit
        if -_INT64 <= value < _INT64:
            return value
    rest = text if match is None else match.group(1)
    raise Refusal(400, f'error converting memory to int: strconv.ParseInt: parsing "{rest}": invalid syntax')


def cpu_text(value: int) -> str:
    """How an amount of processor is echoed: `1000m`."""
    return f"{value}m"


def memory_text(value: int) -> str:
    """How an amount of memory is echoed: whole mebibytes, `9536Mi`."""
    if not value:
        return "0Mi"
    return f"{value // _MEBIBYTE}Mi"
