"""Three brokers for all tests of faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.brokers import Brokers, running_brokers


@pytest.fixture(scope="session")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    """One cluster for the whole run: use a topic of your own, and leave it well."""
    with running_brokers(tmp_path_factory.mktemp("brokers")) as brokers:
        yield brokers
