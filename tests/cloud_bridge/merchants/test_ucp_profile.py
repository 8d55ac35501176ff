"""Profiles: every version's shape becomes one, and ours is what each version wants to read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloud_bridge.errors import MerchantAwayError
from cloud_bridge.merchants.ucp_profile import agent_profile, read_profile
from cloud_bridge.merchants.ucp_versions import AP2, CHECKOUT, DIALECTS, same_origin
from cloud_bridge.signing_key import new_key
from tests import loopback
from tests.cloud_bridge.spck import sandbox
from tests.cloud_bridge.versioned_shop import KID, ORIGIN, VersionedShop

JWK = dict(new_key().public_jwk)


def _profile(version: str, *, ap2: bool = False) -> dict[str, Any]:
    return VersionedShop(version, [], ap2=ap2).profile()


def _read(document: dict[str, Any], *, origin: str = ORIGIN) -> Any:  # noqa: ANN401  a profile
    return read_profile(json.dumps(document).encode(), origin=origin)


@pytest.mark.parametrize("version", DIALECTS)
def test_each_version_of_a_profile_says_the_same(version: str) -> None:
    """Capabilities in a list or a registry, services of one or many transports, keys and ways to pay here or there."""
    profile = _read(_profile(version, ap2=True))
    assert (profile.dialect, profile.path) == (DIALECTS[version], "/ucp")
    assert list(profile.keys) == [KID]
    assert {CHECKOUT, AP2} < profile.capabilities
    assert list(profile.handlers) == ["mock_payment_handler"]


def test_the_sandbox_of_the_kit_is_read_as_it_is() -> None:
    """Its keys stand in the places of two versions, and its capabilities name no versions."""
    with sandbox("ap2") as merchant:
        profile = read_profile(loopback.get(f"{merchant.url}/.well-known/ucp").content, origin=merchant.url)
    assert (profile.dialect.version, profile.path, list(profile.keys)) == ("2026-04-08", "", ["spck-sandbox-sig-2026"])
    assert AP2 in profile.capabilities


def _with(*path: str | int, to: object, version: str = "2026-04-08") -> dict[str, Any]:
    document = _profile(version)
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return document


REST = ("ucp", "services", "dev.ucp.shopping")


@pytest.mark.parametrize(
    "document",
    [
        {},
        _with("ucp", "version", to="2031-01-01"),
        _with("ucp", "version", to=20260408),
        _with(*REST, 1, "endpoint", to="https://evil.example/ucp"),
        _with(*REST, 1, "endpoint", to="http://shop.example/ucp"),
        _with(*REST, 1, "endpoint", to="https://shop.example@evil.example/ucp"),
        _with(*REST, 1, "endpoint", to="https://169.254.169.254/"),
        _with(*REST, 1, "endpoint", to="file:///etc/passwd"),
        _with(*REST, 1, "endpoint", to="https://[shop/"),
        *(_with(*REST, 1, "endpoint", to=f"{ORIGIN}/{path}") for path in ("\u00e4", "a b", "%zz", "a\\b", "\u202e")),
        _with(*REST, 1, "endpoint", to=f"{ORIGIN}/a\x00b"),
        _with(*REST, to=[{"transport": "mcp", "endpoint": f"{ORIGIN}/mcp"}]),
        _with("ucp", "services", to={}),
        _with("ucp", "capabilities", to="all"),
        _with("signing_keys", to={"kid": "a"}),
        _with("signing_keys", to=[{**JWK, "d": "AAAA"}]),
    ],
)
def test_a_profile_that_leads_astray_is_not_followed(document: dict[str, Any]) -> None:
    """Unreadable, a version that we do not speak, or an endpoint that is not on the operator's origin."""
    with pytest.raises(MerchantAwayError):
        _read(document)


def test_what_a_later_version_may_add_does_no_harm() -> None:
    """Unknown fields, capabilities and keys of other kinds are passed over; null stands for nothing."""
    document = _with("signing_keys", to=[JWK, {"kty": "OKP", "crv": "Ed25519", "kid": "x", "x": "AAAA"}])
    document |= {"future": [1], "keys": None}
    document["ucp"]["capabilities"]["com.example.new"] = [{"config": {"a": 1}}]
    document["ucp"]["payment_handlers"] = None
    assert list(_read(document).keys) == [JWK["kid"]]


@pytest.mark.parametrize(("version", "place"), [(each.version, each.keys_at) for each in DIALECTS.values()])
def test_our_profile_shows_our_key_where_the_version_reads_it(version: str, place: str) -> None:
    """And the webhook's address, and AP2 only where it was wanted and can be spoken."""
    document = json.loads(agent_profile(version=version, webhook_url="https://b/w", public_jwk=JWK, ap2=True))
    assert document[place] == [JWK]
    capabilities = document["ucp"]["capabilities"]
    if DIALECTS[version].listed_capabilities:
        named = {each["name"]: each for each in capabilities}
        assert AP2 not in named
    else:
        named = {name: entries[0] for name, entries in capabilities.items()}
        assert named[AP2]["extends"] == CHECKOUT
    assert named["dev.ucp.shopping.order"]["config"] == {"webhook_url": "https://b/w"}
    plain = agent_profile(version=version, webhook_url=None, public_jwk=JWK)
    assert b"webhook" not in plain
    assert b"ap2" not in plain


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://shop.example/a/b", True),
        ("https://SHOP.example", True),
        ("https://shop.example:8443", False),
        ("http://shop.example", False),
        ("https://a@shop.example", False),
        ("https://shop.example:x", False),
        ("", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, same: bool) -> None:
    """Nothing less is the same, and nobody's name stands before the host."""
    assert same_origin(url, ORIGIN) is same
