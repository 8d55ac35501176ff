"""Review on the real stores: when a home is asked, when it is left alone, and when an order is closed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.adapters.forecaster import RuleForecaster
from edge_agent.adapters.store.decisions import Decisions
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.stock_events import SqliteStockEvents
from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Household, Item, Preferences, QuietHours
from edge_agent.core.deciding.problem import Word
from edge_agent.core.deciding.replay import replay
from edge_agent.core.forecast import HORIZONS_D, QUANTILES
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import (
    Alert,
    Decoded,
    DeviceId,
    Forecast,
    Hold,
    ItemId,
    Pack,
    Presence,
    Propose,
    Reading,
    StockEstimate,
)
from edge_agent.core.prompt import DeclineReason, PromptEvent, PromptRecord, PromptState, step
from edge_agent.core.withdrawing import BOUGHT_ELSEWHERE
from edge_agent.pipeline.deciding import PROMPTS_A_DAY_MAX
from edge_agent.pipeline.review import Review
from edge_agent.pipeline.telling import Telling
from edge_agent.ports import CrashHook, CrashPoint, Forecaster, no_crash
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.leave import draft
from tests.edge_agent.pipeline.desk import Desk, FixedHousehold, open_desk
from tests.edge_agent.samples import MILK, price

MILK_ID = ItemId("milk")


@dataclass
class Kitchen:
    """A home with one sensor, and the stage that looks at it."""

    clock: ManualClock
    readings: SqliteReadings
    orders: Orders
    household: FixedHousehold
    desk: Desk
    review: Review
    numbers: Iterator[int]

    def see(self, *amounts_g: float, every_h: float = 1.0) -> None:
        """Readings of the tray, one after the other, and a look at the home after each."""
        for amount_g in amounts_g:
            self.store(amount_g, after_h=every_h)
            self.review.run_once()

    def store(self, amount_g: float, *, after_h: float = 1.0) -> None:
        """A reading at which nobody has looked yet."""
        self.clock.advance(hours=after_h)
        now, seq = self.clock.now(), next(self.numbers)
        reading = Reading("milk.amount", Presence.VALUE, amount_g, "g")
        self.readings.commit(
            [
                Decoded(
                    device=DeviceId("fridge"), profile="restock.fridge", topic="t", boot="b-1", seq=seq,
                    digest=f"{seq}", event_at=now, received_at=now, duplicate=False, readings=(reading,),
                )
            ],
            [],
        )  # fmt: skip

    def tell_price(self, **changes: object) -> None:
        """Today's price list."""
        self.orders.save_prices([replace(price(at=self.clock.now()), **changes)])

    def prompt(self) -> PromptRecord:
        """The open prompt for milk."""
        found = self.orders.live_prompt(MILK_ID)
        assert found is not None
        return found

    def approve(self) -> IntentRecord:
        """A person approves the open prompt."""
        asked = self.prompt()
        order = self.desk.leave.answering.approve(asked.id, terms_hash=asked.terms_hash, by="anna", pin_checked=False)
        assert order is not None
        return order

    def told(self, state: IntentState) -> None:
        """The bridge's news of the newest order."""
        order = self.orders.last_intent(MILK_ID)
        assert order is not None
        change = intents.step(order, state, at=self.clock.now())
        assert change is not None
        self.orders.change_intents([change], cursor=None)


def review_of(
    desk: Desk,
    *,
    forecaster: Forecaster,
    may_ask: Callable[[], bool] = lambda: True,
    crash_hook: CrashHook = no_crash,
) -> Review:
    """The stage on a desk's store."""
    names = count(1)
    return Review(
        clock=desk.clock,
        readings=SqliteReadings(desk.connection),
        orders=desk.orders,
        household=desk.household,
        forecaster=forecaster,
        drawing=desk.leave.drawing,
        new_id=lambda: f"p{next(names)}",
        stale_after_s=172_800,
        price_age_max_s=259_200,
        may_ask=may_ask,
        crash_hook=crash_hook,
    )


@pytest.fixture
def kitchen(tmp_path: Path) -> Iterator[Kitchen]:
    """Milk in a fridge, a price, nothing read yet."""
    with open_desk(tmp_path) as desk:
        review = review_of(desk, forecaster=RuleForecaster(), crash_hook=desk.points.append)
        readings = SqliteReadings(desk.connection)
        made = Kitchen(desk.clock, readings, desk.orders, desk.household, desk, review, count(1))
        made.tell_price()
        yield made


def test_a_home_that_runs_low_is_asked_once(kitchen: Kitchen) -> None:
    """One prompt, with the list price and the reasons; further looks change nothing."""
    kitchen.see(900, 890, 880, 870)
    first = kitchen.prompt()
    assert first.offer.unit_price_minor == 129
    assert first.reasons
    kitchen.see(860, 850)
    assert kitchen.prompt() == first


def test_a_page_sees_a_reading_before_the_next_review(kitchen: Kitchen) -> None:
    """Amount and forecast are those of now; what was decided and asked stands."""
    kitchen.see(3_000, 2_990, 2_980)
    before, asked = kitchen.review.latest[MILK_ID], kitchen.orders.live_prompt(MILK_ID)
    kitchen.store(900)
    kitchen.review.freshen({DeviceId("washer")})
    assert kitchen.review.latest[MILK_ID] is before
    kitchen.review.freshen({DeviceId("fridge"), DeviceId("washer")})
    fresh = kitchen.review.latest[MILK_ID]
    assert fresh.estimate.as_of == kitchen.clock.now()
    assert fresh.estimate != before.estimate
    assert (fresh.decision, fresh.case) == (before.decision, before.case)
    assert kitchen.orders.live_prompt(MILK_ID) == asked
    kitchen.review.run_once()
    assert kitchen.review.latest[MILK_ID].estimate == fresh.estimate


def test_what_somebody_counts_is_seen_at_once_and_decided_by_soon(tmp_path: Path) -> None:
    """The page shows it as soon as it is said; a whole review is due, and takes the question back."""
    with open_desk(tmp_path) as desk:
        events = SqliteStockEvents(desk.connection)
        kitchen = kitchen_of(desk, review_with(desk, stock_events=events))
        kitchen.see(900, 890, 880, 870)
        assert kitchen.prompt()
        telling = Telling(events=events, household=desk.household, clock=desk.clock, heard=kitchen.review.hear)
        telling.tell(MILK_ID, what="counted", packs=6.0, by="anna")
        shown = kitchen.review.latest[MILK_ID].estimate.amount
        assert shown is not None
        assert shown.value > 5_000
        assert kitchen.review.is_due
        kitchen.review.run_once()
        assert not kitchen.review.is_due
        assert kitchen.orders.live_prompt(MILK_ID) is None


def test_what_nobody_has_reviewed_is_not_shown_early(kitchen: Kitchen) -> None:
    """Before the first review there is nothing to put it beside."""
    kitchen.store(900)
    kitchen.review.freshen({DeviceId("fridge")})
    assert kitchen.review.latest == {}


def test_nothing_is_asked_before_it_is_known_what_is_under_way(tmp_path: Path) -> None:
    """Until the hub has compared with the bridge, need is estimated and nobody is asked; then the question comes."""
    with open_desk(tmp_path) as desk:
        may_ask: list[bool] = []
        review = review_of(desk, forecaster=RuleForecaster(), may_ask=lambda: bool(may_ask))
        readings = SqliteReadings(desk.connection)
        kitchen = Kitchen(desk.clock, readings, desk.orders, desk.household, desk, review, count(1))
        kitchen.tell_price()
        kitchen.see(900, 890, 880, 870)
        assert isinstance(review.latest[MILK_ID].decision, Propose)
        assert kitchen.orders.live_prompt(MILK_ID) is None
        may_ask.append(True)
        review.run_once()
        assert kitchen.orders.live_prompt(MILK_ID) is not None


def test_a_full_home_is_left_alone(kitchen: Kitchen) -> None:
    """Enough stock: a hold with its reason, and no prompt."""
    kitchen.see(6000, 5990, 5980)
    assert isinstance(kitchen.review.latest[MILK_ID].decision, Hold)
    assert kitchen.orders.live_prompt(MILK_ID) is None


def test_unknown_stock_is_not_empty(kitchen: Kitchen) -> None:
    """Without any reading there is an alert and no prompt."""
    kitchen.review.run_once()
    assert isinstance(kitchen.review.latest[MILK_ID].decision, Alert)
    assert kitchen.orders.live_prompt(MILK_ID) is None


def test_shadow_never_asks(kitchen: Kitchen) -> None:
    """An item in shadow is decided on and nobody is asked."""
    kitchen.household.household = Household(items=(MILK.model_copy(update={"mode": "shadow"}),))
    kitchen.see(900, 890, 880)
    assert kitchen.orders.live_prompt(MILK_ID) is None


@pytest.mark.parametrize("mode", ["shadow", "ask", "auto"])
def test_what_names_no_merchant_is_told_of_and_never_ordered(kitchen: Kitchen, mode: str) -> None:
    """Whatever its mode says, were it to get past the catalogue, with a mandate, a question and a price for no shop."""
    auto(kitchen)
    kitchen.desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    nobodys = MILK.model_copy(
        update={"mode": mode, "product": MILK.product.model_copy(update={"merchant": "", "sku": ""})}
    )
    kitchen.household.household = Household.model_construct(items=(nobodys,), preferences=Preferences())
    kitchen.tell_price(merchant="", sku="")
    kitchen.see(900, 890, 880, 870, 860)
    decision = kitchen.review.latest[MILK_ID].decision
    assert isinstance(decision, Alert)
    assert decision.reasons[-1].code == "no_merchant"
    assert "Nobody can order it yet" in decision.reasons[-1].text
    assert kitchen.orders.prompts(live=False, limit=5) == []
    assert kitchen.orders.intents(live=False, limit=5) == []


def test_a_question_about_what_nobody_can_order_any_more_is_withdrawn(kitchen: Kitchen) -> None:
    """It was asked while the item named a merchant."""
    kitchen.see(900, 890, 880)
    asked = kitchen.prompt()
    product = MILK.product.model_copy(update={"merchant": "", "sku": ""})
    kitchen.household.household = Household(items=(MILK.model_copy(update={"product": product, "mode": "shadow"}),))
    kitchen.see(870)
    ended = kitchen.orders.prompt(asked.id)
    assert ended is not None
    assert ended.state is PromptState.WITHDRAWN


@pytest.mark.parametrize(
    "changes", [{"sku": "oat-1l"}, {"merchant": "kiosk"}, {"available": False}], ids=["sku", "merchant", "sold out"]
)
def test_the_price_of_another_product_is_no_price(kitchen: Kitchen, changes: dict[str, object]) -> None:
    """An offer is made at the price of the product that is bound now, and of nothing else."""
    bound = {name: changes[name] for name in ("sku", "merchant") if name in changes}
    if bound:
        product = MILK.product.model_copy(update=bound)
        kitchen.household.household = Household(items=(MILK.model_copy(update={"product": product}),))
    else:
        kitchen.tell_price(**changes)
    kitchen.see(900, 890, 880)
    assert kitchen.orders.live_prompt(MILK_ID) is None
    assert isinstance(kitchen.review.latest[MILK_ID].decision, Alert)


def test_an_old_price_is_no_price(kitchen: Kitchen) -> None:
    """After three days without a list nobody is asked at a price that may no longer hold."""
    kitchen.clock.advance(days=4)
    kitchen.see(900, 890, 880)
    assert kitchen.orders.live_prompt(MILK_ID) is None


def test_a_declined_item_is_quiet_for_as_long_as_the_reason_says(kitchen: Kitchen) -> None:
    """`have_spare` is quiet for three days, then the home is asked again."""
    kitchen.see(900, 890, 880)
    asked = kitchen.prompt()
    kitchen.orders.change_prompt(
        step(asked, PromptEvent.DECLINE, now=kitchen.clock.now(), by="anna", decline_reason=DeclineReason.HAVE_SPARE)
    )
    kitchen.see(870, 860, every_h=24)
    assert kitchen.orders.live_prompt(MILK_ID) is None
    kitchen.tell_price()
    kitchen.see(850, 840, every_h=24)
    assert kitchen.prompt().id != asked.id


def test_milk_from_the_shop_withdraws_the_question(kitchen: Kitchen) -> None:
    """A need that was met from elsewhere is not asked about any more."""
    kitchen.see(900, 890, 880)
    asked = kitchen.prompt()
    kitchen.see(6000, 5995, 5990)
    ended = kitchen.orders.prompt(asked.id)
    assert ended is not None
    assert ended.state is PromptState.WITHDRAWN


def order_of(kitchen: Kitchen) -> IntentRecord:
    """The newest order of milk."""
    found = kitchen.orders.last_intent(MILK_ID)
    assert found is not None
    return found


def test_milk_from_the_shop_takes_back_an_order_that_was_not_sent(kitchen: Kitchen) -> None:
    """By itself, with the reason; it is no cancellation of the household's, so the next need is asked about at once."""
    kitchen.see(900, 890, 880)
    kitchen.approve()
    kitchen.see(6000, 5995, 5990)
    taken_back = order_of(kitchen)
    assert (taken_back.state, taken_back.withdrawn_for) == (IntentState.CANCELLED, BOUGHT_ELSEWHERE)
    assert kitchen.orders.outbox(limit=5) == []
    assert kitchen.desk.connection.db.execute("SELECT state FROM ledger").get == "released"
    kitchen.tell_price()
    kitchen.see(4000, 2500, 1200, 900, 890, every_h=12)
    assert kitchen.prompt()


def test_an_order_that_the_bridge_holds_is_asked_back(kitchen: Kitchen) -> None:
    """Only its word ends it: until then the order is live, and it is asked back once."""
    kitchen.see(900, 890, 880)
    order = kitchen.approve()
    [row] = kitchen.orders.outbox(limit=5)
    assert kitchen.orders.claim(row, at=kitchen.clock.now())
    kitchen.told(IntentState.HELD)
    kitchen.see(6000, 5995, 5990)
    assert kitchen.orders.cancel_wishes(limit=5) == [order.id]
    assert (order_of(kitchen).state, order_of(kitchen).withdrawn_for) == (IntentState.HELD, BOUGHT_ELSEWHERE)
    kitchen.told(IntentState.CANCELLED)
    assert order_of(kitchen).withdrawn_for == BOUGHT_ELSEWHERE


@pytest.mark.parametrize("state", [IntentState.SENDING, IntentState.PLACED, IntentState.UNKNOWN, IntentState.SHIPPED])
def test_what_is_being_sent_is_never_touched(kitchen: Kitchen, state: IntentState) -> None:
    """However much there is: it can only be sent back when it comes."""
    kitchen.see(900, 890, 880)
    kitchen.approve()
    kitchen.told(state)
    kitchen.see(9000, 8995, 8990)
    assert (order_of(kitchen).state, order_of(kitchen).withdrawn_for) == (state, None)
    assert kitchen.orders.cancel_wishes(limit=5) == []


def test_one_bottle_does_not_take_back_an_order(kitchen: Kitchen) -> None:
    """What came is less than what would be missing without the order."""
    kitchen.see(900, 890, 880)
    kitchen.approve()
    kitchen.see(1900, 1890, 1880)
    assert order_of(kitchen).state is IntentState.APPROVED


def test_a_persons_word_takes_back_an_order_too(tmp_path: Path) -> None:
    """What somebody says was bought counts like what a sensor saw."""
    with open_desk(tmp_path) as desk:
        events = SqliteStockEvents(desk.connection)
        kitchen = kitchen_of(desk, review_with(desk, stock_events=events))
        kitchen.see(900, 890, 880, 870)
        kitchen.approve()
        kitchen.clock.advance(minutes=1)
        telling = Telling(events=events, household=desk.household, clock=desk.clock, heard=kitchen.review.hear)
        telling.tell(MILK_ID, what="bought", packs=6.0, by="anna")
        kitchen.review.run_once()
        assert order_of(kitchen).withdrawn_for == BOUGHT_ELSEWHERE


@pytest.mark.parametrize(("detail", "asks"), [("payment_failed", True), ("merchant_refused", False)])
def test_a_mandate_repeats_no_order_that_was_refused_for_its_payment(kitchen: Kitchen, detail: str, asks: bool) -> None:
    """After its time, or when it is mended, a person is asked where a mandate would have paid."""
    kitchen.see(900, 890, 880)
    kitchen.approve()
    refused = intents.step(order_of(kitchen), IntentState.REJECTED, at=kitchen.clock.now(), detail=detail)
    assert refused is not None
    kitchen.orders.change_intents([refused], cursor=None)
    auto = MILK.model_copy(update={"mode": "auto"})
    kitchen.household.household = Household(items=(auto,))
    kitchen.desk.leave.mandates.propose(draft("milk"), by="anna", pin_checked=False)
    if asks:
        kitchen.see(870, 860)
        assert kitchen.orders.live_prompt(MILK_ID) is None, "three days are for mending"
        kitchen.desk.leave.answering.see_to(order_of(kitchen).id, word=Word.MENDED, by="anna")
    else:
        kitchen.see(870, every_h=25)
        kitchen.tell_price()
    kitchen.see(850, 840)
    assert (kitchen.orders.live_prompt(MILK_ID) is not None) == asks
    assert (order_of(kitchen).state is IntentState.REJECTED) == asks


def test_a_removed_item_takes_its_question_with_it(kitchen: Kitchen) -> None:
    """An item that the household no longer keeps leaves no open prompt behind."""
    kitchen.see(900, 890, 880)
    kitchen.household.household = Household(items=())
    kitchen.review.run_once()
    assert kitchen.orders.prompts(live=True, limit=5) == []


def test_one_bottle_from_the_shop_does_not_close_an_order(kitchen: Kitchen) -> None:
    """While an order is under way, a small refill leaves it live and the home is not asked again."""
    kitchen.see(900, 890, 880)
    kitchen.approve()
    kitchen.see(1900, 1890, 1880)
    kitchen.told(IntentState.PLACED)
    kitchen.told(IntentState.SHIPPED)
    kitchen.see(2900, 2890, 2880)
    kitchen.see(*[2870] * 20)
    order = kitchen.orders.last_intent(MILK_ID)
    assert order is not None
    assert (order.state, order.arrived_at) == (IntentState.SHIPPED, None)
    assert kitchen.orders.live_prompt(MILK_ID) is None


def test_goods_that_were_seen_close_the_order(kitchen: Kitchen) -> None:
    """The sensor sees the delivery; when it has stayed half a day, the order is delivered without the merchant."""
    kitchen.see(900, 890, 880)
    kitchen.approve()
    kitchen.told(IntentState.SHIPPED)
    kitchen.see(879)  # the old level is still there after the order was made
    amount_g = 880 + kitchen.orders.last_intent(MILK_ID).amount  # type: ignore[union-attr]
    kitchen.see(amount_g, amount_g)
    seen = kitchen.orders.last_intent(MILK_ID)
    assert seen is not None
    assert (seen.state, seen.arrived_at is not None) == (IntentState.SHIPPED, True)
    kitchen.see(*[amount_g - 50 * hour for hour in range(13)])
    closed = kitchen.orders.last_intent(MILK_ID)
    assert closed is not None
    assert (closed.state, closed.detail) == (IntentState.DELIVERED, "seen_by_sensor")


def test_an_offer_ends_and_the_home_is_asked_anew(kitchen: Kitchen) -> None:
    """Nobody answered: the prompt expires with its offer, and after half a day there is a new one."""
    kitchen.see(900, 890, 880)
    asked = kitchen.prompt()
    kitchen.clock.advance(days=3)
    kitchen.tell_price()
    kitchen.see(870)
    ended = kitchen.orders.prompt(asked.id)
    assert ended is not None
    assert ended.state is PromptState.EXPIRED
    assert kitchen.orders.live_prompt(MILK_ID) is None
    kitchen.see(865, 860, every_h=7)
    assert kitchen.prompt().id != asked.id
    assert kitchen.prompt().created_at - ended.changed_at >= timedelta(hours=12)


def auto(kitchen: Kitchen) -> None:
    """Milk may be bought without asking."""
    kitchen.household.household = Household(items=(MILK.model_copy(update={"mode": "auto"}),))


def test_a_mandate_buys_without_asking(kitchen: Kitchen) -> None:
    """One order on the mandate, held for longer, and nobody is asked; further looks change nothing."""
    auto(kitchen)
    made = kitchen.desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    kitchen.see(900, 890, 880, 870, 860)
    [order] = kitchen.orders.intents(live=True, limit=5)
    assert kitchen.orders.prompts(live=True, limit=5) == []
    asked = kitchen.orders.prompt(order.prompt)
    assert asked is not None
    assert (asked.state, asked.answered_by, asked.offer.hold_s) == (
        PromptState.APPROVED,
        f"mandate:{made.id}",
        1_800,
    )
    [row] = kitchen.desk.mandates.draws(made.id, limit=5)
    assert (row.intent, row.amount_minor) == (order.id, asked.offer.total_max_minor)


def test_without_a_mandate_the_household_is_asked_and_told_why(kitchen: Kitchen) -> None:
    """`auto` alone is no leave."""
    auto(kitchen)
    kitchen.see(900, 890, 880)
    assert kitchen.prompt().reasons[-1].code == "mandate_missing"
    assert kitchen.prompt().offer.hold_s == 120
    assert kitchen.orders.intents(live=False, limit=5) == []
    assert kitchen.desk.points.count(CrashPoint.PROMPTED) == 1


def test_a_mandate_that_is_used_up_leads_to_a_question(kitchen: Kitchen) -> None:
    """The reason says what is left."""
    auto(kitchen)
    kitchen.desk.leave.mandates.propose(draft(budget_minor=500), by="anna", pin_checked=False)
    kitchen.see(900, 890, 880)
    assert kitchen.prompt().reasons[-1].code == "mandate_over_budget"


class Adversary:
    """A model that answers every item with one table of its own."""

    def __init__(self, value: float) -> None:
        self._value = value

    def forecast(self, items: Sequence[tuple[Item, StockEstimate]]) -> list[Forecast]:
        """The same nonsense for all of them, under the names of others."""
        table = tuple(tuple(self._value for _ in QUANTILES) for _ in HORIZONS_D)
        empty = tuple(0.0 for _ in QUANTILES)
        return [
            Forecast(ItemId("other"), stock.as_of, QUANTILES, HORIZONS_D, table, empty, "adversary")
            for _, stock in items
        ]


@pytest.mark.parametrize("value", [10_000.0, math.nan, math.inf, -math.inf, -5.0, 1e308])
@pytest.mark.parametrize("mode", ["ask", "auto"])
def test_a_hostile_model_can_only_ask_and_not_often(tmp_path: Path, value: float, mode: str) -> None:
    """However it forecasts for 60 items: few questions a day, packs that find room, draws inside the mandate only."""
    with open_desk(tmp_path) as desk:
        items = tuple(MILK.model_copy(update={"id": f"milk{number}", "mode": mode}) for number in range(60))
        desk.household.household = Household(items=items)
        review = review_of(desk, forecaster=Adversary(value))
        desk.leave.mandates.propose(draft("milk0", "milk1", "milk2", budget_minor=4_000), by="anna", pin_checked=False)
        desk.orders.save_prices([replace(price(at=desk.clock.now()), item=ItemId(item.id)) for item in items])
        readings = SqliteReadings(desk.connection)
        for seq in range(1, 5):
            desk.clock.advance(hours=1)
            now = desk.clock.now()
            reading = Reading("milk.amount", Presence.VALUE, 900.0 - seq, "g")
            readings.commit(
                [
                    Decoded(
                        device=DeviceId("fridge"), profile="p", topic="t", boot="b-1", seq=seq, digest=f"{seq}",
                        event_at=now, received_at=now, duplicate=False, readings=(reading,),
                    )
                ],
                [],
            )  # fmt: skip
            review.run_once()
        prompts = desk.orders.prompts(live=True, limit=999)
        assert len(prompts) == PROMPTS_A_DAY_MAX
        assert all(1 <= prompt.offer.quantity <= MILK.room_packs for prompt in prompts)
        orders = desk.orders.intents(live=False, limit=999)
        assert (mode == "auto") == bool(orders)
        assert sum(order.total_minor for order in orders) <= 4_000
        assert {order.item for order in orders} <= {"milk0", "milk1", "milk2"}


# --- what the policy adds: together, not at night, shadow, doubt ------------------------------------------------------


def review_with(desk: Desk, **more: object) -> Review:
    """The stage with what the policy keeps."""
    names = count(1)
    return Review(
        clock=desk.clock,
        readings=SqliteReadings(desk.connection),
        orders=desk.orders,
        household=desk.household,
        forecaster=RuleForecaster(),
        drawing=desk.leave.drawing,
        new_id=lambda: f"p{next(names)}",
        stale_after_s=172_800,
        price_age_max_s=259_200,
        **more,  # type: ignore[arg-type]
    )


def kitchen_of(desk: Desk, review: Review) -> Kitchen:
    """A kitchen around another review."""
    made = Kitchen(
        desk.clock, SqliteReadings(desk.connection), desk.orders, desk.household, desk, review, count(1)
    )  # fmt: skip
    made.tell_price()
    return made


def test_no_question_is_opened_in_quiet_hours(tmp_path: Path) -> None:
    """By the clock of the household's zone; the question comes when they are over."""
    with open_desk(tmp_path) as desk:
        kitchen = kitchen_of(desk, review_with(desk, zone=ZoneInfo("Pacific/Auckland")))
        here = kitchen.clock.now().astimezone(ZoneInfo("Pacific/Auckland"))
        quiet = QuietHours(start=f"{here:%H}:00", end=f"{here + timedelta(hours=6):%H}:00")
        kitchen.household.household = Household(items=(MILK,), preferences=Preferences(quiet_hours=quiet))
        kitchen.see(900, 890, 880)
        assert kitchen.orders.live_prompt(MILK_ID) is None
        assert kitchen.review.latest[MILK_ID].decision.reasons[-1].code == "quiet_hours"
        kitchen.see(870, 865, 860, 855)
        assert kitchen.orders.live_prompt(MILK_ID) is not None


def test_a_question_put_off_wakes_after_the_quiet_hours(tmp_path: Path) -> None:
    """Not in the middle of the night."""
    with open_desk(tmp_path) as desk:
        kitchen = kitchen_of(desk, review_with(desk))
        kitchen.see(900, 890, 880)
        asked = kitchen.prompt()
        now = kitchen.clock.now()
        kitchen.orders.change_prompt(
            step(asked, PromptEvent.SNOOZE, now=now, by="anna", wake_at=now + timedelta(hours=1))
        )
        quiet = QuietHours(start=f"{now:%H}:00", end=f"{now + timedelta(hours=5):%H}:00")
        kitchen.household.household = Household(items=(MILK,), preferences=Preferences(quiet_hours=quiet))
        kitchen.see(879, 878)
        assert kitchen.prompt().state is PromptState.SNOOZED
        kitchen.see(877, 876, 875)
        assert kitchen.prompt().state is PromptState.OPEN


def test_shadow_keeps_what_it_would_have_done(tmp_path: Path) -> None:
    """One shadow order for a need, however often it is looked at; the page's report counts it."""
    with open_desk(tmp_path) as desk:
        store = Decisions(desk.connection)
        kitchen = kitchen_of(desk, review_with(desk, shadows=store))
        kitchen.household.household = Household(items=(MILK.model_copy(update={"mode": "shadow"}),))
        kitchen.see(900, 890, 880, 870, 860)
        assert kitchen.orders.live_prompt(MILK_ID) is None
        told = kitchen.review.shadow_report(MILK_ID)
        assert told is not None
        assert (told.orders, told.packs) == (1, 6)
        kitchen.see(6000, 5990)
        [made] = store.shadow_orders(MILK_ID, limit=5)
        assert made.is_double


def test_each_question_keeps_what_it_rests_on(tmp_path: Path) -> None:
    """The bundle of the question makes the same decision again."""
    with open_desk(tmp_path) as desk:
        store = Decisions(desk.connection)
        kitchen = kitchen_of(desk, review_with(desk, bundles=store))
        kitchen.see(900, 890, 880)
        kept = store.bundle(kitchen.prompt().id)
        assert kept is not None
        replayed = replay(kept)
        assert replayed.differs == ()
        assert replayed.now.packs == kitchen.prompt().offer.quantity


def test_a_doubtful_sensor_is_never_drawn_for(kitchen: Kitchen) -> None:
    """`auto`, a mandate, and a budget of the home that is used up: a person is asked and told."""
    item = MILK.model_copy(update={"mode": "auto"})
    kitchen.household.household = Household(items=(item,), preferences=Preferences(budget_minor=100))
    kitchen.desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    kitchen.see(900, 890, 880)
    assert kitchen.prompt().reasons[-1].code == "over_budget"
    assert kitchen.orders.intents(live=False, limit=5) == []


def test_a_smaller_pack_is_told_with_one_question(kitchen: Kitchen) -> None:
    """With the first one that is asked since; the next one has nothing to tell any more."""
    for days, amount in ((5, 1_150.0), (4, 1_150.0), (1, 1_035.0)):
        told = price(at=kitchen.clock.now() - timedelta(days=days))
        kitchen.orders.save_prices([replace(told, pack=Pack("Whole milk", amount, "g"))])
    kitchen.tell_price(pack=Pack("Whole milk", 1_035.0, "g"))
    kitchen.see(1_000.0, 900.0)
    codes = [reason.code for reason in kitchen.prompt().reasons]
    assert codes[-1] == "pack_shrunk"
    kitchen.orders.change_prompt(step(kitchen.prompt(), PromptEvent.EXPIRE, now=kitchen.clock.now()))
    kitchen.clock.advance(hours=30)
    kitchen.tell_price(pack=Pack("Whole milk", 1_035.0, "g"))
    kitchen.see(100.0, 90.0)
    assert "pack_shrunk" not in [reason.code for reason in kitchen.prompt().reasons]
