"""Every dialect, by kind and name. The first of a kind is the one that a scenario gets when it names none."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_sim.appliances.bambulab import BambuLab
from firmware_sim.appliances.cloud_bridges import (
    Brother,
    LaMarzocco,
    MieleDishwasher,
    MieleWasher,
    PetKit,
    ThinQ,
    Whisker,
)
from firmware_sim.appliances.drop import Drop
from firmware_sim.appliances.dyson import Dyson
from firmware_sim.appliances.homeconnect import HomeConnectCoffeeMachine, HomeConnectDishwasher
from firmware_sim.appliances.local_mqtt import (
    EspHomeScale,
    EspHomeTank,
    Rtl433Tank,
    TasmotaScale,
    TasmotaTank,
    TheengsScale,
)
from firmware_sim.appliances.native_dialects import NATIVE
from firmware_sim.appliances.smartthings_status import SmartThingsFridge, SmartThingsWasher
from firmware_sim.appliances.vehicles import TeslaMate, Vss
from firmware_sim.dialects import Dialect
from firmware_sim.physics_kinds import KINDS

_ALL: tuple[type[Dialect], ...] = (
    SmartThingsFridge,
    SmartThingsWasher,
    MieleWasher,
    HomeConnectDishwasher,
    MieleDishwasher,
    TeslaMate,
    Vss,
    HomeConnectCoffeeMachine,
    LaMarzocco,
    Brother,
    BambuLab,
    PetKit,
    Whisker,
    Drop,
    ThinQ,
    Dyson,
    TasmotaTank,
    EspHomeTank,
    Rtl433Tank,
    TasmotaScale,
    EspHomeScale,
    TheengsScale,
    *NATIVE,
)

DIALECTS: Mapping[str, Mapping[str, type[Dialect]]] = {
    kind: {dialect.name: dialect for dialect in _ALL if dialect.kind == kind} for kind in KINDS
}
