"""A merchant that speaks UCP over REST: quote, place, get, cancel, events.

Traps that this file knows: a session is `ready_for_complete` before delivery is in its total, so a quote always
selects a way of delivery; the answer to a repeated create is the first one, with old prices and an old status, so a
quote always ends with an update under a key of its own.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from pydantic import SecretStr, ValidationError

from cloud_bridge.config import MerchantConfig, is_loopback
from cloud_bridge.core.capability import Capability
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import (
    Hint,
    Lookup,
    NeedsBuyer,
    Open,
    Outcome,
    Placed,
    Progress,
    Rejected,
    Standing,
    Unknown,
)
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import BugError, MerchantAwayError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchants import capabilities
from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.merchants.ucp_delivery import is_selected, selection
from cloud_bridge.merchants.ucp_documents import (
    Checkout,
    Document,
    Order,
    Refusal,
    Webhook,
    complaint,
    detail_of,
    progress_of,
    quote_of,
    total_of,
)
from cloud_bridge.merchants.ucp_versions import MerchantProfile, read_profile, same_origin

log = logging.getLogger(__name__)

_UPDATES_MAX = 3
_OK = frozenset({200, 201})
_PRICED = frozenset({"ready_for_complete", "requires_escalation"})
_ENDED = frozenset({"completed", "canceled", "complete_in_progress"})
# A refusal is believed where the merchant must have read the request and said no to it.
_REFUSALS = frozenset({400, 401, 402, 403, 405, 406, 410, 415})

Read = TypeVar("Read", bound=Document)


class UcpMerchant:
    """One UCP merchant. `profile_url` is where it can fetch our own profile; `new_key` makes ids of requests."""

    def __init__(
        self,
        config: MerchantConfig,
        *,
        token: SecretStr,
        profile_url: str,
        http: MerchantHttp,
        new_key: Callable[[], str],
    ) -> None:
        self._config = config
        self._token = token
        self._profile_url = profile_url
        self._http = http
        self._new_key = new_key
        self._profile: MerchantProfile | None = None

    @property
    def capability(self) -> Capability:
        """Class A, by the protocol."""
        return capabilities.UCP

    @property
    def currency(self) -> str:
        """The currency in the configuration: a merchant may echo whatever it is asked in."""
        return self._config.currency

    def delivers_to(self, delivery_ref: str) -> bool:
        """Whether the configuration has an address for it."""
        return delivery_ref in self._config.destinations

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """Price a session with today's prices, delivery selected.

        Raises: MerchantAwayError, also for an answer that cannot be read: no order can come of it;
        MerchantRefusedError.
        """
        if not self.delivers_to(wanted.delivery_ref):
            raise MerchantRefusedError(Detail.ADDRESS_UNDELIVERABLE, f"no address for {wanted.delivery_ref}")
        try:
            found = await (self._open(wanted, key=key) if session_id is None else self._reopen(session_id))
            return quote_of(await self._select_delivery(found, wanted), wanted)
        except MerchantUnclearError as exc:
            raise MerchantAwayError(str(exc)) from exc

    def order_digest(self, session_id: str) -> str:
        """SHA-256 over what `place` sends; to be asked after a quote or a look-up."""
        return hashlib.sha256(f"{session_id}\n".encode() + self._completion()).hexdigest()

    async def place(self, session_id: str, *, key: str) -> Outcome:
        """Complete the session."""
        try:
            await self._known_profile()
            answer = await self._ask("POST", f"/checkout-sessions/{session_id}/complete", key, self._completion())
        except MerchantAwayError:
            return Unknown(Detail.MERCHANT_AWAY)
        except MerchantUnclearError:
            return Unknown(Detail.NO_ANSWER)
        if answer.status in _OK:
            return self._outcome(answer, session_id)
        reason = detail_of(_refusal(answer))
        if answer.status in _REFUSALS or reason is Detail.OUT_OF_STOCK:
            return Rejected(reason)
        log.info("complete_unclear session=%s status=%d", session_id, answer.status)
        return Unknown(Detail.NO_ANSWER)

    async def get(self, session_id: str) -> Lookup:
        """Where the session stands now.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        answer = await self._ask("GET", f"/checkout-sessions/{session_id}")
        if answer.status == 404:
            return Standing.MISSING
        if answer.status not in _OK:
            raise MerchantAwayError(f"session {session_id}: status {answer.status}")
        return self._standing(_parse(Checkout, answer), session_id)

    async def cancel(self, session_id: str) -> None:
        """Close the session, if it still can be.

        Raises: MerchantAwayError.
        """
        key = str(uuid5(NAMESPACE_URL, f"restock:cancel:{session_id}"))
        try:
            answer = await self._ask("POST", f"/checkout-sessions/{session_id}/cancel", key)
        except MerchantUnclearError as exc:
            raise MerchantAwayError(str(exc)) from exc
        if answer.status >= 500:
            raise MerchantAwayError(f"session {session_id}: status {answer.status}")

    async def events(self, merchant_order_id: str) -> Progress:
        """How far the order has come.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        answer = await self._ask("GET", f"/orders/{merchant_order_id}")
        if answer.status not in _OK:
            raise MerchantAwayError(f"order {merchant_order_id}: status {answer.status}")
        order = _parse(Order, answer)
        if order.id != merchant_order_id:
            raise MerchantUnclearError(f"asked for order {merchant_order_id}, told about another")
        return progress_of(order)

    def hint(self, body: bytes) -> Hint:
        """What a webhook claims to be about; nothing where it cannot be read."""
        try:
            return Webhook.model_validate_json(body).hint()
        except ValidationError:
            return Hint(None, None)

    # sessions

    async def _open(self, wanted: Wanted, *, key: str) -> Checkout:
        address = self._config.destinations[wanted.delivery_ref].model_dump()
        method = {
            "type": "shipping",
            "destinations": [{"id": wanted.delivery_ref, **address}],
            "selected_destination_id": wanted.delivery_ref,
        }
        body = {
            "line_items": [{"item": {"id": wanted.sku, "title": wanted.sku}, "quantity": wanted.quantity}],
            "buyer": self._buyer(),
            "currency": self._config.currency,
            "payment": {},
            "fulfillment": {"methods": [method]},
        }
        return _accepted(await self._ask("POST", "/checkout-sessions", key, _json(body)))

    async def _reopen(self, session_id: str) -> Checkout:
        answer = await self._ask("GET", f"/checkout-sessions/{session_id}")
        if answer.status == 404:
            raise MerchantRefusedError(Detail.SESSION_CLOSED, f"the session {session_id} is gone")
        return _accepted(answer)

    async def _select_delivery(self, checkout: Checkout, wanted: Wanted) -> Checkout:
        address = self._config.destinations[wanted.delivery_ref]
        for _ in range(_UPDATES_MAX):
            if checkout.status in _ENDED:
                raise MerchantRefusedError(Detail.SESSION_CLOSED, f"the session {checkout.id} is {checkout.status}")
            body = {
                "id": checkout.id,
                "line_items": [
                    {"id": line.id, "item": {"id": line.item.id, "title": line.item.title}, "quantity": line.quantity}
                    for line in checkout.line_items
                ],
                "buyer": self._buyer(),
                "currency": self._config.currency,
                "payment": {},
                "fulfillment": selection(checkout, address),
            }
            path = f"/checkout-sessions/{checkout.id}"
            checkout = _accepted(await self._ask("PUT", path, self._new_key(), _json(body)))
            if checkout.status in _PRICED and is_selected(checkout, address):
                return checkout
        raise MerchantRefusedError(
            complaint(checkout) or Detail.ADDRESS_UNDELIVERABLE, "the session does not become ready"
        )

    def _outcome(self, answer: Answer, session_id: str) -> Outcome:
        try:
            checkout = _parse(Checkout, answer)
            found = self._standing(checkout, session_id)
        except MerchantUnclearError:
            return Unknown(Detail.NO_ANSWER)
        if isinstance(found, Placed | NeedsBuyer):
            return found
        if found is Standing.BUSY:
            return Unknown(Detail.IN_PROGRESS)
        reason = complaint(checkout)
        return Unknown(Detail.NO_ANSWER) if reason is None else Rejected(reason)

    def _standing(self, checkout: Checkout, session_id: str) -> Lookup:
        if checkout.id != session_id:
            raise MerchantUnclearError(f"asked for session {session_id}, told about another")
        match checkout.status:
            case "completed":
                return _placed(checkout)
            case "requires_escalation":
                return NeedsBuyer(self._handoff(checkout))
            case "complete_in_progress":
                return Standing.BUSY
            case "canceled":
                return Standing.CLOSED
            case _:
                return _open(checkout)

    def _handoff(self, checkout: Checkout) -> str:
        url, own = checkout.continue_url or "", self._config.url
        secure = url.startswith("https://") or is_loopback(urlsplit(own).hostname or "")
        if not secure or not same_origin(url, own):
            raise MerchantUnclearError(f"session {checkout.id} needs a buyer, at an address that is not the merchant's")
        return url

    # requests

    def _buyer(self) -> dict[str, str]:
        return {"full_name": self._config.buyer_name, "email": self._config.buyer_email}

    def _completion(self) -> bytes:
        if self._profile is None:
            raise BugError("the merchant's profile is read before anything is placed")
        instrument = {
            "id": "restock",
            "handler_id": self._config.payment_handler,
            "type": "card",
            "brand": "token",
            "last_digits": "0000",
            "credential": {"type": "token", "token": self._token.get_secret_value()},
        }
        return _json(self._profile.dialect.completion(instrument))

    async def _ask(self, method: str, path: str, key: str | None = None, body: bytes | None = None) -> Answer:
        profile = await self._known_profile()
        headers = {
            "UCP-Agent": f'profile="{self._profile_url}"',
            "Request-Id": self._new_key(),
            # Reads have no key of their own, but 2026-01-11 wants the header on them, too.
            "Idempotency-Key": key or self._new_key(),
            **dict(profile.dialect.headers),
        }
        return await self._http.ask(method, profile.path + path, headers=headers, body=body)

    async def _known_profile(self) -> MerchantProfile:
        if self._profile is None:
            answer = await self._http.ask("GET", "/.well-known/ucp", headers={})
            if answer.status not in _OK:
                raise MerchantAwayError(f"the merchant's profile: status {answer.status}")
            self._profile = read_profile(answer.body, origin=self._config.url)
        return self._profile


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _parse(kind: type[Read], answer: Answer) -> Read:
    try:
        return kind.model_validate_json(answer.body)
    except ValidationError as exc:
        raise MerchantUnclearError(f"an answer that is no {kind.__name__}") from exc


def _refusal(answer: Answer) -> str:
    try:
        return Refusal.model_validate_json(answer.body).code
    except ValidationError:
        return ""


def _accepted(answer: Answer) -> Checkout:
    """A session from an answer to create, read or update.

    Raises: MerchantRefusedError for a clear no; MerchantAwayError for anything else that is not a session.
    """
    if answer.status in _OK:
        return _parse(Checkout, answer)
    code = _refusal(answer)
    if answer.status in _REFUSALS or answer.status in {404, 409, 422}:
        unknown_item = code.lower() == "invalid_request"  # the sample's answer to a product that it does not have
        detail = Detail.ITEM_UNAVAILABLE if unknown_item else detail_of(code)
        raise MerchantRefusedError(detail, f"status {answer.status} {code[:64]}")
    raise MerchantAwayError(f"status {answer.status}")


def _open(checkout: Checkout) -> Open:
    try:
        return Open(total_of(checkout), checkout.currency)
    except MerchantRefusedError:
        return Open(None, checkout.currency)


def _placed(checkout: Checkout) -> Placed:
    if checkout.order is None:
        raise MerchantUnclearError(f"session {checkout.id} is completed without an order")
    try:
        return Placed(checkout.order.id, total_of(checkout), checkout.currency)
    except MerchantRefusedError as exc:
        raise MerchantUnclearError(f"session {checkout.id} is completed, and {exc.detail}") from exc
