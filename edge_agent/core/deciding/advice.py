"""Advice about what is bought: never more than words, and never part of a decision.

Which detergent fits the programmes is said only where the household allows it (`Preferences.product_advice`).
What personal devices tell (sleep, activity) is looked at only where the household allows it
(`Preferences.personal_advice`), stays on the hub, and orders nothing: it is no input of any rule but this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from edge_agent.core.catalogue import Item, Preferences
from edge_agent.core.deciding.laundry import Wash
from edge_agent.core.deciding.laundry import advice as laundry_advice
from edge_agent.core.deciding.season import is_cold
from edge_agent.core.messages import Reason
from edge_agent.core.said import say

_FROST_CATEGORIES = frozenset({"washer_fluid", "windscreen_fluid"})
_FROST_WORDS = ("winter", "frost", "antifreeze", "anti-freeze", "-20", "-30")
_DAYS_MIN = 14
_LATELY_D = 7
_MORE = 1.3
_SHORT_NIGHTS_H = 6.0
_STIMULANTS = frozenset({"coffee", "tea", "energy_drink"})
_SPORTS = frozenset({"sports_drink", "protein", "laundry_detergent"})


@dataclass(frozen=True, slots=True)
class PersonalDay:
    """What a person's own devices said of one day: hours asleep, minutes active; None where they said nothing."""

    day: date
    asleep_h: float | None = None
    active_min: float | None = None


def advise(
    item: Item,
    *,
    preferences: Preferences,
    washes: Sequence[Wash] = (),
    personal: Sequence[PersonalDay] = (),
    now: datetime,
) -> tuple[Reason, ...]:
    """All advice about one item. `washes` and `personal` are oldest first."""
    said = [
        _against_frost(item, preferences, now=now),
        _fitting(item, washes) if preferences.product_advice else None,
        _personal(item, personal) if preferences.personal_advice else None,
    ]
    return tuple(reason for reason in said if reason is not None)


def _against_frost(item: Item, preferences: Preferences, *, now: datetime) -> Reason | None:
    title = item.product.title.lower()
    if item.category not in _FROST_CATEGORIES or any(word in title for word in _FROST_WORDS):
        return None
    if not is_cold(hemisphere=preferences.hemisphere, now=now):
        return None
    text = say("The cold half of the year is here: is {product} safe against frost?", product=item.product.title)
    return Reason("frost", text)


def _fitting(item: Item, washes: Sequence[Wash]) -> Reason | None:
    return laundry_advice(washes, title=item.product.title) if item.category == "laundry_detergent" else None


def _personal(item: Item, days: Sequence[PersonalDay]) -> Reason | None:
    """A gentle word where the last week was unlike the weeks before."""
    if len(days) < _DAYS_MIN:
        return None
    lately, before = days[-_LATELY_D:], days[:-_LATELY_D]
    asleep = [day.asleep_h for day in lately if day.asleep_h is not None]
    if item.category in _STIMULANTS and len(asleep) >= 5 and sum(asleep) / len(asleep) < _SHORT_NIGHTS_H:
        text = say("Your nights were short this week: a decaffeinated {item} for the evening?", item=item.name)
        return Reason("short_nights", text)
    now_active, usually = _mean_active(lately), _mean_active(before)
    if item.category in _SPORTS and now_active is not None and usually and now_active > _MORE * usually:
        text = say("You were more active than usual this week: {item} may go faster.", item=item.name)
        return Reason("more_active", text)
    return None


def _mean_active(days: Sequence[PersonalDay]) -> float | None:
    known = [day.active_min for day in days if day.active_min is not None]
    return sum(known) / len(known) if len(known) >= 5 else None
