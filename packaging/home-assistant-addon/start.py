"""Starts the hub as a Home Assistant add-on: its options and the Supervisor's broker become the hub's configuration.

It asks the Supervisor once, writes /data/hub.toml, and becomes `restock-hub run`. The hub's own rules then hold; none
is repeated here. Logins go into the hub's environment and are neither printed nor written.
"""  # noqa: INP001  a script of the container's, in no package

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DATA = Path("/data")
SUPERVISOR = "http://supervisor/services/mqtt"
_ANSWER_BYTES_MAX = 65_536
_TIMEOUT_S = 10.0


def configuration(options: Mapping[str, Any], broker: Mapping[str, Any]) -> str:
    """The hub's TOML. In the add-on's own network it listens for all: only a port that an owner sets leads there."""
    mqtt_url = options.get("mqtt_url") or broker_url(broker)
    names = [*options.get("page_names", ()), "127.0.0.1", "localhost"]
    sections: dict[str, dict[str, object]] = {
        "home": {"data_dir": str(DATA / "restock"), "timezone": options.get("timezone") or "UTC"},
        "web": {"host": "0.0.0.0", "port": 8480, "allowed_hosts": names},  # noqa: S104
    }
    if mqtt_url:
        sections["mqtt"] = {"url": mqtt_url}
    if options.get("bridge_url"):
        sections["bridge"] = {"url": options["bridge_url"]}
    # A string or a list of strings in JSON is the same in TOML, as long as no character beyond ASCII is left.
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items())
        for name, fields in sections.items()
    )


def logins(options: Mapping[str, Any], broker: Mapping[str, Any]) -> dict[str, str]:
    """The hub's variables: those of the options where a broker stands there, else the Supervisor's."""
    own = bool(options.get("mqtt_url"))
    user = options.get("mqtt_user") if own else broker.get("username")
    password = options.get("mqtt_password") if own else broker.get("password")
    return {"RESTOCK_MQTT_USER": str(user or ""), "RESTOCK_MQTT_PASSWORD": str(password or "")}


def broker_url(broker: Mapping[str, Any]) -> str:
    """Where the Supervisor's broker is; empty without one."""
    if not broker.get("host"):
        return ""
    return f"{'mqtts' if broker.get('ssl') else 'mqtt'}://{broker['host']}:{broker.get('port', 1883)}"


def supervisors_broker(token: str) -> Mapping[str, Any]:
    """What the Supervisor says about the broker; nothing where it has none or does not answer."""
    asked = urllib.request.Request(SUPERVISOR, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(asked, timeout=_TIMEOUT_S) as answer:  # noqa: S310  a fixed address
            told = json.loads(answer.read(_ANSWER_BYTES_MAX))
    except (urllib.error.URLError, ValueError, OSError):
        return {}
    found = told.get("data") if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}


def main() -> None:
    """Write the configuration and become the hub."""
    os.umask(0o077)
    options = json.loads((DATA / "options.json").read_text(encoding="utf-8"))
    token = os.environ.pop("SUPERVISOR_TOKEN", "")
    broker = supervisors_broker(token) if token else {}
    if not (options.get("mqtt_url") or broker_url(broker)):
        sys.exit("No broker: install the add-on Mosquitto broker, or set mqtt_url in this add-on's options.")
    file = DATA / "hub.toml"
    file.write_text(configuration(options, broker), encoding="utf-8")
    os.environ.update(logins(options, broker))
    os.execvp("restock-hub", ["restock-hub", "run", "--config", str(file)])  # noqa: S606


if __name__ == "__main__":
    main()
