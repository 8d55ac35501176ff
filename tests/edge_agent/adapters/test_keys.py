"""The household's key and secret."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, InvalidSignature, algorithms

from edge_agent.adapters.keys import HouseholdKey, load_or_create
from edge_agent.errors import ConfigurationError


def test_the_key_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    """A second start finds the same key; both files are readable by their owner only."""
    first, second = load_or_create(tmp_path), load_or_create(tmp_path)
    assert first.public_key_base64() == second.public_key_base64()
    assert first.customer_ref("grocer") == second.customer_ref("grocer")
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_household_has_another_name_at_each_merchant(tmp_path: Path) -> None:
    """Two merchants cannot match their customers by the reference."""
    key = load_or_create(tmp_path)
    assert key.customer_ref("grocer") != key.customer_ref("garage")
    assert len(key.customer_ref("grocer")) == 64


def test_the_signature_is_the_households(tmp_path: Path) -> None:
    """What the key signs, its public half verifies."""
    key = load_or_create(tmp_path)
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public_key_base64()))
    public.verify(key.sign(b"terms"), b"terms")


@pytest.mark.parametrize("name", ["household.key", "household.secret"])
def test_a_damaged_key_file_is_named(tmp_path: Path, name: str) -> None:
    """A damaged key is never replaced in silence: that would lock the household out of its own bridge."""
    load_or_create(tmp_path)
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(ConfigurationError, match="household"):
        load_or_create(tmp_path)


class _Verifier(HTTPMessageVerifier):
    """The library's verifier with one key."""

    def __init__(self, key: HouseholdKey) -> None:
        super().__init__(signature_algorithm=algorithms.ED25519, key_resolver=key)


@pytest.mark.parametrize("body", [b"", b'{"a":1}'])
def test_a_request_is_signed_over_method_target_and_body(tmp_path: Path, body: bytes) -> None:
    """The signature verifies, and no longer does when the target changes."""
    key = load_or_create(tmp_path)
    request = httpx.Request("POST", "http://bridge.test/v1/intents", content=body or None)
    key.sign_request(request, household="home-1")
    _Verifier(key).verify(request, body=body or None)
    moved = httpx.Request("POST", "http://bridge.test/v1/prices", content=body or None, headers=request.headers)
    with pytest.raises(InvalidSignature):
        _Verifier(key).verify(moved, body=body or None)
