"""The settings of a worker, and the topics that follow from them."""

from __future__ import annotations

from typing import Any

import pytest

from services.ledger import KafkaSettings
from services.streams.settings import WorkerSettings

LEDGER = KafkaSettings(bootstrap_servers="broker:9092")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"windows": False}, "nothing to do"),
        ({"window_seconds": 0}, "from 1 to 86400"),
        ({"kept_seconds": 59}, "at least for as long"),
        ({"history": "chdb"}, "a directory belongs to the server"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        WorkerSettings(ledger=LEDGER, **settings)


def test_topics_are_named_after_that_of_the_ledger() -> None:
    plain = WorkerSettings(ledger=LEDGER)
    assert [plain.facts(8).topic, plain.stored("windows", 8).topic] == ["facts", "windows"]
    named = WorkerSettings(ledger=KafkaSettings(bootstrap_servers="broker:9092", topic="blue"))
    assert [named.facts(8).topic, named.stored("ready", 8).topic] == ["blue-facts", "blue-ready"]
    assert named.stored("ready", 8).partitions == 8
