"""The least that a subscriber in Python can do: paho, QoS 1, and nothing with what comes. For `tests.bench.intake`.

    python -m tests.bench.bare PORT COUNT FILTER...

Prints "ready" when it is subscribed, and one JSON object when it has received `COUNT` messages: when that was (by the
monotonic clock, which all processes share), and the processor time since the first of them.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion


def main(port: int, count: int, filters: list[str]) -> None:
    """Subscribe, count, say."""
    seen, cpu_s = 0, 0.0

    def hear(_client: Client, _user: object, message: MQTTMessage) -> None:
        nonlocal seen, cpu_s
        if seen == 0:
            cpu_s = _cpu_s()
        seen += 1
        _, _ = message.topic, message.payload
        if seen == count:
            _say({"ended_s": time.monotonic(), "cpu_s": _cpu_s() - cpu_s})
            os._exit(0)

    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: client.subscribe([(each, 1) for each in filters])
    client.on_subscribe = lambda *_: _say("ready")
    client.on_message = hear
    client.connect("127.0.0.1", port)
    client.loop_forever()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _say(words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
