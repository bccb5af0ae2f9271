"""From facts to subscribers: who wants to hear of what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from colonyledger.wire import ExecutorState

from projections.event import (
    ColonyRemoved,
    Event,
    ExecutorChanged,
    MemberLeft,
    MessageAppended,
    Outcome,
    ProcessChanged,
)
from projections.process import LiveProcess
from projections.realtime import entered
from projections.state import State
from services.realtime.connection import Connection
from services.realtime.subscriptions import Subscription, Topic, process_frame

__all__ = ["Hub"]


class Hub:
    """All subscriptions of this node by what they want to hear of. `on_fold` listens to the replica."""

    def __init__(self) -> None:
        self._topics: dict[Topic, dict[Subscription, None]] = {}
        self._frames: dict[str, bytes] = {}
        """What was sent of each process that the present event changed."""
        self._tell: dict[type, Callable[[Any], None]] = {
            ProcessChanged: self._process_changed,
            MessageAppended: self._message_appended,
            ExecutorChanged: self._executor_changed,
            MemberLeft: self._member_left,
            ColonyRemoved: self._colony_removed,
        }
        self.subscriptions = 0
        """How many there are."""
        self.relayed = 0
        """How many of them are to what other nodes serve."""

    def add(self, subscription: Subscription) -> None:
        """Let a subscription hear of what happens from now on."""
        self.subscriptions += 1
        self.relayed += subscription.is_relayed
        for topic in subscription.topics:
            self._topics.setdefault(topic, {})[subscription] = None

    def remove(self, subscription: Subscription) -> None:
        """Let it hear of nothing more."""
        self.subscriptions -= 1
        self.relayed -= subscription.is_relayed
        for topic in subscription.topics:
            listening = self._topics[topic]
            del listening[subscription]
            if not listening:
                del self._topics[topic]

    def connections_to(self, state: State) -> list[Connection]:
        """The connections with a subscription to something in a partition, whose state this is."""
        found = {
            subscription.connection: None
            for listening in self._topics.values()
            for subscription in listening
            if subscription.asked.state is state
        }
        return list(found)

    def on_fold(self, event: Event, outcome: Outcome) -> None:
        """Tell what an event made true. A process is encoded once, and only if somebody listens."""
        if not self._topics:
            return
        for fact in outcome.facts:
            tell = self._tell.get(type(fact))
            if tell is not None:
                tell(fact)
        self._frames.clear()

    def _process_changed(self, fact: ProcessChanged) -> None:
        process = fact.process
        for subscription in self._listening(("process", process.record.processid)):
            subscription.on_change(fact, self._frame)
        state = entered(fact)
        if state is not None:
            for subscription in self._listening(("type", fact.colony, process.needs.executortype, state)):
                subscription.on_change(fact, self._frame)

    def _message_appended(self, fact: MessageAppended) -> None:
        for subscription in self._listening(("channel", fact.process.record.processid, fact.channel)):
            if subscription.is_allowed():
                subscription.connection.feed(subscription)

    def _executor_changed(self, fact: ExecutorChanged) -> None:
        if fact.executor.state != ExecutorState.APPROVED:
            self._judge(("member", fact.colony, fact.executor.executorid))

    def _member_left(self, fact: MemberLeft) -> None:
        self._judge(("member", fact.colony, fact.identity))

    def _colony_removed(self, fact: ColonyRemoved) -> None:
        self._judge(*[topic for topic in self._topics if topic[:2] == ("member", fact.colony)])

    def _judge(self, *topics: Topic) -> None:
        """End the subscriptions of members that are none any more."""
        for topic in topics:
            for subscription in self._listening(topic):
                subscription.is_allowed()

    def _listening(self, topic: Topic) -> Iterable[Subscription]:
        listening = self._topics.get(topic)
        return () if listening is None else list(listening)

    def _frame(self, process: LiveProcess) -> bytes:
        processid = process.record.processid
        frame = self._frames.get(processid)
        if frame is None:
            frame = self._frames[processid] = process_frame(process)
        return frame
