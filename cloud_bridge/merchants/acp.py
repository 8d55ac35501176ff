"""A merchant that speaks ACP: quote, place, get, cancel, events.

Traps that this file knows: the answer to a repeated create is the first one, with old prices and an old status, so a
quote always ends with an update under a key of its own. A session that was completed need not name its order when it
is read again; only the answer to the request itself must. There is no address of orders: what became of one is told
by its session, where the merchant tells it at all.
"""

from __future__ import annotations

import hashlib
import logging
from urllib.parse import quote as quoted
from uuid import NAMESPACE_URL, uuid5

from cloud_bridge.core.capability import Capability
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Followed, Hint, Lookup, Outcome, Progress, Standing, Unknown
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchant_config import AcpConfig
from cloud_bridge.merchants import acp_answers
from cloud_bridge.merchants.acp_answers import BUSY, CLOSED, FOR_A_BUYER, accepted
from cloud_bridge.merchants.acp_channel import AcpChannel
from cloud_bridge.merchants.acp_documents import Checkout, is_settled, quote_of, way_for
from cloud_bridge.merchants.acp_orders import followed, hint_of
from cloud_bridge.merchants.acp_requests import QUANTITY_MAX, completion, opening, update
from cloud_bridge.merchants.capabilities import capability_of
from cloud_bridge.merchants.checkouts import OK, away, complaint
from cloud_bridge.merchants.deliveries import gone
from cloud_bridge.merchants.documents import parse
from cloud_bridge.merchants.payment_tokens import PaymentTokens
from cloud_bridge.wire import Intent

log = logging.getLogger(__name__)

_UPDATES_MAX = 3
_PRICED = frozenset({"ready_for_payment"}) | FOR_A_BUYER
_ENDED = frozenset({"completed"}) | BUSY | CLOSED
_NOTHING = b"{}"


class AcpMerchant:
    """One ACP merchant."""

    def __init__(self, config: AcpConfig, *, channel: AcpChannel, tokens: PaymentTokens) -> None:
        self._config = config
        self._capability = capability_of(config)
        self._channel = channel
        self._addresses = config.destinations.values()
        self._tokens = tokens

    @property
    def capability(self) -> Capability:
        """Class A, by the protocol, unless the configuration trusts this merchant with less."""
        return self._capability

    @property
    def currency(self) -> str:
        """The currency in the configuration: a merchant may echo whatever it is asked in."""
        return self._config.currency

    def delivers_to(self, delivery_ref: str) -> bool:
        """Whether the configuration has an address for it."""
        return delivery_ref in self._config.destinations

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """Price a session with today's prices, delivery selected.

        Raises: MerchantAwayError, also for an answer that cannot be read or believed: no order can come of it;
        MerchantRefusedError.
        """
        if not self.delivers_to(wanted.delivery_ref):
            raise MerchantRefusedError(Detail.ADDRESS_UNDELIVERABLE, f"no address for {wanted.delivery_ref}")
        if wanted.quantity > QUANTITY_MAX:
            raise MerchantRefusedError(Detail.OUT_OF_STOCK, f"more than {QUANTITY_MAX} cannot be asked for")
        try:
            found = await (self._open(wanted, key=key) if session_id is None else self._reopen(session_id))
            checkout = await self._price(found, wanted)
        except MerchantUnclearError as exc:
            raise MerchantAwayError(str(exc)) from exc
        return quote_of(checkout, wanted)

    def order_digest(self, session_id: str, *, leave: Intent | None = None) -> str:  # noqa: ARG002  ACP shows none
        """SHA-256 over what `place` sends: the same after a restart."""
        return hashlib.sha256(f"{session_id}\n".encode() + self._completion(session_id)).hexdigest()

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:  # noqa: ARG002
        """Complete the session."""
        try:
            body = self._completion(session_id)
            answer = await self._channel.post(f"{_session(session_id)}/complete", key=key, body=body)
        except MerchantAwayError:
            return Unknown(Detail.MERCHANT_AWAY)
        except MerchantUnclearError as exc:
            log.info("complete_unclear session=%s reason=%s", session_id, exc)
            return Unknown(Detail.NO_ANSWER)
        outcome = acp_answers.outcome(answer, session_id, origin=self._channel.origin, addresses=self._addresses)
        if isinstance(outcome, Unknown):
            log.info("complete_unclear session=%s status=%d", session_id, answer.status)
        return outcome

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:  # noqa: ARG002  sessions say it
        """Where the session stands now. ACP has no look-up by a reference: without a session there is nothing to find.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        if not session_id:
            return Standing.MISSING
        answer = await self._channel.read(_session(session_id))
        if answer.status == 404:
            return Standing.MISSING
        if answer.status not in OK:
            raise away(answer, f"session {session_id}")
        return acp_answers.standing(answer, session_id, origin=self._channel.origin, addresses=self._addresses)

    async def cancel(self, session_id: str) -> None:
        """Close the session, if it still can be.

        Raises: MerchantAwayError.
        """
        key = str(uuid5(NAMESPACE_URL, f"restock:cancel:{session_id}"))
        try:
            answer = await self._channel.post(f"{_session(session_id)}/cancel", key=key, body=_NOTHING)
        except MerchantUnclearError as exc:
            raise MerchantAwayError(str(exc)) from exc
        if answer.status >= 500 or answer.status == 429:
            raise away(answer, f"session {session_id}")

    async def events(self, merchant_order_id: str, *, session_id: str | None = None) -> Followed:
        """The order as it stands now, as its session tells it; one that only is completed is being prepared.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        if session_id is None:
            raise MerchantAwayError(f"order {merchant_order_id}: no session to ask about it")
        answer = await self._channel.read(_session(session_id))
        if answer.status not in OK:
            raise away(answer, f"order {merchant_order_id}")
        checkout = parse(Checkout, answer)
        if checkout.id != session_id or checkout.status != "completed":
            raise MerchantUnclearError(f"order {merchant_order_id}: its session is {checkout.status}")
        if checkout.order is None:
            return Followed(Progress.PREPARING)
        if checkout.order.id != merchant_order_id:
            raise MerchantUnclearError(f"asked for order {merchant_order_id}, told about another")
        return followed(checkout.order, origin=self._channel.origin)

    def hint(self, body: bytes) -> Hint:
        """What a webhook claims to be about; nothing where it cannot be read."""
        return hint_of(body)

    # sessions

    async def _open(self, wanted: Wanted, *, key: str) -> Checkout:
        body = opening(wanted, config=self._config)
        return accepted(await self._channel.post("/checkout_sessions", key=key, body=body))

    async def _reopen(self, session_id: str) -> Checkout:
        answer = await self._channel.read(_session(session_id))
        if answer.status == 404:
            raise MerchantRefusedError(Detail.SESSION_CLOSED, f"the session {session_id} is gone")
        checkout = accepted(answer)
        if checkout.id != session_id:
            raise MerchantUnclearError(f"asked for session {session_id}, told about another")
        return checkout

    async def _price(self, checkout: Checkout, wanted: Wanted) -> Checkout:
        """The session again at today's prices, delivered to our address in the way that is wanted, or the cheapest."""
        destination = self._config.destinations[wanted.delivery_ref]
        for _ in range(_UPDATES_MAX):
            self._check(checkout)
            is_chosen = is_settled(checkout, destination, wanted.delivery)
            way = None if is_chosen else way_for(checkout, wanted.delivery)
            body = update(checkout, wanted, config=self._config, way=way)
            updated = accepted(await self._channel.post(_session(checkout.id), body=body))
            if updated.id != checkout.id:
                raise MerchantUnclearError(f"updated session {checkout.id}, told about another")
            checkout = updated
            if checkout.status in _PRICED and is_settled(checkout, destination, wanted.delivery):
                self._check(checkout)
                return checkout
        reason = complaint(checkout.messages)
        if wanted.delivery is not None and reason is None:
            raise gone(wanted.delivery)
        raise MerchantRefusedError(reason or Detail.ADDRESS_UNDELIVERABLE, "the session does not become ready")

    def _check(self, checkout: Checkout) -> None:
        """Refuse where nothing more can come of the session, or our way to pay is not among those that it lists."""
        if checkout.status in _ENDED:
            ended = f"the session is {checkout.status}"
            raise MerchantRefusedError(Detail.SESSION_CLOSED, ended, session_id=checkout.id)
        if checkout.handlers and self._config.payment_handler not in checkout.handlers:
            raise MerchantRefusedError(Detail.PAYMENT_FAILED, "the merchant does not take this way to pay (any more)")

    def _completion(self, session_id: str) -> bytes:
        token = self._tokens.token_for(session_id).get_secret_value()
        return completion(config=self._config, token=token)


def _session(session_id: str) -> str:
    return f"/checkout_sessions/{quoted(session_id, safe='')}"
