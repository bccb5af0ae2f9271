"""Keys, ids and signatures against the vectors of identity.md section 3."""

from __future__ import annotations

import hashlib

import pytest
from colonyledger.identity import Identity, SignatureError, digest_of, identity_of, recover
from hypothesis import given
from hypothesis import strategies as st

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

IDENTITIES = {
    "fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d": (
        "039231c7644e04b6895471dd5335cf332681c54e27f81fac54f9067b3f2c0103"
    ),
    "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514": (
        "4787a5071856a4acf702b2ffcea422e3237a679c681314113d86139461290cf4"
    ),
    "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05": (
        "3fc05cf3df4b494e95d6a3d297a34f19938f7daa7422ab0d4f794454133341ac"
    ),
    "6d2fb6f546bacfd98c68769e61e0b44a697a30596c018a50e28200aa59b01c0a": (
        "4fef2b5a82d134d058c1883c72d6d9caf77cd59ca82d73105017590dea3dcb87"
    ),
    "d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6": (
        "5d6568f883451ae2e407d1a0a7992e414f2a67b69d0e6e9176d353b98f06f696"
    ),
    "0000000000000000000000000000000000000000000000000000000000000001": (
        "2036f5bc759cfb3589fb4e2342bc9b3c843c5ef27dc8ded538de328a7567089b"
    ),
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140": (
        "8a1239501ae5ad811ed1de202778d48556f8977f597b971baa2d4e20deb49dd9"
    ),
}
PUBLIC_KEYS = {
    "039231c7644e04b6895471dd5335cf332681c54e27f81fac54f9067b3f2c0103": (
        "26aa26fe2d354aeb42265141eb7b42dc74b092c3809d2288ae1cb73feae7aafc"
        "906b4252aee3855676941423a2df8f83aada0c3e1dbb19c263c9bef53471964b"
    ),
    "4787a5071856a4acf702b2ffcea422e3237a679c681314113d86139461290cf4": (
        "6c9880d25fcada91665206a95e5188211ffdadda4a25c1deb3f2375f08535845"
        "bb41ccd74cdad729940b29451adb58f30dc66e69dbed6b11d2c1c48b14624dd5"
    ),
    "3fc05cf3df4b494e95d6a3d297a34f19938f7daa7422ab0d4f794454133341ac": (
        "0e1930031d82f79fb53008c4ad81c8933f9fdb4d55bf9f385eca9f1275b2cfd6"
        "ed08ae04fd9e3b72daeea8d3e836148d4d3dc27df58fb45878d126cddf4d2fcf"
    ),
    "4fef2b5a82d134d058c1883c72d6d9caf77cd59ca82d73105017590dea3dcb87": (
        "08e903276ee7973666dceeefa5335e5c4b6b5989821906db98f8de8acf8f8538"
        "24ca3234a8602200baa2d75f30cb2050cda18602824c3eb2da654a93a01a7ad4"
    ),
}
DIGESTS = {
    "": "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
    "hello": "3338be694f50c5f338814986cdf0686453a888b84f424d792af4b9202398f392",
    "hello world": "644bcc7e564373040999aac89e7622f3ca71fba1d972fd94a31c3bfbf24e3938",
}
HELLO = (
    "e713a1bb015fecabb5a084b0fe6d6e7271fca6f79525a634183cfdb175fe6924"
    "1f4da161779d8e6b761200e1cf93766010a19072fa778f9643363e2cfadd640900"
)
SIGNER = "5d6568f883451ae2e407d1a0a7992e414f2a67b69d0e6e9176d353b98f06f696"
SIGNATURES = [
    ("hello", HELLO, SIGNER),
    (
        "hello",
        (
            "997eca36736d465e0e8d64e6d657ff4c939c8f5cad4272797ea0fe372bfd8d09"
            "53d21b3d06ded5dd80aee8cfa3a9be7ce615ce690eb64184fe15962943fe541300"
        ),
        SIGNER,
    ),
    (
        "vector-2",
        (
            "9fe2f7a6797ab5ee8502aab974d4bdd2ae411ab12d2423c1433b121777fc76a2"
            "538f5500deb444cf063be68bf8db09cd27c39aa7d0a6861ba088348cf7dde39001"
        ),
        "3fc05cf3df4b494e95d6a3d297a34f19938f7daa7422ab0d4f794454133341ac",
    ),
    (
        "vector-6",
        (
            "00a347f3cdb30f871714a79c66552fb41ba74936761d3d2f8e938313609fe61e"
            "149c8dc2e029915855a9529093270405c57016dad02393d4b562e921a76af98200"
        ),
        "3fc05cf3df4b494e95d6a3d297a34f19938f7daa7422ab0d4f794454133341ac",
    ),
]


@pytest.mark.parametrize(("private_key", "expected"), IDENTITIES.items())
def test_an_id_is_the_hash_of_the_public_keys_text(private_key: str, expected: str) -> None:
    assert Identity(private_key).id == expected


@pytest.mark.parametrize(("expected", "public_key"), PUBLIC_KEYS.items())
def test_an_id_follows_from_the_public_key(expected: str, public_key: str) -> None:
    assert identity_of(bytes.fromhex(f"04{public_key}")) == expected


def test_a_key_survives_being_written_down() -> None:
    identity = Identity.generate()
    assert len(identity.private_key) == 64
    assert Identity(identity.private_key).id == identity.id
    assert Identity.generate().id != identity.id


def test_the_representation_keeps_the_secret() -> None:
    identity = Identity.generate()
    assert identity.private_key not in repr(identity)


@pytest.mark.parametrize(
    "private_key",
    ["", "00" * 32, f"{ORDER:064x}", "ff" * 32, "ab" * 31, "ab" * 33, "no hex", "é" * 64],
)
def test_no_private_key(private_key: str) -> None:
    with pytest.raises(ValueError):
        Identity(private_key)


@pytest.mark.parametrize(("text", "expected"), DIGESTS.items())
def test_digest(text: str, expected: str) -> None:
    assert digest_of(text.encode()).hex() == expected


@pytest.mark.parametrize(("message", "signature", "signer"), SIGNATURES)
def test_recovery(message: str, signature: str, signer: str) -> None:
    assert recover(digest_of(message.encode()), bytes.fromhex(signature)) == signer


def test_upper_case_hex_is_the_same_signature() -> None:
    assert recover(digest_of(b"hello"), bytes.fromhex(HELLO.upper())) == SIGNER


def test_the_compressed_bit_says_nothing() -> None:
    assert recover(digest_of(b"hello"), bytes.fromhex(f"{HELLO[:-2]}04")) == SIGNER


@pytest.mark.parametrize(
    ("message", "signature", "stranger"),
    [
        ("hello", f"{HELLO[:-2]}01", "f8d67c6b4baeb42fe05ddad19db9574717243b836e6516a7760113d2f1c2d5da"),
        ("hello2", HELLO, "e97f0ced02c9e768577accfc87090f4a1046c67b95d3fc16bb8c7be341c9a7c0"),
    ],
)
def test_a_wrong_recovery_id_or_message_gives_a_stranger(message: str, signature: str, stranger: str) -> None:
    assert recover(digest_of(message.encode()), bytes.fromhex(signature)) == stranger


def test_a_high_s_is_refused() -> None:
    high = bytes.fromhex(
        "e713a1bb015fecabb5a084b0fe6d6e7271fca6f79525a634183cfdb175fe6924"
        "e0b25e9e8862719489edff1e306c899eaa0d4c73b4d110a57c9c205fd558dd3801"
    )
    with pytest.raises(SignatureError, match="over half the order"):
        recover(digest_of(b"hello"), high)


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(66), bytes.fromhex(HELLO)[:64]])
def test_a_signature_has_65_bytes(signature: bytes) -> None:
    with pytest.raises(SignatureError, match="Invalid signature length"):
        recover(digest_of(b"hello"), signature)


@pytest.mark.parametrize(
    "signature",
    [
        bytes(65),
        bytes.fromhex(HELLO)[:32] + bytes(33),
        bytes(32) + bytes.fromhex(HELLO)[32:],
        b"\xff" * 32 + bytes.fromhex(HELLO)[32:],
        bytes.fromhex(HELLO)[:64] + b"\x08",
        bytes.fromhex(HELLO)[:64] + b"\xff",
        bytes.fromhex(HELLO)[:64] + b"\x02",
    ],
    ids=["zeros", "s is 0", "r is 0", "r too large", "v is 8", "v is 255", "r + N is no coordinate"],
)
def test_bytes_that_nobody_signed(signature: bytes) -> None:
    with pytest.raises(SignatureError):
        recover(digest_of(b"hello"), signature)


@given(st.integers(min_value=1, max_value=ORDER - 1), st.binary(max_size=100))
def test_what_is_signed_can_be_recovered(secret: int, message: bytes) -> None:
    identity = Identity(f"{secret:064x}")
    signature = identity.sign(message)
    assert len(signature) == 130
    assert recover(hashlib.sha3_256(message).digest(), bytes.fromhex(signature)) == identity.id
