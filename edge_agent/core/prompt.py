"""The life of a prompt, as a table. All state changes of prompts go through `step`.

    open -> approved | declined | snoozed | expired | withdrawn
    snoozed -> open | expired | withdrawn
    open -> open, on other terms: a person has it brought to another place

approved, declined, expired and withdrawn are absorbing. A GET never causes a change; only these events do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from edge_agent.core.leave.terms import Offer, terms_hash
from edge_agent.core.messages import ItemId, PromptId, Reason
from edge_agent.core.said import say
from edge_agent.core.state_words import word
from edge_agent.errors import RefusedError


class PromptState(StrEnum):
    """Where a prompt stands."""

    OPEN = "open"
    SNOOZED = "snoozed"
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class PromptEvent(StrEnum):
    """What can happen to a prompt."""

    APPROVE = "approve"
    DECLINE = "decline"
    SNOOZE = "snooze"
    REDIRECT = "redirect"
    WAKE = "wake"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"


class DeclineReason(StrEnum):
    """Why a person declined; each changes another thing (`quiet_after_decline`)."""

    HAVE_SPARE = "have_spare"
    TOO_DEAR = "too_dear"
    NOT_NOW = "not_now"
    WRONG_PRODUCT = "wrong_product"
    GOING_AWAY = "going_away"


TRANSITIONS: dict[PromptState, dict[PromptEvent, PromptState]] = {
    PromptState.OPEN: {
        PromptEvent.APPROVE: PromptState.APPROVED,
        PromptEvent.DECLINE: PromptState.DECLINED,
        PromptEvent.SNOOZE: PromptState.SNOOZED,
        PromptEvent.REDIRECT: PromptState.OPEN,
        PromptEvent.EXPIRE: PromptState.EXPIRED,
        PromptEvent.WITHDRAW: PromptState.WITHDRAWN,
    },
    PromptState.SNOOZED: {
        PromptEvent.WAKE: PromptState.OPEN,
        PromptEvent.EXPIRE: PromptState.EXPIRED,
        PromptEvent.WITHDRAW: PromptState.WITHDRAWN,
    },
    PromptState.APPROVED: {},
    PromptState.DECLINED: {},
    PromptState.EXPIRED: {},
    PromptState.WITHDRAWN: {},
}

_ON_TERMS = frozenset({PromptEvent.APPROVE, PromptEvent.REDIRECT})
LIVE = frozenset({PromptState.OPEN, PromptState.SNOOZED})

_QUIET_AFTER_DECLINE: dict[DeclineReason, timedelta] = {
    DeclineReason.HAVE_SPARE: timedelta(days=3),
    DeclineReason.TOO_DEAR: timedelta(days=2),
    DeclineReason.NOT_NOW: timedelta(days=1),
    DeclineReason.WRONG_PRODUCT: timedelta(days=5),
    DeclineReason.GOING_AWAY: timedelta(days=7),
}


@dataclass(frozen=True, slots=True)
class PromptRecord:
    """One question to the household, with the offer that would be bought and why it is asked.

    `version` rises with every change. `wake_at` is set while snoozed. `reasons` are sentences for the household.
    """

    id: PromptId
    item: ItemId
    state: PromptState
    version: int
    offer: Offer
    terms_hash: str
    days_of_cover: float
    order_by: datetime
    reasons: tuple[Reason, ...]
    created_at: datetime
    changed_at: datetime
    wake_at: datetime | None = None
    answered_by: str | None = None
    decline_reason: DeclineReason | None = None


@dataclass(frozen=True, slots=True)
class Endorsement:
    """One person's word for a prompt that needs two, on the terms with this hash."""

    by: str
    terms_hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PromptChange:
    """A step from `seen_version` of a prompt to `after`; the store applies it only if that version still stands."""

    seen_version: int
    event: PromptEvent
    after: PromptRecord


def step(
    prompt: PromptRecord,
    event: PromptEvent,
    *,
    now: datetime,
    by: str | None = None,
    wake_at: datetime | None = None,
    decline_reason: DeclineReason | None = None,
    offer: Offer | None = None,
) -> PromptChange:
    """The change that `event` makes; `offer` are the terms that stand after REDIRECT.

    Raises: RefusedError when the table has no such step, or an approval comes after the offer's end, or from before
    the prompt's last change, which is a clock that went back.
    """
    state = TRANSITIONS[prompt.state].get(event)
    if state is None:
        raise RefusedError(
            say(
                "this question is {state}: it can no longer be changed by {event}",
                state=word(prompt.state),
                event=word(event),
            )
        )
    if event in _ON_TERMS and now >= prompt.offer.expires_at:
        ended = f"{prompt.offer.expires_at:%Y-%m-%d %H:%M}"
        raise RefusedError(say("the offer of this question ended at {time} UTC", time=ended))
    if event is PromptEvent.APPROVE and now < prompt.changed_at:
        raise RefusedError(say("this question was made later than the clock says: set the clock first"))
    stands = prompt.offer if event is not PromptEvent.REDIRECT or offer is None else offer
    after = replace(
        prompt,
        state=state,
        offer=stands,
        terms_hash=prompt.terms_hash if stands is prompt.offer else terms_hash(stands),
        version=prompt.version + 1,
        changed_at=now,
        wake_at=wake_at if event is PromptEvent.SNOOZE else None,
        answered_by=by if by is not None else prompt.answered_by,
        decline_reason=decline_reason,
    )
    return PromptChange(seen_version=prompt.version, event=event, after=after)


def due_event(prompt: PromptRecord, *, now: datetime) -> PromptEvent | None:
    """What time alone does to a prompt now: wake it, or end it with its offer."""
    if prompt.state not in LIVE:
        return None
    if now >= prompt.offer.expires_at:
        return PromptEvent.EXPIRE
    if prompt.state is PromptState.SNOOZED and prompt.wake_at is not None and now >= prompt.wake_at:
        return PromptEvent.WAKE
    return None


def quiet_after_decline(reason: DeclineReason) -> timedelta:
    """How long the item is not asked about again."""
    return _QUIET_AFTER_DECLINE[reason]
