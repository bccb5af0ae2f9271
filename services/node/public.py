"""What anybody may ask without a signature (protocol: envelope.md section 6)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping

from colonyledger.wire import (
    Backend,
    GetServerInfo,
    GetVersion,
    MalformedJson,
    ServerInfo,
    Version,
    decode,
    payloadtype_of,
)

from projections.event import Refusal
from services.ingress.api import Public
from services.node.settings import NodeSettings

__all__ = ["public_answers"]


def public_answers(settings: NodeSettings, port: int) -> Mapping[str, Public]:
    """The answers of a server that listens on `port`, by payload type."""

    def version(payload: str) -> Version:
        try:
            decode(b64decode(payload, validate=True), GetVersion)
        except (ValueError, MalformedJson) as error:
            raise Refusal(400, f"Failed to get version, invalid JSON: {error}") from None
        return Version(settings.build_version, settings.build_time)

    def server_info(_: str) -> ServerInfo:
        backend = Backend("http", port, settings.host, tls=settings.tls_cert is not None)
        return ServerInfo(settings.build_version, settings.build_time, [backend])

    return {payloadtype_of(GetVersion): version, payloadtype_of(GetServerInfo): server_info}
