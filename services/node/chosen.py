"""What the operator of this node has chosen of the settings that the rules follow."""

from __future__ import annotations

from projections.state import Settings
from services.node.settings import NodeSettings

__all__ = ["chosen_settings"]


def chosen_settings(settings: NodeSettings) -> Settings:
    """The settings that the ledger's next `rules` event has to carry, if they are not in force already."""
    return Settings(
        reregister=settings.reregister,
        stale_executor_seconds=settings.stale_executor_seconds,
        cleanup_seconds=settings.cleanup_seconds,
        retention_seconds=settings.retention_seconds if settings.retention else 0,
        retention_all=settings.retention_all,
        timezone=settings.timezone,
    )
