"""Members who send nonsense: every RPC with values that fit badly. The server answers, and stays what it was."""

from __future__ import annotations

import asyncio
import random
from base64 import b64encode
from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import AssignProcess, encode
from msgspec import inspect

from projections import fold  # noqa: F401 (fills the registry)
from projections.registry import REGISTRY, Kind
from services.node.dev import SERVER_OWNER
from tests.services.site import Site, client_of, error_in

RPCS = {name: rpc for name, rpc in REGISTRY.items() if rpc.kind is not Kind.SYSTEM}
FORBIDDEN = {"changeserveridmsg", "removecolonymsg", "changecolonyidmsg"}
"""They would take the colony, or the whole server, from the tests that follow."""
SECONDS_TO_WAIT = -1

NONSENSE: list[Any] = [
    None,
    "",
    "x" * 10_000,
    "\x00",
    "\U0001f600",
    "9999-12-31T23:59:59.999999999Z",
    "0001-01-01T00:00:00Z",
    "2024-05-01T12:00:00+23:59",
    "-1",
    -1,
    0,
    1,
    2**31,
    -(2**31),
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    2**64,
    1.5,
    1e20,
    1e308,
    True,
    [],
    {},
    [None],
    [[[]]],
    {"": None},
    ["a", 1, None, {"b": []}],
]


class Nonsense:
    """Makes payloads: mostly of the right types, with names and ids that exist, and bad ones between."""

    def __init__(self, seed: int, words: list[str]) -> None:
        self._chance = random.Random(seed)
        self._words = words

    def payload(self, name: str) -> dict[str, Any]:
        """The content of one RPC."""
        fields = self._struct(inspect.type_info(RPCS[name].message))
        fields.pop("nonce", None)
        if "timeout" in fields:
            fields["timeout"] = SECONDS_TO_WAIT
        return {"msgtype": name, **fields}

    def _struct(self, kind: inspect.Type, depth: int = 0) -> dict[str, Any]:
        assert isinstance(kind, inspect.StructType)
        return {
            field.encode_name: self._value(field.type, depth + 1)
            for field in kind.fields
            if self._chance.random() < 0.8
        }

    def _value(self, kind: inspect.Type, depth: int) -> Any:
        chance = self._chance
        if chance.random() < 0.15 or depth > 6:
            return chance.choice(NONSENSE)
        if isinstance(kind, inspect.UnionType):
            return self._value(chance.choice(kind.types), depth)
        if isinstance(kind, inspect.StructType):
            return self._struct(kind, depth)
        if isinstance(kind, inspect.ListType):
            return [self._value(kind.item_type, depth + 1) for _ in range(chance.randint(0, 3))]
        if isinstance(kind, inspect.DictType):
            return {chance.choice(self._words): self._value(kind.value_type, depth + 1) for _ in range(2)}
        if isinstance(kind, inspect.IntType | inspect.FloatType):
            return chance.choice([-1, 0, 1, 2, 5, 60, 2**31 - 1])
        if isinstance(kind, inspect.BoolType):
            return chance.choice([True, False])
        if isinstance(kind, inspect.DateTimeType):
            return "2024-05-01T12:00:00Z"
        return chance.choice(self._words)


@pytest.mark.parametrize("rounds", [3])
async def test_nonsense_of_members(site: Site, seed: int, rounds: int) -> None:
    workers = [await site.executor() for _ in range(2)]
    processes = [await site.submit(maxexectime=60) for _ in range(4)]
    for worker in workers:
        await site.call(worker.identity, AssignProcess(colonyname=site.name, timeout=-1))
    words = [
        *[site.name] * 8,
        *[process.processid for process in processes],
        *[worker.name for worker in workers],
        *["ann", "edge", "echo", "", "1000m", "1Gi", site.user.id, workers[0].identity.id],
    ]
    nonsense = Nonsense(seed, words)
    people: list[Identity] = [SERVER_OWNER, site.owner, site.user, *(worker.identity for worker in workers)]
    bodies = []
    for name in sorted(RPCS.keys() - FORBIDDEN) * rounds:
        for who in people:
            payload = b64encode(encode(nonsense.payload(name))).decode()
            body = {"payloadtype": name, "payload": payload, "signature": who.sign(payload.encode())}
            bodies.append(encode(body))
    random.Random(seed).shuffle(bodies)
    statuses = set()
    for start in range(0, len(bodies), 50):
        for answer in await asyncio.gather(*(site.post(body) for body in bodies[start : start + 50])):
            statuses.add(answer.status_code)
            if answer.status_code != 200:
                assert "its log says why" not in error_in(answer)[1], answer.request.content
    assert statuses >= {200, 400, 403}
    async with client_of(site.server) as http:
        assert (await http.get("/health")).json() == {"status": "ready"}
