"""What a function of an executor can hand back besides plain values."""

from __future__ import annotations

from typing import Any

__all__ = ["Failure", "Output", "output_of"]


class Output(list[Any]):
    """A return value that *is* the list of outputs, instead of being its only element."""


class Failure(Exception):
    """Raised by a function to fail its process with exactly these sentences."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(*sentences)

    @property
    def errors(self) -> list[str]:
        """The sentences that the process is closed with."""
        return [str(sentence) for sentence in self.args] or ["The function failed without saying why."]


def output_of(value: object) -> list[Any]:
    """The output list that a function's return value stands for: None gives no output at all."""
    if isinstance(value, Output):
        return list(value)
    return [] if value is None else [value]
