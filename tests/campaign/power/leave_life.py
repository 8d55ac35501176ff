"""Mandates and draws on them, as acts of a household's life."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from edge_agent.core.leave import mandate as mandates
from edge_agent.core.leave.draw import DrawRequest
from edge_agent.core.leave.mandate import (
    Acceptable,
    AmountRange,
    Budget,
    ExecutionDate,
    MandateEvent,
    MandateItem,
    MandateRecord,
    MandateState,
    MandateTerms,
    Recurrence,
    period_of,
)
from edge_agent.core.leave.period import Frequency
from tests.campaign.power.order_life import ITEMS, free_items, hand_over, new_prompt
from tests.campaign.power.stores import Scene
from tests.edge_agent.samples import NOW, offer

_BUDGET_MINOR = 3_000
_EVENTS = {
    MandateState.PROPOSED: (MandateEvent.CONFIRM, MandateEvent.CONFIRM, MandateEvent.DECLINE),
    MandateState.ACTIVE: (MandateEvent.PAUSE, MandateEvent.REVOKE),
    MandateState.PAUSED: (MandateEvent.RESUME, MandateEvent.REVOKE),
}


class LeaveLife:
    """Standing leave: proposed, confirmed, drawn on, paused, revoked."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._mandates = scene.stores.mandates
        self._books = scene.books

    def possible(self) -> list[tuple[str, Callable[[], None]]]:
        """Every act that fits."""
        live = self._live()
        acts = [("mandate", self._propose)] if len(live) < 2 else []
        if live:
            acts.append(("mandate_change", self._change))
        return acts + [("draw", self._draw)] * 4 if self._drawable() else acts

    def _propose(self) -> None:
        ident = f"m{len(self._books.mandates) + 1}"
        record = _mandate(ident)
        self._mandates.add_mandate(record)
        self._books.mandates[ident] = record.state

    def _change(self) -> None:
        record = self._scene.rng.choice(self._live())
        event = self._scene.rng.choice(_EVENTS[record.state])
        change = mandates.step(record, event, now=self._scene.stores.clock.now(), by="ben", signature=b"s" * 64)
        self._mandates.change_mandate(change)
        self._books.mandates[record.id] = change.after.state
        if event is MandateEvent.REVOKE:
            self._take_back(record)

    def _take_back(self, revoked: MandateRecord) -> None:
        """With the mandate go its orders that were not taken yet; the others are asked back."""
        waiting = {row.intent for row in self._scene.stores.orders.outbox(limit=100)}
        for draw in self._mandates.draws(revoked.id, limit=100):
            if draw.intent in self._books.waiting and draw.intent not in waiting:
                self._books.answer(draw.intent)
        self._books.wishes |= set(self._scene.stores.orders.cancel_wishes(limit=100))

    def _draw(self) -> None:
        mandate, request = self._drawable()[0]
        asked = new_prompt(self._scene, self._scene.rng.choice(free_items(self._scene)))
        hand_over(self._scene, asked, by=f"mandate:{mandate.id}", draw=request)
        self._books.prompts.add(asked.id)

    def _drawable(self) -> list[tuple[MandateRecord, DrawRequest]]:
        """Active mandates with room for one more order, where there is something to order."""
        if not free_items(self._scene):
            return []
        found = []
        for record in self._live():
            period = period_of(record.terms, self._scene.stores.clock.now()).index
            used = self._mandates.usage(record.id, period).used_minor
            ceiling = offer().total_max_minor
            if record.state is MandateState.ACTIVE and used + ceiling <= _BUDGET_MINOR:
                found.append((record, DrawRequest(record.id, record.version, period, ceiling, "USD")))
        return found

    def _live(self) -> list[MandateRecord]:
        return self._mandates.mandates(live=True, limit=10)


def _mandate(ident: str) -> MandateRecord:
    """A monthly one for everything, with room for two orders."""
    terms = MandateTerms(
        items=tuple(
            MandateItem(item=item, acceptable=(Acceptable(merchant=offer().merchant, sku=offer().sku),), quantity_max=9)
            for item in ITEMS
        ),
        amount_range=AmountRange(currency="USD", max_minor=5_000),
        budget=Budget(currency="USD", max_minor=_BUDGET_MINOR),
        recurrence=Recurrence(frequency=Frequency.MONTHLY),
        execution_date=ExecutionDate(not_after=(NOW + timedelta(days=400)).date()),
        timezone="Europe/Berlin",
        id=ident,
        household="home-1",
        hub="hub-1",
        created_by="anna",
        created_at=NOW,
        nonce="0" * 32,
    )
    return MandateRecord(terms, MandateState.PROPOSED, 1, None, changed_at=NOW, changed_by="anna", proposed_by="anna")
