"""Which ledger a name stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.ledger import EmbeddedLedger, LedgerRefused, LogKind, kafka_settings, open_ledger
from tests.services.ledger.conftest import Collector, RecordFactory


async def test_a_path_is_an_embedded_ledger(
    tmp_path: Path, make_record: RecordFactory, collect: Collector
) -> None:
    ledger = await open_ledger(tmp_path / "ledger", partitions=2)
    assert isinstance(ledger, EmbeddedLedger)
    assert ledger.partitions == 2
    await ledger.append(1, make_record(1))
    reader = await open_ledger(str(tmp_path / "ledger"), read_only=True)
    assert len(await collect(reader.read(1))) == 1
    await reader.close()
    await ledger.close()
    with pytest.raises(LedgerRefused, match="2 partitions"):
        await open_ledger(tmp_path / "ledger", partitions=3)


async def test_the_reads_log_is_an_embedded_ledger_that_does_not_wait_for_the_disk(
    tmp_path: Path, make_record: RecordFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await open_ledger(tmp_path, kind=LogKind.READS)

    def fail(_: int) -> None:
        raise OSError("no sync was asked for")

    with monkeypatch.context() as patch:
        patch.setattr("os.fdatasync", fail)
        assert (await ledger.append(0, make_record(1))).offset == 0
    await ledger.close()


@pytest.mark.parametrize(
    ("where", "kind", "brokers", "topic"),
    [
        ("kafka://localhost:9092", LogKind.LEDGER, "localhost:9092", "ledger"),
        ("kafka://a:1,b:2,c:3", LogKind.READS, "a:1,b:2,c:3", "reads"),
        ("kafka://[::1]:9092/other", LogKind.LEDGER, "[::1]:9092", "other"),
    ],
)
def test_a_kafka_name_has_brokers_and_perhaps_a_topic(
    where: str, kind: LogKind, brokers: str, topic: str
) -> None:
    settings = kafka_settings(where, kind=kind)
    assert (settings.bootstrap_servers, settings.topic, settings.definition) == (brokers, topic, kind)


@pytest.mark.parametrize(
    "where",
    ["kafka://", "kafka://host", "kafka://host:port", "kafka://a:1,,b:2", "kafka://a:1/b/c", "http://x"],
)
async def test_other_names_are_refused(where: str) -> None:
    with pytest.raises(LedgerRefused, match="is no ledger"):
        await open_ledger(where)
