"""What you see is what you sign: fifty offers as Chromium renders them, against the fields that the hash covers.

The expected words are made here from the offer alone, by other means than the page's own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Browser

from edge_agent.core.leave.terms import Offer, terms_hash
from tests.browser.pictures import sign_in
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House
from tests.edge_agent.web.samples import sample_offer, sample_prompt

pytestmark = pytest.mark.browser

OFFERS = 50
SEED = 20_260_301
PLACES = {"USD": 2, "EUR": 2, "GBP": 2, "CHF": 2, "JPY": 0, "TND": 3}
SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
TITLES = (
    "Whole milk 3.5 %, 1 L",
    "<b>1 \u00d7</b> milk & <script>alert(1)</script>",
    "حليب كامل الدسم",
    "牛奶 4 \u00d7 250 mL",
    "Ökomilch — $0.01",
    "Total $0.05",
    "x" * 200,
)
# The text of every term as it is painted, what the button says, and what its form would send.
SEEN = """
() => ({
  ...Object.fromEntries([...document.querySelectorAll("[data-term]")].map(e => [e.dataset.term, e.innerText.trim()])),
  button: document.querySelector("form.approve button").innerText.trim(),
  terms_hash: document.querySelector("form.approve input[name=terms_hash]").value,
  line: document.querySelector(".terms .figure").innerText.trim(),
  lang: document.documentElement.lang,
})
"""


def test_fifty_offers_are_shown_as_they_are_signed(browser: Browser, house: House, address: str) -> None:
    """Amounts, currency, merchant, article, title, quantity and pack: no mismatch in any of them."""
    for number, offer, seen in _read(browser, house, address, language="en"):
        expected = _expected(offer)
        assert {name: seen[name] for name in expected} == expected, f"offer {number} of seed {SEED}"


def test_in_chinese_the_same_terms_are_shown(browser: Browser, house: House, address: str) -> None:
    """What is signed is data: names letter for letter, each number with the same digits, whatever stands around."""
    for number, offer, seen in _read(browser, house, address, language="zh-Hans"):
        expected = _expected(offer)
        for name in ("title", "currency", "merchant", "sku", "terms_hash", "line"):
            assert seen[name] == expected[name], f"{name} of offer {number} of seed {SEED}"
        for name in ("pack", "quantity", "unit_price", "delivery", "total", "total_max", "button"):
            assert _digits(seen[name]) == _digits(expected[name]), f"{name} of offer {number} of seed {SEED}"
        assert seen["lang"] == "zh-Hans"


def _read(
    browser: Browser, house: House, address: str, *, language: str
) -> Iterator[tuple[int, Offer, dict[str, str]]]:
    """Every offer with what Chromium paints of it, for a person who chose this language."""
    rng = random.Random(SEED)
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, address)
    house.accounts.set_language("the-owner", language)
    for number in range(OFFERS):
        offer = _offer(rng, number)
        house.home.add(replace(sample_prompt("p-seen"), offer=offer, terms_hash=terms_hash(offer)))
        page.goto(f"{address}/prompts/p-seen")
        yield number, offer, page.evaluate(SEEN)
    context.close()


def _digits(text: str) -> str:
    """The figures of a text with their decimal point, without what groups them."""
    return "".join(re.findall(r"[0-9.]", text.replace(",", "")))


def _offer(rng: random.Random, number: int) -> Offer:
    """Any offer that the core's types allow; small and huge, free and dear, in odd words."""
    unit_price_minor = rng.choice((0, 1, 99, 100, 101, rng.randrange(10_000), rng.randrange(10**10)))
    delivery_minor = rng.choice((0, 1, rng.randrange(2_000)))
    quantity = rng.choice((1, 2, 99, rng.randrange(1, 100)))
    total_minor = unit_price_minor * quantity + delivery_minor
    return replace(
        sample_offer(),
        merchant=rng.choice(("grocer", "other_shop", "a" * 64, "x-1")),
        sku=rng.choice(("milk-1", "X:1.5-b", "0" * 64)),
        title=TITLES[number % len(TITLES)],
        pack_amount=rng.choice((1_035.0, 0.5, 1_000_000.0, 250.25, float(rng.randrange(1, 10**6)))),
        unit=rng.choice(("g", "mL", "{wash}", "m")),
        quantity=quantity,
        unit_price_minor=unit_price_minor,
        delivery_minor=delivery_minor,
        total_minor=total_minor,
        total_max_minor=total_minor + rng.randrange(1_000),
        currency=rng.choice(tuple(PLACES)),
        expires_at=NOW + timedelta(hours=rng.randrange(1, 72)),
        hold_s=rng.choice((0, 120, 1_800)),
    )


def _expected(offer: Offer) -> dict[str, str]:
    total = _money(offer.total_minor, offer.currency)
    delivery = _money(offer.delivery_minor, offer.currency)
    packs = f"{offer.quantity} pack" if offer.quantity == 1 else f"{offer.quantity} packs"
    return {
        "title": offer.title,
        "line": f"{offer.quantity} \u00d7 {offer.title}",
        "pack": f"{Decimal(str(offer.pack_amount)).normalize():,f} {offer.unit}",
        "quantity": packs,
        "unit_price": _money(offer.unit_price_minor, offer.currency),
        "delivery": delivery if offer.delivery_minor else f"free ({delivery})",
        "total": total,
        "total_max": _money(offer.total_max_minor, offer.currency),
        "currency": offer.currency,
        "merchant": offer.merchant,
        "sku": offer.sku,
        "button": f"Order and pay {total}",
        "terms_hash": terms_hash(offer),
    }


def _money(minor: int, currency: str) -> str:
    places = PLACES[currency]
    digits = f"{Decimal(minor).scaleb(-places):,.{places}f}"
    return f"{SIGNS[currency]}{digits}" if currency in SIGNS else f"{currency} {digits}"
