"""Addresses for a person to finish at or to look at: over https, by a plain host, and nothing that leads astray."""

from __future__ import annotations

import pytest

from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchants.handoff import checked_handoff, place_to_look

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


@pytest.mark.parametrize(
    "url",
    [
        "https://track.carrier.example/p/9?id=1#map",
        "https://carrier.example:443/p/9",
        "https://xn--pst-ula.example/p/9",
        f"{SHOP}/orders/1",
    ],
)
def test_a_person_may_look_wherever_a_host_is_named_in_full(url: str) -> None:
    """The page shows the host before it is opened, an international one in the letters that the network knows."""
    assert place_to_look([None, url], origin=SHOP) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://carrier.example/p/9",
        "https://shop.example@carrier.example/",
        "https://carrier.example@/",
        "https://carrier.example:8443/p/9",
        "https://carrier.example:port/",
        "https://p\u00f6st.example/",
        "https://p%C3%B6st.example/",
        "https://carrier.example\\@evil.example/",
        "https://192.168.1.1/reboot",
        "https://[::1]/",
        "https://[::1/",
        "https://0x7f.1/",
        "https://router/",
        "https://carrier.example./",
        "https://-carrier.example/",
        "https:carrier.example/p/9",
        f"https://{'a.' * 130}example/",
        "https:///p/9",
        "javascript:alert(1)",
        "https://accounts.example/authorize?response_type=code&client_id=attacker",
        f"{SHOP}/oauth2/authorize?code_challenge=",
    ],
)
def test_nobody_is_sent_to_look_where_the_host_is_not_plain(url: str) -> None:
    """No user name, no odd port, no address of a machine, no name that only the home knows; the next one is taken."""
    assert place_to_look([url, f"{SHOP}/orders/1"], origin=SHOP) == f"{SHOP}/orders/1"
    assert place_to_look([url], origin=SHOP) is None


def test_a_page_to_pay_at_stays_the_merchants_own() -> None:
    """What may be looked at elsewhere may not be paid at there."""
    url = "https://track.carrier.example/p/9"
    assert place_to_look([url], origin=SHOP) == url
    with pytest.raises(MerchantUnclearError):
        checked_handoff(url, origin=SHOP)
