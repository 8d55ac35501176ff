"""A home with one Sparkplug node and a tank behind it, read by a profile that was made from their births."""

from __future__ import annotations

from pathlib import Path

from edge_agent.core.importing.sparkplug_births import import_sparkplug
from edge_agent.core.registry import Registry
from edge_agent.core.sparkplug.admission import SparkplugAdmission
from edge_agent.core.sparkplug.topics import EdgeNodes
from tests.edge_agent.core.formats.test_sparkplug import metric, payload
from tests.edge_agent.core.importing.end_to_end import overlay, profiles
from tests.edge_agent.core.importing.test_sparkplug_births import BORN, SIGNALS
from tests.edge_agent.core.sparkplug.test_session import double


def registry(folder: Path) -> Registry:
    """The tank's profile alone."""
    return Registry(profiles(import_sparkplug(BORN).devices[1], overlay(device="tank", signals=SIGNALS), folder))


def sessions(known: Registry) -> SparkplugAdmission:
    """As the hub wires them."""
    return SparkplugAdmission(EdgeNodes.of(known.profiles()), is_read=lambda topic: bool(known.candidates(topic)))


def level(value: float, *, seq: int) -> bytes:
    """The tank's level, by its alias alone."""
    return payload(metric(None, None, double(value), alias=10), seq=seq)
