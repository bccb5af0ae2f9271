"""Our Avro schemas in a schema registry, under the ids that every record carries (schemas/avro/ids.json)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

import httpx

from services.ledger.base import LedgerRefused, LedgerUnavailable

__all__ = ["Schema", "register", "schemas"]

_TYPE = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
_TIMEOUT_SECONDS = 30.0


class Schema(NamedTuple):
    """A version of a schema."""

    id: int
    subject: str
    """The record's full name, which is the subject in a registry (Confluent's RecordNameStrategy)."""
    text: str


def schemas() -> list[Schema]:
    """All versions of all schemas, by id."""
    place = files("schemas") / "avro"
    listed = json.loads((place / "ids.json").read_text("utf-8"))
    return sorted(
        Schema(version["id"], subject, (place / version["file"]).read_text("utf-8"))
        for subject, versions in listed.items()
        for version in versions
    )


def register(url: str, wanted: Sequence[Schema]) -> None:
    """Put schemas into the registry at `url`. What is there already stays.

    A registry numbers schemas as they come, so it has to be empty, or have been filled like this: other
    people's schemas need a registry of their own.

    Raises:
        LedgerRefused: the registry refuses a schema, or has another one under its id.
        LedgerUnavailable: it does not answer.
    """
    try:
        with httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, headers=_TYPE) as registry:
            for schema in wanted:
                _register(registry, schema)
    except httpx.InvalidURL as error:
        raise LedgerRefused(f"{url!r} is no address of a schema registry: {error}") from None
    except httpx.HTTPError as error:
        raise LedgerUnavailable(f"the schema registry at {url} does not answer: {error}") from error


def _register(registry: httpx.Client, schema: Schema) -> None:
    body = {"schema": schema.text, "schemaType": "AVRO"}
    answer = registry.post(f"/subjects/{schema.subject}/versions", json=body)
    if answer.status_code != httpx.codes.OK:
        raise LedgerRefused(
            f"the schema registry refuses {schema.subject} ({answer.status_code}): {answer.text[:200]}"
        )
    number = answer.json().get("id")
    if number != schema.id:
        raise LedgerRefused(
            f"the schema registry calls {schema.subject} {number}, and its records say {schema.id}: "
            "it has schemas of others; take an empty registry for Colony Ledger"
        )
