"""Mandates that many tests of leave start from."""

from __future__ import annotations

from datetime import date, timedelta

from edge_agent.core.leave.draw import Usage
from edge_agent.core.leave.mandate import (
    Acceptable,
    AmountRange,
    Budget,
    ExecutionDate,
    MandateDraft,
    MandateItem,
    MandateRecord,
    MandateState,
    MandateTerms,
    Recurrence,
)
from edge_agent.core.leave.period import Frequency
from tests.edge_agent.samples import NOW

MADE_AT = NOW - timedelta(days=1)


def draft(
    *items: str,
    budget_minor: int = 3_000,
    max_minor: int = 2_000,
    frequency: Frequency = Frequency.MONTHLY,
    max_occurrences: int | None = None,
    not_after: date = date(2026, 12, 31),
    currency: str = "USD",
    timezone: str = "UTC",
) -> MandateDraft:
    """Milk (or other items of the sample product) up to a budget a month."""
    wanted = Acceptable(merchant="grocer", sku="milk-whole-1l")
    other = Acceptable(merchant="grocer", sku="milk-skimmed-1l")
    return MandateDraft(
        items=tuple(MandateItem(item=item, acceptable=(wanted, other), quantity_max=6) for item in items or ("milk",)),
        amount_range=AmountRange(currency=currency, min_minor=100, max_minor=max_minor),
        budget=Budget(currency=currency, max_minor=budget_minor),
        recurrence=Recurrence(frequency=frequency, max_occurrences=max_occurrences),
        execution_date=ExecutionDate(not_after=not_after),
        timezone=timezone,
    )


def mandate_terms(of: MandateDraft | None = None, *, ident: str = "m1") -> MandateTerms:
    """A draft as anna's mandate of yesterday."""
    made = of or draft()
    return MandateTerms(
        **{name: getattr(made, name) for name in MandateDraft.model_fields},
        id=ident,
        household="home-1",
        hub="hub-1",
        created_by="anna",
        created_at=MADE_AT,
        nonce="d" * 32,
    )


def mandate(
    of: MandateDraft | None = None, *, ident: str = "m1", state: MandateState = MandateState.ACTIVE
) -> MandateRecord:
    """That mandate in the store's form."""
    return MandateRecord(
        terms=mandate_terms(of, ident=ident),
        state=state,
        version=1,
        signature=b"m" * 64 if state is MandateState.ACTIVE else None,
        changed_at=MADE_AT,
        changed_by="anna",
        proposed_by="anna",
    )


def usage(
    *,
    period: int = 0,
    reserved_minor: int = 0,
    spent_minor: int = 0,
    occurrences: int = 0,
    open_period: int | None = None,
) -> Usage:
    """What a ledger says."""
    return Usage(period, reserved_minor, spent_minor, occurrences, open_period)
