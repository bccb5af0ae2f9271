"""The development identities that the ecosystem's tutorials and tests use (protocol: tools.md section 2.1).

They are published: whoever can reach a server that trusts them can do everything with it.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, TypeVar

from colonyledger.identity import Identity
from colonyledger.wire import (
    AddColony,
    AddUser,
    Colony,
    ErrorBody,
    GetColonies,
    GetColony,
    Message,
    ReplyEnvelope,
    User,
    decode,
    reply_type_of,
    signed,
)

from services.ingress.api import Api
from services.ingress.connection import AsgiConnection
from services.ledger import LedgerUnavailable
from services.node.settings import SettingsError

__all__ = ["COLONY", "COLONY_OWNER", "SERVER_OWNER", "USER", "environment", "make_colony"]

SERVER_OWNER = Identity("fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d")
COLONY_OWNER = Identity("ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514")
USER = Identity("ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05")
COLONY = "dev"

_USER_NAME = "myuser"
_EXECUTOR_NAME = "dev-docker"

R = TypeVar("R")

_OK, _UNAVAILABLE = 200, 503


def environment(host: str, port: int, *, tls: bool = False) -> Mapping[str, str]:
    """What a shell exports so that the ecosystem's programs find this server."""
    spoken = "true" if tls else "false"
    return {
        "COLONIES_SERVER_HOST": host,
        "COLONIES_SERVER_PORT": str(port),
        "COLONIES_TLS": spoken,
        "COLONIES_SERVER_TLS": spoken,
        "COLONIES_SERVER_ID": SERVER_OWNER.id,
        "COLONIES_SERVER_PRVKEY": SERVER_OWNER.private_key,
        "COLONIES_COLONY_NAME": COLONY,
        "COLONIES_COLONY_ID": COLONY_OWNER.id,
        "COLONIES_COLONY_PRVKEY": COLONY_OWNER.private_key,
        "COLONIES_ID": USER.id,
        "COLONIES_PRVKEY": USER.private_key,
        "COLONIES_EXECUTOR_NAME": _EXECUTOR_NAME,
    }


async def make_colony(api: Api) -> None:
    """Add the colony `dev` and its user to a server that trusts these identities, unless they are there.

    Raises:
        SettingsError: the server trusts other identities.
        LedgerUnavailable: the ledger does not take it now.
    """
    colonies = await _call(api, SERVER_OWNER, GetColonies())
    if COLONY not in [colony.name for colony in colonies]:
        await _call(api, SERVER_OWNER, AddColony(colony=Colony(COLONY_OWNER.id, COLONY)))
    asked = signed(GetColony(colonyname=COLONY), USER)
    if (await api.respond(asked, AsgiConnection(_stays))).status != _OK:
        await _call(api, COLONY_OWNER, AddUser(user=User(COLONY, USER.id, _USER_NAME, "", "")))


async def _call(api: Api, who: Identity, message: Message[R]) -> R:
    response = await api.respond(signed(message, who), AsgiConnection(_stays))
    payload = b64decode(decode(response.body, ReplyEnvelope).payload)
    if response.status == _OK:
        return decode(payload, reply_type_of(type(message)))
    refusal = decode(payload, ErrorBody).message
    if response.status == _UNAVAILABLE:
        raise LedgerUnavailable(refusal)
    raise SettingsError(
        f"the ledger was made with other keys than the development ones ({refusal}); "
        "--dev needs one of its own, see --data-dir"
    )


async def _stays() -> dict[str, Any]:
    """Never says that the client has hung up."""
    never: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    return await never
