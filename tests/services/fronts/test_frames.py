"""What fronts and owner say to each other comes over whole, however it is cut up on the way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from projections.event import Refusal
from services.fronts.frames import (
    Frame,
    Kind,
    Reader,
    answer_frame,
    frame,
    read_answer,
    read_refused,
    read_signed,
    refused_frame,
    signed_frame,
)
from services.ingress.envelopes import Signed
from services.ingress.response import Response

requests = st.integers(0, 2**32 - 1)
times = st.floats(0, 1e9)


def only(parts: tuple[bytes, ...]) -> Frame:
    """The one frame in some bytes."""
    (read,) = Reader().read(b"".join(parts))
    return read


@given(st.lists(st.tuples(st.sampled_from(Kind), requests, st.binary(max_size=300))), st.data())
def test_frames_in_pieces(said: list[tuple[Kind, int, bytes]], data: st.DataObject) -> None:
    stream = b"".join(b"".join(frame(*each)) for each in said)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader = Reader()
    heard = [
        each
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for each in reader.read(stream[start:end])
    ]
    assert heard == said


@given(requests, st.text(max_size=100), st.binary(max_size=300), times)
def test_a_signed_request(request: int, payloadtype: str, payload: bytes, started: float) -> None:
    signed = Signed(payloadtype, payload, b"d" * 32, b"s" * 65, "a" * 64)
    kind, number, content = only(signed_frame(request, signed, started))
    assert (kind, number) == (Kind.SIGNED, request)
    assert read_signed(content) == (signed, started)


@given(requests, st.integers(400, 599), st.text(max_size=100), times)
def test_a_refusal(request: int, status: int, message: str, started: float) -> None:
    kind, number, content = only(refused_frame(request, Refusal(status, message), started))
    assert (kind, number) == (Kind.REFUSED, request)
    refusal, came = read_refused(content)
    assert (refusal.status, refusal.message, came) == (status, message, started)


@given(requests, st.integers(200, 599), st.binary(max_size=300), st.integers(0, 60))
def test_an_answer(request: int, status: int, body: bytes, retry_after: int) -> None:
    kind, number, content = only(answer_frame(request, Response(status, body, retry_after)))
    assert (kind, number) == (Kind.ANSWER, request)
    assert read_answer(content) == Response(status, body, retry_after)
