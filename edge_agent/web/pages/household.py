"""Household: quiet hours, days away and with guests, how much to hold, budget, notices and advice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core.catalogue import DateRange, Preferences
from edge_agent.core.household_edit import StayKind
from edge_agent.core.intent import LIVE
from edge_agent.core.leave.mandate import MandateState
from edge_agent.core.leave.policy import Policy
from edge_agent.core.messages import IntentId
from edge_agent.core.people import Account, Role
from edge_agent.core.said import Said, say, say_many
from edge_agent.errors import FailClosedError, HubError, RefusedError
from edge_agent.web import preferences_form as form
from edge_agent.web.entries import Entries
from edge_agent.web.order_rows import CANCELLABLE
from edge_agent.web.pages.people import LIMITS
from edge_agent.web.told import not_taken
from edge_agent.web.visit import Visit
from edge_agent.web.wording import BUDGET_PERIODS, HOLDINGS, ROLES, STAYS

log = logging.getLogger(__name__)

_KINDS: Mapping[str, StayKind] = {"away": "away", "guests": "guests"}
_LONGEST_D = 366
_ORDERS_MAX = 200
_CANCEL_WITHIN_S = 30.0  # below what an answer may take


@dataclass(frozen=True, slots=True)
class StayRow:
    """Days that were told of, with whether they are over."""

    kind: StayKind
    words: str
    first: date
    last: date
    is_over: bool


@dataclass(frozen=True, slots=True)
class Who:
    """People with their roles, what each role may approve, and what stopping everything would stop."""

    people: Sequence[tuple[Account, str]]
    policy: Policy | None
    limits: Sequence[tuple[str, int | None]]
    live_mandates: int
    to_cancel: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Which form was not taken, what was typed there, and what is wrong with it."""

    form: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


async def show(visit: Visit) -> Response:
    """The settings as they stand."""
    return _page(visit, Refused())


async def set_preferences(visit: Visit) -> Response:
    """Write what was changed, and nothing else."""
    settings = visit.site.parts.settings
    read = form.read(visit.form, settings.preferences())
    if read.edit is None:
        return _page(visit, Refused("settings", read.typed, read.errors))
    try:
        settings.change(read.edit, by=visit.person.account)
    except RefusedError as exc:
        return _page(visit, Refused("settings", read.typed, {"whole": not_taken(exc)}))
    return _done()


async def set_days(visit: Visit) -> Response:
    """Days away or with guests: noted, or taken away again."""
    act, kind = visit.form.get("act"), _KINDS.get(visit.form.get("kind", ""))
    if act not in {"add", "remove"} or kind is None:
        raise HTTPException(400)
    typed = {name: visit.form.get(name, "") for name in ("kind", "first", "last")}
    entries = Entries(visit.form)
    days = _days(entries)
    if days is None:
        return _page(visit, Refused("days", typed, entries.errors))
    settings = visit.site.parts.settings
    try:
        (settings.add_days if act == "add" else settings.remove_days)(kind, days, by=visit.person.account)
    except RefusedError as exc:
        return _page(visit, Refused("days", typed, {"whole": not_taken(exc)}))
    return _done()


async def stop(visit: Visit) -> Response:
    """Ask for every order back that is not placed, and pause every mandate; what did not work is told.

    All at once: each wish is kept before anybody waits for the order service, so none hangs on the answer to another.
    """
    asked = [asyncio.create_task(_cancel(visit, intent), name="stop_order") for intent in _cancellable(visit)]
    await asyncio.sleep(0)  # they keep their wishes now, before anything below can fail
    paused, left = _pause_all(visit)
    done = sum(await asyncio.gather(*asked))
    told = say(
        "{paused} {cancelled} {rest} {left}",
        paused=say_many("{number} mandate is paused.", "{number} mandates are paused.", paused),
        cancelled=say_many("{number} order is taken back.", "{number} orders are taken back.", done),
        rest=say_many(
            "{number} order is not confirmed as cancelled: look at it on the Orders page.",
            "{number} orders are not confirmed as cancelled: look at them on the Orders page.",
            len(asked) - done,
        )
        if len(asked) > done
        else "",
        left=say_many(
            "{number} mandate could not be paused: look at it on the Mandates page.",
            "{number} mandates could not be paused: look at them on the Mandates page.",
            left,
        )
        if left
        else "",
    )
    return _page(visit, Refused(), stopped=told)


def _pause_all(visit: Visit) -> tuple[int, int]:
    """How many are paused now, and how many could not be."""
    mandates = visit.site.parts.mandates
    active = [view.record.id for view in mandates.all() if view.record.state is MandateState.ACTIVE]
    paused = 0
    for mandate in active:
        try:
            mandates.pause(mandate, by=visit.person.account)
            paused += 1
        except HubError as exc:
            log.warning("stop_mandate_unsure mandate=%s error=%s", mandate, type(exc).__name__)
    return paused, len(active) - paused


async def _cancel(visit: Visit, intent: IntentId) -> bool:
    """Whether the order is known to be taken back; where nobody answers in time, the wish is kept and asked again.

    Whatever went wrong with one order, the others are tried, and the page says which may still come.
    """
    try:
        async with asyncio.timeout(_CANCEL_WITHIN_S):
            return (await visit.site.parts.answers.cancel(intent, by=visit.person.account)).cancelled
    except (HubError, TimeoutError) as exc:
        log.warning("stop_order_unsure intent=%s error=%s", intent, type(exc).__name__)
        return False


def _cancellable(visit: Visit) -> list[IntentId]:
    intents = visit.site.parts.overview.intents(limit=_ORDERS_MAX)
    return [intent.id for intent in intents if intent.state in LIVE and intent.state in CANCELLABLE]


def _days(entries: Entries) -> DateRange | None:
    first, last = entries.day("first"), entries.day("last")
    if first is None or last is None:
        return None
    if last < first:
        entries.wrong("last", say("The last day is before the first."))
        return None
    if (last - first).days > _LONGEST_D:
        entries.wrong("last", say("No more than {number} days at once.", number=_LONGEST_D))
        return None
    return DateRange(first=first, last=last)


def _page(visit: Visit, refused: Refused, *, stopped: Said | None = None) -> Response:
    preferences = visit.site.parts.settings.preferences()
    stands = form.typed_from(preferences)
    of_settings = refused.form == "settings"
    typed = refused.typed if of_settings else stands
    return visit.page(
        "household.html",
        status=422 if refused.errors else 200,
        preferences=preferences,
        seen=form.seen_mark(preferences),
        typed=typed,
        errors=refused.errors if of_settings else {},
        file_says=_differing(stands, typed) if of_settings and "whole" in refused.errors else {},
        days_typed=refused.typed if refused.form == "days" else {},
        days_errors=refused.errors if refused.form == "days" else {},
        stays=_stays(visit, preferences),
        holdings=HOLDINGS,
        periods=BUDGET_PERIODS,
        today=visit.site.moments.today().isoformat(),
        stopped=stopped,
        who=_who(visit),
        fingerprint=visit.site.parts.records.fingerprint,
    )


def _who(visit: Visit) -> Who:
    policy, mandates = _policy(visit), visit.site.parts.mandates.all()
    return Who(
        people=[(person, ROLES[person.role][0]) for person in visit.site.parts.people.all()],
        policy=policy,
        limits=[(LIMITS[role], policy.limit_minor[role]) for role in Role] if policy else [],
        live_mandates=sum(1 for view in mandates if view.record.state is MandateState.ACTIVE),
        to_cancel=len(_cancellable(visit)),
    )


def _policy(visit: Visit) -> Policy | None:
    try:
        return visit.site.parts.policies.get()
    except FailClosedError:
        return None


def _differing(stands: Mapping[str, str], typed: Mapping[str, str]) -> dict[str, str]:
    """What the file says now, where something else was typed."""
    words = {name: title for name, title, _ in HOLDINGS} | dict(BUDGET_PERIODS) | {"yes": say("on")}
    return {
        name: words.get(stands.get(name, ""), stands.get(name, "")) or say("nothing")
        for name in (*stands, *(name for name in typed if name not in stands))
        if stands.get(name, "") != typed.get(name, "")
    }


def _stays(visit: Visit, preferences: Preferences) -> Sequence[StayRow]:
    """Those to come first, then those that are over, the newest first."""
    today = visit.site.moments.today()
    rows = [
        StayRow(kind, STAYS[kind], stay.first, stay.last, is_over=stay.last < today)
        for kind in _KINDS.values()
        for stay in getattr(preferences, kind)
    ]
    coming = sorted((row for row in rows if not row.is_over), key=lambda row: row.first)
    return (*coming, *sorted((row for row in rows if row.is_over), key=lambda row: row.first, reverse=True))


def _done() -> Response:
    return RedirectResponse("/household", status_code=303)
