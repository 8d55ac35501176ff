"""The body that asks for an order, made once for each session and kept, so that a repeated request repeats it.

With AP2 the body carries mandates over the session as the merchant signed it. They cannot be made twice alike, so
after a restart a repeated body is another body; the worker then closes the session instead of asking again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from pydantic import ValidationError

from cloud_bridge.errors import MerchantRefusedError, NotAuthenticError
from cloud_bridge.merchant_config import UcpConfig
from cloud_bridge.merchants.ap2 import Agent, Authorized, Charge, make_mandates
from cloud_bridge.merchants.payment_tokens import PaymentTokens
from cloud_bridge.merchants.recent import Recent
from cloud_bridge.merchants.ucp_documents import Checkout, total_of
from cloud_bridge.merchants.ucp_requests import completion
from cloud_bridge.merchants.ucp_versions import Dialect
from cloud_bridge.wire import Intent


class Completions:
    """Bodies of one merchant. `agent` says for which key and merchant mandates are made; `now` is the bridge's time."""

    def __init__(
        self,
        config: UcpConfig,
        *,
        tokens: PaymentTokens,
        agent: Callable[[Dialect], Agent],
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._tokens = tokens
        self._agent = agent
        self._now = now
        self._sessions: Recent[Authorized] = Recent()
        self._bodies: Recent[bytes] = Recent()

    def priced(self, session_id: str, session: Authorized | None) -> None:
        """Take note of a session at its newest price: a body that was made for an older one must not be sent."""
        self._bodies.drop(session_id)
        if session is not None:
            self._sessions.put(session_id, session)

    def seen(self, session_id: str, session: Authorized) -> None:
        """Take note of a session that was looked up; the body that may have been sent for it stays."""
        self._sessions.put(session_id, session)

    def body(self, session_id: str, dialect: Dialect, *, mandated: bool, leave: Intent | None) -> bytes | None:
        """The body for a session; None where it needs mandates and they cannot be made."""
        kept = self._bodies.get(session_id)
        if kept is not None:
            return kept
        made = self._mandated(session_id, dialect, leave) if mandated else self._plain(session_id, dialect)
        if made is not None:
            self._bodies.put(session_id, made)
        return made

    def digest(self, session_id: str, body: bytes | None) -> str:
        """SHA-256 in hex over what completing the session sends; without a body, of a thing that is never sent."""
        sent = b"\0nothing can be sent" if body is None else body
        return hashlib.sha256(f"{session_id}\n".encode() + sent).hexdigest()

    def _plain(self, session_id: str, dialect: Dialect) -> bytes:
        token = self._tokens.token_for(session_id).get_secret_value()
        return completion(dialect, config=self._config, token=token)

    def _mandated(self, session_id: str, dialect: Dialect, leave: Intent | None) -> bytes | None:
        session = self._sessions.get(session_id)
        if session is None or leave is None:
            return None
        try:
            checkout = Checkout.model_validate(session.document)
            charge = Charge(
                amount_minor=total_of(checkout),
                currency=checkout.currency,
                instrument_type=self._config.payment_instrument,
                token=self._tokens.token_for(session_id).get_secret_value(),
            )
            made = make_mandates(session, leave, charge=charge, agent=self._agent(dialect), now=self._now())
        except (ValidationError, MerchantRefusedError, NotAuthenticError):
            return None
        return completion(dialect, config=self._config, token=made.payment, checkout_mandate=made.checkout)
