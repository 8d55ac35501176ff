"""What is asked now, of all that is due: nothing at night, seldom, and together with what would soon follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.catalogue import FreeDelivery, Item, Preferences, QuietHours
from edge_agent.core.decide import weigh
from edge_agent.core.deciding.asking import Open, settle
from edge_agent.core.deciding.quiet_hours import quiet_until
from edge_agent.core.messages import Decision, Hold, Propose
from tests.edge_agent.consumables import MILK, START
from tests.edge_agent.core.situations import listed, situation

BERLIN = ZoneInfo("Europe/Berlin")
USUAL = Preferences()


def thing(name: str, **changes: object) -> Item:
    """Another item of the same grocer."""
    return MILK.model_copy(update={"id": name.lower(), "name": name, **changes})


def opened(name: str, *, packs: float, now: datetime = START, preferences: Preferences = USUAL, **how: object) -> Open:
    """An item with so many packs, of which 0.8 are used a day unless told otherwise."""
    item = thing(name, **{key: how.pop(key) for key in ("mode", "room_packs", "product") if key in how})
    case = replace(situation(item, packs=packs, preferences=preferences, **how), now=now)  # type: ignore[arg-type]
    return Open(name, weigh(case))


def settled(
    *items: Open, preferences: Preferences = USUAL, last_asked_at: datetime | None = None, now: datetime = START
) -> dict[str, Decision]:
    """What becomes of them, by name; what is not changed stays as it was decided."""
    changed = settle(items, preferences=preferences, zone=BERLIN, last_asked_at=last_asked_at, now=now)
    return {one.name: changed.get(one.weighed.decision.item, one.weighed.decision) for one in items}


def codes(decision: Decision) -> list[str]:
    """Reason codes."""
    return [reason.code for reason in decision.reasons]


def test_nothing_is_asked_in_quiet_hours() -> None:
    """Not even what has run out; after them it is."""
    night = Preferences(quiet_hours=QuietHours(start="22:00", end="07:00"))
    asleep, awake = START + timedelta(hours=2), START + timedelta(hours=7)
    held = settled(opened("Milk", packs=0.0, now=asleep), preferences=night, now=asleep)["Milk"]
    assert isinstance(held, Hold)
    assert held.reasons[-1].text == "It is quiet time: asked at 07:00."
    assert isinstance(settled(opened("Milk", packs=0.0, now=awake), preferences=night, now=awake)["Milk"], Propose)


@pytest.mark.parametrize(
    ("packs", "hours_ago", "code"),
    [
        pytest.param(1.2, 1, "asked_lately", id="it can wait"),
        pytest.param(0.0, 1, "due", id="it cannot"),
        pytest.param(1.2, 13, "due", id="that was yesterday"),
    ],
)
def test_one_question_is_not_followed_by_the_next(packs: float, hours_ago: int, code: str) -> None:
    """Within the gap only what would have to be ordered before it is over."""
    item = opened("Milk", packs=packs, rate=0.1)
    assert isinstance(item.weighed.decision, Propose)
    found = settled(item, last_asked_at=START - timedelta(hours=hours_ago))["Milk"]
    assert code in codes(found)


def test_what_cannot_wait_takes_the_others_along() -> None:
    """If the household is disturbed anyway, it is asked everything that is due."""
    found = settled(opened("Milk", packs=1.0, rate=0.12), opened("Bread", packs=0.0), last_asked_at=START)
    assert all(isinstance(decision, Propose) for decision in found.values())


def test_what_a_mandate_pays_for_waits_for_no_gap() -> None:
    """Nobody is asked; where a person must be, the gap holds."""
    found, doubtful = (
        settled(opened("Milk", packs=1.2, rate=0.1, mode="auto", trust=trust), last_asked_at=START)["Milk"]
        for trust in (0.95, 0.62)
    )
    assert isinstance(found, Propose)
    assert isinstance(doubtful, Hold)


def test_what_would_soon_be_due_goes_along() -> None:
    """Milk is due, bread will be in days: both are asked in one go and say why; salt for a year waits."""
    salt = opened("Salt", packs=3.0, rate=0.005)
    found = settled(opened("Milk", packs=0.5), opened("Bread", packs=2.0, rate=0.2), salt)
    assert isinstance(found["Bread"], Propose)
    assert found["Bread"].reasons[-1].code == "joined"
    assert "goes with Milk in one delivery from grocer" in found["Bread"].reasons[-1].text
    assert found["Milk"].reasons[-1].text == "Bread can come with it: answer them together for one delivery."
    assert isinstance(found["Salt"], Hold)


def test_only_what_the_same_merchant_brings_goes_along() -> None:
    """Another shop is another delivery."""
    elsewhere = MILK.product.model_copy(update={"merchant": "other"})
    found = settled(opened("Milk", packs=0.5), opened("Bread", packs=2.0, rate=0.2, product=elsewhere))
    assert isinstance(found["Bread"], Hold)


def test_nothing_goes_along_where_nothing_is_due() -> None:
    """No delivery is made of what could wait."""
    found = settled(opened("Milk", packs=5.8), opened("Bread", packs=2.0, rate=0.2))
    assert all(isinstance(decision, Hold) for decision in found.values())


def test_a_free_delivery_is_reached_with_what_comes_next() -> None:
    """What would be due within two weeks fills up the order, and says from which amount it is free."""
    milk, soap = opened("Milk", packs=0.5), opened("Soap", packs=1.7, rate=0.12)
    free = Preferences(free_delivery=(FreeDelivery(merchant="grocer", from_minor=1_000),))
    without, reached = (settled(milk, soap, preferences=told)["Soap"] for told in (USUAL, free))
    assert isinstance(without, Hold)
    assert isinstance(reached, Propose)
    assert reached.reasons[-1].text.endswith("reaches $10.00, and is delivered for nothing.")


@given(
    minutes=st.integers(0, 3 * 24 * 60),
    from_day=st.sampled_from(["2026-03-28", "2026-10-24", "2026-06-01"]),
    hours=st.sampled_from([("22:00", "07:00"), ("01:30", "02:30"), ("12:00", "15:00")]),
    stocks=st.lists(st.floats(0, 7), min_size=1, max_size=4),
    asked_h=st.none() | st.integers(0, 48),
)
@settings(max_examples=100, deadline=None)
def test_laws_of_what_is_asked(
    minutes: int, from_day: str, hours: tuple[str, str], stocks: list[float], asked_h: int | None
) -> None:
    """Over clock changes: nothing in quiet hours; outside of them what is due is asked unless the gap holds it."""
    now = datetime.fromisoformat(f"{from_day}T00:00:00+00:00") + timedelta(minutes=minutes)
    preferences = Preferences(quiet_hours=QuietHours(start=hours[0], end=hours[1]))
    items = []
    for number, packs in enumerate(stocks):
        case = situation(thing(f"Item{number}"), packs=packs, preferences=preferences, price=listed(MILK))
        stock = replace(case.estimate, as_of=now)
        case = replace(case, estimate=stock, forecast=replace(case.forecast, as_of=now), now=now)
        items.append(Open(f"Item{number}", weigh(case)))
    last = None if asked_h is None else now - timedelta(hours=asked_h)
    found = settled(*items, preferences=preferences, last_asked_at=last, now=now)
    asked = {name for name, decision in found.items() if isinstance(decision, Propose)}
    due = {one.name for one in items if one.is_due}
    if quiet_until(preferences.quiet_hours, zone=BERLIN, now=now) is not None:
        assert not asked
    elif last is None or now - last >= timedelta(hours=preferences.prompt_gap_h):
        assert due <= asked
    else:
        assert asked == set() or due <= asked
