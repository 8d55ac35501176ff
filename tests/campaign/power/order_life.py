"""Prompts, approvals, the outbox and what the bridge says of orders, as acts of a household's life."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace
from datetime import datetime, timedelta

from edge_agent.core import intent as intents
from edge_agent.core import prompt as prompts
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.draw import DrawRequest
from edge_agent.core.messages import ItemId
from edge_agent.core.prompt import DeclineReason, PromptEvent, PromptRecord, PromptState
from tests.campaign.power.stores import Scene
from tests.edge_agent.samples import RECEIPT, intent, price, prompt, terms

ITEMS = (ItemId("milk"), ItemId("detergent"))

_FOLLOWING = {
    IntentState.HELD: IntentState.SENDING,
    IntentState.SENDING: IntentState.PLACED,
    IntentState.PLACED: IntentState.SHIPPED,
    IntentState.SHIPPED: IntentState.DELIVERED,
    IntentState.UNKNOWN: IntentState.PLACED,
}
_ANSWERS = (IntentState.HELD, IntentState.HELD, IntentState.UNKNOWN, IntentState.REJECTED)


def free_items(scene: Scene) -> list[ItemId]:
    """Items with neither a question nor an order under way."""
    orders = scene.stores.orders
    return [item for item in ITEMS if not orders.live_prompt(item) and not orders.live_intent(item)]


def hand_over(scene: Scene, asked: PromptRecord, *, by: str, draw: DrawRequest | None = None) -> None:
    """Buy on the terms of a question, in the one call that does it."""
    now = scene.stores.clock.now()
    change = prompts.step(asked, PromptEvent.APPROVE, now=now, by=by)
    number = scene.stores.orders.next_handover()
    # A home of the first schema has orders without numbers, so a number alone names neither an order nor its leave.
    mark = scene.rng.randbytes(4).hex()
    ident = f"i{number}-{mark}"
    record = replace(intent(ident, of=asked.id, item=asked.item), created_at=now, changed_at=now)
    body = scene.rng.randbytes(24).hex().encode()
    scene.stores.orders.approve(
        change,
        intent=record,
        terms=terms(
            record.id,
            number=number,
            nonce=f"{number:024x}{mark}",
            leave="approval" if draw is None else "draw",
        ),
        signature=b"s" * 64,
        body=body,
        receipt=RECEIPT,
        draw=draw,
    )
    scene.books.approve(record.id, prompt=asked.id, body=body)


def new_prompt(scene: Scene, item: ItemId) -> PromptRecord:
    """A question that was not asked before."""
    now = scene.stores.clock.now()
    ident = f"p{len(scene.books.prompts) + 1}"
    return replace(prompt(ident, item=item), created_at=now, changed_at=now)


class OrderLife:
    """From the question to the delivery."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._orders = scene.stores.orders
        self._books = scene.books

    def possible(self) -> list[tuple[str, Callable[[], None]]]:
        """Every act that fits; what moves an order on comes up more often."""
        acts = [("prices", self._fetch_prices)]
        if self._in(PromptState.OPEN):
            acts += [("approval", self._approve)] * 5
            acts += [("decline", self._decline), ("snooze", self._snooze), ("endorsement", self._endorse)]
        if self._in(PromptState.SNOOZED):
            acts += [("wake", self._wake)] * 3
        if free_items(self._scene):
            acts += [("prompt", self._ask)] * 5
        if self._orders.outbox(limit=1):
            acts += [("answered", self._answer)] * 3
            acts += [("claim", self._claim), ("attempt", self._attempt), ("clock_jump", self._jump)]
        if self._live({IntentState.APPROVED, IntentState.HELD}):
            acts.append(("cancel", self._cancel))
        if self._books.wishes:
            acts += [("cancel_answered", self._answer_cancel)] * 2
        if self._live(_FOLLOWING.keys()):
            acts += [("status", self._follow)] * 4
        return acts

    # --- the question ---

    def _ask(self) -> None:
        record = new_prompt(self._scene, self._scene.rng.choice(free_items(self._scene)))
        self._orders.add_prompt(record)
        self._books.prompts.add(record.id)

    def _approve(self) -> None:
        hand_over(self._scene, self._in(PromptState.OPEN)[0], by="anna")

    def _decline(self) -> None:
        self._change(PromptState.OPEN, PromptEvent.DECLINE, decline_reason=DeclineReason.NOT_NOW)

    def _snooze(self) -> None:
        self._change(PromptState.OPEN, PromptEvent.SNOOZE)

    def _wake(self) -> None:
        self._change(PromptState.SNOOZED, PromptEvent.WAKE)

    def _endorse(self) -> None:
        asked = self._in(PromptState.OPEN)[0]
        by = self._scene.rng.choice(("anna", "ben"))
        self._orders.endorse(asked.id, terms_hash=asked.terms_hash, by=by, at=self._now())
        self._books.endorsements.add((asked.id, by))

    def _change(self, state: PromptState, event: PromptEvent, *, decline_reason: DeclineReason | None = None) -> None:
        wake_at = self._now() + timedelta(hours=1)
        change = prompts.step(
            self._in(state)[0], event, now=self._now(), by="anna", wake_at=wake_at, decline_reason=decline_reason
        )
        self._orders.change_prompt(change)

    def _in(self, state: PromptState) -> list[PromptRecord]:
        """Questions that can still be answered; an offer that has ended is left alone."""
        live = self._orders.prompts(live=True, limit=10)
        return [one for one in live if one.state is state and self._now() < one.offer.expires_at]

    # --- the bridge ---

    def _claim(self) -> None:
        self._orders.claim(self._orders.outbox(limit=1)[0], at=self._now())

    def _attempt(self) -> None:
        self._orders.record_attempt(self._orders.outbox(limit=1)[0], error="503")

    def _answer(self) -> None:
        row = self._orders.outbox(limit=1)[0]
        record = self._orders.intent(row.intent)
        assert record is not None
        change = intents.step(record, self._scene.rng.choice(_ANSWERS), at=self._now())
        self._orders.record_answer(row, change, taken=True)
        self._books.answer(row.intent)

    def _follow(self) -> None:
        record = self._scene.rng.choice(self._live(_FOLLOWING.keys()))
        change = intents.step(
            record, _FOLLOWING[record.state], at=self._now(), merchant_order_id=f"m-{record.id}", charged_minor=1016
        )
        assert change is not None
        self._orders.change_intents([change], cursor=self._books.cursor + 1)
        self._books.cursor += 1

    def _cancel(self) -> None:
        record = self._scene.rng.choice(self._live({IntentState.APPROVED, IntentState.HELD}))
        after = self._orders.wish_cancel(record.id, by="anna", at=self._now())
        if after.state is IntentState.CANCELLED:
            self._books.answer(record.id)
        else:
            self._books.wishes.add(record.id)

    def _answer_cancel(self) -> None:
        ident = self._orders.cancel_wishes(limit=1)[0]
        self._orders.answer_cancel(ident, None)
        self._books.wishes.discard(ident)

    def _live(self, states: Container[IntentState]) -> list[IntentRecord]:
        return [one for one in self._orders.intents(live=True, limit=10) if one.state in states]

    # --- prices ---

    def _fetch_prices(self) -> None:
        self._orders.save_prices([price(unit_price_minor=self._scene.rng.randint(99, 159), at=self._now())])
        self._books.prices += 1

    def _jump(self) -> None:
        """The wall clock is a month wrong for one price list: nothing that waits may go for it."""
        self._orders.save_prices([price(at=self._now() + timedelta(days=30))])
        self._books.prices += 1

    def _now(self) -> datetime:
        return self._scene.stores.clock.now()
