"""The Avro encoding of a record, written out by hand: half of what an append costs otherwise.

Only for a record that was not copied from another ledger, and fits the schema in every field.
`schemas/avro/record-1.avsc` stays the specification: the tests compare this with the library, byte for byte.
"""

from __future__ import annotations

from binascii import Error as HexError
from binascii import unhexlify
from functools import lru_cache

from colonyledger.record import Record, RecordKind

__all__ = ["avro_long", "encode_plainly"]

_START = b"\x00\x00\x00\x00\x01"
"""The magic byte and the id of the schema."""

_DIGEST_BYTES = 32
_SIGNATURE_BYTES = 65
_ID_DIGITS = 64
_LONGEST = 2**63
_LARGEST_INT = 2**31
_ONE_BYTE = [bytes((number,)) for number in range(128)]


def encode_plainly(record: Record) -> bytes | None:
    """The body of `record`; None if it was copied or a field does not fit."""
    digest, signature, payload = record.digest, record.signature, record.payload
    if (
        record.origin != -1
        or type(digest) is not bytes
        or len(digest) != _DIGEST_BYTES
        or type(signature) is not bytes
        or len(signature) != _SIGNATURE_BYTES
        or type(payload) is not bytes
        or len(record.identity) != _ID_DIGITS
        or not -_LARGEST_INT <= record.rules < _LARGEST_INT
        or not -_LONGEST <= record.arrived < _LONGEST
        or not -_LONGEST <= record.sequence < _LONGEST
    ):
        return None
    try:
        return b"%b%b%b%b%b%b%b%b%b%b" % (
            _head(record.kind, record.payloadtype),
            digest,
            signature,
            unhexlify(record.identity),
            avro_long(record.arrived),
            _text(record.node),
            avro_long(record.sequence),
            avro_long(record.rules),
            avro_long(len(payload)),
            payload,
        )
    except (HexError, UnicodeError, TypeError, KeyError):
        return None


_KINDS = {RecordKind.RPC: b"\x00", RecordKind.SYSTEM: b"\x02"}


@lru_cache(maxsize=512)
def _head(kind: RecordKind, payloadtype: str) -> bytes:
    return _START + _KINDS[kind] + _text(payloadtype)


@lru_cache(maxsize=64)
def _text(text: str) -> bytes:
    encoded = text.encode()
    return avro_long(len(encoded)) + encoded


def avro_long(value: int) -> bytes:
    """A number as Avro has it: the sign in the lowest bit, seven bits a byte, the lowest first."""
    rest = value << 1 if value >= 0 else ~(value << 1)
    if rest < 128:
        return _ONE_BYTE[rest]
    encoded = bytearray()
    while rest >= 128:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)
