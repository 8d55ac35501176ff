"""The deciding half of a review: every item is weighed, the home settles what is asked now, and the rest is noted.

An order is made by a mandate (`pipeline.draw`) or a person, never here. A question is opened at most once for a need,
at most `PROMPTS_A_DAY_MAX` a day, and never while it is not known what is under way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from edge_agent import __version__
from edge_agent.core import prompt as prompts
from edge_agent.core.decide import Weighed
from edge_agent.core.deciding.after_all import was_wanted
from edge_agent.core.deciding.asking import Open, settle
from edge_agent.core.deciding.problem import after_problem, wants_a_person
from edge_agent.core.deciding.quiet_hours import quiet_until
from edge_agent.core.deciding.replay import bundle
from edge_agent.core.deciding.situation import Situation
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import Decision, Forecast, Hold, ItemId, Propose, StockEstimate
from edge_agent.core.prompt import PromptEvent, PromptRecord
from edge_agent.core.tracing import Stage, question_trace_id
from edge_agent.core.withdrawing import BOUGHT_ELSEWHERE, is_bought_elsewhere
from edge_agent.pipeline.draw import Drawing
from edge_agent.pipeline.home_state import HomeState
from edge_agent.pipeline.options import Need, Options
from edge_agent.pipeline.shadowing import Shadowing
from edge_agent.ports import NO_TRACING, BundleStore, CrashHook, CrashPoint, OrderStore, Tracing, no_crash

log = logging.getLogger(__name__)

PROMPTS_A_DAY_MAX = 20
_DAY = timedelta(days=1)
_BY = "hub"


@dataclass(frozen=True, slots=True)
class ItemReview:
    """What the last review found of one item; `case` is all that the decision rests on."""

    estimate: StockEstimate
    forecast: Forecast
    decision: Decision
    case: Situation


class Deciding:
    """Decides on every item of a home and opens the questions that follow."""

    def __init__(
        self,
        *,
        orders: OrderStore,
        options: Options,
        drawing: Drawing,
        shadowing: Shadowing,
        bundles: BundleStore,
        may_ask: Callable[[], bool] = lambda: True,
        crash_hook: CrashHook = no_crash,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._orders = orders
        self._options = options
        self._drawing = drawing
        self._shadowing = shadowing
        self._bundles = bundles
        self._may_ask = may_ask
        self._crash_hook = crash_hook
        self._tracing = tracing

    def run(self, needs: Sequence[Need], *, home: HomeState) -> dict[ItemId, ItemReview]:
        """One look at all of them; what is due by itself is asked before what goes with it."""
        weighed = {need.id: self._options.weigh(need) for need in needs}
        free = [need for need in needs if self._is_free(need)] if self._may_ask() else []
        settled = settle(
            [Open(need.item.name, weighed[need.id][0]) for need in free],
            preferences=home.preferences,
            zone=home.zone,
            last_asked_at=home.last_asked_at,
            now=home.now,
        )
        for need in needs:
            self._look_after(need, weighed[need.id][0])
        is_due = {need.id: isinstance(weighed[need.id][0].decision, Propose) for need in free}
        for need in sorted(free, key=lambda one: not is_due[one.id]):
            first, others = weighed[need.id]
            decision = settled.get(need.id, first.decision)
            if isinstance(decision, Propose):
                self._order_or_ask(need, decision, others, case=first.case)
        return {need.id: _reviewed(need, weighed[need.id][0], settled) for need in needs}

    def _is_free(self, need: Need) -> bool:
        """Whether a question about it may be opened: none is, it is no shadow, and nothing is under way."""
        return (
            need.item.mode != "shadow"
            and self._orders.live_prompt(need.id) is None
            and self._orders.live_intent(need.id) is None
        )

    def _look_after(self, need: Need, weighed: Weighed) -> None:
        live = self._orders.live_prompt(need.id)
        if live is not None:
            self._age(live, need, weighed)
        if need.item.mode == "shadow":
            self._shadowing.follow(need, weighed)
        if weighed.need is not None:
            self._withdraw(need, spare_packs=weighed.need.spare_packs)

    def _withdraw(self, need: Need, *, spare_packs: float) -> None:
        """Take back an order that is still held, where its goods were bought elsewhere meanwhile."""
        order = self._orders.live_intent(need.id)
        if order is None or was_wanted(self._orders.prompt(order.prompt)):
            return
        if not is_bought_elsewhere(
            order,
            refills=need.stock.refills,
            bought_at=need.bought_at,
            spare_packs=spare_packs,
            pack_amount=need.item.product.pack_amount,
        ):
            return
        after = self._orders.wish_cancel(order.id, by=_BY, at=need.now, why=BOUGHT_ELSEWHERE)
        log.info("withdrawn item=%s intent=%s state=%s", need.id, order.id, after.state)

    def _age(self, live: PromptRecord, need: Need, weighed: Weighed) -> None:
        """Let time work on a prompt; withdraw one whose need was met from elsewhere, or that nobody can order now."""
        event = prompts.due_event(live, now=need.now)
        if event is PromptEvent.WAKE and self._is_quiet(need.home):
            event = None
        refilled = any(step.at > live.created_at for step in need.stock.refills)
        is_enough = isinstance(weighed.decision, Hold) and (refilled or _is_met(live, weighed))
        is_met = is_enough and not was_wanted(live)
        if event is None and (is_met or not need.item.product.can_be_ordered):
            event = PromptEvent.WITHDRAW
        if event is not None:
            log.info("prompt=%s event=%s", live.id, event)
            self._orders.change_prompt(prompts.step(live, event, now=need.now))

    def _is_quiet(self, home: HomeState) -> bool:
        return quiet_until(home.preferences.quiet_hours, zone=home.zone, now=home.now) is not None

    def _order_or_ask(self, need: Need, decision: Propose, others: Sequence[Propose], *, case: Situation) -> None:
        """Let a mandate pay where the item may be bought without asking; ask where none does, and say why.

        All questions are about the same need: at most one of them becomes an order or is asked.
        """
        questions = self._options.questions(need, [decision, *others])
        if not questions:
            return
        item = need.item
        record, *instead = questions
        if wants_a_person(self._orders.last_intent(need.id)):
            record = replace(record, reasons=(*record.reasons, after_problem(item)))
        elif item.mode == "auto" and not decision.must_ask:
            outcome = self._drawing.draw(record, item=item, preferences=need.home.preferences, instead=instead)
            if isinstance(outcome, IntentRecord):
                self._bundles.put_bundle(outcome.prompt, bundle(case, program=__version__), at=need.now)
                return
            record = replace(record, reasons=(*record.reasons, outcome))
        if self._orders.asked_since(record.created_at - _DAY) >= PROMPTS_A_DAY_MAX:
            log.warning("not_asked item=%s: %d prompts in a day", item.id, PROMPTS_A_DAY_MAX)
            return
        with self._tracing.span(Stage.ASK, trace=question_trace_id(record.id)):
            self._orders.add_prompt(record)
        self._bundles.put_bundle(record.id, bundle(case, program=__version__), at=need.now)
        self._crash_hook(CrashPoint.PROMPTED)
        log.info("prompt=%s item=%s packs=%d", record.id, item.id, record.offer.quantity)


def _is_met(live: PromptRecord, weighed: Weighed) -> bool:
    """Whether there is a pack more than enough of what was due when it was asked about: it came from elsewhere."""
    was_due = any(reason.code == "due" for reason in live.reasons)
    return was_due and weighed.need is not None and weighed.need.spare_packs >= 1


def _reviewed(need: Need, weighed: Weighed, settled: dict[ItemId, Decision]) -> ItemReview:
    decision = settled.get(need.id, weighed.decision)
    return ItemReview(estimate=need.stock, forecast=need.forecast, decision=decision, case=weighed.case)
