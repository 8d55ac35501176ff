"""Hub and bridge of the demo, as separate processes: configuration, set-up, start and the counts they report.

They are reached by their commands, their configuration files and HTTP, as a household would reach them; nothing of
theirs is imported. Secrets go by environment or standard input.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from firmware_sim.broker import Broker
from firmware_sim.clock import MappedClock
from firmware_sim.processes import Child, Command, Crew, DemoError, run_to_end, script, wait_http

HUB, BRIDGE = "hub", "bridge"
HOME = "home"
OWNER = "owner"
HOUSEHOLD_FILE = Path(__file__).with_name("demo_household.toml")
ITEM_OF_SKU = {"milk-whole-1l": "milk", "detergent-liquid-500ml": "detergent", "washer-fluid-2500ml": "washer_fluid"}

_PAYMENT_TOKEN = "success_token"  # noqa: S105 - a token that the sample merchant documents, worth nothing
_PERIOD_MAX_S = 3600.0  # virtual: what hub and bridge allow
_PERIOD_MIN_S = 0.1  # real: however fast the clock runs, nothing is asked more often than this


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of the demo are: one folder, and a loopback port for each server."""

    stores: Path
    hub_port: int
    bridge_port: int
    merchant_port: int

    @property
    def page_url(self) -> str:
        """The household's page."""
        return f"http://127.0.0.1:{self.hub_port}"

    def log(self, name: str) -> Path:
        """The log file of one part."""
        return self.stores / "logs" / f"{name}.log"

    def config(self, name: str) -> Path:
        """The configuration file of the hub or the bridge."""
        return self.stores / name / f"{name}.toml"

    def database(self, name: str) -> Path:
        """The database of the bridge, as an absolute path."""
        return (self.stores / name / f"{name}.sqlite3").resolve()


async def set_up_hub(places: Places, broker: Broker, *, password: str) -> str:
    """Make the home's key, documents and owner account; the public key for the bridge.

    Raises: DemoError when the hub refuses.
    """
    config = places.config(HUB)
    config.parent.mkdir(mode=0o700)
    config.write_text(_hub_basics(places, broker), encoding="utf-8")
    argv = [script("restock-hub"), "setup", "--config", str(config), "--household", str(HOUSEHOLD_FILE)]
    command = Command(name=f"{HUB} setup", argv=[*argv, "--owner", OWNER], log=places.log(HUB))
    known = _parsed(command.name, await run_to_end(command, stdin=f"{password}\n"))
    return str(known["public_key"])


async def start_bridge(crew: Crew, places: Places, *, public_key: str, clock: MappedClock) -> None:
    """Configure and start the bridge, and wait until it answers.

    Raises: DemoError when it does not start.
    """
    config = places.config(BRIDGE)
    config.parent.mkdir(mode=0o700)
    config.write_text(bridge_config(places, public_key=public_key, clock=clock), encoding="utf-8")
    command = Command(
        name=BRIDGE,
        argv=[script("restock-bridge"), "run", "--config", str(config)],
        log=places.log(BRIDGE),
        environment={"RESTOCK_PAYMENT_TOKEN_GROCER": _PAYMENT_TOKEN},
    )
    await wait_http(crew.start(command), f"http://127.0.0.1:{places.bridge_port}/healthz")


def start_hub(crew: Crew, places: Places, broker: Broker, *, clock: MappedClock) -> Child:
    """Configure and start the hub; it is not ready yet."""
    config = places.config(HUB)
    config.write_text(hub_config(places, broker, clock=clock), encoding="utf-8")
    command = Command(
        name=HUB,
        argv=[script("restock-hub"), "run", "--config", str(config)],
        log=places.log(HUB),
        environment={"RESTOCK_MQTT_USER": broker.hub.user, "RESTOCK_MQTT_PASSWORD": broker.hub.password},
    )
    return crew.start(command)


async def wait_hub(child: Child, places: Places) -> None:
    """Wait until the page answers.

    Raises: DemoError when it does not.
    """
    await wait_http(child, f"{places.page_url}/healthz")


async def read_report(places: Places, name: str) -> dict[str, Any]:
    """What the hub or the bridge counts in its own store. It must be stopped.

    Raises: DemoError when it cannot say.
    """
    argv = [script(f"restock-{name}"), "report", "--config", str(places.config(name)), "--json"]
    command = Command(name=f"{name} report", argv=argv, log=places.log(name))
    return _parsed(command.name, await run_to_end(command))


def hub_config(places: Places, broker: Broker, *, clock: MappedClock) -> str:
    """The hub's configuration file."""
    return f"""{_hub_basics(places, broker)}
[bridge]
url = "http://127.0.0.1:{places.bridge_port}"
poll_every_s = {_period_s(300, clock)}
drain_every_s = {_period_s(30, clock)}

[review]
every_s = {_period_s(900, clock)}
clock_skew_max_s = 604800.0 # a second of real delay is many virtual hours

{_clock_table(clock)}"""


def bridge_config(places: Places, *, public_key: str, clock: MappedClock) -> str:
    """The bridge's configuration file. The address is the one that `delivery_ref = "home"` stands for."""
    return f"""[server]
host = "127.0.0.1"
port = {places.bridge_port}

[store]
url = {_text(f"sqlite:///{places.database(BRIDGE)}")}

[[households]]
id = "{HOME}"
public_key = {_text(public_key)}

[[merchants]]
id = "grocer"
kind = "ucp"
url = "http://127.0.0.1:{places.merchant_port}"
currency = "USD"
buyer_name = "The Demo Household"
buyer_email = "household@example.com"
payment_handler = "mock_payment_handler"
webhooks = "unsigned_hints"

[merchants.destinations.home]
street_address = "12 Example Street"
address_locality = "Springfield"
address_region = "IL"
postal_code = "62704"
address_country = "US"

[worker]
poll_s = {_period_s(60, clock)}

{_clock_table(clock)}"""


def _hub_basics(places: Places, broker: Broker) -> str:
    return f"""[home]
id = "{HOME}"
data_dir = {_text(str(places.config(HUB).parent.resolve() / "data"))}

[mqtt]
url = "{broker.url}"
client_id = "{broker.hub_client_id}"

[web]
port = {places.hub_port}
refresh_s = 5 # real: whoever watches sees what happens
"""


def _clock_table(clock: MappedClock) -> str:
    """The mapping that all processes share; without it they would run on real time."""
    return f"""[clock]
speed = {clock.speed}
real_epoch = {clock.real_epoch.isoformat()}
virtual_epoch = {clock.virtual_epoch.isoformat()}
"""


def _period_s(usual_s: float, clock: MappedClock) -> float:
    """The usual virtual period, stretched where the clock is so fast that it would mean no pause at all."""
    return float(min(max(usual_s, _PERIOD_MIN_S * clock.speed), _PERIOD_MAX_S))


def _text(value: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of it."""
    return json.dumps(value)


def _parsed(name: str, output: str) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", json.loads(output))
    except json.JSONDecodeError as exc:
        raise DemoError(f"{name} did not print one JSON object: {exc}") from exc
