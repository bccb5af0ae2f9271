"""Keys, ids and signatures (protocol: identity.md sections 1 to 3).

An identity is a secp256k1 key. Its id is the SHA3-256 of the *text* of its uncompressed public key,
in lower-case hex. A message is signed by signing the SHA3-256 of its base64 payload text; whoever
has the text and the signature can recover the id of the signer.
"""

from __future__ import annotations

import hashlib

from coincurve import PrivateKey, PublicKey

__all__ = ["Identity", "SignatureError", "digest_of", "identity_of", "recover"]

_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_SIGNATURE_BYTES = 65
_HIGHEST_RECOVERY_ID = 7


class SignatureError(ValueError):
    """The signature cannot belong to anybody: wrong length, not hex, or no valid point."""


def digest_of(payload: bytes) -> bytes:
    """The 32-byte SHA3-256 digest that is signed for `payload` (the base64 text, not the JSON)."""
    return hashlib.sha3_256(payload).digest()


def identity_of(public_key: bytes) -> str:
    """The id (64 hex digits) of an uncompressed public key of 65 bytes."""
    return hashlib.sha3_256(public_key.hex().encode("ascii")).hexdigest()


def recover(digest: bytes, signature: bytes) -> str:
    """The id of whoever signed `digest` with `signature` (r, s, v: 65 bytes).

    A wrong key or message does not fail; it gives the id of a stranger.

    Raises:
        SignatureError: the bytes are no signature, or s is not in the low half of the order.
    """
    if len(signature) != _SIGNATURE_BYTES:
        raise SignatureError("Invalid signature length")
    recovery_id = signature[64]
    if recovery_id > _HIGHEST_RECOVERY_ID:
        raise SignatureError(f"Invalid signature recovery id {recovery_id}")
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise SignatureError("Signature s value is over half the order")
    if recovery_id > 3:  # the "compressed" bit of the compact format says nothing about the signer
        signature = signature[:64] + bytes((recovery_id & 3,))
    try:
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except Exception as error:  # noqa: BLE001 (coincurve raises bare Exception)
        raise SignatureError(f"Invalid signature: {error}") from None
    return identity_of(key.format(compressed=False))


class Identity:
    """A private key and the id that it stands for.

    Raises:
        ValueError: the key is not 64 hex digits of a number in 1..N-1.
    """

    __slots__ = ("_key", "id")

    def __init__(self, private_key: str) -> None:
        secret = bytes.fromhex(private_key)
        if len(secret) != 32:
            raise ValueError("a private key has 64 hex digits")
        self._key = PrivateKey(secret)
        self.id = identity_of(self._key.public_key.format(compressed=False))

    @classmethod
    def generate(cls) -> Identity:
        """A new random identity."""
        return cls(PrivateKey().secret.hex())

    @property
    def private_key(self) -> str:
        """The private key as 64 hex digits. Keep it secret."""
        return self._key.secret.hex()

    def sign(self, payload: bytes) -> str:
        """The signature of `payload` (the base64 text) as 130 hex digits."""
        return self.sign_digest(digest_of(payload)).hex()

    def sign_digest(self, digest: bytes) -> bytes:
        """The 65-byte signature (r, s, v) of a 32-byte digest."""
        return self._key.sign_recoverable(digest, hasher=None)

    def __repr__(self) -> str:
        return f"Identity({self.id[:8]}…)"
