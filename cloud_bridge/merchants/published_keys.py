"""The public keys that a merchant publishes: P-256 keys for signatures, by key id.

A key of a kind that we do not use is passed over; a private key, or two keys under one id, spoils the whole set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from cloud_bridge.errors import MerchantAwayError

PublicKeys = Mapping[str, ec.EllipticCurvePublicKey]
NO_KEYS: PublicKeys = MappingProxyType({})

_KEYS_MAX = 32
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def read_keys(listed: Iterable[Mapping[str, Any]]) -> PublicKeys:
    """The usable ones of the keys in a profile.

    Raises: MerchantAwayError when the list is not one of public keys.
    """
    found: dict[str, ec.EllipticCurvePublicKey] = {}
    for n, each in enumerate(listed):
        if n >= _KEYS_MAX or _PRIVATE_MEMBERS & each.keys():
            raise MerchantAwayError("the merchant's profile lists too many keys, or a private one")
        key = _usable(each)
        if key is None:
            continue
        kid = str(each["kid"])
        if kid in found and found[kid].public_numbers() != key.public_numbers():
            raise MerchantAwayError(f"the merchant's profile lists two keys as {kid[:64]!r}")
        found[kid] = key
    return MappingProxyType(found)


def _usable(listed: Mapping[str, Any]) -> ec.EllipticCurvePublicKey | None:
    uses = listed.get("key_ops", ["verify"])
    for_signatures = listed.get("use", "sig") == "sig" and isinstance(uses, list) and "verify" in uses
    es256 = (listed.get("kty"), listed.get("crv"), listed.get("alg", "ES256")) == ("EC", "P-256", "ES256")
    if not for_signatures or not es256 or not isinstance(listed.get("kid"), str):
        return None
    try:
        key = JWK(**{name: listed.get(name) for name in ("kty", "crv", "x", "y")}).get_op_key("verify")
    except (JWException, ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) else None
