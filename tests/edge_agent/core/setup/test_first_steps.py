"""What the first run proposes, and what it understands of a Home Assistant add-on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from edge_agent.core.inventory.devices import DeviceLine, Inventory, OfferLine, SignalLine, SuggestedLine
from edge_agent.core.setup.first_steps import Broker, addon_broker, free_id, proposals

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _line(signal: str, unit: str, value: float) -> SignalLine:
    return SignalLine(signal, "value", value, unit, NOW, True, "level", "down", ())


def _inventory() -> Inventory:
    signals = (_line("milk.amount", "g", 500.0), _line("detergent.remaining", "%", 40.0))
    suggested = (SuggestedLine("detergent", "ean", "4006381333931"),)
    device = DeviceLine("fridge", None, "Fridge", "t", None, True, NOW, signals, suggested)
    offers = tuple(OfferLine("fridge", each.signal, each.unit, ()) for each in signals)
    return Inventory(as_of=NOW, source="test", devices=(device,), offers=offers)


def test_a_level_in_percent_leaves_what_full_means_to_a_person() -> None:
    """Its unit and full amount are not guessed; the product that the device names is proposed."""
    detergent, milk = proposals(_inventory(), profile_of=lambda _: None)
    assert (detergent.is_percent, detergent.unit, detergent.full_amount) == (True, "", None)
    assert detergent.gtins == ("04006381333931",)
    assert detergent.category == "laundry_detergent"
    assert (milk.is_percent, milk.unit, milk.value, milk.gtins) == (False, "g", 500.0, ())


def test_what_the_broker_kept_is_proposed_without_a_value() -> None:
    """Nobody knows how old it is: it is told as an old word, and never as what there is."""
    inventory = _inventory()
    kept = tuple(replace(each, is_retained=True, is_fresh=False) for each in inventory.devices[0].signals)
    old = replace(inventory, devices=(replace(inventory.devices[0], signals=kept, only_old_copies=True),))
    detergent, milk = proposals(old, profile_of=lambda _: None)
    assert (detergent.value, detergent.old_value) == (None, 40.0)
    assert (milk.value, milk.old_value) == (None, 500.0)
    assert [each.old_value for each in proposals(inventory, profile_of=lambda _: None)] == [None, None]


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({"MQTT_HOST": "core-mosquitto"}, "mqtt://core-mosquitto:1883"),
        ({"MQTT_HOST": "core-mosquitto", "MQTT_SSL": "true"}, "mqtts://core-mosquitto:8883"),
        ({"MQTT_HOST": "10.0.0.2", "MQTT_PORT": "1884", "MQTT_SSL": "false"}, "mqtt://10.0.0.2:1884"),
        ({}, None),
        ({"MQTT_HOST": "a b"}, None),
        ({"MQTT_HOST": "a", "MQTT_PORT": "none"}, None),
        ({"MQTT_HOST": "a", "MQTT_PORT": "99999"}, None),
    ],
)
def test_the_addons_broker(environment: dict[str, str], url: str | None) -> None:
    """What the start script exports is a broker, or it is nothing."""
    found = addon_broker({**environment, "MQTT_USERNAME": "addons", "MQTT_PASSWORD": "hidden"})
    assert (found and found.url) == url
    assert "hidden" not in repr(found)


@pytest.mark.parametrize("host", ["evil.test/x", "user@host", "a b", "", "http://a", "x" * 254])
def test_a_host_is_a_name_and_nothing_more(host: str) -> None:
    """No path, user or scheme gets into the address."""
    with pytest.raises(ValueError, match="host"):
        Broker(host=host)


def test_ids_are_plain() -> None:
    """Any name gives an id that fits."""
    assert free_id("Vollmilch 3,5 %", ()) == "vollmilch_3_5"
    assert free_id("牛奶", ()) == "item"
