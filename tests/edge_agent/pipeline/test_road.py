"""An order brought to where somebody drives: other terms of the open question, at a price that was known before."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import pytest

from edge_agent.adapters.store.prices_elsewhere import SqlitePricesElsewhere
from edge_agent.core.catalogue import Household, Item, NamedPlace, Preferences
from edge_agent.core.journey import FRESH_FOR
from edge_agent.core.messages import ItemId, Price, PromptId
from edge_agent.core.prompt import PromptState
from edge_agent.core.vehicles import ARRIVES_IN, LATITUDE, LONGITUDE, SPEED, Vehicles
from edge_agent.errors import BridgeUnreachableError, NotAllowedError, RefusedError, StaleTermsError
from edge_agent.pipeline.prices import PriceKeeper
from edge_agent.pipeline.road import OnTheRoad
from tests.edge_agent.core.test_vehicles import CAR, told
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.samples import MILK, NOW, price, prompt

if TYPE_CHECKING:
    from edge_agent.ports import Bridge

WORK = NamedPlace(name="Work", latitude=47.19, longitude=8.83, delivery_ref="work", lead_time_d=1)
SHOP = NamedPlace(name="Pick-up", latitude=47.29, longitude=8.93, delivery_ref="locker-7", lead_time_d=0)
HOUSEHOLD = Household(items=(MILK,), places=(WORK, SHOP))
P1 = PromptId("p1")


@dataclass
class Home:
    """A desk, what its vehicles tell, and the road between them."""

    desk: Desk
    vehicles: Vehicles
    prices: SqlitePricesElsewhere
    road: OnTheRoad

    def drive(self, place: NamedPlace, *, minutes: float = 30) -> None:
        """A car goes there from now on."""
        said = {LATITUDE: place.latitude, LONGITUDE: place.longitude, ARRIVES_IN: minutes * 60}
        self.vehicles.note(told(self.desk.clock.now(), **said))

    def knows(self, place: str, *, delivery_minor: int = 300, **changes: object) -> None:
        """What milk costs there."""
        line = replace(price(delivery_minor=delivery_minor, at=self.desk.clock.now()), **changes)  # type: ignore[arg-type]
        self.prices.replace([line], merchants=["grocer"], delivery_ref=place)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Milk is asked about, nobody drives, and the price at work is known."""
    with open_desk(tmp_path) as opened:
        opened.household.household = HOUSEHOLD
        opened.orders.add_prompt(prompt())
        vehicles, prices = Vehicles(), SqlitePricesElsewhere(opened.connection)
        road = OnTheRoad(
            clock=opened.clock,
            vehicles=vehicles,
            household=opened.household,
            orders=opened.orders,
            prices=prices,
            accounts=opened.leave.accounts,
            price_age_max=timedelta(days=3),
            zone=ZoneInfo("Europe/Zurich"),
        )
        found = Home(opened, vehicles, prices, road)
        found.knows("work")
        yield found


def test_a_drive_to_a_place_offers_it(home: Home) -> None:
    """Its name, when the car is there, and terms with its address, day and price; nothing else of the offer moves."""
    home.drive(WORK)
    [redirection] = home.road.redirections(P1)
    before = prompt().offer
    assert (redirection.place, redirection.arrives_at) == ("Work", NOW + timedelta(minutes=30))
    assert redirection.offer == replace(
        before,
        delivery_minor=300,
        total_minor=4 * 129 + 300,
        total_max_minor=856,
        delivery_ref="work",
        deliver_by=date(2026, 3, 3),
    )
    assert redirection.terms_hash != prompt().terms_hash


def test_the_day_is_when_somebody_is_there_and_it_can_be(home: Home) -> None:
    """Not before the car, and not before the order: by the days of the home."""
    home.knows("locker-7")
    home.drive(SHOP, minutes=60)
    assert home.road.redirections(P1)[0].offer.deliver_by == date(2026, 3, 2)
    home.drive(SHOP, minutes=60 * 15)  # 23:00 in Greenwich is the next day here
    assert home.road.redirections(P1)[0].offer.deliver_by == date(2026, 3, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"available": False},
        {"currency": "EUR"},
        {"fetched_at": NOW - timedelta(days=3, seconds=1)},
        {"merchant": "another"},
        {"sku": "another"},
    ],
)
def test_without_a_price_there_nothing_is_offered(home: Home, changes: dict[str, object]) -> None:
    """Of this product at this merchant, today, in the household's money: else nobody knows what it would cost."""
    home.drive(WORK)
    home.prices.replace([], merchants=["grocer"], delivery_ref="work")
    home.knows("work", **changes)
    assert home.road.redirections(P1) == ()


def test_a_drive_elsewhere_or_long_ago_offers_nothing(home: Home) -> None:
    """A place that is not the household's, no time of arrival, and a route that nobody told for five minutes."""
    home.drive(replace_place(WORK, latitude=47.2))
    assert home.road.redirections(P1) == ()
    home.vehicles.note(told(NOW, **{LATITUDE: WORK.latitude, LONGITUDE: WORK.longitude, ARRIVES_IN: None}))
    assert home.road.redirections(P1) == ()
    home.drive(WORK)
    home.desk.clock.advance(seconds=FRESH_FOR.total_seconds())
    assert home.road.redirections(P1)
    home.desk.clock.advance(seconds=1)
    assert home.road.redirections(P1) == ()


def replace_place(place: NamedPlace, **changes: object) -> NamedPlace:
    """The same place elsewhere."""
    return place.model_copy(update=changes)


def test_what_is_chosen_waits_for_an_approval_of_its_own(home: Home) -> None:
    """The question stays open on new terms; the old hash is stale, a first word on it is void, and the new one buys."""
    home.drive(WORK)
    old, [redirection] = prompt().terms_hash, home.road.redirections(P1)
    home.desk.orders.endorse(P1, terms_hash=old, by="anna", at=NOW)
    changed = home.road.bring(P1, terms_hash=redirection.terms_hash, by="ben")
    assert (changed.state, changed.terms_hash, changed.version) == (PromptState.OPEN, redirection.terms_hash, 2)
    assert home.desk.orders.prompt(P1) == changed
    assert home.desk.orders.endorsements(P1) == ()
    assert home.desk.orders.live_intent(ItemId("milk")) is None
    with pytest.raises(StaleTermsError):
        home.desk.leave.answering.approve(P1, terms_hash=old, by="anna", pin_checked=False)
    order = home.desk.leave.answering.approve(P1, terms_hash=redirection.terms_hash, by="anna", pin_checked=False)
    assert order is not None
    assert "prompt_redirect" in home.desk.events()
    signed = home.desk.connection.db.execute("SELECT terms FROM authority").get
    assert '"delivery_ref":"work"' in str(signed)


def test_and_home_after_all(home: Home) -> None:
    """From elsewhere there is always a redirection back, at today's price at home, whether or not anybody drives."""
    home.drive(WORK)
    home.road.bring(P1, terms_hash=home.road.redirections(P1)[0].terms_hash, by="anna")
    home.desk.clock.advance(hours=1)
    assert home.road.redirections(P1) == ()  # the price at home is not known in this store
    home.desk.orders.save_prices([price(at=home.desk.clock.now())])
    [redirection] = home.road.redirections(P1)
    assert (redirection.place, redirection.arrives_at) == (None, None)
    assert (redirection.offer.delivery_ref, redirection.offer.delivery_minor) == ("home", 500)


def test_only_who_runs_the_home_may_and_only_what_stands(home: Home) -> None:
    """A guest may not; a redirection that is gone, or whose price moved, is stale; an answered question is over."""
    home.drive(WORK)
    [redirection] = home.road.redirections(P1)
    for name in ("gus", "kim", "nobody"):
        with pytest.raises(NotAllowedError):
            home.road.bring(P1, terms_hash=redirection.terms_hash, by=name)
    home.knows("work", delivery_minor=301)
    with pytest.raises(StaleTermsError):
        home.road.bring(P1, terms_hash=redirection.terms_hash, by="anna")
    with pytest.raises(RefusedError):
        home.road.bring(PromptId("none"), terms_hash=redirection.terms_hash, by="anna")
    stood = home.desk.orders.prompt(P1)
    assert stood is not None
    assert stood.terms_hash == prompt().terms_hash
    home.desk.leave.answering.snooze(P1, hours=6, by="anna")
    assert home.road.redirections(P1) == ()


def test_whether_a_car_stands_is_asked_of_that_car(home: Home) -> None:
    """One that nobody heard of is unknown."""
    home.vehicles.note(told(**{SPEED: 0.0}))
    assert home.road.cars() == (CAR,)
    assert home.road.stands(CAR) is True
    home.desk.clock.advance(minutes=2)
    assert home.road.stands(CAR) is None


# --- prices ---


@dataclass
class Lists:
    """Fulfils what the price keeper needs of `Bridge`; `refused` are places where nobody delivers, `away` no answer."""

    refused: set[str] = field(default_factory=set)
    away: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    delivery_minor: int = 300

    async def fetch_prices(self, items: Sequence[Item], *, delivery_ref: str) -> list[Price]:
        """A line for each."""
        self.asked.append(delivery_ref)
        if delivery_ref in self.refused:
            raise RefusedError("not there")
        if delivery_ref in self.away:
            raise BridgeUnreachableError("away")
        return [replace(price(delivery_minor=self.delivery_minor), sku=item.product.sku) for item in items]


def keeper(home: Home, lists: Lists) -> PriceKeeper:
    """Who keeps the prices of this home."""
    return PriceKeeper(
        bridge=cast("Bridge", lists),
        orders=home.desk.orders,
        household=home.desk.household,
        clock=home.desk.clock,
        every_s=86_400,
        elsewhere=home.prices,
    )


async def test_every_place_is_asked_for_once_a_day_and_none_while_driving(home: Home) -> None:
    """With the list for home, which they are not part of; a drive asks nobody."""
    lists = Lists(refused={"locker-7"})
    home.knows("locker-7")
    await keeper(home, lists).run_once()
    assert lists.asked == ["home", "locker-7", "work"]
    assert [one.delivery_minor for one in home.desk.orders.prices(ItemId("milk"), limit=9)] == [300]
    assert home.prices.newest("grocer", MILK.product.sku, delivery_ref="locker-7") is None
    home.drive(WORK)
    assert home.road.redirections(P1)
    assert not keeper(home, lists).due()
    assert len(lists.asked) == 3


async def test_a_place_without_an_answer_keeps_what_was_told(home: Home) -> None:
    """It is said that something is missing, and the home's own prices are kept all the same."""
    with pytest.raises(BridgeUnreachableError):
        await keeper(home, Lists(away={"work"}, delivery_minor=700)).run_once()
    kept = home.prices.newest("grocer", MILK.product.sku, delivery_ref="work")
    assert kept is not None
    assert kept.delivery_minor == 300
    newest = home.desk.orders.newest_price(ItemId("milk"), merchant="grocer", sku=MILK.product.sku)
    assert newest is not None
    assert newest.delivery_minor == 700


async def test_a_home_that_is_refused_is_a_list_that_is_missing(home: Home) -> None:
    """As where the bridge is away: nothing is kept, and it is asked again."""
    with pytest.raises(BridgeUnreachableError):
        await keeper(home, Lists(refused={"home"})).run_once()
    assert home.desk.orders.prices(ItemId("milk"), limit=9) == []


def test_no_place_of_the_household_is_logged(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """Nor where a car goes."""
    caplog.set_level(logging.DEBUG)
    home.drive(WORK)
    home.road.bring(P1, terms_hash=home.road.redirections(P1)[0].terms_hash, by="anna")
    assert not any(word in caplog.text for word in ("47.1", "8.8", "work", "Work"))


def test_a_household_has_few_places_with_a_name_each() -> None:
    """Each costs a question a day for every product."""
    assert Preferences().delivery_ref == "home"
    with pytest.raises(ValueError, match="two places have one name"):
        Household(items=(), places=(WORK, WORK))
    many = tuple(replace_place(WORK, name=f"p{number}") for number in range(9))
    with pytest.raises(ValueError, match="at most 8"):
        Household(items=(), places=many)
