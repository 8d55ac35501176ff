"""Standing leave to buy, in the shape of AP2's open mandates, and its life as a table.

    proposed -> active | declined | revoked | expired
    active -> paused | revoked | expired
    paused -> active | revoked | expired

The terms of a mandate never change, and the household's key signs them when it becomes active: to change one, revoke it
and make another. Revoking holds from the moment it is stored. What a mandate may pay for is `core.leave.draw`.

Source: AP2 v0.2, open payment mandate and open checkout mandate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import rfc8785
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator

from edge_agent.core.catalogue import Document, Id
from edge_agent.core.leave.period import Frequency, Period, period_at
from edge_agent.core.messages import ItemId, MandateId
from edge_agent.core.said import Day, say
from edge_agent.core.state_words import word
from edge_agent.errors import NotAllowedError, RefusedError

ITEMS_MAX = 50
ACCEPTABLE_MAX = 10


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise ValueError("not a time zone; it is a name such as Europe/Berlin") from exc
    return name


Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Minor = Annotated[int, Field(ge=0, le=1_000_000_000_000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]


class Acceptable(Document):
    """A product that may be bought, at one merchant."""

    merchant: Id
    sku: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]


class MandateItem(Document):
    """An item of the household: the first of `acceptable` is the one that is wanted, the others may stand in for it."""

    item: Id
    acceptable: Annotated[tuple[Acceptable, ...], Field(min_length=1, max_length=ACCEPTABLE_MAX)]
    quantity_max: Annotated[int, Field(ge=1, le=99)]


class AmountRange(Document):
    """What one order may cost, its ceiling counted. Minor units."""

    currency: Currency
    min_minor: Minor = 0
    max_minor: Minor


class Budget(Document):
    """What all orders of one period may cost together. Minor units."""

    currency: Currency
    max_minor: Minor


class Recurrence(Document):
    """How long a period is, and how many orders there may be in the mandate's whole life; None: no limit of its own."""

    frequency: Frequency
    max_occurrences: Annotated[int, Field(ge=1, le=10_000)] | None = None


class ExecutionDate(Document):
    """The days, in the mandate's time zone, on which it may be drawn on; both are included."""

    not_before: date | None = None
    not_after: date


class MandateDraft(Document):
    """What an owner asks for; the rest of the terms is the home's own."""

    items: Annotated[tuple[MandateItem, ...], Field(min_length=1, max_length=ITEMS_MAX)]
    amount_range: AmountRange
    budget: Budget
    recurrence: Recurrence
    execution_date: ExecutionDate
    timezone: Zone

    @model_validator(mode="after")
    def _fits_itself(self) -> Self:
        if self.amount_range.currency != self.budget.currency:
            raise ValueError("range and budget must be in one currency")
        if self.amount_range.min_minor > self.amount_range.max_minor:
            raise ValueError("the smallest amount is above the largest")
        if len({entry.item for entry in self.items}) < len(self.items):
            raise ValueError("an item stands twice")
        if (
            self.execution_date.not_before is not None
            and self.execution_date.not_before > self.execution_date.not_after
        ):
            raise ValueError("the last day is before the first")
        return self


class MandateTerms(MandateDraft):
    """What the household's key signs."""

    version: Literal[1] = 1
    id: Id
    household: Id
    hub: Id
    created_by: Name
    created_at: AwareDatetime
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]

    @property
    def first_day(self) -> date:
        """The day on which period 0 begins, in the mandate's time zone."""
        return self.execution_date.not_before or self.created_at.astimezone(ZoneInfo(self.timezone)).date()

    def entry(self, item: ItemId) -> MandateItem | None:
        """What the mandate says of an item."""
        return next((entry for entry in self.items if entry.item == item), None)


def canonical_mandate(terms: MandateTerms) -> bytes:
    """RFC 8785 canonical JSON of the terms: the bytes that are signed and kept."""
    return rfc8785.dumps(terms.model_dump(mode="json"))


def period_of(terms: MandateTerms, now: datetime) -> Period:
    """The budget's period at `now`, which must never run backwards."""
    zone = ZoneInfo(terms.timezone)
    return period_at(now, first_day=terms.first_day, frequency=terms.recurrence.frequency, zone=zone)


class MandateState(StrEnum):
    """Where a mandate stands."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    PAUSED = "paused"
    REVOKED = "revoked"
    EXPIRED = "expired"
    DECLINED = "declined"


class MandateEvent(StrEnum):
    """What can happen to a mandate."""

    CONFIRM = "confirm"
    DECLINE = "decline"
    PAUSE = "pause"
    RESUME = "resume"
    REVOKE = "revoke"
    EXPIRE = "expire"


_S, _E = MandateState, MandateEvent

TRANSITIONS: Mapping[MandateState, Mapping[MandateEvent, MandateState]] = {
    _S.PROPOSED: {_E.CONFIRM: _S.ACTIVE, _E.DECLINE: _S.DECLINED, _E.REVOKE: _S.REVOKED, _E.EXPIRE: _S.EXPIRED},
    _S.ACTIVE: {_E.PAUSE: _S.PAUSED, _E.REVOKE: _S.REVOKED, _E.EXPIRE: _S.EXPIRED},
    _S.PAUSED: {_E.RESUME: _S.ACTIVE, _E.REVOKE: _S.REVOKED, _E.EXPIRE: _S.EXPIRED},
    _S.REVOKED: {},
    _S.EXPIRED: {},
    _S.DECLINED: {},
}

LIVE = frozenset({_S.PROPOSED, _S.ACTIVE, _S.PAUSED})
_GIVES_LEAVE = frozenset({_E.CONFIRM, _E.RESUME})


@dataclass(frozen=True, slots=True)
class MandateRecord:
    """A mandate and where it stands; `version` only rises.

    `signature` is over the terms, and is there only while the mandate is active: a row that somebody made active again
    has none.
    """

    terms: MandateTerms
    state: MandateState
    version: int
    signature: bytes | None
    changed_at: datetime
    changed_by: str
    proposed_by: str
    confirmed_by: str | None = None

    @property
    def id(self) -> MandateId:
        """The mandate's own name."""
        return MandateId(self.terms.id)


@dataclass(frozen=True, slots=True)
class MandateChange:
    """A step of one mandate; applied only if `seen_version` still stands."""

    seen_version: int
    event: MandateEvent
    after: MandateRecord


def step(
    record: MandateRecord, event: MandateEvent, *, now: datetime, by: str, signature: bytes | None = None
) -> MandateChange:
    """The change that `event` makes; `signature` over the terms comes with `confirm` and `resume`.

    Raises: RefusedError when the table has no such step, or leave would be given after the last day or by a clock that
    went back. NotAllowedError when the person who proposed it would confirm it.
    """
    state = TRANSITIONS[record.state].get(event)
    if state is None:
        raise RefusedError(
            say(
                "mandate {id} is {state}: it can no longer be changed by {event}",
                id=record.id,
                state=word(record.state),
                event=word(event),
            )
        )
    if event in _GIVES_LEAVE and (is_over(record.terms, now=now) or now < record.changed_at):
        raise RefusedError(
            say(
                "mandate {id} ended on {day}, or the clock is wrong",
                id=record.id,
                day=Day(record.terms.execution_date.not_after, with_year=True),
            )
        )
    if event is MandateEvent.CONFIRM and by == record.proposed_by:
        raise NotAllowedError(
            say("{by} proposed mandate {id}: a second person of the household must confirm it", by=by, id=record.id)
        )
    after = replace(
        record,
        state=state,
        version=record.version + 1,
        signature=signature if state is MandateState.ACTIVE else None,
        changed_at=now,
        changed_by=by,
        confirmed_by=by if event is MandateEvent.CONFIRM else record.confirmed_by,
    )
    return MandateChange(seen_version=record.version, event=event, after=after)


def is_over(terms: MandateTerms, *, now: datetime) -> bool:
    """Whether the last day has passed in the mandate's time zone."""
    return now.astimezone(ZoneInfo(terms.timezone)).date() > terms.execution_date.not_after
