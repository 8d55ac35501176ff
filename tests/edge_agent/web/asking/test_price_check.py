"""A price is held against its past, against others and against the shop's word, before the button and on the item."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx

from edge_agent.core.messages import Pack, Price, Reason
from edge_agent.core.prices.shrinking import SHRUNK
from edge_agent.core.said import say
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House
from tests.edge_agent.web.sample_home import SUBSTITUTES
from tests.edge_agent.web.samples import sample_prices

PACK = Pack("Whole milk 3.5 %, 1 L", 1_035.0, "g")
PAGES = ("/prompts/p-milk", "/items/milk")


def _tell(house: House, *prices: Price) -> None:
    house.home.known["milk"] = replace(house.home.known["milk"], prices=prices)


async def test_both_pages_say_what_is_usual_and_draw_it(owner: httpx.AsyncClient) -> None:
    """The question before its button; the chart shades what is usual, and says so in words."""
    for page in PAGES:
        text = (await owner.get(page)).text
        assert (
            'data-price="price_dearer">6 % dearer than usual: what is usual is $4.05, by the prices of 9 days.' in text
        )
        assert '<rect class="usual"' in text
        assert "Last 10 prices: $3.99 to $4.29 · usual prices are shaded" in " ".join(text.split())
    question = (await owner.get(PAGES[0])).text
    assert question.index("Is it a fair price?") < question.index("Order and pay")


async def test_the_same_in_chinese(owner: httpx.AsyncClient) -> None:
    """No word of it stays English."""
    text = (await owner.get(PAGES[0], headers={"accept-language": "zh-CN"})).text
    assert "这个价格公道吗" in text
    assert "比平常贵 6%" in text
    assert "dearer than" not in text


async def test_too_few_prices_are_said_to_be_too_few(owner: httpx.AsyncClient, house: House) -> None:
    """And nothing is shaded; without any price nothing is said at all."""
    _tell(house, *sample_prices("milk", minor=(429, 419), pack=PACK))
    for page in PAGES:
        text = (await owner.get(page)).text
        assert 'data-price="price_unknown"' in text
        assert '<rect class="usual"' not in text
    _tell(house)
    assert all(["data-price-check" not in (await owner.get(page)).text for page in PAGES])


async def test_a_substitute_that_costs_less_is_named(owner: httpx.AsyncClient, house: House) -> None:
    """By the title in the household's own list; what the household does not accept is not spoken of."""
    [mine] = sample_prices("milk", minor=(429,), pack=PACK)
    accepted = next(product for product in SUBSTITUTES if product.merchant != "grocer")
    other = replace(mine, merchant=accepted.merchant, sku=accepted.sku, unit_price_minor=300)
    _tell(house, mine, other, replace(other, sku="unknown", unit_price_minor=1))
    for page in PAGES:
        text = (await owner.get(page)).text
        assert f"At {accepted.merchant} as much costs 30 % less, delivery not counted: {accepted.title}, $3.00" in text


async def test_a_reduced_price_that_is_none_is_said_plainly(owner: httpx.AsyncClient, house: House) -> None:
    """What the shop calls its price was never asked while the hub looked."""
    now, *past = sample_prices("milk", minor=(429,) * 10, pack=PACK)
    _tell(house, replace(now, list_price_minor=599), *past)
    for page in PAGES:
        text = (await owner.get(page)).text
        assert (
            "The shop calls it reduced from $5.99, but it asked the same as now or less on 9 of the last 9 days "
            "that are known, and $5.99 on none of them."
        ) in text


async def test_a_question_says_what_was_known_when_it_was_asked(owner: httpx.AsyncClient, house: House) -> None:
    """A price that came later changes the item's page, and not what was asked."""
    prices = sample_prices("milk", minor=(429,) * 10, pack=PACK)
    _tell(house, replace(prices[0], unit_price_minor=329, fetched_at=NOW), *prices)
    assert 'data-price="price_usual"' in (await owner.get(PAGES[0])).text
    assert 'data-price="price_cheaper"' in (await owner.get(PAGES[1])).text


async def test_a_smaller_pack_is_told_before_the_button(owner: httpx.AsyncClient, house: House) -> None:
    """Where its question says so: above the answers, and not a second time among the reasons."""
    asked = house.home.all_prompts["p-milk"]
    told = Reason(SHRUNK, say("The pack has become smaller."))
    house.home.all_prompts["p-milk"] = replace(asked, reasons=(*asked.reasons, told))
    text = (await owner.get(PAGES[0])).text
    assert text.count("The pack has become smaller.") == 1
    assert text.index('data-price="pack_shrunk"') < text.index("Order and pay")


async def test_a_smaller_pack_is_news_on_the_item_s_page_for_a_while(owner: httpx.AsyncClient, house: House) -> None:
    """With what a kilogram cost and costs; and the older prices as for a pack of today."""
    large = sample_prices("milk", minor=(429,) * 5, pack=replace(PACK, amount=1_150.0))
    small = sample_prices("milk", minor=(429,) * 3, pack=PACK)
    _tell(house, *small, *(replace(price, fetched_at=price.fetched_at - timedelta(days=3)) for price in large))
    text = (await owner.get(PAGES[1])).text
    assert "your list said 1.15 kg and now says 1.035 kg for Whole milk 3.5 %, 1 L from grocer" in text
    assert "Per kg it was $3.73 and is $4.14." in text
    assert "Last 8 prices: $3.86 to $4.29" in text
    _tell(house, *small, *(replace(price, fetched_at=price.fetched_at - timedelta(days=70)) for price in large))
    assert "pack_shrunk" in (await owner.get(PAGES[1])).text  # noticed three days ago
    old = tuple(replace(price, fetched_at=price.fetched_at - timedelta(days=61)) for price in small)
    _tell(house, small[0], *old, *(replace(price, fetched_at=price.fetched_at - timedelta(days=70)) for price in large))
    assert "pack_shrunk" not in (await owner.get(PAGES[1])).text
