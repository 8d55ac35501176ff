"""What outlives every kill: sensors that keep a reading until it is acknowledged, the goods, a person, the merchant.

All of it is driven by one seed and by time that the campaign sets. What the world has seen is the oracle's record:
which readings were acknowledged, which approvals were answered with yes, which orders the merchant truly took.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from cloud_bridge.core.outcome import Progress
from cloud_bridge.merchants.simulated import SimulatedMerchant, Sold
from edge_agent.core.messages import RawMessage

HOME = "home-1"
PACK_G = 1035
_FULL_PACKS = 4.0
_GROUP_MIN = 8
_UNACKED_MAX = 20


class Bought(NamedTuple):
    """An order by the name that it has at its merchant."""

    merchant: str
    order_id: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What the hub had acknowledged and answered at one moment."""

    acked: set[tuple[str, str, int]]
    told: dict[str, str]


@dataclass
class Fridge:
    """One appliance with one article in it. Readings leave `unacked` only when the hub has acknowledged them."""

    device: str
    merchant: str
    sku: str
    packs: float
    use_per_turn: float
    boot: str = "boot-1"
    seq: int = 0
    unacked: dict[int, bytes] = field(default_factory=dict)

    @property
    def item(self) -> str:
        """What the household calls its article."""
        return f"milk-{self.device}"

    def measure(self, at: datetime) -> None:
        """One reading, kept until it is acknowledged."""
        if len(self.unacked) >= _UNACKED_MAX:
            return
        self.seq += 1
        values = {"milk": {"value": round(self.packs * PACK_G), "unit": "g"}, "door": {"value": "closed", "unit": ""}}
        body = {"device": self.device, "boot": self.boot, "seq": self.seq, "at": _stamp(at), "values": values}
        self.unacked[self.seq] = json.dumps(body).encode()

    def birth(self, at: datetime) -> bytes:
        """What a device says of itself when it comes."""
        body = {"device": self.device, "profile": "restock.fridge", "firmware": "1", "boot": self.boot}
        return json.dumps({**body, "at": _stamp(at), "first_seq": min(self.unacked, default=self.seq + 1)}).encode()


@dataclass
class World:
    """Time, goods, a person and merchants."""

    rng: random.Random
    now: datetime
    fridges: list[Fridge]
    merchants: dict[str, SimulatedMerchant]
    hours_a_turn: int
    arrives_after_turns: int
    acked: set[tuple[str, str, int]] = field(default_factory=set)
    told: dict[str, str] = field(default_factory=dict)  # prompt -> what the page has said is done
    pressed: dict[str, str] = field(default_factory=dict)  # prompt -> what the person pressed, told or not
    age_turns: dict[Bought, int] = field(default_factory=dict)  # turns since an order was first seen
    delivered_at: dict[Bought, datetime] = field(default_factory=dict)
    _receipts: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    _receipt: int = 0

    def turn(self) -> datetime:
        """Some hours pass: goods are used, deliveries come, sensors measure. What time it is then."""
        self.now += timedelta(hours=self.hours_a_turn)
        self._deliver()
        for fridge in self.fridges:
            fridge.packs = max(0.0, fridge.packs - fridge.use_per_turn * self.rng.uniform(0.5, 1.5))
            fridge.measure(self.now)
        return self.now

    def doubled_needs(self) -> list[Bought]:
        """Orders of an article that was on its way already."""
        doubled = []
        on_its_way: dict[str, Bought] = {}
        for bought, sold in sorted(self.bought().items(), key=lambda each: each[1].at):
            before = on_its_way.get(sold.sku)
            if before is not None and self.delivered_at.get(before, self.now) > sold.at:
                doubled.append(bought)
            on_its_way[sold.sku] = bought
        return doubled

    def remembered(self) -> Memory:
        """What the hub has promised so far."""
        return Memory(acked=set(self.acked), told=dict(self.told))

    def forget(self, since: Memory) -> None:
        """The hub was put back: what it promised after that is gone with it, and nobody may hold it to it."""
        self.acked, self.told = set(since.acked), dict(since.told)
        self.pressed = {prompt: wish for prompt, wish in self.pressed.items() if prompt in self.told}

    def births(self) -> list[RawMessage]:
        """The retained birth of each device, as a broker gives it to a hub that has just come."""
        return [self._message(fridge, "birth", fridge.birth(self.now), seq=0) for fridge in self.fridges]

    def readings(self) -> list[RawMessage]:
        """Some of what is not acknowledged, in an order of the broker's own; sometimes one comes twice."""
        waiting = [(fridge, seq, body) for fridge in self.fridges for seq, body in fridge.unacked.items()]
        count = min(max(_GROUP_MIN, 2 * len(self.fridges)), len(waiting))
        chosen = sorted(self.rng.sample(waiting, count), key=lambda each: each[1])
        if chosen and self.rng.random() < 0.2:
            chosen.append(chosen[0])
        return [self._message(fridge, "reading", body, seq=seq) for fridge, seq, body in chosen]

    def acknowledge(self, receipts: Sequence[int]) -> None:
        """The hub has told the broker to forget these messages: from now on they are the hub's to keep."""
        for receipt in receipts:
            device, boot, seq = self._receipts.pop(receipt)
            if seq:
                self.acked.add((device, boot, seq))
                next(each for each in self.fridges if each.device == device).unacked.pop(seq, None)

    def wish(self, prompt: str) -> str:
        """What the person presses at an open prompt: mostly yes; the same again when no answer came."""
        if prompt not in self.pressed:
            self.pressed[prompt] = "approve" if self.rng.random() < 0.9 else "decline"
        return self.pressed[prompt]

    def tell(self, prompt: str, wish: str) -> None:
        """The page has said that this is done."""
        self.told[prompt] = wish

    def webhooks(self) -> list[Bought]:
        """What merchants tell of their own accord: now and then something, sometimes twice."""
        bought = list(self.bought())
        return self.rng.choices(bought, k=2) if bought and self.rng.random() < 0.5 else []

    def look(self, merchant: str, item: str, known: Collection[str | None]) -> tuple[bool, str | None] | None:
        """What a person finds on the merchant's own pages for an order that nobody could tell about.

        None where the hub does not know what article it is of: then the person leaves it as it is.
        """
        sku = next((each.sku for each in self.fridges if item == each.item), None)
        if sku is None:
            return None
        for sold in reversed(self.merchants[merchant].ledger):
            if sold.sku == sku and sold.order_id not in known:
                return True, sold.order_id
        return False, None

    def bought(self) -> dict[Bought, Sold]:
        """The true ledgers of all merchants."""
        return {
            Bought(name, sold.order_id): sold for name, merchant in self.merchants.items() for sold in merchant.ledger
        }

    def _deliver(self) -> None:
        for bought, sold in self.bought().items():
            age = self.age_turns[bought] = self.age_turns.get(bought, 0) + 1
            progress = self.merchants[bought.merchant].progress
            if age == self.arrives_after_turns // 2:
                progress[sold.order_id] = Progress.SHIPPED
            if age == self.arrives_after_turns:
                progress[sold.order_id] = Progress.DELIVERED
                fridge = next(each for each in self.fridges if each.sku == sold.sku)
                fridge.packs += sold.quantity
                self.delivered_at[bought] = self.now

    def _message(self, fridge: Fridge, kind: str, body: bytes, *, seq: int) -> RawMessage:
        self._receipt += 1
        self._receipts[self._receipt] = (fridge.device, fridge.boot, seq)
        return RawMessage(
            topic=f"restock/v1/{HOME}/{fridge.device}/{kind}",
            payload=body,
            retained=kind == "birth",
            duplicate=False,
            received_at=self.now,
            receipt=self._receipt,
        )


def fridges(
    count: int, *, merchants: Sequence[str], use_packs: tuple[float, float], rng: random.Random
) -> list[Fridge]:
    """Appliances that run low at different times, filled by different merchants."""
    return [
        Fridge(
            device=f"fridge-{number}",
            merchant=merchants[number % len(merchants)],
            sku=f"article-{number}",
            packs=rng.uniform(0.2, _FULL_PACKS),
            use_per_turn=rng.uniform(*use_packs),
        )
        for number in range(1, count + 1)
    ]


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
