"""Amounts of processor and memory (processes.md section 1, Units; quirk P6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.event import Refusal
from projections.units import cpu_text, memory_bytes, memory_text, millicores

UNITS = {
    letter + suffix: base**power
    for power, letter in enumerate("KMGT", 1)
    for suffix, base in (("", 1000), ("B", 1000), ("b", 1000), ("i", 1024), ("iB", 1024))
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1000m", 1000),
        ("0m", 0),
        ("-5m", -5),
        ("+5m", 5),
        ("", 0),
        ("2", 0),
        ("0.5", 0),
        ("1000M", 0),
        (f"{2**63 - 1}m", 2**63 - 1),
        (f"-{2**63}m", -(2**63)),
    ],
)
def test_millicores(text: str, value: int) -> None:
    assert millicores(text) == value


BAD_MILLICORES = ["m", "1.5m", "xm", "-m", "1_000m", " 1m", "1 m", "１m"]
TOO_MANY_MILLICORES = [f"{2**63}m", f"-{2**63 + 1}m", "9" * 5000 + "m"]


@pytest.mark.parametrize("text", [*BAD_MILLICORES, *TOO_MANY_MILLICORES])
def test_bad_millicores(text: str) -> None:
    with pytest.raises(Refusal, match="Error converting CPU to int") as refused:
        millicores(text)
    assert refused.value.status == 400


@pytest.mark.parametrize("unit", UNITS)
def test_memory_units(unit: str) -> None:
    assert memory_bytes(f"3{unit}") == 3 * UNITS[unit]


@pytest.mark.parametrize(
    ("text", "value"),
    [("", 0), ("0Ki", 0), ("-1Ki", -1024), ("+1Ki", 1024), (f"{2**53 - 1}Ki", 2**63 - 1024)],
)
def test_memory(text: str, value: int) -> None:
    assert memory_bytes(text) == value


@pytest.mark.parametrize(
    "text",
    ["1", "1XYZ", "1.5Gi", "10 Gi", "1ki", "1gi", "Gi", "1_0Ki", "１Ki", f"{2**53}Ki", "1Pi", "Ki1"],
)
def test_bad_memory(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        memory_bytes(text)
    assert refused.value.status == 400
    assert refused.value.message.startswith("error converting memory to int: strconv.ParseInt: parsing ")
    assert refused.value.message.endswith(": invalid syntax")


def test_an_absurd_amount_of_memory_is_refused() -> None:
    with pytest.raises(Refusal, match="error converting memory to int"):
        memory_bytes("9" * 5000 + "Ki")


@pytest.mark.parametrize(
    ("text", "echoed"), [("10G", "9536Mi"), ("2000G", "1907348Mi"), ("", "0Mi"), ("1023Ki", "0Mi")]
)
def test_memory_is_echoed_in_whole_mebibytes(text: str, echoed: str) -> None:
    assert memory_text(memory_bytes(text)) == echoed


@pytest.mark.parametrize(("text", "echoed"), [("1000m", "1000m"), ("", "0m"), ("4", "0m")])
def test_processor_is_echoed_in_millicores(text: str, echoed: str) -> None:
    assert cpu_text(millicores(text)) == echoed


def amounts(text: str) -> list[int]:
    """What the text means as each kind of amount, 0 where it is refused with 400."""
    values = []
    for read in (millicores, memory_bytes):
        try:
            values.append(read(text))
        except Refusal as refusal:
            values.append(0 if refusal.status == 400 else 2**64)
    return values


@given(st.text() | st.from_regex(r"[-+]?[0-9]{0,30}[mKMGT]?[iB]{0,2}"))
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    assert all(-(2**63) <= value < 2**63 for value in amounts(text))
