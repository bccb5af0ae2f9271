"""Where the partitions of a topic end, asked of the brokers once for all who want to know at a time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import KafkaError, NoError, NotLeaderForPartitionError, for_code
from aiokafka.protocol.offset import OffsetRequest

from services.ledger.base import LedgerUnavailable
from services.ledger.kafka.consumers import leader_of, reason_of
from services.ledger.kafka.settings import KafkaSettings

__all__ = ["Ends"]

_ATTEMPT_SECONDS = 2.0
"""How long a broker may take to answer before the one is asked that leads by then."""

_AGAIN_SECONDS = 0.1
_NEWEST = -1
_OF_A_CLIENT = -1
_UNCOMMITTED = 0


class Ends:
    """Asks the leaders for high watermarks. An answer is never older than its question.

    A broker answers one request of a connection after the other, and a fetch that waits for new records holds up the rest
    for half a second: this uses the client's other connection to each broker.
    """

    def __init__(self, client: AIOKafkaClient, settings: KafkaSettings) -> None:
        self._client = client
        self._settings = settings
        self._asked: dict[int, asyncio.Future[int]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def of(self, partition: int) -> int:
        """The offset after the last acknowledged record.

        Raises:
            LedgerUnavailable: the brokers do not answer in time.
        """
        if partition not in self._asked:
            answer = asyncio.get_running_loop().create_future()
            # Whoever asked may have gone when the answer is an error.
            answer.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._asked[partition] = answer
        answer = self._asked[partition]
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(answer)

    async def stop(self) -> None:
        """Give up what is under way."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    async def _ask(self) -> None:
        """Ask until nobody wants to know any more. Whoever comes while a request is under way is in the next."""
        asked: dict[int, asyncio.Future[int]] = {}
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                await self._answer(asked)
        finally:
            self._asking = None
            for answer in (*asked.values(), *self._asked.values()):
                if not answer.done():
                    answer.set_exception(
                        LedgerUnavailable(f"asking where topic {self._settings.topic} ends was given up")
                    )

    async def _answer(self, asked: dict[int, asyncio.Future[int]]) -> None:
        topic = self._settings.topic
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                ends = await self._insist(asked)
        except (KafkaError, TimeoutError) as error:
            reason = f"Kafka does not say where topic {topic} ends: {reason_of(error)}"
            for answer in asked.values():
                answer.set_exception(LedgerUnavailable(reason))
        else:
            for partition, end in ends.items():
                asked[partition].set_result(end)

    async def _insist(self, partitions: Iterable[int]) -> dict[int, int]:
        """Ask until there is an answer: a leader that hangs is replaced by another one before long."""
        while True:
            try:
                async with asyncio.timeout(_ATTEMPT_SECONDS):
                    return await self._ask_leaders(partitions)
            except TimeoutError:
                continue
            except KafkaError as error:
                if not error.retriable:
                    raise
                self._client.force_metadata_update()
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _ask_leaders(self, partitions: Iterable[int]) -> dict[int, int]:
        """The ends of partitions.

        Raises:
            KafkaError: a leader is not known, or does not tell.
        """
        led: defaultdict[int, list[int]] = defaultdict(list)
        for partition in partitions:
            leader = leader_of(self._client, self._settings.topic, partition)
            if leader is None:
                raise NotLeaderForPartitionError(f"partition {partition} has no leader")
            led[leader].append(partition)
        answers = [self._ask_leader(leader, numbers) for leader, numbers in led.items()]
        ends = [await answers[0]] if len(answers) == 1 else await asyncio.gather(*answers)
        return {partition: end for some in ends for partition, end in some}

    async def _ask_leader(self, leader: int, partitions: list[int]) -> list[tuple[int, int]]:
        question = OffsetRequest(
            _OF_A_CLIENT,
            _UNCOMMITTED,
            [(self._settings.topic, [(number, _NEWEST) for number in partitions])],
        )
        answer = await self._client.send(leader, question, group=ConnectionGroup.COORDINATION)
        ends = []
        for _, told in answer.topics:
            for partition, code, _, end in told:
                error = for_code(code)
                if error is not NoError:
                    raise error(f"partition {partition}")
                ends.append((partition, end))
        return ends
