"""What a front and its owner say to each other: frames of a length, a kind, the number of a request, and content.

Both are one version of one program, so nothing here is kept compatible. Numbers are in network order; times are those
of `time.perf_counter`, which all processes of a machine share.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from projections.event import Refusal
from services.ingress.envelopes import Signed
from services.ingress.response import Response

__all__ = [
    "Frame",
    "Kind",
    "Reader",
    "answer_frame",
    "frame",
    "read_answer",
    "read_refused",
    "read_signed",
    "refused_frame",
    "signed_frame",
]


class Kind(IntEnum):
    """What a frame says."""

    LISTENING = 1
    """The front serves."""
    SIGNED = 2
    """A request whose signer the front has found."""
    BODY = 3
    """A request body as it came."""
    REFUSED = 4
    """A request that the front refuses."""
    GONE = 5
    """The client of a request has hung up."""
    ANSWER = 6
    """The answer to a request."""
    PARKED = 7
    """A request waits for work, and is no load meanwhile."""
    STOP = 8
    """The server stops: accept nobody, answer what is in work, then end."""


Frame = tuple[int, int, bytes]
"""What one side has said: a kind, the number of a request, and content."""

_HEAD = Struct("!IBI")
_HEAD_BYTES = _HEAD.size
_read_head = _HEAD.unpack_from

_SIGNED_BYTES = Struct("!d64s32s65sI").size
_read_signed = Struct("!d64s32s65sI").unpack_from
_write_signed = Struct("!IBId64s32s65sI").pack

_REFUSED = Struct("!dH")

_ANSWER_BYTES = Struct("!HH").size
_read_answer = Struct("!HH").unpack_from
_write_answer = Struct("!IBIHH").pack


def frame(kind: Kind, request: int = 0, content: bytes = b"") -> tuple[bytes, ...]:
    """A frame, in parts."""
    return _HEAD.pack(len(content), kind, request), content


class Reader:
    """Makes frames of bytes as they come."""

    __slots__ = ("_rest", "_wanted")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._wanted = 0
        """Bytes without which `_rest` holds no whole frame."""

    def read(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._wanted:
                return []
            data = bytes(self._rest)
        frames: list[Frame] = []
        start, size = 0, len(data)
        self._wanted = _HEAD_BYTES
        while size - start >= _HEAD_BYTES:
            length, kind, request = _read_head(data, start)
            begin = start + _HEAD_BYTES
            end = begin + length
            if end > size:
                self._wanted = end - start
                break
            frames.append((kind, request, data[begin:end]))
            start = end
        self._rest = bytearray(data[start:]) if start < size else bytearray()
        return frames


def signed_frame(request: int, signed: Signed, started: float) -> tuple[bytes, ...]:
    """A `SIGNED` frame, in parts, for a request that arrived at `started`."""
    name = signed.payloadtype.encode()
    length = _SIGNED_BYTES + len(name) + len(signed.payload)
    head = _write_signed(
        length,
        Kind.SIGNED,
        request,
        started,
        signed.caller.encode(),
        signed.digest,
        signed.signature,
        len(name),
    )
    return head, name, signed.payload


def read_signed(content: bytes) -> tuple[Signed, float]:
    """The request in a `SIGNED` frame, and when it arrived."""
    started, caller, digest, signature, length = _read_signed(content)
    end = _SIGNED_BYTES + length
    name = content[_SIGNED_BYTES:end].decode()
    return Signed(name, content[end:], digest, signature, caller.decode()), started


def refused_frame(request: int, refusal: Refusal, started: float) -> tuple[bytes, ...]:
    """A `REFUSED` frame, in parts, for a request that arrived at `started`."""
    return frame(Kind.REFUSED, request, _REFUSED.pack(started, refusal.status) + refusal.message.encode())


def read_refused(content: bytes) -> tuple[Refusal, float]:
    """The refusal in a `REFUSED` frame, and when its request arrived."""
    started, status = _REFUSED.unpack_from(content)
    return Refusal(status, content[_REFUSED.size :].decode()), started


def answer_frame(request: int, response: Response) -> tuple[bytes, ...]:
    """An `ANSWER` frame, in parts."""
    status, body, retry_after = response
    return _write_answer(_ANSWER_BYTES + len(body), Kind.ANSWER, request, status, retry_after), body


def read_answer(content: bytes) -> Response:
    """The answer in an `ANSWER` frame."""
    status, retry_after = _read_answer(content)
    return Response(status, content[_ANSWER_BYTES:], retry_after)
