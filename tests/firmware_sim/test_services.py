"""Configuration of the demo: hub and bridge take it, and household, merchant and simulated home fit together."""

from __future__ import annotations

import base64
import csv
import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloud_bridge import config as bridge_side
from edge_agent import config as hub_side
from edge_agent.core.catalogue import Household
from firmware_sim import merchant
from firmware_sim.broker import new_broker
from firmware_sim.clock import MappedClock
from firmware_sim.scenario import load_scenario
from firmware_sim.services import HOME, HOUSEHOLD_FILE, ITEM_OF_SKU, Places, bridge_config, hub_config

BEGINS = datetime(2026, 3, 2, 6, tzinfo=UTC)
KEY = base64.b64encode(bytes(range(32))).decode()


def clock(speed: float) -> MappedClock:
    """A clock of this speed."""
    return MappedClock(speed=speed, real_epoch=BEGINS, virtual_epoch=BEGINS)


def places(folder: Path) -> Places:
    """Somewhere to be."""
    return Places(stores=folder, hub_port=1, bridge_port=2, merchant_port=3)


def household() -> Household:
    """The household of the demo, as the hub reads it."""
    document: dict[str, Any] = tomllib.loads(HOUSEHOLD_FILE.read_text())
    return Household.model_validate_json(json.dumps(document))


@pytest.mark.parametrize("speed", [1.0, 1_440.0, 25_920.0, 36_000.0])
def test_hub_and_bridge_take_the_configuration(tmp_path: Path, speed: float) -> None:
    """At every speed that is allowed both read it without complaint, and on the same clock."""
    broker = new_broker(18_883)
    hub_file, bridge_file = tmp_path / "hub.toml", tmp_path / "bridge.toml"
    hub_file.write_text(hub_config(places(tmp_path), broker, clock=clock(speed)))
    bridge_file.write_text(bridge_config(places(tmp_path), public_key=KEY, clock=clock(speed)))
    hub, bridge = hub_side.load(hub_file), bridge_side.load(bridge_file)
    assert hub.clock.model_dump() == bridge.clock.model_dump()
    assert hub.clock.speed == speed
    assert hub.home.id == bridge.households[0].id == HOME
    assert hub.mqtt.client_id == broker.hub_client_id
    assert broker.hub.password not in hub_file.read_text()
    assert "success_token" not in bridge_file.read_text()


def test_nothing_is_asked_more_than_ten_times_a_second(tmp_path: Path) -> None:
    """A fast clock stretches the periods instead of turning them into busy loops."""
    hub = tomllib.loads(hub_config(places(tmp_path), new_broker(1), clock=clock(25_920.0)))
    assert hub["review"]["every_s"] == pytest.approx(2_592)
    assert hub["bridge"]["drain_every_s"] == pytest.approx(2_592)
    slow = tomllib.loads(hub_config(places(tmp_path), new_broker(1), clock=clock(1.0)))
    assert (slow["review"]["every_s"], slow["bridge"]["drain_every_s"]) == (900, 30)


def test_household_merchant_and_home_fit_together() -> None:
    """Every product is for sale with plenty in stock, and packs and room are those of the simulated home."""
    goods = Path(merchant.__file__).with_name("merchant_goods")
    with (goods / "products.csv").open() as products, (goods / "inventory.csv").open() as inventory:
        titles = {row["id"]: row["title"] for row in csv.DictReader(products)}
        stocked = {row["product_id"]: int(row["quantity"]) for row in csv.DictReader(inventory)}
    assert titles.keys() == stocked.keys()
    scenario = load_scenario()
    for item in household().items:
        assert ITEM_OF_SKU[item.product.sku] == item.id
        assert titles[item.product.sku] == item.product.title
        assert stocked[item.product.sku] >= 1_000
        there = scenario.item(item.id)
        assert (there.unit, there.pack_amount) == (item.unit, item.product.pack_amount)
        assert there.capacity == item.room_packs * item.product.pack_amount
    assert len(household().items) == len(ITEM_OF_SKU)
