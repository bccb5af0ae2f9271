"""The two logs of a node: the ledger, and the reads log beside it."""

from __future__ import annotations

from services.ledger import EmbeddedLedger, EmbeddedOptions, Ledger
from services.ledger.opening import LogKind, kafka_settings, open_ledger
from services.node.settings import NodeSettings

__all__ = ["open_ledgers"]


async def open_ledgers(settings: NodeSettings) -> tuple[Ledger, Ledger | None]:
    """Open the ledger, and the reads log if one is kept.

    Raises:
        LedgerRefused: one of them must not be opened; the text says why.
        LedgerUnavailable: one of them cannot be reached now.
    """
    ledger = await open_ledger(settings.ledger_url)
    try:
        return ledger, await _open_reads(settings)
    except BaseException:
        await ledger.close()
        raise


async def _open_reads(settings: NodeSettings) -> Ledger | None:
    if not settings.reads_retention_seconds:
        return None
    if settings.is_on_kafka:
        ledger = kafka_settings(settings.ledger_url)
        topic = "reads" if ledger.topic == LogKind.LEDGER else f"{ledger.topic}-reads"
        return await open_ledger(f"kafka://{ledger.bootstrap_servers}/{topic}", kind=LogKind.READS)
    options = EmbeddedOptions(
        durable=False,
        retention_seconds=settings.reads_retention_seconds,
        retention_bytes=settings.reads_retention_bytes,
    )
    return await EmbeddedLedger.open(settings.data_dir / "reads", options=options)
