"""The bridge's side of the replicas' merchant."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cloud_bridge.core.capability import Capability, MerchantClass
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Followed, Hint, Lookup, Outcome, Placed, Progress, Standing, Unknown
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError
from cloud_bridge.ports import Delivery
from cloud_bridge.wire import Intent

UNIT_MINOR, DELIVERY_MINOR = 179, 500
_WITHIN_S = 1.0
_CLASS_B = Capability(MerchantClass.B, key_life=timedelta(hours=24), lookup_lag=timedelta(seconds=0.5))


@dataclass(frozen=True, slots=True)
class LedgerMerchant:
    """A merchant behind a port of this machine."""

    port: int
    currency: str = "USD"
    capability: Capability = _CLASS_B

    def delivers_to(self, delivery_ref: str) -> bool:
        """Anywhere."""
        return bool(delivery_ref)

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """Always the same price."""
        return Quote(
            session_id=session_id or f"s-{key}",
            sku=wanted.sku,
            title="Milk",
            quantity=wanted.quantity,
            unit_price_minor=UNIT_MINOR,
            delivery_minor=DELIVERY_MINOR,
            total_minor=_total_minor(wanted.quantity),
            currency=self.currency,
        )

    def order_digest(self, session_id: str, *, leave: Intent | None = None) -> str:
        """The session says it all."""
        return hashlib.sha256(session_id.encode()).hexdigest()

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:
        """Buy. No answer is no knowledge."""
        if leave is None:
            return Unknown(Detail.NO_ANSWER)
        terms = leave.terms
        sale = {
            "op": "sell",
            "reference": key,
            "intent_id": terms.intent_id,
            "sku": terms.sku,
            "quantity": terms.quantity,
            "total_minor": _total_minor(terms.quantity),
        }
        try:
            told = await self._ask(sale)
        except MerchantAwayError:
            return Unknown(Detail.NO_ANSWER)
        return Unknown(Detail.NO_ANSWER) if told is None else self._placed(told)

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:
        """Look for our reference.

        Raises: MerchantAwayError.
        """
        told = await self._ask({"op": "find", "reference": reference})
        return Standing.MISSING if told is None else self._placed(told)

    async def cancel(self, session_id: str) -> None:
        """There is nothing to close."""

    async def events(self, merchant_order_id: str, *, session_id: str | None = None) -> Followed:
        """It is there at once."""
        return Followed(Progress.DELIVERED)

    def hint(self, body: bytes) -> Hint:
        """It sends no webhooks."""
        return Hint(None, None)

    async def check(self, delivery: Delivery) -> None:
        """As its own verifier: nothing comes."""

    def _placed(self, told: dict[str, Any]) -> Placed:
        return Placed(
            told["order_id"], told["total_minor"], self.currency, told["reference"], told["sku"], told["quantity"]
        )

    async def _ask(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(_WITHIN_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(json.dumps(asked).encode() + b"\n")
                    line = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as exc:
            raise MerchantAwayError(str(exc)) from exc
        if not line:
            raise MerchantAwayError("no answer")
        told: dict[str, Any] | None = json.loads(line)
        return told


def _total_minor(quantity: int) -> int:
    return UNIT_MINOR * quantity + DELIVERY_MINOR
