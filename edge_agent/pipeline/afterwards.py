"""What a person says of an order after it was approved: take it back, how a doubt ended, that it came, or is mended.

Taking back is a durable wish: it holds through a bridge that is away, keeps a body that has not arrived there from
leaving again, and is asked on every turn until the bridge has said whether it was in time.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable

from cloud_bridge.wire import CancelReceipt, Settlement, SettleReceipt, Verdict
from edge_agent.core import intent as intents
from edge_agent.core.deciding.problem import Word, answered
from edge_agent.core.intent import IntentChange, IntentRecord, IntentState
from edge_agent.core.leave.terms import canonical
from edge_agent.core.messages import IntentId
from edge_agent.core.overview import CancelResult
from edge_agent.core.people import MAY_APPROVE
from edge_agent.core.said import say
from edge_agent.errors import BridgeUnreachableError, NotAllowedError, RefusedError
from edge_agent.leave_ports import AccountStore
from edge_agent.ports import Bridge, Clock, OrderStore, Signer

log = logging.getLogger(__name__)

_WISHES_A_TURN = 20
_WISHES_MAX = 10_000  # one live order an item, so never as many


class Afterwards:
    """Words about orders. `by` is the name of the person's account; only owners and members have a say."""

    def __init__(
        self,
        *,
        household: str,
        clock: Clock,
        orders: OrderStore,
        accounts: AccountStore,
        bridge: Bridge,
        signer: Signer,
        new_id: Callable[[], str],
    ) -> None:
        self._household = household
        self._clock = clock
        self._orders = orders
        self._accounts = accounts
        self._bridge = bridge
        self._signer = signer
        self._new_id = new_id
        self._asked: dict[IntentId, int] = {}  # in which turn a wish was last put to the bridge
        self._turn = 0

    async def cancel(self, intent: IntentId, *, by: str) -> CancelResult:
        """Take an order back while it is held.

        Raises: RefusedError when it is too late; BridgeUnreachableError when the bridge cannot be asked: the wish is
        kept, and asked again.
        """
        self._runs_the_home(by)
        record = self._orders.wish_cancel(intent, by=by, at=self._clock.now())
        log.info("cancel_wished intent=%s state=%s", intent, record.state)
        if record.state is IntentState.CANCELLED:
            return CancelResult(cancelled=True, state=record.state)
        return await self._ask_back(intent)

    async def run_once(self) -> int:
        """Ask the bridge for orders that are wanted back, some each turn; returns how many it answered for.

        Those that were asked for longest ago come first, so that none keeps another from its turn.

        Raises: BridgeUnreachableError after the last one, when any was not answered for; the others' answers are kept.
        """
        answered, missed = 0, None
        for intent in self._whose_turn_it_is():
            try:
                await self._ask_back(intent)
            except BridgeUnreachableError as exc:
                missed = exc
                continue
            answered += intent not in self._orders.cancel_wishes(limit=_WISHES_MAX)
        if missed is not None:
            raise missed
        return answered

    async def settle(self, intent: IntentId, *, found: bool, merchant_order_id: str | None, by: str) -> IntentRecord:
        """Say what nobody else could tell: the merchant has this order, or has it not.

        Raises: RefusedError when the order is not in doubt, here or at the bridge; BridgeUnreachableError.
        """
        self._runs_the_home(by)
        if self._find(intent).state not in intents.IN_DOUBT:
            raise RefusedError(say("order {intent} is not in doubt", intent=intent))
        verdict = Verdict(
            intent_id=intent,
            household=self._household,
            found=found,
            merchant_order_id=merchant_order_id,
            said_at=self._clock.now(),
            nonce=self._new_id(),
        )
        signature = base64.b64encode(self._signer.sign(canonical(verdict))).decode()
        receipt = await self._bridge.settle(Settlement(verdict=verdict, signature=signature))
        log.info("settled intent=%s found=%s state=%s", intent, found, receipt.state)
        return self._follow(self._settled(intent, receipt, verdict=verdict), intent)

    def arrived(self, intent: IntentId, *, by: str) -> IntentRecord:
        """The goods are here. Raises: RefusedError when the order was not on its way."""
        self._runs_the_home(by)
        return self._follow(intents.arrived(self._find(intent), now=self._clock.now()), intent)

    def never_came(self, intent: IntentId, *, by: str) -> IntentRecord:
        """The goods did not come. Raises: RefusedError when the order was not on its way."""
        self._runs_the_home(by)
        return self._follow(intents.never_came(self._find(intent), now=self._clock.now()), intent)

    def see_to(self, intent: IntentId, *, word: Word, by: str) -> IntentRecord:
        """What was in the way of the order is mended, or let be.

        Raises: RefusedError when nothing of the kind is.
        """
        self._runs_the_home(by)
        return self._follow(answered(self._find(intent), word, now=self._clock.now()), intent)

    def _whose_turn_it_is(self) -> list[IntentId]:
        wishes = self._orders.cancel_wishes(limit=_WISHES_MAX)
        self._turn += 1
        chosen = sorted(wishes, key=lambda intent: self._asked.get(intent, 0))[:_WISHES_A_TURN]
        self._asked = {intent: self._asked.get(intent, 0) for intent in wishes} | dict.fromkeys(chosen, self._turn)
        return chosen

    async def _ask_back(self, intent: IntentId) -> CancelResult:
        receipt = await self._bridge.cancel(intent)
        record = self._find(intent)  # it may have moved on while the bridge was asked
        if receipt is None:  # a copy may still arrive there, so only the bridge can end it: the wish stays
            log.info("cancel_unconfirmed intent=%s state=%s", intent, record.state)
            return CancelResult(cancelled=record.state is IntentState.CANCELLED, state=record.state)
        change = self._cancelled(record, receipt)
        self._orders.answer_cancel(intent, change)
        state = record.state if change is None else change.after.state
        return CancelResult(cancelled=state is IntentState.CANCELLED, state=state)

    def _cancelled(self, record: IntentRecord, receipt: CancelReceipt) -> IntentChange | None:
        detail = intents.CANCELLED_BY_HOUSEHOLD if receipt.cancelled else None
        return intents.step(record, IntentState(receipt.state.value), at=self._clock.now(), detail=detail)

    def _settled(self, intent: IntentId, receipt: SettleReceipt, *, verdict: Verdict) -> IntentChange | None:
        return intents.step(
            self._find(intent),
            IntentState(receipt.state.value),
            at=self._clock.now(),
            merchant_order_id=verdict.merchant_order_id if receipt.settled else None,
            detail=intents.SETTLED_BY_HOUSEHOLD if receipt.settled else None,
        )

    def _follow(self, change: IntentChange | None, intent: IntentId) -> IntentRecord:
        if change is None:
            return self._find(intent)
        [after] = self._orders.change_intents([change], cursor=None)
        return after

    def _find(self, intent: IntentId) -> IntentRecord:
        record = self._orders.intent(intent)
        if record is None:
            raise RefusedError(say("there is no order {intent}", intent=intent))
        return record

    def _runs_the_home(self, name: str) -> None:
        account = self._accounts.account(name)
        if account is None or account.role not in MAY_APPROVE:
            raise NotAllowedError(say("{name} may not say this: ask an owner or a member", name=name))
