"""Refrigerator and washing machine as a SmartThings bridge puts their device status on MQTT.

Shape: `components.<component>.<capability>.<attribute>.{value, unit, timestamp}` (SmartThings API reference, schema
DeviceStatus). Capability and attribute names: SmartThings capability definitions `custom.waterFilter`,
`refrigeration`, `samsungce.detergentState`, `samsungce.softenerState`, `samsungce.autoDispenseDetergent`,
`washerOperatingState`. Usage of a filter counts up and has no unit; amounts are whole cubic centimetres (`cc`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from firmware_sim.appliances import smartthings
from firmware_sim.appliances.native import rfc3339
from firmware_sim.dialects import Dialect, Wire, compact, device_time, whole
from firmware_sim.sensing import Observation

_FILTER_LIFE_H = 4_380


class _SmartThings(Dialect):
    name = "smartthings"
    source = "SmartThings API reference, DeviceStatus, and its capability definitions"
    topics = "bridge/smartthings/<device>/status"
    clock = True

    def _status(self, main: dict[str, dict[str, object]], seen: Observation) -> Wire:
        """The status document; `main` gives attribute values by capability, (value, unit) where there is a unit."""
        stamp = rfc3339(device_time(seen))
        told = {
            capability: {attribute: _attribute(value, stamp) for attribute, value in attributes.items()}
            for capability, attributes in main.items()
        }
        return Wire(f"bridge/smartthings/{self.address}/status", compact({"components": {"main": told}}))


class SmartThingsFridge(_SmartThings):
    """A refrigerator with a water filter."""

    kind = "fridge"
    main = "filter_used_pct"
    twin = "filter_status"
    unset = "waterFilterUsage 0 with waterFilterCapacity 0"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """The whole status."""
        used, life = (0, 0) if seen.unset else (whole(seen.values["filter_used_pct"]), _FILTER_LIFE_H)
        water_filter: dict[str, object] = {
            "waterFilterUsageStep": 1,
            "waterFilterResetType": ["replaceable"],
            "waterFilterUsage": used,
            "waterFilterStatus": "normal" if seen.unset else seen.values["filter_status"],
            "waterFilterCapacity": (life, "Hour"),
        }
        main: dict[str, dict[str, object]] = {
            "refrigeration": {"defrost": "off", "rapidCooling": "off"},
            "contactSensor": {"contact": seen.values["door"]},
            "custom.waterFilter": water_filter,
            "custom.disabledCapabilities": {"disabledCapabilities": ["custom.deodorFilter", "custom.dustFilter"]},
        }
        yield self._status(main, seen)


class SmartThingsWasher(_SmartThings):
    """A washing machine with two dosing tanks."""

    kind = "washer"
    main = "detergent_ml"
    twin = "detergent_status"
    unset = "0 cc of 0 cc, detergent type none"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """The whole status: the shipped excerpt of a washing machine with what is said of its tanks."""
        main: dict[str, dict[str, object]] = {
            capability: {attribute: told["value"] for attribute, told in attributes.items()}
            for capability, attributes in _excerpt().items()
        }
        detergent, softener = seen.values["detergent_ml"], seen.values["softener_ml"]
        capacity = 0 if seen.unset else whole(seen.values["capacity_ml"])
        main["samsungce.detergentState"] = {
            "remainingAmount": (0 if seen.unset else whole(detergent), "cc"),
            "initialAmount": (capacity, "cc"),
            "dosage": (0 if seen.unset else 55, "cc"),
            "detergentType": "none" if seen.unset else "liquid",
        }
        main["samsungce.softenerState"] = {
            "remainingAmount": (0 if seen.unset else whole(softener), "cc"),
            "initialAmount": (capacity // 2, "cc"),
            "dosage": (0 if seen.unset else 28, "cc"),
            "softenerType": "none" if seen.unset else "liquid",
        }
        main["samsungce.detergentOrder"] = {"alarmEnabled": False, "orderThreshold": (0 if seen.unset else 350, "cc")}
        state = "unknown" if seen.unset else seen.values["detergent_status"]
        main["samsungce.autoDispenseDetergent"] = {"remainingAmount": state}
        main["washerOperatingState"]["machineState"] = "run" if seen.values["running"] else "stop"
        yield self._status(main, seen)


@cache
def _excerpt() -> Mapping[str, Mapping[str, Mapping[str, object]]]:
    """The shipped excerpt; read once, and never changed."""
    main: dict[str, Any] = json.loads(smartthings.EXCERPT.read_text(encoding="utf-8"))["components"]["main"]
    return main


def _attribute(value: object, stamp: str) -> dict[str, object]:
    if isinstance(value, tuple):
        return {"value": value[0], "unit": value[1], "timestamp": stamp}
    return {"value": value, "timestamp": stamp}
