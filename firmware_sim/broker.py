"""The demo's MQTT broker: nats-server with MQTT 3.1.1 and JetStream, on loopback, everything synced to disk.

Two users: the hub, and the home's devices. Each may publish only what is its own to say, so that no device can forge an
acknowledgement. Their passwords are random, and stand in a file that only this account can read.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from string import Template

from firmware_sim.processes import Command, Crew, listens, script, wait_ready

NAME = "broker"

# Settings and their reasons: a PUBACK promises that the message is on the disk, so every write is synced; what a
# client does not acknowledge in 5 s comes again; and a window of messages under way bounds the memory of both sides.
_CONFIG = Template("""\
server_name: restock-demo
listen: "127.0.0.1:-1"
max_payload: 65536
jetstream { store_dir: "$store", max_mem: 64MB, max_file: 1GB, sync_interval: always }
mqtt { listen: "127.0.0.1:$port", ack_wait: "5s", max_ack_pending: 200 }
authorization {
  users = [
    {
      user: "hub", password: "$hub_password"
      permissions: { publish: ["restock.v1.*.*.ack", "restock.v1.*.*.cmd", "homeassistant.>"], subscribe: ">" }
    }
    {
      user: "devices", password: "$devices_password"
      permissions: {
        publish: { allow: ["restock.v1.>", "bridge.>"], deny: ["restock.v1.*.*.ack", "restock.v1.*.*.cmd"] }
        subscribe: ["restock.v1.*.*.ack", "restock.v1.*.*.cmd"]
      }
    }
  ]
}
""")


@dataclass(frozen=True, slots=True)
class Login:
    """A user of the broker."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker listens, and who may connect.

    A session belongs to whoever gives its client id, whichever user it is, so the hub's cannot be guessed.
    """

    port: int
    hub: Login
    devices: Login
    hub_client_id: str

    @property
    def url(self) -> str:
        """The address without a user."""
        return f"mqtt://127.0.0.1:{self.port}"


def new_broker(port: int) -> Broker:
    """A broker with fresh secrets."""
    return Broker(
        port=port,
        hub=Login(user="hub", password=secrets.token_hex(24)),
        devices=Login(user="devices", password=secrets.token_hex(24)),
        hub_client_id=f"hub-{secrets.token_hex(8)}",
    )


def config_text(broker: Broker, *, store: Path) -> str:
    """The broker's configuration file; it holds the passwords."""
    return _CONFIG.substitute(
        store=store, port=broker.port, hub_password=broker.hub.password, devices_password=broker.devices.password
    )


async def start(crew: Crew, broker: Broker, *, folder: Path, log: Path) -> None:
    """Start the broker in its own folder, and wait until it takes connections.

    Raises: DemoError when it does not start.
    """
    config = _write_config(broker, folder=folder)
    child = crew.start(Command(name=NAME, argv=[script("nats-server"), "-c", str(config)], log=log))
    await wait_ready(child, partial(listens, broker.port), timeout_s=20)


def _write_config(broker: Broker, *, folder: Path) -> Path:
    """The configuration file, closed to other users before the passwords go in."""
    folder.mkdir(mode=0o700, parents=True)
    config = folder / "nats.conf"
    config.touch(mode=0o600)
    config.write_text(config_text(broker, store=folder / "jetstream"), encoding="utf-8")
    return config
