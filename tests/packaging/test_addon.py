"""The Home Assistant add-on: its options become a configuration that the hub takes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from edge_agent.config import HubConfig, load

FOLDER = Path(__file__).parents[2] / "packaging" / "home-assistant-addon"
ADDON: dict[str, Any] = yaml.safe_load((FOLDER / "config.yaml").read_text(encoding="utf-8"))
SUPERVISORS = {"host": "core-mosquitto", "port": 1883, "ssl": False, "username": "addons", "password": "s3cret"}


@pytest.fixture
def start() -> ModuleType:
    """The script that the add-on starts with."""
    spec = importlib.util.spec_from_file_location("addon_start", FOLDER / "start.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written(text: str, folder: Path) -> HubConfig:
    """The hub's own reading of what was written."""
    file = folder / "hub.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def test_the_defaults_and_the_supervisors_broker_are_enough(start: ModuleType, tmp_path: Path) -> None:
    """Nothing has to be typed where the Supervisor has a broker; the login is in no file."""
    text = start.configuration(ADDON["options"], SUPERVISORS)
    config = written(text, tmp_path)
    assert config.mqtt.url == "mqtt://core-mosquitto:1883"
    assert "homeassistant.local" in config.web.allowed_hosts
    assert "s3cret" not in text
    assert start.logins(ADDON["options"], SUPERVISORS) == {
        "RESTOCK_MQTT_USER": "addons", "RESTOCK_MQTT_PASSWORD": "s3cret",
    }  # fmt: skip


def test_a_broker_of_ones_own_gets_its_own_login_only(start: ModuleType, tmp_path: Path) -> None:
    """The Supervisor's password is not sent to another broker."""
    options = ADDON["options"] | {"mqtt_url": "mqtts://broker.example:8883", "mqtt_user": "hub"}
    assert written(start.configuration(options, SUPERVISORS), tmp_path).mqtt.url == "mqtts://broker.example:8883"
    assert start.logins(options, SUPERVISORS) == {"RESTOCK_MQTT_USER": "hub", "RESTOCK_MQTT_PASSWORD": ""}


@pytest.mark.parametrize("name", ['a"\nhost = "x', "\u00e9", "\\"])
def test_an_option_cannot_write_other_fields(name: str, start: ModuleType, tmp_path: Path) -> None:
    """Whatever stands in an option stays one value."""
    config = written(start.configuration({"page_names": [name]}, {}), tmp_path)
    assert config.web.allowed_hosts == (name, "127.0.0.1", "localhost")
    assert config.mqtt.url == HubConfig().mqtt.url


def test_every_option_is_described_and_no_port_is_open(start: ModuleType) -> None:
    """Options, schema and guide name the same; the page is not reachable until an owner says so."""
    guide = (FOLDER.parents[1] / "docs" / "install.md").read_text(encoding="utf-8")
    assert ADDON["options"].keys() <= ADDON["schema"].keys()
    assert all(f"`{name}`" in guide for name in ADDON["schema"])
    assert ADDON["ports"] == {"8480/tcp": None}
    assert not ADDON["host_network"]
    assert start.broker_url({}) == ""


def test_the_version_is_the_programs() -> None:
    """The Supervisor offers an update when this number changes."""
    from edge_agent import __version__  # noqa: PLC0415

    assert ADDON["version"] == __version__
