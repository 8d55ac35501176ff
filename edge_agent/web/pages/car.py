"""The page for a car's screen: one question at a time, few words, and no answer from somebody who drives.

It answers while the chosen car tells that it stands, or for five minutes after somebody said to be a passenger. That is
looked at once more when the answer comes: what a page offered a minute ago counts for nothing. Unknown is not standing.
An answer takes the same way as one from the question's own page; who needs a PIN, or may not approve, does that there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from starlette.responses import RedirectResponse, Response

from edge_agent.core.messages import DeviceId, PromptId
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.core.said import Said, say
from edge_agent.errors import HubError, NotAllowedError, RefusedError, StaleTermsError
from edge_agent.web.leave import Leave, leave_for
from edge_agent.web.visit import Visit

CAR_COOKIE = "restock_car"
LATER_H = 6
_CAR = re.compile(r"([a-z0-9_]{1,62}\.)?[a-z0-9_-]{1,64}")
_COOKIE_LIFE_S = 90 * 86_400
_MOVED = say("Other terms now. Look again.")
_NOT_NOW = say("Not while driving.")
_DONE: Mapping[str, Said] = MappingProxyType({"yes": say("Done."), "half": say("A second person must agree.")})


@dataclass(frozen=True, slots=True)
class Seat:
    """Where the screen is. `stands` None: nobody knows whether `car` does; `car` None: nobody has said which it is."""

    car: DeviceId | None
    stands: bool | None
    is_passenger: bool

    @property
    def may_answer(self) -> bool:
        """Whether an answer from here is taken."""
        return self.is_passenger or (self.car is not None and self.stands is True)


async def show(visit: Visit) -> Response:
    """The question that is due first, or that there is none."""
    return page(visit, told=_DONE.get(visit.request.query_params.get("done", "")))


def page(visit: Visit, *, status: int = 200, told: Said | str | None = None) -> Response:
    """The screen; `told` is what came of the last press."""
    parts, seat = visit.site.parts, seat_of(visit)
    asked, others = _asked(visit)
    known = None if asked is None else parts.overview.item(asked.item)
    return visit.page(
        "car.html",
        status=status,
        seat=seat,
        cars=parts.road.cars(),
        prompt=asked,
        item_name=known.item.name if known else asked.item if asked else "",
        needs_second=asked is not None and _leave(visit, asked).needs_second,
        redirections=parts.road.redirections(asked.id)
        if asked is not None and visit.is_member and seat.may_answer
        else (),
        home=parts.settings.preferences().delivery_ref,
        others=others,
        told=told,
        later_h=LATER_H,
    )


async def choose(visit: Visit) -> Response:
    """This screen is in that car."""
    car = visit.form.get("car", "")
    if car not in visit.site.parts.road.cars():
        return page(visit, status=422, told=say("Nothing is heard of this car."))
    answer = RedirectResponse("/car", status_code=303)
    cookies = visit.site.sign_in.cookies
    cookies.give(answer, CAR_COOKIE, car, request=visit.request, life_s=_COOKIE_LIFE_S, path="/car")
    return answer


async def forget(visit: Visit) -> Response:
    """It is in another car, or in none."""
    answer = RedirectResponse("/car", status_code=303)
    visit.site.sign_in.cookies.give(answer, CAR_COOKIE, "", request=visit.request, life_s=0, path="/car")
    return answer


async def sit_beside(visit: Visit) -> Response:
    """Whoever is here says that they are a passenger."""
    visit.site.passengers.note(visit.person, now=visit.site.parts.clock.now())
    return RedirectResponse("/car", status_code=303)


async def approve(visit: Visit) -> Response:
    """Buy on the terms whose hash the form carries."""
    prompt, answers = PromptId(visit.path_id("prompt")), visit.site.parts.answers
    terms_hash = visit.form.get("terms_hash", "")
    if not seat_of(visit).may_answer:
        return page(visit, status=403, told=_NOT_NOW)
    try:
        order = answers.approve(prompt, terms_hash=terms_hash, by=visit.person.account, pin_checked=False)
    except HubError as exc:
        return _refused(visit, exc)
    return RedirectResponse("/car?done=yes" if order is not None else "/car?done=half", status_code=303)


async def later(visit: Visit) -> Response:
    """Not now: it is asked again in some hours."""
    prompt = PromptId(visit.path_id("prompt"))
    if not seat_of(visit).may_answer:
        return page(visit, status=403, told=_NOT_NOW)
    try:
        visit.site.parts.answers.snooze(prompt, hours=LATER_H, by=visit.person.account)
    except HubError as exc:
        return _refused(visit, exc)
    return RedirectResponse("/car", status_code=303)


async def bring(visit: Visit) -> Response:
    """Have it brought to where the car goes: on other terms, which then wait for a yes."""
    prompt, terms_hash = PromptId(visit.path_id("prompt")), visit.form.get("terms_hash", "")
    if not seat_of(visit).may_answer:
        return page(visit, status=403, told=_NOT_NOW)
    try:
        visit.site.parts.road.bring(prompt, terms_hash=terms_hash, by=visit.person.account)
    except HubError as exc:
        return _refused(visit, exc)
    return RedirectResponse("/car", status_code=303)


def seat_of(visit: Visit) -> Seat:
    """Where this screen is, as it stands at this moment."""
    said = visit.site.sign_in.cookies.read(visit.request, CAR_COOKIE)
    car = DeviceId(said) if _CAR.fullmatch(said) else None
    return Seat(
        car=car,
        stands=None if car is None else visit.site.parts.road.stands(car),
        is_passenger=visit.site.passengers.has(visit.person, now=visit.site.parts.clock.now()),
    )


def _asked(visit: Visit) -> tuple[PromptRecord | None, int]:
    """The question to show, and how many there are besides that one or that cannot be answered in a car."""
    now = visit.site.moments.now()
    prompts = [known.prompt for known in visit.site.parts.overview.items() if known.prompt is not None]
    waiting = [each for each in prompts if each.state is PromptState.OPEN and now < each.offer.expires_at]
    waiting.sort(key=lambda each: each.order_by)
    mine = [each for each in waiting if _can_say_yes(_leave(visit, each))]
    return (mine[0] if mine else None), len(waiting) - min(1, len(mine))


def _leave(visit: Visit, prompt: PromptRecord) -> Leave:
    return leave_for(visit.site.parts, prompt, name=visit.person.account)


def _can_say_yes(leave: Leave) -> bool:
    return leave.refusal is None and not leave.needs_pin


def _refused(visit: Visit, error: HubError) -> Response:
    """Why it was not taken, in few words where it is one of the usual reasons.

    Raises: the error, where no answer from a person could help.
    """
    match error:
        case StaleTermsError():
            return page(visit, status=409, told=_MOVED)
        case NotAllowedError():
            raise error
        case RefusedError():
            return page(visit, status=409, told=say("Answered already."))
        case _:
            raise error
