"""A scenario: the numbers of a simulated home or fleet, read from TOML and checked field by field.

Every field has a default, a unit in its name and bounds; an unknown field is an error. `restock-sim demo` plays the
home: `items`, `fridge`, `washer`, `vehicle` and `faults`; its own file is `scenarios/demo.toml`. `restock-sim run`
plays the fleet: `run` and `appliances`. A file may hold both.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError, model_validator

from firmware_sim.faults import FaultKind
from firmware_sim.scenario_fleet import APPLIANCES_MAX, ApplianceSection, RunSection
from firmware_sim.scenario_form import Minutes, Section
from firmware_sim.world import ITEMS, ItemSettings, WorldSettings

_SHOWN_MAX = 120
_FILE_BYTES_MAX = 1_000_000

DEMO = Path(__file__).with_name("scenarios") / "demo.toml"

Amount = Annotated[float, Field(gt=0, le=1e6)]
Count = Annotated[int, Field(ge=0, le=100)]


class ScenarioError(ValueError):
    """The scenario is wrong; the message names the file, the field, the value and what is allowed."""


class HomeSection(Section):
    """Who the home is. The location is a point in the ocean: a simulation needs no real address."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")] = "home"
    latitude: Annotated[float, Field(ge=-90, le=90)] = 30.0
    longitude: Annotated[float, Field(ge=-180, le=170)] = -40.0
    odometer_km: Annotated[float, Field(ge=0, le=1e6)] = 48_210.0


class ItemSection(Section):
    """One item: how much there is room for, how much there is at the start, and what one pack holds."""

    unit: Annotated[str, StringConstraints(min_length=1, max_length=16)]
    capacity: Amount
    initial: Annotated[float, Field(ge=0, le=1e6)]
    pack_amount: Amount

    @model_validator(mode="after")
    def _fits(self) -> ItemSection:
        if self.initial > self.capacity or self.pack_amount > self.capacity:
            raise ValueError("initial and pack_amount may not be above capacity")
        return self


class ItemsSection(Section):
    """The three items of the home."""

    milk: ItemSection
    detergent: ItemSection
    washer_fluid: ItemSection


def _demo_items() -> ItemsSection:
    """The home of a file that describes a fleet alone."""
    return ItemsSection(
        milk=ItemSection(unit="g", capacity=10_350, initial=4_140, pack_amount=1_035),
        detergent=ItemSection(unit="mL", capacity=1_000, initial=500, pack_amount=500),
        washer_fluid=ItemSection(unit="mL", capacity=5_000, initial=1_750, pack_amount=2_500),
    )


class FridgeSection(Section):
    """The load cell under the milk."""

    report_every_min: Minutes = 30.0
    noise_g: Annotated[float, Field(ge=0, le=100)] = 3.0
    drift_g: Annotated[float, Field(ge=0, le=200)] = 8.0


class WasherSection(Section):
    """The dosing tank and the cycle counter. `pump_error` is a share: 0.02 is two percent."""

    report_every_min: Minutes = 60.0
    dose_ml: Annotated[float, Field(gt=0, le=500)] = 55.0
    pump_error: Annotated[float, Field(ge=0, le=0.2)] = 0.02
    threshold_ml: Annotated[float, Field(ge=0, le=10_000)] = 350.0
    cycles_before: Annotated[int, Field(ge=0, le=100_000)] = 812


class VehicleSection(Section):
    """The level sensor of the washer fluid."""

    report_every_min: Minutes = 60.0
    noise_pct: Annotated[float, Field(ge=0, le=20)] = 0.3


class FaultsSection(Section):
    """How many faults of each kind come within the first `window_d` virtual days."""

    window_d: Annotated[float, Field(gt=0, le=3_650)] = 20.0
    malformed: Count = 1
    unknown_device: Count = 1
    wrong_unit: Count = 1
    out_of_range: Count = 1
    clock_1970: Count = 1
    device_mismatch: Count = 1
    retained_reading: Count = 1
    duplicate: Count = 1
    device_restart: Count = 1

    def counts(self) -> dict[FaultKind, int]:
        """The number of faults of each kind."""
        return {kind: getattr(self, kind.value) for kind in FaultKind}


class Scenario(Section):
    """The whole file."""

    items: ItemsSection = Field(default_factory=_demo_items)
    home: HomeSection = HomeSection()
    fridge: FridgeSection = FridgeSection()
    washer: WasherSection = WasherSection()
    vehicle: VehicleSection = VehicleSection()
    faults: FaultsSection = FaultsSection()
    run: RunSection = RunSection()
    appliances: Annotated[tuple[ApplianceSection, ...], Field(strict=False, max_length=APPLIANCES_MAX)] = ()

    @model_validator(mode="after")
    def _apart(self) -> Scenario:
        """No two appliances may be taken for one."""
        names = Counter(each.name for each in self.appliances)
        places = Counter(f"{each.dialect_class.name} {each.place}" for each in self.appliances)
        for what, counted in (("name", names), ("dialect and address", places)):
            twice = [each for each, count in counted.items() if count > 1]
            if twice:
                raise ValueError(f"appliances: two have the same {what}, {twice[0]!r}")
        return self

    def item(self, name: str) -> ItemSection:
        """One item by its name.

        Raises: ValueError when the home has no such item.
        """
        if name not in ITEMS:
            raise ValueError(f"item = {name!r}: must be one of {', '.join(ITEMS)}")
        section: ItemSection = getattr(self.items, name)
        return section

    def world_settings(self) -> WorldSettings:
        """What the world needs to know."""
        items = {name: ItemSettings(**self.item(name).model_dump()) for name in ITEMS}
        return WorldSettings(
            items=items,
            dose_ml=self.washer.dose_ml,
            odometer_km=self.home.odometer_km,
            latitude=self.home.latitude,
            longitude=self.home.longitude,
        )


def load_scenario(path: Path = DEMO) -> Scenario:
    """The scenario in a TOML file.

    Raises: ScenarioError.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_BYTES_MAX + 1)
        if len(text) > _FILE_BYTES_MAX:
            raise ScenarioError(f"{path}: more than {_FILE_BYTES_MAX} bytes")
        return Scenario.model_validate(tomllib.loads(text.decode()))
    except OSError as exc:
        raise ScenarioError(f"{path}: cannot be read ({exc.strerror})") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ScenarioError(f"{path}: not valid TOML: {exc}") from exc
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise ScenarioError(f"{path}: {field}{_shown(first['input'])}: {first['msg']}") from exc


def _shown(value: object) -> str:
    """A wrong value, where it is short enough to be read in an error."""
    text = repr(value)
    return f" = {text}" if len(text) <= _SHOWN_MAX else ""
