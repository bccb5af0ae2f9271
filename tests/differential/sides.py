"""The sides of a conversation: each is told the same moves and gives replies in the same form."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

import httpx
from colonyledger.identity import Identity

from tests.differential.normal import Names, normalised
from tests.differential.scene import CAST, EXECUTORS, MADE_BY, Move

__all__ = ["NO_REPLY", "NO_SIGNATURE", "HttpSide", "Reply", "Side", "cast_of", "fixed_names"]

_OK = 200

NO_SIGNATURE = "forger"
"""Who sends what no key has signed."""

NO_REPLY = 0
"""The status of a server that hangs up instead of replying."""


class Reply(NamedTuple):
    """A reply in symbols; `content` is the message if it was refused."""

    status: int
    payloadtype: str
    content: Any


class Side(Protocol):
    """Who can be told moves."""

    def call(self, move: Move, number: int) -> Reply | None:
        """Do it; things that it makes are called by `number`. None if this side cannot judge it."""


def cast_of(run: str, server: Identity) -> dict[str, Identity]:
    """The keys of everybody in one conversation; `server` is the server's own."""
    keys = {who: Identity(sha256(f"{run} {who}".encode()).hexdigest()) for who in (*CAST, "carl", "late")}
    return keys | {"server": server}


def fixed_names(run: str, keys: Mapping[str, Identity]) -> dict[str, str]:
    """What all sides call alike: colonies, executors, and the ids of keys."""
    names = {f"colony:{each}": f"diff-{run}-{each}" for each in ("a", "b", "c", "none")}
    names |= {f"name:{each}": f"{each}-{run}" for each in (*EXECUTORS, "late", "heir", "nobody")}
    names |= {f"fresh:{each}": sha256(f"{run} fresh {each}".encode()).hexdigest() for each in range(100)}
    return names | {f"id:{who}": key.id for who, key in keys.items()} | {"nothing": "0f" * 32}


class HttpSide:
    """A server behind `POST /api`."""

    def __init__(self, http: httpx.Client, keys: Mapping[str, Identity], fixed: Mapping[str, str]) -> None:
        self._http = http
        self._keys = keys
        self._names = Names(fixed)

    def call(self, move: Move, number: int) -> Reply | None:
        """Do it over HTTP."""
        status, payloadtype, text = self._post(move.who, move.payloadtype, move.body)
        if status == _OK and text:
            self._learn(move, number, text)
            return Reply(status, payloadtype, normalised(payloadtype, self._names.symbolic(text)))
        message = json.loads(text)["message"] if text else ""
        return Reply(status, payloadtype, self._names.symbolic(message))

    def _post(self, who: str, payloadtype: str, body: Mapping[str, Any]) -> tuple[int, str, str]:
        """Status, payload type and JSON of the reply, as they came."""
        said = json.dumps({"msgtype": payloadtype, **body}, ensure_ascii=False)
        payload = b64encode(self._names.resolve(said).encode()).decode()
        signature = "00" * 65 if who == NO_SIGNATURE else self._keys[who].sign(payload.encode())
        envelope = {"payloadtype": payloadtype, "payload": payload, "signature": signature}
        try:
            answer = self._http.post("/api", json=envelope)
        except httpx.RemoteProtocolError:
            return NO_REPLY, "", ""
        if not answer.content:
            return answer.status_code, "", ""
        reply = answer.json()
        assert reply["error"] == (answer.status_code != _OK)
        return answer.status_code, reply["payloadtype"], b64decode(reply["payload"]).decode()

    def _learn(self, move: Move, number: int, text: str) -> None:
        if move.payloadtype not in MADE_BY or not text:
            return
        key, sort = MADE_BY[move.payloadtype]
        made = json.loads(text)
        if not made or not made.get(key) or self._names.knows(made[key]):
            return
        self._names.learn(f"{sort}:{number}", made[key])
        if sort == "graph":
            for processid in made["processids"]:
                _, _, found = self._post(move.who, "getprocessmsg", {"processid": processid})
                self._names.learn(f"graph:{number}.{json.loads(found)['spec']['nodename']}", processid)
