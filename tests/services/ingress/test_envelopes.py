"""Envelopes that a node makes of what another envelope said."""

from __future__ import annotations

from colonyledger.identity import Identity
from colonyledger.wire import GetColony, payloadtype_of, signed
from hypothesis import given
from hypothesis import strategies as st

from services.ingress.envelopes import open_envelope, request_envelope, verify


@given(st.text())
def test_a_request_is_passed_on_as_it_was_signed(name: str) -> None:
    who = Identity.generate()
    sent = verify(open_envelope(signed(GetColony(colonyname=name), who)))
    assert (sent.caller, sent.payloadtype) == (who.id, payloadtype_of(GetColony))
    assert verify(open_envelope(request_envelope(sent))) == sent
