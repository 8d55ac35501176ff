"""An order that came to nothing is wanted after all: a new question on a real store, never the old order again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.adapters.forecaster import RuleForecaster
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Household, Preferences, Product
from edge_agent.core.deciding.after_all import WANTED
from edge_agent.core.deciding.problem import Word
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import IntentId
from edge_agent.core.order_facts import OrderFacts
from edge_agent.core.prompt import DeclineReason, PromptState
from edge_agent.errors import RefusedError
from edge_agent.pipeline.after_all import AfterAll
from edge_agent.pipeline.deciding import PROMPTS_A_DAY_MAX
from tests.edge_agent.pipeline.desk import open_desk
from tests.edge_agent.pipeline.test_review import MILK_ID, Kitchen, order_of, review_of
from tests.edge_agent.samples import MILK

S = IntentState


@dataclass
class Home:
    """A kitchen, and a person who wants what came to nothing."""

    kitchen: Kitchen
    after_all: AfterAll

    def refused(self, detail: str) -> IntentRecord:
        """An order for milk that the merchant refused."""
        self.kitchen.see(900, 890, 880)
        self.kitchen.approve()
        change = intents.step(order_of(self.kitchen), S.REJECTED, at=self.kitchen.clock.now(), detail=detail)
        assert change is not None
        self.kitchen.orders.change_intents([change], cursor=None)
        self.kitchen.see(870)
        return order_of(self.kitchen)

    def taken_back(self) -> IntentRecord:
        """An order for milk that the hub took back, since milk came from the shop."""
        self.kitchen.see(900, 890, 880)
        self.kitchen.approve()
        self.kitchen.see(6000, 5995, 5990)
        self.kitchen.tell_price()
        return order_of(self.kitchen)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Milk in a fridge, and a price."""
    with open_desk(tmp_path) as desk:
        review = review_of(desk, forecaster=RuleForecaster())
        kitchen = Kitchen(
            desk.clock, SqliteReadings(desk.connection), desk.orders, desk.household, desk, review, count(1)
        )
        kitchen.tell_price()
        after_all = AfterAll(
            clock=desk.clock, orders=desk.orders, household=desk.household, review=review, zone=ZoneInfo("UTC")
        )
        yield Home(kitchen, after_all)


def test_what_was_taken_back_is_asked_about_anew(home: Home) -> None:
    """As much as before, on terms of now; nothing is ordered by it, and the old order stays as it is."""
    before = home.taken_back()
    assert home.after_all.may_want(before)
    asked = home.after_all.want(before.id, by="anna")
    assert (asked.state, asked.offer.quantity, asked.reasons[0].code) == (PromptState.OPEN, before.quantity, WANTED)
    assert "anna wants it after all" in asked.reasons[0].text
    assert asked.id != before.prompt
    assert order_of(home.kitchen) == before
    assert home.kitchen.orders.outbox(limit=5) == []


def test_the_new_question_stands_though_there_is_enough_and_its_order_too(home: Home) -> None:
    """The hub does not take back again what somebody wanted knowing that; the leave is a new one."""
    before = home.taken_back()
    asked = home.after_all.want(before.id, by="anna")
    home.kitchen.see(9000, 8990, 8980)
    assert home.kitchen.prompt().id == asked.id
    order = home.kitchen.approve()
    assert order.id != before.id
    home.kitchen.see(15000, 14990, 14980)
    after = order_of(home.kitchen)
    assert (after.id, after.state, after.withdrawn_for) == (order.id, S.APPROVED, None)
    assert home.kitchen.orders.authority(order.id) is not None


@pytest.mark.parametrize("word", [None, Word.LET_BE, Word.MENDED])
def test_what_is_not_asked_about_because_of_a_problem_can_be_wanted(home: Home, word: Word | None) -> None:
    """Whatever was said of the problem."""
    before = home.refused("payment_failed")
    if word is not None:
        home.kitchen.desk.leave.answering.see_to(before.id, word=word, by="anna")
    assert home.kitchen.orders.live_prompt(MILK_ID) is None
    assert home.after_all.want(before.id, by="anna").offer.sku == MILK.product.sku


def test_one_question_at_a_time_and_one_order(home: Home) -> None:
    """A second wish is refused while the first is asked or under way; a wish for an old order always is."""
    before = home.taken_back()
    home.after_all.want(before.id, by="anna")
    with pytest.raises(RefusedError, match="newer"):
        home.after_all.want(before.id, by="ben")
    home.kitchen.approve()
    for order in (before, order_of(home.kitchen)):
        assert not home.after_all.may_want(order)
        with pytest.raises(RefusedError, match="newer"):
            home.after_all.want(order.id, by="ben")
    with pytest.raises(RefusedError, match="no order"):
        home.after_all.want(IntentId("nothing"), by="ben")


@pytest.mark.parametrize("state", [state for state in S if state not in intents.ENDED_UNBOUGHT])
def test_what_may_have_been_bought_is_never_wanted_again(home: Home, state: IntentState) -> None:
    """Live, in doubt, or bought: only what ended for good with nothing bought."""
    home.kitchen.see(900, 890, 880)
    order = home.kitchen.approve()
    if state is not S.APPROVED:
        home.kitchen.desk.connection.db.execute("UPDATE intent SET state = ?", (state,))
    found = home.kitchen.orders.intent(order.id)
    assert found is not None
    assert not home.after_all.may_want(found)
    with pytest.raises(RefusedError):
        home.after_all.want(order.id, by="anna")
    assert home.kitchen.orders.prompts(live=True, limit=5) == []


def test_what_came_in_part_did_not_come_to_nothing(home: Home) -> None:
    """The rest was cancelled, and some of it was bought."""
    home.kitchen.see(900, 890, 880)
    home.kitchen.approve()
    home.kitchen.told(S.SHIPPED)
    rest = intents.step(
        order_of(home.kitchen), S.CANCELLED, at=home.kitchen.clock.now(), facts=OrderFacts(delivered_quantity=1)
    )
    assert rest is not None
    home.kitchen.orders.change_intents([rest], cursor=None)
    assert not home.after_all.may_want(order_of(home.kitchen))


def test_what_cannot_be_had_now_is_not_asked_about(home: Home) -> None:
    """Sold out, or a price that is too old: nothing is opened, and it is said."""
    before = home.refused("out_of_stock")
    home.kitchen.tell_price(available=False)
    with pytest.raises(RefusedError, match="no price of now"):
        home.after_all.want(before.id, by="anna")
    home.kitchen.tell_price()
    home.kitchen.clock.advance(hours=80)
    with pytest.raises(RefusedError, match="no price of now"):
        home.after_all.want(before.id, by="anna")


def test_a_substitute_is_asked_about_where_the_product_cannot_be_had(home: Home) -> None:
    """As many packs as hold what was ordered; one whose allergens are avoided is none."""
    before = home.refused("out_of_stock")
    oat = Product(title="Oat drink 2 L", merchant="grocer", sku="oat-2l", pack_amount=2070.0)
    home.kitchen.household.household = Household(items=(MILK.model_copy(update={"substitutes": (oat,)}),))
    home.kitchen.tell_price(available=False)
    home.kitchen.tell_price(sku="oat-2l")
    careful = Preferences(avoid_allergens=("gluten",))
    allowed = home.kitchen.household.household
    home.kitchen.household.household = allowed.model_copy(update={"preferences": careful})
    with pytest.raises(RefusedError, match="no price of now"):
        home.after_all.want(before.id, by="anna")
    home.kitchen.household.household = allowed
    asked = home.after_all.want(before.id, by="anna")
    assert (asked.offer.sku, asked.offer.instead_of) == ("oat-2l", MILK.product.title)
    assert asked.offer.quantity * 2070.0 >= before.amount > (asked.offer.quantity - 1) * 2070.0


def test_a_stock_that_nobody_knows_is_no_reason_against_it(home: Home) -> None:
    """Nothing is said of it then; how long the order lasts is by itself."""
    before = home.taken_back()
    known = home.kitchen.review.latest[MILK_ID]
    home.kitchen.review.latest[MILK_ID] = replace(known, estimate=replace(known.estimate, amount=None))
    asked = home.after_all.want(before.id, by="anna")
    assert [reason.code for reason in asked.reasons] == [WANTED, "size"]
    assert asked.days_of_cover > 0


def test_nobody_is_flooded(home: Home) -> None:
    """The questions of a day are counted, whoever had them opened."""
    before = home.taken_back()
    for _ in range(PROMPTS_A_DAY_MAX - 1):
        asked = home.after_all.want(before.id, by="anna")
        home.kitchen.desk.leave.answering.decline(asked.id, reason=DeclineReason.NOT_NOW, by="anna")
        home.kitchen.clock.advance(minutes=1)
    with pytest.raises(RefusedError, match="Too much"):
        home.after_all.want(before.id, by="anna")


def test_nothing_is_asked_before_it_is_known_what_is_under_way(tmp_path: Path) -> None:
    """A hub that was restored may not know of an order."""
    with open_desk(tmp_path) as desk:
        review = review_of(desk, forecaster=RuleForecaster(), may_ask=lambda: desk.watch.found == ())
        kitchen = Kitchen(
            desk.clock, SqliteReadings(desk.connection), desk.orders, desk.household, desk, review, count(1)
        )
        kitchen.tell_price()
        after_all = AfterAll(
            clock=desk.clock, orders=desk.orders, household=desk.household, review=review, zone=ZoneInfo("UTC")
        )
        before = Home(kitchen, after_all).refused("out_of_stock")
        review.latest = {}
        with pytest.raises(RefusedError, match="does not know yet"):
            after_all.want(before.id, by="anna")
