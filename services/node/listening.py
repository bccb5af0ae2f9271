"""The sockets on which a server listens."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

__all__ = ["BACKLOG", "in_url", "listening"]

BACKLOG = 4096
"""Connections that may wait to be accepted, at each socket."""


@contextmanager
def listening(host: str, port: int, number: int) -> Iterator[list[socket.socket]]:
    """So many sockets that listen on one address, among which the kernel shares out those who connect.

    Raises:
        OSError: the address cannot be listened on, or somebody listens there already.
    """
    with ExitStack() as stack:
        try:
            # Without sharing, so that another server there is noticed, which would share as well.
            first = stack.enter_context(closing(_bound(host, port, shares=False)))
            port = first.getsockname()[1]
            sockets = [first]
            if number > 1:
                sockets = [
                    stack.enter_context(closing(_bound(host, port, shares=True))) for _ in range(number)
                ]
            for each in sockets:
                each.listen(BACKLOG)
        except OSError as error:
            raise OSError(f"it cannot listen on {in_url(host)}:{port}: {error.strerror or error}") from None
        if number > 1:
            first.close()
        yield sockets


def in_url(host: str) -> str:
    """A host as addresses have it."""
    return f"[{host}]" if ":" in host else host


def _bound(host: str, port: int, *, shares: bool) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound
