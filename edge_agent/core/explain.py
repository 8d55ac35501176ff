"""Why a signal has no value, in words for the person who writes its profile.

Only for those who look: decoding itself does not pay for it. Words name rules and places of the profile, and the
payload's own time; never another value of the payload.
"""

from __future__ import annotations

from datetime import datetime

from edge_agent.core.decoding.conditions import tester
from edge_agent.core.decoding.extract import Readings
from edge_agent.core.decoding.payload import MISSING, Found, Tree, select
from edge_agent.core.decoding.places import Places
from edge_agent.core.decoding.times import too_old
from edge_agent.core.messages import Presence
from edge_agent.core.profile import Guard, Profile, Signal


def untold(profile: Profile, tree: Tree, *, told: Readings, now: datetime) -> tuple[str, ...]:
    """`signal: why` for every signal that was told without a value and is no fault."""
    faulty = {each.signal for each in told.faults}
    names = [each.signal for each in told.readings if each.presence is not Presence.VALUE]
    stale = "" if profile.freshness is None else too_old(tree, profile.freshness, now=now)
    return tuple(f"{name}: {stale or _why(profile.signals[name], tree)}" for name in names if name not in faulty)


def _why(signal: Signal, tree: Tree) -> str:
    found = _found(signal, tree)
    if found is MISSING:
        return f"nothing stands at {signal.jsonpath or signal.select or 'the top'}"
    for guard in signal.guard:
        there = select(tree, guard.steps)
        if not (guard.optional and there is MISSING) and not tester(guard)(there):
            return f"guard: {_words(guard)} does not hold{', nothing stands there' if there is MISSING else ''}"
    if found is None:
        return "the payload says null"
    if any(type(found) is type(each) and found == each for each in signal.sentinels):
        return "the payload says one of the sentinels"
    if signal.parse in {"text", "flag"}:
        return "lookup: this word says nothing (null)"
    return "a number that a step of transform needs is not there, or 0; or the payload says a sentinel"


def _found(signal: Signal, tree: Tree) -> Found:
    places = Places()
    number = places.first([signal.jsonpath or signal.select or "", *signal.instead])
    return places.finder()(tree)[number]


def _words(guard: Guard) -> str:
    field = "one_of" if guard.test == "one_of" else guard.test
    value = getattr(guard, field)
    shown = [*value] if isinstance(value, tuple) else value
    return f"{guard.path} {'in' if field == 'one_of' else field} {shown!r}"
