"""Keys in a profile: what we cannot use is passed over, what must not be there spoils the set."""

from __future__ import annotations

from typing import Any

import pytest

from cloud_bridge.errors import MerchantAwayError
from cloud_bridge.merchants.published_keys import read_keys
from cloud_bridge.signing_key import new_key

GOOD = dict(new_key().public_jwk)
OTHER = dict(new_key().public_jwk)


@pytest.mark.parametrize(
    "useless",
    [
        {},
        {"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "AAAA"},
        {"kty": "future", "kid": "a"},
        {**GOOD, "crv": "P-384"},
        {**GOOD, "alg": "ES384"},
        {**GOOD, "use": "enc"},
        {**GOOD, "key_ops": ["encrypt"]},
        {**GOOD, "key_ops": None},
        {**GOOD, "key_ops": 5},
        {**GOOD, "kid": 7},
        {**GOOD, "y": GOOD["x"]},
        {**GOOD, "x": "AAAA"},
        {**GOOD, "x": 5},
    ],
)
def test_a_key_of_another_kind_is_passed_over(useless: dict[str, Any]) -> None:
    """The vocabulary is open, so the rest of the set stays good."""
    assert list(read_keys([useless, OTHER])) == [OTHER["kid"]]


@pytest.mark.parametrize(
    "listed",
    [
        [{**GOOD, "d": "AAAA"}],
        [{"kty": "oct", "k": "AAAA", "kid": "a"}],
        [GOOD, {**OTHER, "kid": GOOD["kid"]}],
        [GOOD] * 33,
    ],
)
def test_a_private_key_or_two_of_one_name_spoil_the_set(listed: list[dict[str, Any]]) -> None:
    """A merchant that publishes its secret, or that can be mistaken, is not dealt with."""
    with pytest.raises(MerchantAwayError):
        read_keys(listed)


def test_the_same_key_in_two_places_is_one_key() -> None:
    """Merchants that move it between versions list it twice."""
    assert list(read_keys([GOOD, GOOD])) == [GOOD["kid"]]
