"""Sparkplug births to profiles, and a message with nothing but an alias to a reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.core.formats.sparkplug import write_frame
from edge_agent.core.importing.device import Announcement
from edge_agent.core.importing.sparkplug_births import import_sparkplug
from edge_agent.errors import ProfileError
from tests.edge_agent.core.formats.test_sparkplug import LENGTH, VARINT, metric, part, payload, whole
from tests.edge_agent.core.importing.end_to_end import overlay, profiles, reasons, said
from tests.edge_agent.core.sparkplug.test_session import (
    Air,
    death,
    device_birth,
    double,
    node_birth,
    topic,
)

BORN = [Announcement(topic("NBIRTH"), node_birth()), Announcement(topic("DBIRTH"), device_birth())]
SIGNALS = {
    "oil.remaining": {"from": "fill/level", "unit": "%"},
    "oil.state": {"from": "low", "states": {"true": "low", "false": "ok"}},
}


def test_a_birth_end_to_end(tmp_path: Path) -> None:
    """The device of a node; a message with an alias only, through the node's session, to the hub's own decoder."""
    found = import_sparkplug(BORN)
    assert found.refused == ()
    assert [(each.title, [channel.key for channel in each.channels]) for each in found.devices] == [
        ("home/cellar", ["uptime"]),
        ("home/cellar/tank", ["fill/level", "low"]),
    ]
    loaded = profiles(found.devices[1], overlay(device="home/cellar/tank", signals=SIGNALS), tmp_path)
    assert loaded[0].match.patterns == ("spBv1.0/home/DDATA/cellar/tank", "spBv1.0/home/DBIRTH/cellar/tank")
    assert said(loaded, topic("DBIRTH"), device_birth()) == {"oil.remaining": (42.5, "%"), "oil.state": ("ok", "")}
    raw = payload(metric(None, None, double(7.5), alias=10), seq=2)
    alone = said(loaded, topic("DDATA"), raw)  # without the birth, the alias means nothing
    assert isinstance(alone, dict)
    assert alone.get("oil.remaining", "unknown") == "unknown"
    frame = Air().born().send("DDATA", raw).frame
    assert frame is not None
    named = said(loaded, topic("DDATA"), write_frame(frame))
    assert isinstance(named, dict)
    assert named["oil.remaining"] == (7.5, "%")


def test_null_is_unknown(tmp_path: Path) -> None:
    """`is_null` is the clearest word for absence that there is."""
    loaded = profiles(import_sparkplug(BORN).devices[1], overlay(device="tank", signals=SIGNALS), tmp_path)
    frame = Air().born().send("DDATA", payload(metric(None, None, alias=10, is_null=1), seq=2)).frame
    assert frame is not None
    told = said(loaded, topic("DDATA"), write_frame(frame))
    assert isinstance(told, dict)
    assert told["oil.remaining"] == "unknown"


def test_a_unit_is_never_guessed(tmp_path: Path) -> None:
    """A birth does not say it, so the overlay must."""
    bare = {"oil.remaining": {"from": "fill/level"}}
    with pytest.raises(ProfileError, match="fill/level: the device does not say in which unit it is: add unit"):
        profiles(import_sparkplug(BORN).devices[1], overlay(device="tank", signals=bare), tmp_path)


def test_what_stands_at_the_end() -> None:
    """A stale death changes nothing; a true one, and a device's, take what was born away."""
    assert len(import_sparkplug([*BORN, Announcement(topic("NDEATH"), death(6))]).devices) == 2
    gone = import_sparkplug([*BORN, Announcement(topic("NDEATH"), death(7))])
    assert (gone.devices, gone.removed) == ((), ("home/cellar/tank", "home/cellar"))
    alone = import_sparkplug([*BORN, Announcement(topic("DDEATH"), payload(seq=2))])
    assert [each.title for each in alone.devices] == ["home/cellar"]


def test_a_birth_out_of_order_is_refused() -> None:
    """A gap before the device's birth: the node is to be asked for a rebirth."""
    found = import_sparkplug([BORN[0], Announcement(topic("DBIRTH"), device_birth(seq=3))])
    assert [each.title for each in found.devices] == ["home/cellar"]
    assert "should be asked for a rebirth" in reasons(found)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (metric("at", 13, part(11, VARINT, b"\x05")), "a time is no level"),
        (metric("table", 16, part(17, LENGTH, b"")), "data type 16"),
        (metric("untyped", None, whole(5)), "does not say its type"),
        (metric("odd\nname", 3, whole(5)), "not printable"),
        (metric("n" * 250, 3, whole(5)), "too long"),
    ],
)
def test_refused_metrics(raw: bytes, why: str) -> None:
    """What is no single value, or cannot be named; the others are found."""
    found = import_sparkplug([Announcement(topic("NBIRTH"), node_birth(0, 7, raw))])
    assert why in reasons(found)
    assert [each.key for each in found.devices[0].channels] == ["uptime"]
