"""Workflows kept as text, to be submitted again and again by crons and generators."""

from __future__ import annotations

from colonyledger.wire import MalformedJson, WorkflowSpec, decode

from projections.event import Refusal
from projections.specs import check_priority, read_spec
from projections.workflows import check_nodes

__all__ = ["check_template", "read_template"]


def read_template(text: str) -> WorkflowSpec:
    """The workflow that a text with JSON stands for.

    Raises:
        Refusal: 400, it is no workflow specification.

    """
    try:
        return decode(text.encode(), WorkflowSpec)
    except MalformedJson as error:
        raise Refusal(400, f"The workflow specification is not valid JSON: {error}") from None


def check_template(text: str, colonyname: str) -> None:
    """Refuse a text that cannot be submitted as a workflow of the colony (crons-generators.md quirks C5, C16 and G5).

    Raises:
        Refusal: 400, with the reason.

    """
    spec = read_template(text)
    if spec.colonyname not in ("", colonyname):
        raise Refusal(
            400,
            f"The workflow specification is for Colony <{spec.colonyname}>, it must be for <{colonyname}>",
        )
    try:
        check_nodes(spec.functionspecs)
        for each in spec.functionspecs:
            check_priority(each)
            read_spec(each, colonyname, in_workflow=True)
    except Refusal as refusal:
        raise Refusal(400, refusal.message) from None
