"""Write the tables of the documents that follow from the code. Run as `python docs/tables.py`."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import projections.fold  # noqa: F401 (it registers every RPC)
from projections.registry import REGISTRY, Kind, Role, Rpc
from services.ledger.kafka import security
from services.node import settings as node_settings

__all__ = ["PROTOCOL", "SETTINGS", "protocol", "settings"]

PROTOCOL = Path(__file__).with_name("protocol.md")
"""The document that lists every RPC."""

SETTINGS = Path(__file__).with_name("settings.md")
"""The document that lists every setting of a server."""

_OURS = frozenset({"getwindowsmsg", "queryhistorymsg", "queryserverhistorymsg"})
"""RPCs that the reference does not have."""

_ROLES = {
    Role.ANYBODY: "anybody",
    Role.SERVER_OWNER: "server owner",
    Role.COLONY_OWNER: "colony owner",
    Role.MEMBER: "member",
    Role.ANY_MEMBER: "member, pending too",
    Role.MEMBER_OR_OWNER: "member or colony owner",
}

_INTRODUCTION = """\
# Every RPC

Written by `python docs/tables.py`; a test holds it to the registry. The messages and replies are declared in
`sdk/colonyledger/wire/`, the rules stand in the module named here, and each module has its test beside it in
`tests/projections/`.

* *command*: recorded in the ledger and judged by the fold. *query*: answered from the state, recorded in the reads
  log. *subscription*: a query over the websocket `/pubsub`, answered again and again.
* *member*: a user or an approved executor of the colony. Some rules narrow it further, such as to the executor that
  runs the process; the rule's docstring says so.
* `versionmsg` and `getserverinfomsg` need no signature and are answered by the ingress.
"""


def protocol() -> str:
    """The text of the document."""
    parts = [_INTRODUCTION]
    for title, ours in (("## Of the protocol", False), ("## Of our own", True)):
        rpcs = [
            rpc
            for rpc in REGISTRY.values()
            if rpc.kind is not Kind.SYSTEM and (rpc.payloadtype in _OURS) is ours
        ]
        parts.append(
            _table(title, ("RPC", "kind", "who", "module", "what it does"), [_row(rpc) for rpc in rpcs])
        )
    events = [rpc for rpc in REGISTRY.values() if rpc.kind is Kind.SYSTEM]
    rows = [(f"`{rpc.payloadtype}`", _module(rpc), _sentence(rpc.message)) for rpc in events]
    parts.append(_table("## Events that nodes append", ("event", "module", "what it says"), rows))
    return "\n".join(parts)


_SETTINGS_INTRODUCTION = """\
# Every setting of a server

Written by `python docs/tables.py`; a test holds it to the code. Flags of `colony server start` go before variables. A
number out of its bounds, or a word that is none of those allowed, stops the start with a sentence that says so.
"""

_KAFKA_INTRODUCTION = """\
## Kafka

For servers, and for commands that read a ledger on Kafka.
"""


def settings() -> str:
    """The text of the document."""
    parts = [_SETTINGS_INTRODUCTION, "| variables | default | meaning |", "| --- | --- | --- |"]
    parts += [f"| {' | '.join(row)} |" for row in _settings_rows()]
    kafka = inspect.cleandoc(security.__doc__ or "").partition("\n\n")[2]
    return "\n".join([*parts, "", _KAFKA_INTRODUCTION, kafka, ""])


def _settings_rows() -> Iterator[tuple[str, ...]]:
    """Variables, default and description of each field of the settings, as they stand in the source."""
    body = list(ast.walk(ast.parse(inspect.getsource(node_settings.NodeSettings))))
    declared = next(node.body for node in body if isinstance(node, ast.ClassDef))
    for field, text in pairwise(declared):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=meaning):
                names = node_settings._VARIABLES[name]  # noqa: SLF001 (nobody else needs them)
                variables = ", ".join(f"`{variable}`" for variable in names)
                yield variables, _default(name), " ".join(ast.literal_eval(meaning).split())


def _default(name: str) -> str:
    if name == "build_version":
        return "that of the package"
    value = getattr(node_settings.NodeSettings(), name)
    return "" if value in ("", None) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _row(rpc: Rpc) -> tuple[str, ...]:
    return (f"`{rpc.payloadtype}`", rpc.kind.value, _ROLES[rpc.role], _module(rpc), _sentence(rpc.rule))


def _module(rpc: Rpc) -> str:
    name = rpc.module.rpartition(".")[2]
    return f"[{name}](../projections/{name}.py)"


def _sentence(documented: object) -> str:
    return (documented.__doc__ or "").partition("\n")[0].partition(" (")[0].rstrip(".").replace("|", "\\|")


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [title, "", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in sorted(rows)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PROTOCOL.write_text(protocol())
    SETTINGS.write_text(settings())
