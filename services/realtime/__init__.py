"""`/pubsub`: what happens, told to subscribers over websockets as soon as it is durable and folded."""

from services.realtime.limits import RealtimeLimits
from services.realtime.pubsub import Pubsub

__all__ = ["Pubsub", "RealtimeLimits"]
