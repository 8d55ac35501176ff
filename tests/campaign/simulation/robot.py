"""The robot of one household: it answers what the hub asks, gives mandates, takes them back, and looks at merchants'.

It reckons the ceiling of each offer by itself, in whole numbers, and what it clicked and what it was answered is
written down before anything else happens. It stands in for the hub's review, too: a need becomes a draw or a question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from cloud_bridge.core.capability import MerchantClass
from edge_agent.core import prompt as prompts
from edge_agent.core.catalogue import Binding, Item, Preferences, Product
from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave import terms as offers
from edge_agent.core.leave.draw import DrawRequest, Grant, grant
from edge_agent.core.leave.mandate import (
    Acceptable,
    AmountRange,
    Budget,
    ExecutionDate,
    MandateDraft,
    MandateItem,
    Recurrence,
    canonical_mandate,
    period_of,
)
from edge_agent.core.leave.period import Frequency
from edge_agent.core.leave.terms import Terms, terms_hash
from edge_agent.core.messages import IntentId, ItemId, MandateId, Price, PromptId, Propose
from edge_agent.core.prompt import DeclineReason, PromptEvent, PromptRecord, PromptState
from edge_agent.errors import BridgeUnreachableError, RefusedError
from edge_agent.ports import CrashPoint
from tests.campaign.simulation.home import Home
from tests.campaign.simulation.judge import Need
from tests.campaign.simulation.leave import OWNER
from tests.campaign.simulation.purse import Leave, Purse
from tests.campaign.simulation.virtual import Died

TOLERANCE_PERCENT = 5
PREFERENCES = Preferences(price_tolerance=TOLERANCE_PERCENT / 100, hold_s=120)
_DRAWN = PREFERENCES.model_copy(update={"hold_s": 600})
# Their midnight falls into the busy hours of a world; neither has daylight saving time to begin or end in March.
ZONES = {"Pacific/Kiritimati": timedelta(hours=14), "Pacific/Tongatapu": timedelta(hours=13)}
_DRAFT_DAYS = timedelta(days=30)

Done = TypeVar("Done")


class _NotYetError(Exception):
    """The hub asks nothing yet."""


@dataclass(slots=True)
class Robot:
    """One household, at one of its hubs. `class_of` is what a hub knows of merchants."""

    home: Home
    class_of: Callable[[str], MerchantClass]
    mandates: list[str] = field(default_factory=list)

    # needs

    async def answer(self, need: Need) -> None:
        """Have a mandate pay for one need, or be asked for it, and answer as people do."""
        rng = self.home.weather.rng
        if need.is_auto and await self._patiently(lambda: self._draw(need)) is not None:
            return
        prompt = await self._patiently(lambda: self._ask(need))
        if prompt is None:
            return
        mood = rng.random()
        if mood < 0.06:
            await self._patiently(lambda: self._decline(prompt))
            return
        intent = await self._patiently(lambda: self._approve(prompt))
        if intent is None:
            return
        if mood < 0.16:
            await self._patiently(lambda: self._approve(prompt))  # once more, from a page that was left open
        if mood > 0.90:
            await asyncio.sleep(self.home.weather.between(0, 240))
            await self.cancel(intent.id)

    async def answer_again(self, need: Need, *, has_arrived: Callable[[], bool]) -> None:
        """The hub has forgotten that this was ordered; it asks again, unless the goods are there by now.

        Counted apart: `arrived_meanwhile`, `not_asked_again` where the hub itself refuses, since it has taken the order
        over, and `gave_up_asking`.
        """
        came_to = "gave_up_asking"

        def ask() -> PromptRecord:
            nonlocal came_to
            if has_arrived():
                came_to = "arrived_meanwhile"
                raise RefusedError("there is enough of it")
            try:
                return self._ask(need)
            except RefusedError:
                came_to = "not_asked_again"
                raise

        prompt = await self._patiently(ask)
        self.home.weather.tally[came_to if prompt is None else "asked_again"] += 1
        if prompt is not None:
            await self._patiently(lambda: self._approve(prompt))

    async def cancel(self, intent: IntentId) -> None:
        """Want an order back."""
        try:
            self._must_be_up()
            result = await self.home.afterwards.cancel(intent, by=OWNER)
        except (BridgeUnreachableError, RefusedError, Died):
            return
        if result.cancelled and self._is_told(intent):
            self.home.weather.tally["cancelled"] += 1
            self.home.judge.saw_cancelled(intent)

    async def settle(self, intent: str, *, order_id: str | None) -> None:
        """Look at the merchant's, and say whether the order is there."""
        found = order_id is not None
        try:
            self._must_be_up()
            await self.home.afterwards.settle(IntentId(intent), found=found, merchant_order_id=order_id, by=OWNER)
        except (BridgeUnreachableError, RefusedError, Died):
            return
        self.home.weather.tally["settled"] += 1
        self.home.ask_for_news()

    def _is_told(self, intent: str) -> bool:
        """Whether the page still shows it: the answer of a process that has died since reaches nobody."""
        return intent in self.home.disk.records

    # mandates

    async def give_mandate(self, needs: Sequence[Need]) -> None:
        """Let a mandate pay for these, up to a part of what they can come to."""
        draft, zone = self._draft(needs)
        record = await self._patiently(lambda: self.home.desk.propose(draft, by=OWNER, pin_checked=False))
        if record is None:
            return
        self.mandates.append(record.id)
        self.home.judge.purses.purses[record.id] = Purse(
            skus=frozenset(need.sku for need in needs),
            order_max_minor=draft.amount_range.max_minor,
            budget_minor=draft.budget.max_minor,
            utc_offset=ZONES[zone],
        )

    async def meddle(self, mandate: str) -> None:
        """Pause and resume a mandate, or revoke it, whatever is under way."""
        purse = self.home.judge.purses.purses[mandate]
        ident, tally = MandateId(mandate), self.home.weather.tally
        if self.home.weather.rng.random() < 0.4:
            if await self._patiently(lambda: self.home.desk.pause(ident, by=OWNER)) is None:
                return
            purse.is_active = False
            tally["mandate_paused"] += 1
            await asyncio.sleep(self.home.weather.between(60, 1_800))
            await self.resume(mandate)
        elif await self._patiently(lambda: self.home.desk.revoke(ident, by=OWNER)) is not None:
            purse.is_revoked = True
            tally["mandate_revoked"] += 1

    async def resume(self, mandate: str) -> None:
        """Let it draw again."""
        self.home.judge.purses.purses[mandate].is_active = True
        await self._patiently(lambda: self.home.desk.resume(MandateId(mandate), by=OWNER))

    def _draft(self, needs: Sequence[Need]) -> tuple[MandateDraft, str]:
        rng, now = self.home.weather.rng, self.home.clock.now()
        zone = rng.choice(list(ZONES))
        ceilings_minor = [_ceiling_minor(need) for need in needs]
        today: date = now.astimezone(ZoneInfo(zone)).date()
        draft = MandateDraft(
            items=tuple(
                MandateItem(
                    item=need.sku, acceptable=(Acceptable(merchant=need.merchant, sku=need.sku),), quantity_max=4
                )
                for need in needs
            ),
            amount_range=AmountRange(currency="USD", max_minor=sorted(ceilings_minor)[-1 - len(needs) // 10]),
            budget=Budget(currency="USD", max_minor=max(1, round(sum(ceilings_minor) * rng.uniform(0.15, 0.6)))),
            recurrence=Recurrence(frequency=Frequency.DAILY),
            execution_date=ExecutionDate(not_after=today + _DRAFT_DAYS),
            timezone=zone,
        )
        return draft, zone

    def _draw(self, need: Need) -> IntentRecord:
        """As `pipeline.draw` does it: the rules first, and then one transaction that has the last word.

        Raises: RefusedError.
        """
        home, record, refused = self.home, self._question(need, preferences=_DRAWN), "mandate_missing"
        for mandate in home.mandates.mandate_for(record.item):
            signature = mandate.signature or b""
            if not home.signer.verify(canonical_mandate(mandate.terms), signature):
                home.judge.fault(f"mandate {mandate.id} is active without its signature")
            usage = home.mandates.usage(mandate.id, period_of(mandate.terms, record.created_at).index)
            known_class = self.class_of(need.merchant)
            outcome = grant(
                mandate,
                offer=record.offer,
                item=record.item,
                usage=usage,
                merchant_class=known_class,
                now=record.created_at,
            )
            if isinstance(outcome, Grant):
                request = DrawRequest(
                    mandate.id, mandate.version, outcome.period.index, outcome.amount_minor, outcome.currency
                )
                return self._hand(record, request, by=OWNER)
            refused = outcome.reason
        home.weather.tally[f"draw_refused:{refused}"] += 1
        raise RefusedError(refused)

    def _hand(self, record: PromptRecord, request: DrawRequest, *, by: str) -> IntentRecord:
        home = self.home
        change = prompts.step(record, PromptEvent.APPROVE, now=record.created_at, by=f"mandate:{request.mandate}")
        intent = home.hand_over.give(change, item=_TEMPLATE, by=(by,), draw=request)
        home.judge.saw(intent.id)
        home.weather.tally["drawn"] += 1
        return intent

    # questions

    def _question(self, need: Need, *, preferences: Preferences) -> PromptRecord:
        """As the review asks: only once this hub has compared with the bridge since it started."""
        if not self.home.restore.has_compared:
            raise _NotYetError
        now = self.home.clock.now()
        price = Price(
            ItemId(need.sku), need.merchant, need.sku, need.price_minor, need.delivery_minor, "USD", True, now
        )
        propose = Propose(ItemId(need.sku), need.packs, now + timedelta(days=1), 2.0, ())
        item = self.home.larder.by_id[need.sku]
        offer = offers.offer_for(item, price, propose, preferences=preferences, now=now)
        ident = PromptId(self.home.new_id())
        self.home.asked_s[ident] = self.home.loop.at_s
        return PromptRecord(
            id=ident,
            item=ItemId(need.sku),
            state=PromptState.OPEN,
            version=1,
            offer=offer,
            terms_hash=terms_hash(offer),
            days_of_cover=2.0,
            order_by=now + timedelta(days=1),
            reasons=(),
            created_at=now,
            changed_at=now,
        )

    def _ask(self, need: Need) -> PromptRecord:
        record = self._question(need, preferences=PREFERENCES)
        self.home.tables.add_prompt(record)
        self.home.crash(CrashPoint.PROMPTED)
        return record

    def _approve(self, prompt: PromptRecord) -> IntentRecord | None:
        """Click; or read on the page that it was answered already, and what came of it."""
        home = self.home
        home.crash(CrashPoint.ANSWER_RECEIVED)
        try:
            record = home.tables.prompt(prompt.id)
            change = prompts.step(record, PromptEvent.APPROVE, now=home.clock.now(), by=OWNER)
            intent = home.hand_over.give(change, item=_TEMPLATE, by=(OWNER,))
        except RefusedError:
            known = next((each for each in home.disk.records.values() if each.prompt == prompt.id), None)
            if known is not None:
                home.judge.saw(known.id)
            return known
        home.crash(CrashPoint.ANSWER_STORED)
        home.judge.saw(intent.id)
        return intent

    def _decline(self, prompt: PromptRecord) -> None:
        change = prompts.step(
            prompt, PromptEvent.DECLINE, now=self.home.clock.now(), by=OWNER, decline_reason=DeclineReason.NOT_NOW
        )
        self.home.tables.change_prompt(change)

    async def _patiently(self, act: Callable[[], Done]) -> Done | None:
        """Try again while the hub is down, or dies over it; None where it refuses."""
        for _ in range(40):
            try:
                self._must_be_up()
                return act()
            except Died:
                self.home.kill()
                await asyncio.sleep(self.home.weather.between(5, 60))
            except _NotYetError:
                await asyncio.sleep(self.home.weather.between(30, 300))
            except RefusedError:
                return None
        return None

    def _must_be_up(self) -> None:
        if not self.home.is_up:
            raise Died


_TEMPLATE = Item(
    id="thing",
    name="A thing",
    category="thing",
    unit="g",
    product=Product(title="A thing", merchant="m", sku="s", pack_amount=100.0),
    binding=Binding(device="shelf", signal="thing.amount"),
    room_packs=9,
    prior_use_per_day=10.0,
)


def item_of(need: Need) -> Item:
    """What the household's file says of it."""
    product = _TEMPLATE.product.model_copy(update={"merchant": need.merchant, "sku": need.sku})
    return _TEMPLATE.model_copy(update={"id": need.sku, "product": product})


def _ceiling_minor(need: Need) -> int:
    total_minor = need.price_minor * need.packs + need.delivery_minor
    return total_minor * (100 + TOLERANCE_PERCENT) // 100


def reckon(needs: dict[str, Need], household: str) -> Callable[[Terms], Leave]:
    """How a household reckons what it gives leave for: from the need, and not from what would be signed."""

    def leave_for(terms: Terms) -> Leave:
        need = needs[terms.sku]
        return Leave(
            intent=terms.intent_id,
            sku=need.sku,
            quantity=need.packs,
            ceiling_minor=_ceiling_minor(need),
            merchant=need.merchant,
            household=household,
        )

    return leave_for
