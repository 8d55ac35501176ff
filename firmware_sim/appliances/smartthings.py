"""The device status document of a SmartThings washer with a dosing tank, as a bridge puts it on MQTT.

Shape: `components.<component>.<capability>.<attribute>.{value, unit, timestamp}`, after the DeviceStatus schema of the
SmartThings API reference and the capability reference for `washerOperatingState` and `switch` (version 1). Names of
the `samsungce.*` capabilities are those that the vendor's cloud lists; the pysmartthings project enumerates them.

The document is a recorded one where the folder of recorded payloads exists, else the excerpt beside this file, which
was written by hand. Either way the amounts and times of the dosing tank are set here; amounts have the unit `cc`.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from firmware_sim.appliances.native import rfc3339

RECORDED = Path("washer", "smartthings_da_wm_wm_000001_3.json")
EXCERPT = Path(__file__).with_name("smartthings_washer.json")


@dataclass(frozen=True, slots=True)
class Tank:
    """What the machine says of its dosing tank. Units: mL. `set_up` False: nobody ever told it of a tank."""

    remaining_ml: float
    capacity_ml: float
    dose_ml: float
    threshold_ml: float
    running: bool = False
    set_up: bool = True


def payload_folder() -> Path:
    """Where recorded payloads are looked for: beside the project's root."""
    return Path(__file__).parents[2].parent / "shared" / "payloads"


def load_document(folder: Path | None = None) -> dict[str, Any]:
    """The recorded document in `folder`, or the excerpt where there is none."""
    recorded = (folder or payload_folder()) / RECORDED
    path = recorded if recorded.is_file() else EXCERPT
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def encode(document: dict[str, Any], tank: Tank, *, at: datetime) -> bytes:
    """The status document with the tank as it stands at `at`; `document` is left as it was."""
    status = copy.deepcopy(document)
    main = status["components"]["main"]
    amounts = _amounts(tank)
    for capability, attributes in amounts.items():
        for attribute, value in attributes.items():
            _set(main, (capability, attribute), value, at=at)
    return json.dumps(status, separators=(",", ":")).encode()


def _amounts(tank: Tank) -> dict[str, dict[str, int | str]]:
    """Attribute values by capability. Numbers are whole cubic centimetres."""
    remaining, capacity = (round(tank.remaining_ml), round(tank.capacity_ml)) if tank.set_up else (0, 0)
    kind = "liquid" if tank.set_up else "none"
    return {
        "samsungce.detergentState": {
            "remainingAmount": remaining,
            "initialAmount": capacity,
            "dosage": round(tank.dose_ml),
            "detergentType": kind,
        },
        "samsungce.detergentAutoReplenishment": {
            "regularDetergentRemainingAmount": remaining,
            "regularDetergentInitialAmount": capacity,
            "regularDetergentOrderThreshold": round(tank.threshold_ml),
            "regularDetergentType": kind,
        },
        "samsungce.detergentOrder": {"orderThreshold": round(tank.threshold_ml)},
        "washerOperatingState": {"machineState": "run" if tank.running else "stop"},
        "samsungce.washerOperatingState": {"operatingState": "running" if tank.running else "ready"},
    }


def _set(main: dict[str, Any], place: tuple[str, str], value: float | str, *, at: datetime) -> None:
    """Write one attribute. The time is that of this report: a poll confirms a value that has not changed."""
    attribute: dict[str, object] = {"value": value}
    if isinstance(value, int):
        attribute["unit"] = "cc"
    main.setdefault(place[0], {})[place[1]] = attribute | {"timestamp": rfc3339(at)}
