"""Addresses for a person to finish at: the merchant's own, over https, and nothing that leads astray."""

from __future__ import annotations

import pytest

from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchants.handoff import checked_handoff

SHOP = "https://shop.example"
LOCAL = "http://127.0.0.1:8183"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (f"{SHOP}/finish/1?session=chk_1", SHOP),
        (f"{SHOP}", SHOP),
        (f"{LOCAL}/3ds/chk_1", LOCAL),
        (f"{SHOP}:443/finish", f"{SHOP}:443"),
    ],
)
def test_the_merchants_own_address_is_handed_on_as_it_is(url: str, origin: str) -> None:
    """CHK-008: a person is sent to what the merchant says."""
    assert checked_handoff(url, origin=origin) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "/finish/1",
        "//shop.example/finish",
        "http://shop.example/finish",
        "https://evil.example/finish",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://user@shop.example/",
        "https://shop.example:8443/finish",
        "https://shop.example:port/",
        "https://[::1/",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://shop.example\\@evil.example/",
        "https://shop.example/ finish",
        "https://shop.example/\nfinish",
        "https://shop.example/<script>",
        "https://sh\u00f6p.example/",
        f"{SHOP}/oauth2/authorize?response_type=code&client_id=attacker",
        f"{SHOP}/oauth2/authorize?REDIRECT_URI=https%3A%2F%2Fevil.example",
        f"{SHOP}/oauth2/authorize?code_challenge=",
    ],
)
def test_an_address_that_leads_astray_is_refused(url: str | None) -> None:
    """CHK-004 and IDL-044: not absolute, not https, not the merchant's, or an authorisation filled in beforehand."""
    with pytest.raises(MerchantUnclearError):
        checked_handoff(url, origin=SHOP)
