"""Mandates in every state, and messages that left the home."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, timedelta

from edge_agent.core.leave.draw import LedgerRow, LedgerState
from edge_agent.core.leave.mandate import (
    Acceptable,
    AmountRange,
    Budget,
    ExecutionDate,
    MandateItem,
    MandateRecord,
    MandateState,
    MandateTerms,
    Recurrence,
)
from edge_agent.core.leave.period import Frequency
from edge_agent.core.overview import EgressRow
from edge_agent.ports import Clock
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.fake_household import MandatesInMemory, PoliciesInMemory


def sample_mandate(
    ident: str, *, item: str, state: MandateState, budget_minor: int = 6_000, by: str = "the-owner"
) -> MandateRecord:
    """A mandate for one item of the sample home."""
    terms = MandateTerms(
        items=(
            MandateItem(
                item=item,
                acceptable=(Acceptable(merchant="grocer", sku=f"{item}-1"), Acceptable(merchant="grocer", sku="oat-2")),
                quantity_max=6,
            ),
        ),
        amount_range=AmountRange(currency="USD", max_minor=2_500),
        budget=Budget(currency="USD", max_minor=budget_minor),
        recurrence=Recurrence(frequency=Frequency.MONTHLY, max_occurrences=None),
        execution_date=ExecutionDate(not_after=date(2026, 8, 31)),
        timezone="Europe/Berlin",
        id=ident,
        household="home",
        hub="hub",
        created_by=by,
        created_at=NOW - timedelta(days=5),
        nonce="0" * 32,
    )
    signature = bytes(64) if state is MandateState.ACTIVE else None
    changed_at = NOW - timedelta(days=5)
    return MandateRecord(terms, state, 1, signature, changed_at=changed_at, changed_by=by, proposed_by=by)


def sample_mandates(clock: Clock, policies: PoliciesInMemory) -> MandatesInMemory:
    """One active, one that waits for a second person, one paused, one that is over."""
    mandates = MandatesInMemory(clock, policies)
    active = mandates.keep(
        sample_mandate("m-milk", item="milk", state=MandateState.ACTIVE),
        spent_minor=1_873,
        reserved_minor=2_115,
        occurrences=2,
    )
    mandates.kept["m-milk"] = replace(active, draws=_draws(active.record))
    mandates.keep(sample_mandate("m-waits", item="detergent", state=MandateState.PROPOSED, budget_minor=40_000))
    mandates.keep(sample_mandate("m-paused", item="washer_fluid", state=MandateState.PAUSED))
    mandates.keep(sample_mandate("m-over", item="milk", state=MandateState.REVOKED))
    return mandates


def _draws(record: MandateRecord) -> tuple[LedgerRow, ...]:
    rows = (
        ("i-p-fluid", LedgerState.RESERVED, 2_115),
        ("i-p-old", LedgerState.SPENT, 1_873),
        ("i-gone", LedgerState.RELEASED, 0),
    )
    return tuple(
        LedgerRow(
            intent=intent,
            mandate=record.id,
            period_index=0,
            state=state,
            amount_minor=amount_minor,
            currency="USD",
            changed_at=NOW - timedelta(days=day),
        )
        for day, (intent, state, amount_minor) in enumerate(rows)
    )


def sample_sent() -> list[EgressRow]:
    """An order with its bytes, a question without any, prices whose bytes are no longer kept."""
    order = b'{"terms":{"sku":"milk-1","quantity":4,"total_max_minor":2115},"signature":"..."}'
    sent = (
        ("prices", "POST", "/v1/prices", b"{}"),
        ("order_status", "GET", "/v1/events", b""),
        ("order", "POST", "/v1/intents", order),
    )
    return [
        EgressRow(
            id=number,
            at=NOW - timedelta(hours=9 - number),
            purpose=purpose,
            recipient="bridge.example:443",
            method=method,
            path=path,
            size_bytes=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            body=None if purpose == "prices" else body,
        )
        for number, (purpose, method, path, body) in enumerate(sent, start=1)
    ]
