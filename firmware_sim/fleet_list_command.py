"""`restock-sim appliances`: what a scenario can be made of."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from firmware_sim.appliances.catalogue import DIALECTS
from firmware_sim.faults_settings import FAULTS, FaultSection, fault_name
from firmware_sim.physics_kinds import KINDS
from firmware_sim.sensing import SENSES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What it can be told."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


async def run(arguments: argparse.Namespace) -> bool:
    """Print kinds, dialects and faults."""
    listing = catalogue()
    sys.stdout.write(json.dumps(listing, indent=1) + "\n" if arguments.json else "\n".join(_lines(listing)) + "\n")
    return True


def catalogue() -> dict[str, Any]:
    """Kinds with their parts, channels and dialects, and faults with their settings and defaults."""
    kinds = {
        name: {
            "parts": {part.name: {"capacity": part.capacity, "unit": part.unit} for part in kind.parts},
            "channels": sorted(SENSES[name]),
            "dialects": {
                dialect.name: {
                    "topics": dialect.topics,
                    "source": dialect.source,
                    "main": dialect.main,
                    "contradicts": dialect.twin,
                    "unset": dialect.unset or None,
                    "tells_time": dialect.clock,
                    "tells_presence": dialect.presence,
                    "qos": dialect.qos,
                }
                for dialect in DIALECTS[name].values()
            },
        }
        for name, kind in KINDS.items()
    }
    faults = {fault_name(fault): {"effect": fault.effect, "settings": _settings(fault)} for fault in FAULTS}
    return {"kinds": kinds, "faults": faults}


def _settings(fault: type[FaultSection]) -> dict[str, object]:
    fields = fault.model_fields.items()
    return {name: field.default for name, field in fields if name != "kind" and field.default is not None}


def _lines(listing: dict[str, Any]) -> list[str]:
    """The same for people."""
    lines = []
    for name, kind in listing["kinds"].items():
        parts = ", ".join(f"{part} {told['capacity']:g} {told['unit']}" for part, told in kind["parts"].items())
        lines.append(f"{name}: {parts}")
        lines += [f"  {dialect:<12} {told['topics']}" for dialect, told in kind["dialects"].items()]
    lines.append("faults:")
    for name, fault in listing["faults"].items():
        settings = " ".join(f"{key}={value}" for key, value in fault["settings"].items() if key != "from_h")
        lines.append(f"  {name:<17} {fault['effect']}" + (f" ({settings})" if settings else ""))
    return lines
