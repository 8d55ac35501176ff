"""The hub's own decoder with the shipped profiles, reading what simulated appliances say, and what it must make of it.

`WANTED` is written from what the vendors' words mean, not from the profiles: for each dialect every signal that may
have a value, the channel of the truth that it stands for, and how far it may be off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    Presence,
    PresenceChange,
    Quarantined,
    RawMessage,
    Reading,
)
from firmware_sim.dialects import Message
from firmware_sim.fleet import play
from firmware_sim.physics import State
from firmware_sim.scenario_fleet import ApplianceSection, RunSection
from tests.edge_agent.shipped import shipped_registry

Truth = Mapping[str, State]
Outcome = Decoded | Birth | PresenceChange | Quarantined
HOME = "home"


class Hub:
    """A decoder that remembers births, as the hub's store does, and the last word on each signal of each device."""

    def __init__(self) -> None:
        self._births: dict[DeviceId, Birth] = {}
        self._decoder = Decoder(shipped_registry(), home=HOME, limits=Limits(), birth_of=self._births.get)
        self.picture: dict[str, Reading] = {}

    def hear(self, message: Message, *, retained: bool = False, now: datetime | None = None) -> Outcome:
        """One message as it comes in: live, or as a retained copy to a late subscriber."""
        at = now or message.at
        raw = RawMessage(message.topic, message.payload, retained=retained, duplicate=False, received_at=at, receipt=0)
        outcome = self._decoder.decode(raw, now=at)
        match outcome:
            case Birth():
                self._births[outcome.device] = outcome
            case Decoded():
                self.picture.update({reading.signal: reading for reading in outcome.readings})
            case _:
                pass
        return outcome


@dataclass(frozen=True, slots=True)
class Want:
    """What a signal must say: `of` the truth, within `off_by`. `blind` tells when nothing may be said."""

    of: Callable[[Truth], State | None]
    unit: str
    off_by: Callable[[Truth], float]
    blind: Callable[[Truth], bool] = field(default=lambda _: False)
    may_be_silent: Callable[[Truth], bool] = field(default=lambda _: False)  # unknown is right, and so is the value

    def complaint(self, told: Reading, truth: Truth) -> str:
        """What is wrong with it; empty where nothing is."""
        wanted = self.of(truth)
        if told.presence is not Presence.VALUE:
            excused = wanted is None or self.blind(truth) or self.may_be_silent(truth)
            return "" if excused else f"{told.signal}: {told.presence}, but {wanted} is true"
        if self.blind(truth):
            return f"{told.signal}: {told.value}, but nothing can be known"
        if wanted is None:
            return ""
        if told.unit != self.unit:
            return f"{told.signal}: in {told.unit!r} instead of {self.unit!r}"
        if isinstance(wanted, str):
            return "" if told.value == wanted else f"{told.signal}: {told.value}, but {wanted} is true"
        away = abs(float(told.value or 0) - float(wanted))
        return "" if away <= self.off_by(truth) else f"{told.signal}: {told.value}, but {wanted} is true"


def _near(
    channel: str, unit: str, off_by: float, *, scale: float = 1.0, moving: float | None = None, **more: object
) -> Want:
    """A number near the truth; it may be further off while the appliance moves."""
    return Want(
        lambda truth: float(truth[channel]) * scale,
        unit,
        lambda truth: (moving if moving is not None and truth.get("moving") else off_by) + 1e-6,
        **more,  # type: ignore[arg-type]
    )


def _constant(value: float, unit: str) -> Want:
    return Want(lambda _: value, unit, lambda _: 0.0)


def _flag(channel: str, below: float, words: tuple[str, str], *, margin: float = 1.0) -> Want:
    """One of two words, by whether a channel is below a threshold; near the threshold either will do."""

    def word(truth: Truth) -> str | None:
        value = float(truth[channel])
        return None if abs(value - below) <= margin else words[0] if value < below else words[1]

    return Want(word, "", lambda _: 0.0)


def _yes(channel: str, words: tuple[str, str]) -> Want:
    return Want(lambda truth: words[0] if truth[channel] else words[1], "", lambda _: 0.0)


def _word(channel: str, words: Mapping[str, str]) -> Want:
    return Want(lambda truth: words[str(truth[channel])], "", lambda _: 0.0)


def _steps(channel: str) -> Want:
    """Whisker's uneven steps: what is told is what is left at the least."""
    steps = (100, 70, 60, 50, 40, 30, 20, 10, 5, 0)

    def step(truth: Truth) -> float | None:
        share = float(truth[channel])
        near = any(abs(share - each) <= 0.6 for each in steps)
        return None if near else float(next(each for each in steps if share >= each))

    return Want(step, "%", lambda _: 0.0)


_ANY = Want(lambda _: None, "", lambda _: 0.0)
_LOW = ("low", "ok")

WANTED: Mapping[tuple[str, str], Mapping[str, Want]] = {
    ("fridge", "smartthings"): {
        "water_filter.used": _near("filter_used_pct", "%", 0.5),
        "water_filter.state": _word("filter_status", {"normal": "ok", "preannouncement": "low", "replace": "replace"}),
        "water_filter.capacity": _constant(4_380, "h"),
    },
    ("fridge", "native"): {
        "milk.amount": _near("milk_g", "g", 21, blind=lambda truth: truth["door"] == "open"),
    },
    ("washer", "smartthings"): {
        "detergent.remaining": _near("detergent_ml", "mL", 0.5),
        "detergent.capacity": _constant(1_000, "mL"),
        "detergent.reorder_threshold": _constant(350, "mL"),
        "detergent.dose": _constant(55, "mL"),
        "detergent.state": _word("detergent_status", {"normal": "ok", "less": "low", "empty": "empty"}),
        "softener.remaining": _near("softener_ml", "mL", 0.5),
        "softener.capacity": _constant(500, "mL"),
        "softener.dose": _constant(28, "mL"),
    },
    ("washer", "miele"): {
        "detergent_1.remaining": _near("detergent_pct", "%", 0.5),
        "detergent_2.remaining": _near("softener_pct", "%", 0.5),
    },
    ("washer", "native"): {"cycle.count": _near("cycles", "{cycle}", 0)},
    ("dishwasher", "homeconnect"): {
        "salt.state": _flag("salt_pct", 15, _LOW),
        "salt.warning": _ANY,
        "rinse_aid.state": _flag("rinse_aid_pct", 15, _LOW),
        "rinse_aid.warning": _ANY,
        "rinse_aid.dose": Want(lambda _: "R04", "", lambda _: 0.0),
        "water.hardness": Want(lambda _: "H04", "", lambda _: 0.0),
        "cycle.count": _near("cycles", "{cycle}", 0),
    },
    ("dishwasher", "miele"): {
        "salt.remaining": _near("salt_pct", "%", 0.5),
        "rinse_aid.remaining": _near("rinse_aid_pct", "%", 0.5),
        "detergent_disc.remaining": _near("discs_pct", "%", 0.5),
    },
    ("dishwasher", "native"): {
        "salt.remaining": _near("salt_pct", "%", 0.5),
        "rinse_aid.remaining": _near("rinse_aid_pct", "%", 0.5),
        "detergent_disc.count_left": _near("discs", "{disc}", 0),
        "salt.state": _yes("salt_low", _LOW),
        "cycle.count": _near("cycles", "{cycle}", 0),
    },
    ("vehicle", "teslamate"): {
        "traction_battery.soc": _near("charge_pct", "%", 0.5),
        "range": _near("range_km", "km", 0.01),
        "odometer": _near("odometer_km", "km", 0.01),
    },
    ("vehicle", "vss"): {
        "fuel.remaining": _near("fuel_pct", "%", 1.6, moving=8),
        "fuel.amount": _near("fuel_l", "L", 0.6, moving=4),
        "fuel.capacity": _constant(50, "L"),
        "adblue.remaining": _near("adblue_pct", "%", 0.5),
        "washer_fluid.remaining": _near("washer_fluid_pct", "%", 2.2, moving=11),
        "washer_fluid.state": _yes("washer_fluid_low", _LOW),
        "odometer": _near("odometer_km", "km", 0.01),
    },
    ("vehicle", "native"): {
        "washer_fluid.remaining": _near("washer_fluid_pct", "%", 2.2, moving=11),
        "odometer": _near("odometer_km", "km", 0.01),
    },
    ("coffee_machine", "homeconnect"): {
        "beans.state": _yes("beans_empty", ("empty", "ok")),
        "water_tank.state": replace(
            _flag("water_ml", 460, _LOW, margin=60), may_be_silent=lambda truth: bool(truth["water_empty"])
        ),
        "water_filter.count_left": _near(
            "filter_cups", "{cup}", 0, may_be_silent=lambda truth: float(truth["filter_cups"]) == 0
        ),
        "water_filter.state": _yes("filter_due", ("replace", "ok")),
        "descaler.count_left": _near("descale_cups", "{cup}", 0),
        "descaler.state": _yes("descale_due", _LOW),
        "coffee.count": _near("cups", "{cup}", 0),
        "water.hardness": Want(lambda _: "Medium", "", lambda _: 0.0),
    },
    ("coffee_machine", "lamarzocco"): {"water_tank.state": _flag("water_ml", 69, ("empty", "ok"), margin=60)},
    ("coffee_machine", "native"): {
        "beans.amount": _near("beans_g", "g", 6),
        "water_tank.amount": _near("water_ml", "mL", 45),
        "coffee.count": _near("cups", "{cup}", 0),
        "descaler.count_left": _near("descale_cups", "{cup}", 0),
        "water_filter.count_left": _near("filter_cups", "{cup}", 0),
        "waste_drawer.used": _near("grounds_pct", "%", 0.5),
    },
    ("printer", "brother"): {
        "toner_black.remaining": _near("toner_pct", "%", 0.01),
        "drum.remaining": _near("drum_pct", "%", 0.01),
        "drum.count_left": _near("drum_pages", "{page}", 0.5),
        "pages.count": _near("pages", "{page}", 0),
    },
    ("printer", "bambulab"): {
        "filament_1.remaining": _near("filament_pct", "%", 0.5),
        "filament_1.capacity": _constant(1_000, "g"),
    },
    ("printer", "native"): {
        "toner_black.remaining": _near("toner_pct", "%", 0.01),
        "drum.remaining": _near("drum_pct", "%", 0.01),
        "pages.count": _near("pages", "{page}", 0),
    },
    ("pet_feeder", "petkit"): {
        "food.state": _flag("food_pct", 10, _LOW),
        "desiccant.time_left": _near("desiccant_d", "d", 0),
    },
    ("pet_feeder", "whisker"): {"food.remaining": _steps("food_pct")},
    ("pet_feeder", "native"): {
        "food.amount": _near("food_g", "g", 14, blind=lambda truth: truth["lid"] == "open"),
        "food.amount_today": _near("given_today_g", "g", 0),
        "desiccant.time_left": _near("desiccant_d", "d", 0),
    },
    ("water_filter", "drop"): {
        "cartridge_1.remaining": _near("cartridge_1_pct", "%", 0.5),
        "cartridge_2.remaining": _near("cartridge_2_pct", "%", 0.5),
        "cartridge_3.remaining": _near("cartridge_3_pct", "%", 0.5),
        "water.tds": _near("tds_in", "[ppm]", 20),
        "water_out.tds": _near("tds_out", "[ppm]", 6),
    },
    ("water_filter", "native"): {
        "water_filter.remaining": _near("cartridge_1_pct", "%", 0.5),
        "water_filter.amount": _near("litres_left", "L", 0.05),
        "water.amount_today": _near("used_today_l", "L", 0.005),
        "water_out.tds": _near("tds_out", "[ppm]", 6),
    },
    ("air_conditioner", "thinq"): {
        "filter.time_used": _near("filter_hours", "h", 0.5),
        "filter.capacity": _constant(720, "h"),
    },
    ("air_conditioner", "dyson"): {
        "hepa_filter.remaining": _near("hepa_pct", "%", 0.5),
        "carbon_filter.remaining": _near("carbon_pct", "%", 0.5),
    },
    ("air_conditioner", "native"): {
        "dust_filter.time_used": _near("filter_hours", "h", 0.5),
        "dust_filter.state": _yes("filter_clogged", ("replace", "ok")),
    },
    ("tank", "tasmota"): {"distance": _near("distance_cm", "cm", 1.6)},
    ("tank", "esphome"): {"distance": _near("distance_cm", "cm", 1.6)},
    ("tank", "rtl_433"): {
        "oil.distance": _near("distance_cm", "cm", 2.1),
        "distance": _near("distance_cm", "cm", 2.1),
    },
    ("tank", "native"): {
        "liquid.amount": _near("amount_l", "L", 8),
        "liquid.remaining": _near("level_pct", "%", 1.1),
        "liquid.distance": _near("distance_cm", "mm", 16, scale=10),
        "distance": _near("distance_cm", "mm", 16, scale=10),
        "battery": _ANY,
    },
    ("scale", "tasmota"): {
        "weight": _near(
            "weight_g", "kg", 0.014, scale=0.001, may_be_silent=lambda truth: float(truth["weight_g"]) < 14
        ),
    },
    ("scale", "esphome"): {"weight": _near("weight_g", "g", 14)},
    ("scale", "theengs"): {"weight": _near("weight_g", "kg", 0.014, scale=0.001)},
    ("scale", "native"): {"weight": _near("weight_g", "g", 14, blind=lambda truth: not truth["stable"])},
}


def appliance(kind: str, dialect: str, **settings: object) -> ApplianceSection:
    """An appliance as a scenario would have it."""
    name = f"{kind}-{dialect}".replace("_", "-")
    return ApplianceSection.model_validate({"name": name, "kind": kind, "dialect": dialect, **settings})


def stream(one: ApplianceSection, *, start: datetime, days: float, seed: int = 7) -> list[Message]:
    """The messages of one appliance."""
    lasts = RunSection(days=days).lasts
    return [
        sent for _, sent in play([one], start=start, lasts=lasts, seed=seed, home=HOME) if isinstance(sent, Message)
    ]


def words(messages: list[Message]) -> Iterator[list[Message]]:
    """Messages by what was observed once, in the order in which the last of each came."""
    for number, message in enumerate(messages):
        if number + 1 == len(messages) or messages[number + 1].seen is not message.seen:
            first = number
            while first > 0 and messages[first - 1].seen is message.seen:
                first -= 1
            yield messages[first : number + 1]


def complaints(picture: Mapping[str, Reading], wanted: Mapping[str, Want], truth: Truth) -> list[str]:
    """Everything that is wrong with what the hub knows, against the truth."""
    wrong = [wanted[signal].complaint(told, truth) for signal, told in picture.items() if signal in wanted]
    more = [signal for signal, told in picture.items() if signal not in wanted and told.presence is Presence.VALUE]
    return [each for each in wrong if each] + [f"{signal}: nobody says this" for signal in more]
