"""Whatever a merchant answers, at whatever step: refused, or in doubt, or true; bounded, and nobody else is asked.

One fault at a time is put into one answer at a time, at every step of the contract.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from tests.cloud_bridge.contract.bad_answers import (
    CHANGING,
    KINDS,
    STEPS,
    Shop,
    begin,
    is_bounded,
    judge,
    overheard,
    take,
)
from tests.cloud_bridge.tampering import (
    ELSEWHERE,
    Fault,
    deepened,
    doubled,
    endless,
    not_a_number,
    numbers,
    packed,
    raw,
    relabelled,
    renamed,
    swapped,
)

pytestmark = [pytest.mark.merchant, pytest.mark.timeout(300)]

FAULTS: dict[str, Fault] = {
    "a page": raw(200, b"<!doctype html><html><body>Please sign in</body></html>", content_type="text/html"),
    "nothing": raw(200, b"", content_type="application/json"),
    "null": raw(200, b"null", content_type="application/json"),
    "a list": raw(200, b"[]", content_type="application/json"),
    "no text": raw(200, bytes(range(256)), content_type="application/json"),
    "a redirect": raw(302, b"", location=ELSEWHERE),
    "a lasting redirect": raw(308, b"", location=ELSEWHERE),
    "a gigabyte": endless,
    "a packed answer": packed,
    "another type of content": relabelled,
    "very deep": deepened,
    "a name twice": doubled,
    "no number": not_a_number,
    "another currency": swapped("USD", "EUR"),
    "less than nothing": numbers("amount", lambda amount: -amount),
    "a huge amount": swapped(r'(?<="amount": )\d+|(?<="totalWithTax":)\d+|(?<="amount":)\d+', "9" * 400),
    "a fraction": swapped(r"(?<=: )\d+\b|(?<=:)\d+\b(?=[,}])", "1.5"),
    "half the pack": swapped("Whole milk 1 L", "Whole milk 500 mL"),
    "half of it": swapped(r'("quantity"\s*:\s*)2|(X-RESTOCK-QUANTITY:)2', r"\g<1>\g<2>1"),
}
_EVERYWHERE = frozenset({"quote", "prices"})
_OF_PRICES = ("a page", "another currency", "less than nothing", "half of it")


@pytest.fixture(params=list(KINDS))
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """Each kind in turn."""
    async with KINDS[request.param](request) as opened:
        opened.kind = request.param
        yield opened


async def _wrongs(shop: Shop, step: str, faults: Mapping[str, Fault], *, everywhere: bool) -> list[str]:
    """What is wrong with a step that has these faults in turn: in each of its answers, or in the last one only."""
    wrongs: list[str] = []
    begun = await begin(shop, step)
    shop.wire.arm(None)
    await take(shop, step, begun)
    count = shop.wire.exchanges
    for name, fault in faults.items():
        for number in range(0 if everywhere else count - 1, count):
            begun = await begin(shop, step) if step in CHANGING else begun
            before = shop.count()
            shop.wire.arm(fault, only=number)
            came = await take(shop, step, begun)
            shop.wire.disarm()
            wrong = judge(step, begun, came=came, sold=shop.count() - before) if shop.wire.changed else None
            if wrong is not None or not is_bounded(shop):
                wrongs.append(f"{name}, answer {number}: {wrong or 'not bounded'}: {came!r}")
    return wrongs


@pytest.mark.parametrize("step", STEPS)
async def test_a_bad_answer_is_never_believed(shop: Shop, step: str) -> None:
    """No order that is none, no price that is none, no error out of the contract, no body beyond its bound."""
    everywhere = step in _EVERYWHERE  # elsewhere in the last answer, which decides: the rest takes time
    faults = {name: FAULTS[name] for name in _OF_PRICES} if step == "prices" else FAULTS
    assert await _wrongs(shop, step, faults, everywhere=everywhere) == []


@pytest.mark.parametrize("step", STEPS)
async def test_an_answer_about_another_households_order_is_not_about_ours(shop: Shop, step: str) -> None:
    """The last answer of a step is the one that the neighbours got at it, for the same goods at the same price."""
    theirs = (await overheard(shop, step))[-1]
    assert await _wrongs(shop, step, {"theirs": lambda _: theirs}, everywhere=False) == []


# What each kind is read by. Beside them an answer may say what it wants, in whatever words.
_NAMES = {
    "ucp": "id status currency line_items item price quantity totals type amount fulfillment methods order version",
    "acp": "id status currency line_items item unit_amount quantity totals type amount fulfillment_options order",
    "vendure": "data code state orderPlacedAt currencyCode totalWithTax lines sku quantity payments company __typename",
    "caldav": "multistatus response propstat prop resourcetype status BEGIN UID STATUS X-RESTOCK-REFERENCE",
}


async def test_a_field_of_another_name_is_never_guessed(shop: Shop) -> None:
    """Each name that is read is another one in all answers of a step: refused, or in doubt, or nothing less true."""
    wrongs: list[str] = []
    tried: set[str] = set()
    for step in ("quote", "place", "get a placed one", "events"):
        begun = await begin(shop, step)
        for name in _NAMES[shop.kind].split():
            begun = await begin(shop, step) if step in CHANGING else begun
            before = shop.count()
            shop.wire.arm(renamed(name))
            came = await take(shop, step, begun)
            shop.wire.disarm()
            tried |= {name} if shop.wire.changed else set()
            wrong = judge(step, begun, came=came, sold=shop.count() - before) if shop.wire.changed else None
            wrongs += [f"{step}, {name}: {wrong}: {came!r}"] if wrong else []
    assert wrongs == []
    assert tried == set(_NAMES[shop.kind].split())
