"""A merchant that speaks UCP over REST: quote, place, get, cancel, events.

Traps that this file knows: a session is `ready_for_complete` before delivery is in its total, so a quote always
selects a way of delivery; the answer to a repeated create is the first one, with old prices and an old status, so a
quote always ends with an update under a key of its own. Once AP2 mandates were agreed on, there is no way back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote as quoted
from uuid import NAMESPACE_URL, uuid5

from cloud_bridge.core.capability import Capability
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Followed, Hint, Lookup, Open, Outcome, Rejected, Standing, Unknown
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import (
    BugError,
    MerchantAwayError,
    MerchantRefusedError,
    MerchantUnclearError,
    NotAuthenticError,
)
from cloud_bridge.merchant_config import UcpConfig
from cloud_bridge.merchants import ucp_answers
from cloud_bridge.merchants.ap2 import Agent, Authorized, authorized
from cloud_bridge.merchants.capabilities import capability_of
from cloud_bridge.merchants.checkouts import OK, away, complaint
from cloud_bridge.merchants.deliveries import gone
from cloud_bridge.merchants.documents import parse
from cloud_bridge.merchants.http import Answer
from cloud_bridge.merchants.payment_tokens import PaymentTokens
from cloud_bridge.merchants.signatures import Checker, UnknownKeyError
from cloud_bridge.merchants.ucp_answers import accepted
from cloud_bridge.merchants.ucp_channel import Channel
from cloud_bridge.merchants.ucp_completion import Completions
from cloud_bridge.merchants.ucp_delivery import chosen, deliveries, is_selected
from cloud_bridge.merchants.ucp_documents import Checkout, quote_of
from cloud_bridge.merchants.ucp_orders import Order, followed, hint_of
from cloud_bridge.merchants.ucp_profile import Handlers, MerchantProfile
from cloud_bridge.merchants.ucp_requests import opening, update
from cloud_bridge.merchants.ucp_versions import AP2, Dialect, Signing
from cloud_bridge.signing_key import SigningKey
from cloud_bridge.wire import Intent

log = logging.getLogger(__name__)

_UPDATES_MAX = 3
_PRICED = frozenset({"ready_for_complete", "requires_escalation"})
_ENDED = frozenset({"completed", "canceled", "complete_in_progress"})


class UcpMerchant:
    """One UCP merchant. `now` gives the bridge's time, by which mandates end; `key` signs them."""

    def __init__(
        self,
        config: UcpConfig,
        *,
        channel: Channel,
        key: SigningKey,
        tokens: PaymentTokens,
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._capability = capability_of(config)
        self._channel = channel
        self._origin = channel.http.origin
        self._addresses = config.destinations.values()
        self._mandated = config.ap2 == "required"
        self._profile: MerchantProfile | None = None

        def agent(dialect: Dialect) -> Agent:
            return Agent(key, channel.profile_url(dialect.version), config.id, channel.http.origin)

        self._completions = Completions(config, tokens=tokens, agent=agent, now=now)

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
        try:
            profile = await self._known_profile()
            self._check_handler(profile.handlers)
            found = await (self._open(wanted, key=key) if session_id is None else self._reopen(session_id))
            checkout, answer = await self._select_delivery(found, wanted, profile.dialect)
            session = await self._believed(answer) if self._mandated else None
        except MerchantUnclearError as exc:
            raise MerchantAwayError(str(exc)) from exc
        self._completions.priced(checkout.id, session)
        return replace(quote_of(checkout, wanted), delivery=chosen(checkout), deliveries=deliveries(checkout))

    def order_digest(self, session_id: str, *, leave: Intent | None = None) -> str:
        """SHA-256 over what `place` sends; to be asked after a quote or a look-up."""
        return self._completions.digest(session_id, self._completion(session_id, leave))

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:
        """Complete the session. Where mandates were agreed on and cannot be made, nothing is sent."""
        try:
            await self._known_profile()
            body = self._completion(session_id, leave)
            if body is None:
                return Rejected(Detail.LEAVE_INVALID if leave is None else Detail.MERCHANT_REFUSED)
            answer = await self._channel.ask("POST", f"{_session(session_id)}/complete", key=key, body=body)
        except MerchantAwayError:
            return Unknown(Detail.MERCHANT_AWAY)
        except MerchantUnclearError as exc:
            log.info("complete_unclear session=%s reason=%s", session_id, exc)
            return Unknown(Detail.NO_ANSWER)
        outcome = ucp_answers.outcome(answer, session_id, origin=self._origin, addresses=self._addresses)
        if isinstance(outcome, Unknown):
            log.info("complete_unclear session=%s status=%d", session_id, answer.status)
        return outcome

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:  # noqa: ARG002  sessions say it
        """Where the session stands now. UCP has no look-up by a reference: without a session there is nothing to find.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        await self._known_profile()
        if not session_id:
            return Standing.MISSING
        answer = await self._channel.ask("GET", _session(session_id))
        if answer.status == 404:
            return Standing.MISSING
        if answer.status not in OK:
            raise away(answer, f"session {session_id}")
        found = ucp_answers.standing(answer, session_id, origin=self._origin, addresses=self._addresses)
        if self._mandated and isinstance(found, Open):
            self._completions.seen(session_id, await self._believed(answer))
        return found

    async def cancel(self, session_id: str) -> None:
        """Close the session, if it still can be.

        Raises: MerchantAwayError.
        """
        key = str(uuid5(NAMESPACE_URL, f"restock:cancel:{session_id}"))
        try:
            answer = await self._channel.ask("POST", f"{_session(session_id)}/cancel", key=key)
        except MerchantUnclearError as exc:
            raise MerchantAwayError(str(exc)) from exc
        if answer.status >= 500 or answer.status == 429:
            raise away(answer, f"session {session_id}")

    async def events(self, merchant_order_id: str, *, session_id: str | None = None) -> Followed:
        """The order as it stands now, which is of this session where it says of which.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        answer = await self._channel.ask("GET", f"/orders/{quoted(merchant_order_id, safe='')}")
        if answer.status not in OK:
            raise away(answer, f"order {merchant_order_id}")
        order = parse(Order, answer)
        if order.id != merchant_order_id or (session_id and order.checkout_id not in {None, session_id}):
            raise MerchantUnclearError(f"asked for order {merchant_order_id}, told about another")
        return followed(order, origin=self._origin)

    def hint(self, body: bytes) -> Hint:
        """What a webhook claims to be about; nothing where it cannot be read."""
        return hint_of(body)

    # sessions

    async def _open(self, wanted: Wanted, *, key: str) -> Checkout:
        profile = await self._known_profile()
        body = opening(profile.dialect, wanted, config=self._config)
        return accepted(await self._channel.ask("POST", "/checkout-sessions", key=key, body=body))

    async def _reopen(self, session_id: str) -> Checkout:
        answer = await self._channel.ask("GET", _session(session_id))
        if answer.status == 404:
            raise MerchantRefusedError(Detail.SESSION_CLOSED, f"the session {session_id} is gone")
        checkout = accepted(answer)
        if checkout.id != session_id:
            raise MerchantUnclearError(f"asked for session {session_id}, told about another")
        return checkout

    async def _select_delivery(self, checkout: Checkout, wanted: Wanted, dialect: Dialect) -> tuple[Checkout, Answer]:
        address = self._config.destinations[wanted.delivery_ref]
        for _ in range(_UPDATES_MAX):
            if checkout.status in _ENDED:
                ended = f"the session is {checkout.status}"
                raise MerchantRefusedError(Detail.SESSION_CLOSED, ended, session_id=checkout.id)
            body = update(dialect, checkout, wanted, config=self._config)
            answer = await self._channel.ask("PUT", _session(checkout.id), key=self._channel.new_key(), body=body)
            updated = accepted(answer)
            if updated.id != checkout.id:
                raise MerchantUnclearError(f"updated session {checkout.id}, told about another")
            checkout = updated
            self._check_handler(checkout.handlers)
            if checkout.status in _PRICED and is_selected(checkout, address, wanted.delivery):
                return checkout, answer
        reason = complaint(checkout.messages)
        if wanted.delivery is not None and reason is None:
            raise gone(wanted.delivery)
        raise MerchantRefusedError(reason or Detail.ADDRESS_UNDELIVERABLE, "the session does not become ready")

    def _check_handler(self, offered: Handlers) -> None:
        """Refuse where the merchant lists its ways to pay, and ours is not among them (PAY-010)."""
        types = offered.get(self._config.payment_handler, frozenset()) if offered else None
        if types is not None and self._config.payment_instrument not in types:
            raise MerchantRefusedError(Detail.PAYMENT_FAILED, "the merchant does not take this way to pay (any more)")

    # trust

    def _completion(self, session_id: str, leave: Intent | None) -> bytes | None:
        if self._profile is None:
            raise BugError("the merchant's profile is read before anything is placed")
        return self._completions.body(session_id, self._profile.dialect, mandated=self._mandated, leave=leave)

    async def _known_profile(self) -> MerchantProfile:
        profile = self._profile = await self._channel.profiles.current()
        able = profile.dialect.signing is Signing.MESSAGE and AP2 in profile.capabilities
        if able and self._config.ap2 != "off":
            self._mandated = True
        elif self._mandated:
            raise MerchantAwayError("the merchant does not take AP2 mandates (any more), and nothing less will do")
        return profile

    async def _believed(self, answer: Answer) -> Authorized:
        """The session as the merchant signed it. Raises: MerchantUnclearError."""
        try:
            profile = await self._channel.profiles.current()
            try:
                return authorized(answer.body, checker=Checker(profile.keys, now=self._channel.now()))
            except UnknownKeyError:
                profile = await self._channel.profiles.refreshed()
                return authorized(answer.body, checker=Checker(profile.keys, now=self._channel.now()))
        except (NotAuthenticError, MerchantAwayError) as exc:
            raise MerchantUnclearError(str(exc)) from exc


def _session(session_id: str) -> str:
    return f"/checkout-sessions/{quoted(session_id, safe='')}"
