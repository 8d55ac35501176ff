"""Forgeries at the bridge's door: read as its routes read them, then the real intake."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.errors import BridgeError
from cloud_bridge.intake import Intake
from cloud_bridge.merchants.capabilities import SIMULATED
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.wire import BODY_BYTES_MAX, Intent
from tests.campaign.approvals.forgeries import Forgery, forge
from tests.campaign.approvals.tally import Tally
from tests.campaign.simulation.memory_orders import Books, MemoryOrders
from tests.cloud_bridge.rig import HOUSEHOLD, MERCHANT, HandClock, Signer

CORNER_SHOP = "corner-shop"


@dataclass(slots=True)
class BridgeSide:
    """A bridge with two households and two merchants, one of class C."""

    rng: Random
    tally: Tally
    signer: Signer = field(init=False)
    other: Signer = field(init=False)
    books: Books = field(default_factory=Books)
    intake: Intake = field(init=False)

    def __post_init__(self) -> None:
        self.signer = Signer(key=self._key())
        self.other = Signer(key=self._key(), household="home-2")
        capability = replace(SIMULATED, merchant_class=MerchantClass.C)
        self.intake = Intake(
            MemoryOrders(self.books),
            keys={each.household: each.public_key for each in (self.signer, self.other)},
            merchants={MERCHANT: SimulatedMerchant({}), CORNER_SHOP: SimulatedMerchant({}, capability=capability)},
            clock=HandClock(),
            bell=asyncio.Event(),
        )

    async def attack(self) -> None:
        """One genuine intent: forged first, then sent, then replayed in every way."""
        genuine = self.signer.intent(
            intent_id=f"i-{self.rng.getrandbits(64):016x}", nonce=f"{self.rng.getrandbits(128):032x}"
        )
        body = genuine.model_dump_json().encode()
        for forgery in forge(body, rng=self.rng, other=self.other):
            if not _says_the_same(forgery, genuine):
                await self._refused(forgery, caller=HOUSEHOLD)
        await self._refused(Forgery("caller:other_household", body), caller="home-2")
        for forgery in self._signed_but_unfit():
            await self._refused(forgery, caller=HOUSEHOLD)
        await self._control(genuine, body)
        await self._replays(genuine, body)

    def _signed_but_unfit(self) -> list[Forgery]:
        """Signed by the household, and still nothing that may be bought."""
        unfit: dict[str, dict[str, object]] = {
            "sums": {"total_minor": 900},
            "ceiling_below": {"total_max_minor": 857},
            "merchant": {"merchant": "nobody"},
            "currency": {"currency": "EUR"},
            "address": {"delivery_ref": "elsewhere"},
            "expired": {"offer_expires_at": HandClock().at},
            "draw_at_class_c": {"merchant": CORNER_SHOP, "leave": "draw"},
            "household": {"household": "home-2"},
        }
        return [
            Forgery(f"signed:{name}", self.signer.intent(**changes).model_dump_json().encode())
            for name, changes in unfit.items()
        ]

    async def _control(self, genuine: Intent, body: bytes) -> None:
        """The genuine one is taken once, however its JSON is written and however often it comes."""
        before = len(self.books.orders)
        whole = json.loads(body)
        backwards = {"signature": whole["signature"], "terms": dict(reversed(whole["terms"].items()))}
        told = await asyncio.gather(
            *(self._ask(text, caller=HOUSEHOLD) for text in (body, json.dumps(backwards, indent=2).encode(), body))
        )
        self.tally.control(len(self.books.orders) - before, good=all(told), what=f"intent {genuine.terms.intent_id}")
        kept = self.books.orders.get((HOUSEHOLD, genuine.terms.intent_id))
        if kept is None or kept.terms != genuine.terms:
            self.tally.fault(f"intent {genuine.terms.intent_id} was kept with other terms")

    async def _replays(self, genuine: Intent, body: bytes) -> None:
        """Once it is taken, nothing of it can be used again under another name."""
        whole = json.loads(body)
        for name, value in (("intent_id", "i-another"), ("nonce", "0" * 32), ("handover", 2**40), ("hub", "hub-2")):
            again = {**whole, "terms": {**whole["terms"], name: value}}
            await self._refused(Forgery(f"replay:{name}", json.dumps(again).encode()), caller=HOUSEHOLD)
        same_id = self.signer.intent(intent_id=genuine.terms.intent_id).model_dump_json().encode()
        await self._refused(Forgery("replay:same_id_other_terms", same_id), caller=HOUSEHOLD)

    async def _refused(self, forgery: Forgery, *, caller: str) -> None:
        before = len(self.books.orders)
        answered = await self._ask(forgery.body, caller=caller)
        self.tally.forged(forgery.kind, taken=answered or len(self.books.orders) != before)

    async def _ask(self, body: bytes, *, caller: str) -> bool:
        """Whether the bridge says that it has the order."""
        if len(body) > BODY_BYTES_MAX:
            return False
        try:
            await self.intake.accept(Intent.model_validate_json(body), caller=caller)
        except (ValidationError, BridgeError):
            return False
        return True

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.rng.randbytes(32))


def _says_the_same(forgery: Forgery, genuine: Intent) -> bool:
    """Whether it is the genuine intent in other letters (`z` for `Z` in a time): the same terms, the same leave."""
    try:
        return Intent.model_validate_json(forgery.body) == genuine
    except ValidationError:
        return False
