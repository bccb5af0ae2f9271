"""Signed RPCs that come through Kafka: requests, replies and assignments on topics (docs/kafka-executors.md)."""

from services.dispatch.dispatcher import Dispatcher
from services.dispatch.settings import DispatchSettings

__all__ = ["DispatchSettings", "Dispatcher"]
