"""A stand-alone device on asyncio-mqtt 0.16, the former name of aiomqtt; nothing imports this file.

asyncio-mqtt needs paho-mqtt 1.6 and fails at run time with paho 2, so it lives in an environment of its own
(requirements/legacy.lock). The script announces itself, publishes readings at QoS 1 and prints one JSON line that says
which of them the broker acknowledged::

    python legacy_device.py --host 127.0.0.1 --port 1883 --home home --device old-scale --count 20
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
from datetime import UTC, datetime

from asyncio_mqtt import Client, MqttError, Will


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Publish as a Restock-native device over asyncio-mqtt 0.16.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--home", default="home")
    parser.add_argument("--device", default="fridge")
    parser.add_argument("--profile", default="restock.fridge")
    parser.add_argument("--count", type=int, default=10, help="how many readings")
    return parser.parse_args()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _publish(arguments: argparse.Namespace, boot: str) -> list[int]:
    """Announce, publish, say goodbye; returns the seqs that the broker acknowledged."""
    base = f"restock/v1/{arguments.home}/{arguments.device}"
    who = {"device": arguments.device, "boot": boot}
    will = Will(f"{base}/state", json.dumps({**who, "state": "offline"}), qos=1, retain=True)
    acknowledged = []
    async with Client(arguments.host, arguments.port, client_id=f"legacy-{boot}", will=will) as client:
        birth = {**who, "profile": arguments.profile, "firmware": "legacy-1.0", "at": _now()}
        await client.publish(f"{base}/birth", json.dumps(birth), qos=1, retain=True)
        await client.publish(f"{base}/state", json.dumps({**who, "state": "online"}), qos=1, retain=True)
        for seq in range(1, arguments.count + 1):
            values = {"milk": {"value": 1000 - seq, "unit": "g"}, "door": {"value": "closed", "unit": ""}}
            reading = {**who, "seq": seq, "at": _now(), "values": values}
            await client.publish(f"{base}/reading", json.dumps(reading), qos=1)
            acknowledged.append(seq)
        await client.publish(f"{base}/state", json.dumps({**who, "state": "offline"}), qos=1, retain=True)
    return acknowledged


def main() -> int:
    """Run once; 1 when the broker refused or went away."""
    arguments = _arguments()
    boot = f"legacy-{secrets.token_hex(5)}"
    try:
        acknowledged = asyncio.run(_publish(arguments, boot))
    except MqttError as exc:
        sys.stderr.write(f"legacy device: {exc}\n")
        return 1
    sys.stdout.write(json.dumps({"device": arguments.device, "boot": boot, "pubacked": acknowledged}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
