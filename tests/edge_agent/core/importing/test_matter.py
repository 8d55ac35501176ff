"""Matter node dumps: what they monitor to profiles that need no overlay, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.core.importing.matter import import_matter
from edge_agent.core.registry import Registry
from tests.edge_agent.core.importing.end_to_end import only, overlay, profiles, reasons, said, shipped, told

PURIFIER: dict[str, Any] = {
    "node_id": 21,
    "available": True,
    "attributes": {
        "0/40/1": "Acme",
        "0/40/3": "Purifier",
        "0/40/5": "hall",
        "1/113/0": 64,
        "1/113/1": 1,
        "1/113/2": 0,
        "1/113/3": True,
        "1/113/5": [{"0": 2, "1": "4006381333931"}, {"0": 1, "1": "gtin8xxx"}],
        "2/114/0": 30,
        "2/114/1": 0,
        "2/114/2": 1,
        "0/47/12": 150,
        "0/47/15": False,
        "0/47/16": 2,
        "0/47/20": 12,
        "0/47/25": 2,
    },
}
WANTED = {
    "hepa_filter.remaining": (64.0, "%"),
    "hepa_filter.state": ("ok", ""),
    "carbon_filter_2.used": (30.0, "%"),
    "carbon_filter_2.state": ("low", ""),
    "battery": (75.0, "%"),
    "battery.state": ("ok", ""),
}


def changed(**attributes: Any) -> dict[str, Any]:  # noqa: ANN401
    """The dump with other attributes: `a1_113_0` is 1/113/0."""
    other = {key[1:].replace("_", "/"): value for key, value in attributes.items()}
    return PURIFIER | {"attributes": PURIFIER["attributes"] | other}


def test_a_dump_end_to_end(tmp_path: Path) -> None:
    """Directions, states and cells as the device tells them, beside the shipped profile for every node."""
    device = only(import_matter([told("", PURIFIER)]))
    assert (device.id, device.title, device.manufacturer) == ("21", "Purifier", "Acme")
    loaded = profiles(device, None, tmp_path, rivals=shipped())
    Registry([*shipped(), *loaded])
    (profile,) = loaded
    assert profile.profile == "matter.21"
    for among in (loaded, [*shipped(), *loaded]):
        assert said(among, "bridge/matter/21/status", PURIFIER) == WANTED
    assert {name: (each.signal, each.degradation) for name, each in profile.consumables.items()} == {
        "hepa_filter": ("hepa_filter.remaining", "down"),
        "carbon_filter_2": ("carbon_filter_2.used", "up"),
        "battery": ("battery.state", "none"),
    }
    assert profile.consumables["hepa_filter"].products_from == "/attributes/1~1113~15"
    assert profile.consumables["hepa_filter"].products == ()


def test_what_a_node_says_of_its_parts(tmp_path: Path) -> None:
    """Out of reach, taken out, another direction than at the import, a null: never an empty filter."""
    loaded = profiles(only(import_matter([told("", PURIFIER)])), None, tmp_path)
    place = "bridge/matter/21/status"
    away = said(loaded, place, PURIFIER | {"available": False})
    assert away == dict.fromkeys(WANTED, "unknown")
    for attributes in ({"a1_113_3": False, "a1_113_0": 0}, {"a1_113_1": 0, "a1_113_0": 0}, {"a1_113_0": None}):
        told_now = said(loaded, place, changed(**attributes))
        assert isinstance(told_now, dict)
        assert told_now["hepa_filter.remaining"] == "unknown"
    assert said(loaded, place, PURIFIER | {"node_id": 22}) == "unknown_device"


def test_products_are_suggestions() -> None:
    """A right check digit is a suggestion to a person; a wrong one is shown as such."""
    facts = dict(only(import_matter([told("", PURIFIER)])).facts)
    assert facts["hepa_filter: suggests ean"] == "4006381333931"
    assert facts["hepa_filter: no product"] == "'gtin8xxx' is no gtin8"
    assert facts["cells"] == "2"


@pytest.mark.parametrize(
    "dump",
    [
        {"node_id": 21, "1/113/0": 64, "1/113/1": 1},
        {"nodeId": 21, "attributes": {"1": {"113": {"0": 64, "1": 1}}}},
        {"id": 21, "1": {"113": {"0": 64, "1": 1}}},
        {"result": [{"node_id": 21, "attributes": {"1/113/0": 64, "1/113/1": 1}}]},
        {"event": "node_updated", "data": {"node_id": 21, "attributes": {"1/113/0": 64, "1/113/1": 1}}},
        [{"node_id": 21, "attributes": {"1/113/0": 64, "1/113/1": 1}}],
    ],
)
def test_forms_of_a_dump(dump: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Flat or nested, under `attributes` or not, alone or in an answer."""
    device = only(import_matter([told("", dump)]))
    loaded = profiles(device, None, tmp_path)
    node = dump[0] if isinstance(dump, list) else dump.get("data", dump.get("result", dump))
    node = node[0] if isinstance(node, list) else node
    assert said(loaded, "bridge/matter/21/status", node) == {"hepa_filter.remaining": (64.0, "%")}


def test_an_overlay_names_topic_and_product(tmp_path: Path) -> None:
    """What the device cannot know is added; what it knows stands."""
    added = overlay(
        device="hall",
        topic="matter/hall",
        consumables={
            "hepa_filter": {
                "signal": "hepa_filter.remaining",
                "change": {"warning": {"value": 15, "unit": "%"}},
                "products": [{"type": "ean", "value": "4006381333931"}],
            }
        },
    )
    (profile,) = profiles(only(import_matter([told("", PURIFIER)])), added, tmp_path)
    assert said([profile], "matter/hall", PURIFIER) == WANTED
    assert profile.consumables["hepa_filter"].products[0].value == "4006381333931"
    assert profile.consumables["hepa_filter"].degradation == "down"
    assert set(profile.consumables) == {"hepa_filter", "carbon_filter_2", "battery"}


@pytest.mark.parametrize(
    ("dump", "why"),
    [
        (PURIFIER | {"node_id": None}, "no node_id"),
        ({"attributes": {"1/113/0": 5, "1/113/1": 1}}, "no node_id"),
        ({"node_id": 3, "attributes": {"1/6/0": True}}, "nothing that is used up"),
        ({"node_id": 3}, "no node dump"),
        ([], "no node dump"),
        ("x", "no node dump"),
        ({"node_id": 3, "attributes": {"1/113/0": 5}}, "not in which direction"),
        ({"node_id": 3, "attributes": {"1/113/0": 5, "1/113/1": [1]}}, "not in which direction"),
        ({"node_id": 3, "attributes": {"1/113/0": 5, "1/113/1": True}}, "not in which direction"),
    ],
)
def test_refusals(dump: Any, why: str) -> None:  # noqa: ANN401
    """What is no dump, and what tells a condition that means nothing."""
    found = import_matter([told("", dump)])
    assert why in reasons(found)
    assert found.devices == ()


def test_built_in_cells_are_not_bought() -> None:
    """Nobody at home can change them: their charge is told, and no battery is used up."""
    device = only(import_matter([told("", changed(a0_47_16=1))]))
    assert "battery.state" not in {each.title for each in device.channels}
    assert "battery" not in dict(device.consumables)
