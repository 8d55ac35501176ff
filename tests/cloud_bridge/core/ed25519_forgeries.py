"""Signatures that a careless check takes: of another spelling, or of keys and points of small order.

Source: RFC 8032 5.1.7; Chalkias and others, Taming the many EdDSAs (2020), table 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORDER = 2**252 + 27742317777372353535851937790883648493
_FIELD = 2**255 - 19
_NEUTRAL = (1).to_bytes(32, "little")
_OF_ORDER_2 = (_FIELD - 1).to_bytes(32, "little")
_OF_ORDER_4 = bytes(32)
_OF_ORDER_8 = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
_NEUTRAL_SPELT_OTHERWISE = (_FIELD + 1).to_bytes(32, "little")

Make = Callable[[Ed25519PrivateKey, bytes], tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Forgery:
    """`make` gives a public key and a signature, from an honest private key and the message."""

    name: str
    make: Make


def _with_scalar(change: Callable[[int], int]) -> Make:
    def make(key: Ed25519PrivateKey, message: bytes) -> tuple[bytes, bytes]:
        whole = key.sign(message)
        scalar = change(int.from_bytes(whole[32:], "little"))
        return key.public_key().public_bytes_raw(), whole[:32] + scalar.to_bytes(32, "little")

    return make


def _with_point(point: bytes) -> Make:
    def make(key: Ed25519PrivateKey, message: bytes) -> tuple[bytes, bytes]:
        return key.public_key().public_bytes_raw(), point + key.sign(message)[32:]

    return make


def _with_key(public_key: bytes) -> Make:
    """Under a key of small order, this signature fits one message in eight at the least, the neutral one all."""

    def make(_: Ed25519PrivateKey, message: bytes) -> tuple[bytes, bytes]:
        return public_key, _NEUTRAL + bytes(32)

    return make


def _of_length(length: int) -> Make:
    def make(key: Ed25519PrivateKey, message: bytes) -> tuple[bytes, bytes]:
        return key.public_key().public_bytes_raw(), (key.sign(message) * 2)[:length]

    return make


FORGERIES = (
    Forgery("scalar_plus_order", _with_scalar(lambda scalar: scalar + ORDER)),
    Forgery("scalar_negated", _with_scalar(lambda scalar: ORDER - scalar)),
    Forgery("scalar_zero", _with_scalar(lambda _: 0)),
    Forgery("scalar_is_order", _with_scalar(lambda _: ORDER)),
    Forgery("scalar_top_bits", _with_scalar(lambda scalar: scalar | 7 << 253)),
    Forgery("point_neutral", _with_point(_NEUTRAL)),
    Forgery("point_of_order_2", _with_point(_OF_ORDER_2)),
    Forgery("point_of_order_8", _with_point(_OF_ORDER_8)),
    Forgery("point_not_canonical", _with_point(_NEUTRAL_SPELT_OTHERWISE)),
    Forgery("key_neutral", _with_key(_NEUTRAL)),
    Forgery("key_of_order_2", _with_key(_OF_ORDER_2)),
    Forgery("key_of_order_4", _with_key(_OF_ORDER_4)),
    Forgery("key_of_order_8", _with_key(_OF_ORDER_8)),
    Forgery("key_not_canonical", _with_key(_NEUTRAL_SPELT_OTHERWISE)),
    Forgery("key_missing", lambda key, message: (b"", key.sign(message))),
    Forgery("one_byte_short", _of_length(63)),
    Forgery("one_byte_long", _of_length(65)),
    Forgery("empty", _of_length(0)),
)
