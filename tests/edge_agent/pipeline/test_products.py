"""Hints about products: asked only where the household allows it, seldom, and once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from edge_agent.core.product_hint import KnownProduct, ProductHint
from edge_agent.errors import ProductsUnreachableError, RefusedError
from edge_agent.pipeline.products import ASKED_AGAIN_AFTER, Products
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.product_records import GTIN, hint

SHOPS_OWN = "02000000000008"


class InMemory:
    """A cache, and who is asked: both write down what was done."""

    def __init__(self, answer: ProductHint | Exception | None) -> None:
        self.kept: dict[str, KnownProduct] = {}
        self.asked: list[str] = []
        self._answer = answer

    def find(self, gtin14: str) -> KnownProduct | None:
        """What is kept."""
        return self.kept.get(gtin14)

    def note_answer(self, gtin14: str, hint: ProductHint | None, *, at: datetime) -> None:
        """Keep it."""
        self.kept[gtin14] = KnownProduct(hint, "online", at)

    async def product(self, gtin14: str) -> ProductHint | None:
        """The answer."""
        self.asked.append(gtin14)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


async def test_nobody_is_asked_where_the_household_has_not_allowed_it() -> None:
    """What is kept is still told."""
    kept = InMemory(None)
    kept.note_answer(GTIN, hint(), at=ManualClock().now())
    products = Products(hints=kept, clock=ManualClock())
    assert products.known(GTIN) == kept.kept[GTIN]
    assert not products.may_ask("00000096385074")
    with pytest.raises(RefusedError):
        await products.ask("00000096385074")


@pytest.mark.parametrize("answer", [hint(), None])
async def test_an_answer_is_kept_and_not_asked_for_again(answer: ProductHint | None) -> None:
    """That there is no such product too, until it is old."""
    clock, home = ManualClock(), InMemory(answer)
    products = Products(hints=home, clock=clock, source=home)
    assert products.may_ask(GTIN)
    first = await products.ask(GTIN)
    assert first == KnownProduct(answer, "online", clock.now()) == await products.ask(GTIN)
    assert not products.may_ask(GTIN)
    assert home.asked == [GTIN]
    clock.advance(days=ASKED_AGAIN_AFTER.days)
    assert products.may_ask(GTIN) == (answer is None)


async def test_no_answer_is_not_kept() -> None:
    """It may be asked for again at once."""
    home = InMemory(ProductsUnreachableError("away"))
    products = Products(hints=home, clock=ManualClock(), source=home)
    with pytest.raises(ProductsUnreachableError):
        await products.ask(GTIN)
    assert home.kept == {}
    assert products.may_ask(GTIN)


async def test_a_number_of_one_shop_only_is_not_asked_for() -> None:
    """It would be another product there."""
    home = InMemory(None)
    products = Products(hints=home, clock=ManualClock(), source=home)
    assert not products.may_ask(SHOPS_OWN)
    with pytest.raises(RefusedError):
        await products.ask(SHOPS_OWN)
    assert home.asked == []


async def test_no_more_than_fifteen_are_asked_for_in_any_minute() -> None:
    """However fast a person scans: the most that Open Food Facts allows."""
    clock, home = ManualClock(), InMemory(None)
    products, at = Products(hints=home, clock=clock, source=home), list[datetime]()
    for number in range(600):
        before = len(home.asked)
        try:
            await products.ask(f"1{number:013d}")
        except RefusedError:
            assert len(home.asked) == before
        else:
            at.append(clock.now())
        clock.advance(seconds=0.5)
    assert len(at) > 40
    assert max(sum(start <= other < start + timedelta(minutes=1) for other in at) for start in at) <= 15
