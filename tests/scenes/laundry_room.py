"""A washing machine with a dosing tank in a home of its own, told to a hub message by message.

What each programme takes is the machine's secret: the hub sees its level, programme, load and soil, as the machine's
dialect tells them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.config import WebConfig
from edge_agent.core.catalogue import Binding, Household, Item, Preferences, Product
from edge_agent.core.deciding.laundry import Wash, dose_factor
from edge_agent.core.messages import ItemId, Price, Reason
from edge_agent.pipeline.deciding import ItemReview
from edge_agent.pipeline.explaining import Explaining
from edge_agent.pipeline.overview import HomeOverview
from edge_agent.pipeline.personal import PersonalDays
from edge_agent.pipeline.programmes import Programmes
from edge_agent.web.factory import create_app
from firmware_sim.dialects import Message
from firmware_sim.sensing import Observation
from tests.campaign.homes.hub import Hub, open_hub
from tests.edge_agent.web.house import HOME, opened, sign_in
from tests.scenes.stage import home

Dialect = Literal["native", "samsung", "homeconnect"]

MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
TAKES_ML: Mapping[str, float] = {"cotton_60": 70.0, "easy_care": 45.0, "wool": 24.0, "sport": 40.0}
TANK_ML = 3_000.0
PACK_ML = 1_000.0

_DEVICES: Mapping[Dialect, str] = {
    "native": "laundry_washer",
    "samsung": "samsung.laundry_washer",
    "homeconnect": "homeconnect.laundry_washer",
}
_LEVELS: Mapping[Dialect, Binding] = {
    "native": Binding(device=_DEVICES["native"], signal="detergent.amount"),
    "samsung": Binding(device=_DEVICES["samsung"], signal="detergent.remaining"),
    "homeconnect": Binding(device=_DEVICES["homeconnect"], signal="detergent_1.state", kind="flag", low_amount=100.0),
}


def detergent(dialect: Dialect = "native", **changed: object) -> Item:
    """The detergent of the machine."""
    told: dict[str, object] = {
        "id": "detergent",
        "name": "Detergent",
        "category": "laundry_detergent",
        "unit": "mL",
        "product": Product(title="Universal liquid 1 L", merchant="grocer", sku="liquid-1l", pack_amount=PACK_ML),
        "binding": _LEVELS[dialect],
        "room_packs": 4,
        "prior_use_per_day": 40.0,
    }
    return Item(**{**told, **changed})  # type: ignore[arg-type]


@dataclass(slots=True)
class Room:
    """The machine, and the hub that hears it.

    `used_ml` is what it took, by day since the first one. `worn` is what somebody's wristband tells of a day: hours
    asleep and minutes active.
    """

    hub: Hub
    dialect: Dialect
    tells_programme: bool = True
    is_refilled: bool = True
    now: datetime = MIDNIGHT
    level_ml: float = TANK_ML
    used_ml: list[float] = field(default_factory=list)
    worn: Callable[[int], tuple[float, float]] | None = None
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    _cycles: int = 100
    _seq: int = 0

    def live(self, days: int, week: Sequence[Sequence[str]], *, load_kg: float | None = None, soil: str = "") -> None:
        """So many days, each with the washes of its day of `week`; the hub looks at noon and at night."""
        for _ in range(days):
            self.used_ml.append(0.0)
            day = week[((self.now - MIDNIGHT) // timedelta(days=1)) % len(week)]
            self._idle_until(8)
            for number, programme in enumerate(day):
                self._wash(programme, load_kg=load_kg, soil=soil)
                self._idle_until(11 + 2 * number)
            self.look()
            self._idle_until(22)
            self._tell_worn()
            self._idle_until(24)
            self.look()

    def look(self) -> None:
        """A review, with a price of today."""
        price = Price(ItemId("detergent"), "grocer", "liquid-1l", 799, 399, "USD", available=True, fetched_at=self.now)
        self.hub.desk.orders.save_prices([price])
        self.hub.look(self.now)

    def forget(self) -> None:
        """What a restart of the hub forgets of programmes."""
        self.hub.review.programmes = Programmes(SqliteReadings(self.hub.desk.connection))

    def refill(self) -> None:
        """A full tank."""
        self.level_ml = TANK_ML

    @property
    def found(self) -> ItemReview:
        """What the last review made of the detergent."""
        return self.hub.review.latest[ItemId("detergent")]

    def explaining(self) -> Explaining:
        """What the pages are given."""
        connection = self.hub.desk.connection
        return Explaining(
            review=self.hub.review,
            bundles=None,  # type: ignore[arg-type]  # not asked for
            household=self.hub.desk.household,  # type: ignore[arg-type]  # read only
            clock=self.hub.desk.clock,
            zone="UTC",
            personal=PersonalDays(readings=SqliteReadings(connection), devices=SqliteInspection(connection).devices),
        )

    async def page(self, folder: Path, item: str = "detergent") -> str:
        """The item's page, as an owner sees it."""
        connection, desk = self.hub.desk.connection, self.hub.desk
        overview = HomeOverview(
            household=desk.household,
            inspection=SqliteInspection(connection),
            orders=desk.orders,
            review=self.hub.review,
            bridge=None,  # type: ignore[arg-type]  # an item's page does not ask for it
        )
        with opened(folder, desk.clock) as house:
            parts = replace(house.parts, overview=overview, decisions=self.explaining())
            house.app = create_app(parts, web=WebConfig(), home=HOME)
            async with house.client() as client:
                await sign_in(client)
                return (await client.get(f"/items/{item}")).text

    def advice(self, item: str = "detergent") -> dict[str, str]:
        """What the item's page says beside the decision, by code."""
        said: tuple[Reason, ...] = self.explaining().advice(ItemId(item))
        return {reason.code: reason.text for reason in said}

    def prefer(self, **preferences: object) -> None:
        """The household changes its mind."""
        told = self.hub.desk.household.household
        changed = told.preferences.model_copy(update=preferences)
        self.hub.desk.household.household = Household(items=told.items, preferences=changed)

    def say(self, topic: str, payload: Mapping[str, object]) -> None:
        """One message reaches the hub."""
        seen = Observation(self.now, {}, {})
        message = Message(self.now, "", topic, json.dumps(payload).encode(), qos=1, retain=False, seen=seen)
        self.hub.hear([message], now=self.now)

    def native(self, device: str, profile: str, values: Mapping[str, tuple[object, str]]) -> None:
        """A reading of a Restock-native device, after its birth."""
        self._seq += 1
        at = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        envelope = {"device": device, "boot": "boot-1", "at": at}
        if self._seq == 1 or device != _DEVICES["native"]:
            self.say(f"restock/v1/home/{device}/birth", {**envelope, "profile": profile, "firmware": "1"})
        told = {name: {"value": value, "unit": unit} for name, (value, unit) in values.items()}
        self.say(f"restock/v1/home/{device}/reading", {**envelope, "seq": self._seq, "values": told})

    def _idle_until(self, hour: int) -> None:
        ends = self.now.replace(hour=0) + timedelta(hours=hour)
        while self.now < ends:
            self._tell(None)
            self.now = min(ends, self.now + timedelta(hours=3))

    def _tell_worn(self) -> None:
        if self.worn is not None:
            asleep_h, active_min = self.worn(len(self.used_ml))
            told = {"asleep": (asleep_h, "h"), "active": (active_min, "min")}
            self.native("band", "restock.wearable", told)

    def _wash(self, programme: str, *, load_kg: float | None, soil: str) -> None:
        wash = Wash(self.now, programme, load_kg=load_kg, soil=soil or "normal")  # type: ignore[arg-type]
        by_wash = dose_factor(wash) / dose_factor(Wash(self.now, programme))
        takes = min(self.level_ml, TAKES_ML[programme] * by_wash * self.rng.uniform(0.9, 1.1))
        self._tell(programme, load_kg=load_kg, soil=soil)
        self.level_ml -= takes / 2
        self.now += timedelta(minutes=30)
        self._tell(programme, load_kg=load_kg, soil=soil)
        self.level_ml -= takes / 2
        self.used_ml[-1] += takes
        self._cycles += 1
        self.now += timedelta(minutes=50)
        self._tell(None)
        if self.is_refilled and self.level_ml < TANK_ML / 5:
            self.refill()

    def _tell(self, programme: str | None, *, load_kg: float | None = None, soil: str = "") -> None:
        match self.dialect:
            case "native":
                self._tell_native(programme, load_kg=load_kg, soil=soil)
            case "samsung":
                self.say("bridge/smartthings/laundry_washer/status", self._samsung(programme, soil))
            case _:
                self.say(
                    "homeconnect/laundry_washer/state", {"IDos1FillLevelPoor": "Off", "ActiveProgram": programme or 0}
                )

    def _tell_native(self, programme: str | None, *, load_kg: float | None, soil: str) -> None:
        values: dict[str, tuple[object, str]] = {
            "cycles": (self._cycles, "{cycle}"),
            "detergent": (round(self.level_ml), "mL"),
        }
        if self.tells_programme:
            values["programme"] = (programme or "none", "")
        if load_kg is not None:
            values["load"] = (load_kg, "kg")
        if soil:
            values["soil"] = (soil, "")
        self.native(_DEVICES["native"], "restock.dosing_washer", values)

    def _samsung(self, programme: str | None, soil: str) -> dict[str, object]:
        state = "stop" if programme is None else "run"
        main: dict[str, object] = {
            "washerOperatingState": {"machineState": {"value": state}},
            "samsungce.washerCycle": {"washerCycle": {"value": programme or "cotton_60"}},  # it stays selected
            "custom.washerSoilLevel": {"washerSoilLevel": {"value": soil or None}},
            "samsungce.detergentState": {
                "remainingAmount": {"value": round(self.level_ml), "unit": "cc"},
                "initialAmount": {"value": TANK_ML, "unit": "cc"},
                "dosage": {"value": 0, "unit": "cc"},
                "detergentType": {"value": "liquid"},
            },
        }
        return {"components": {"main": main}}


@contextmanager
def laundry_room(
    folder: Path,
    *,
    dialect: Dialect = "native",
    items: Sequence[Item] = (),
    preferences: Preferences | None = None,
) -> Iterator[Room]:
    """A room with one machine, whose detergent the household keeps."""
    folder.mkdir(parents=True, exist_ok=True)
    told = Household(items=tuple(items) or (detergent(dialect),), preferences=preferences or Preferences())
    with open_hub(folder, home(), told=told) as hub:
        hub.desk.clock.advance(seconds=(MIDNIGHT - hub.desk.clock.now()).total_seconds())
        yield Room(hub, dialect)
