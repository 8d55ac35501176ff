"""The preferences as a form: its fields from the file, and a change of the file from what was typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.core.catalogue import (
    DELIVERY_CO2E_MAX_G,
    MONEY_MAX,
    SOURCE_CHARS_MAX,
    ClockTime,
    Preferences,
)
from edge_agent.core.household_edit import PreferencesEdit, as_json, fingerprint
from edge_agent.core.said import say
from edge_agent.web.entries import Entries, typed_money
from edge_agent.web.wording import BUDGET_PERIODS, HOLDINGS

NAMES = (
    "quiet_hours",
    "prompt_gap_h",
    "stock",
    "budget_minor",
    "budget_period",
    "notice_changes",
    "product_advice",
    "personal_advice",
    "delivery_co2e_g",
    "delivery_co2e_source",
)
SWITCHES = ("notice_changes", "product_advice", "personal_advice")
_EDITED = say(
    "The household's file was edited while you looked at this page. Nothing was changed yet. What you typed stands "
    "below; what the file says now stands beside each field. Save once more to put yours in its place."
)
_GAP_MAX_H = 168
_ON = "yes"


@dataclass(frozen=True, slots=True)
class Read:
    """What came of a form: the change, where nothing was wrong."""

    edit: PreferencesEdit | None
    typed: Mapping[str, str]
    errors: Mapping[str, str]


def seen_mark(preferences: Preferences) -> str:
    """What the form carries of the file that it was made from."""
    return fingerprint(as_json(preferences), NAMES)


def typed_from(preferences: Preferences) -> dict[str, str]:
    """The fields as they would have been typed; a switch that is off is not in it."""
    quiet = preferences.quiet_hours
    fields = {
        "quiet_start": quiet.start if quiet else "",
        "quiet_end": quiet.end if quiet else "",
        "prompt_gap_h": str(preferences.prompt_gap_h),
        "stock": preferences.stock,
        "budget": typed_money(preferences.budget_minor, preferences.currency),
        "budget_period": preferences.budget_period,
        "delivery_co2e_g": "" if preferences.delivery_co2e_g is None else str(preferences.delivery_co2e_g),
        "delivery_co2e_source": preferences.delivery_co2e_source or "",
    }
    return fields | {name: _ON for name in SWITCHES if getattr(preferences, name)}


def read(form: Mapping[str, str], preferences: Preferences) -> Read:
    """The change that the form asks for, against the preferences as they stand now."""
    entries = Entries(form)
    wanted = _wanted(entries, form, currency=preferences.currency)
    if form.get("seen") != seen_mark(preferences):
        entries.wrong("whole", _EDITED)
    typed = {name: form[name] for name in (*typed_from(Preferences()), *SWITCHES) if name in form}
    if entries.errors:
        return Read(None, typed, entries.errors)
    now = as_json(preferences)
    changes = {name: value for name, value in wanted.items() if value != now[name]}
    return Read(PreferencesEdit(changes=changes, seen={name: now[name] for name in changes}), typed, {})


def _wanted(entries: Entries, form: Mapping[str, str], *, currency: str) -> dict[str, Any]:
    """Every field as JSON; of no use where an entry was wrong."""
    wanted: dict[str, Any] = {
        "quiet_hours": _quiet(entries),
        "prompt_gap_h": entries.whole("prompt_gap_h", low=0, high=_GAP_MAX_H),
        "stock": entries.one_of("stock", {name: name for name, _, _ in HOLDINGS}),
        "budget_minor": entries.money("budget", currency=currency, optional=True),
        "budget_period": entries.one_of("budget_period", {name: name for name, _ in BUDGET_PERIODS}),
    }
    if (wanted["budget_minor"] or 0) > MONEY_MAX:
        entries.wrong("budget", say("That is more than a budget can be."))
    wanted |= _carbon(entries, form)
    return wanted | {name: form.get(name) == _ON for name in SWITCHES}


def _carbon(entries: Entries, form: Mapping[str, str]) -> dict[str, Any]:
    """A figure and who says so, or neither."""
    grams = entries.whole("delivery_co2e_g", low=1, high=DELIVERY_CO2E_MAX_G, optional=True)
    is_empty = not form.get("delivery_co2e_source", "").strip()
    source = None
    if not is_empty:
        source = entries.text("delivery_co2e_source", length_max=SOURCE_CHARS_MAX, wanted=say("Who says so"))
    if "delivery_co2e_g" not in entries.errors and (grams is None) is not is_empty:
        missing = "delivery_co2e_g" if grams is None else "delivery_co2e_source"
        entries.wrong(missing, say("Give the figure and who says so, or neither."))
    return {"delivery_co2e_g": grams, "delivery_co2e_source": source}


def _quiet(entries: Entries) -> dict[str, ClockTime] | None:
    """Both times, or none."""
    start, end = (entries.clock_time(name) for name in ("quiet_start", "quiet_end"))
    if "quiet_start" in entries.errors or "quiet_end" in entries.errors or (start is None and end is None):
        return None
    if start is None or end is None:
        missing = "quiet_start" if start is None else "quiet_end"
        entries.wrong(missing, say("Name both times, or neither."))
        return None
    if start == end:
        entries.wrong("quiet_end", say("Another time than the first; for no quiet hours leave both empty."))
        return None
    return {"start": start, "end": end}
