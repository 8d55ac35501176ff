"""The ThingsBoard IoT gateway: its MQTT connector, its JSON converter and its SQLite storage.

Its cloud is a bare broker, which takes the connection and never answers, so that what comes stays in the storage; with
nobody at all there the storage is never begun. It acknowledges a message when it has come, and commits it from
a queue some time later (WAL, `synchronous=NORMAL`).
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from firmware_sim.processes import Command
from tests.bench.peers.gateway import OFFLINE, Place
from tests.bench.peers.stream import READINGS, Key

_START = "from thingsboard_gateway.tb_gateway import daemon; daemon()"
_NO_LIMIT = "0:0,"


class ThingsBoard:
    """Fulfils gateway.Gateway. `python` is the interpreter of the environment in which it is installed."""

    def __init__(self, place: Place, python: Path) -> None:
        self._place = place
        self._python = python
        self._row = 0
        self._count = 0

    async def open(self) -> None:
        """See gateway.Gateway."""
        for name, words in {
            "tb_gateway.json": self._gateway(),
            "mqtt.json": self._connector(),
            "logs.json": _LOGS,
        }.items():
            (self._place.folder / name).write_text(json.dumps(words), encoding="utf-8")
        (self._place.folder / "logs").mkdir()

    async def close(self) -> None:
        """See gateway.Gateway."""

    def command(self) -> Command:
        """See gateway.Gateway."""
        folder = self._place.folder
        argv = [str(self._python), "-c", _START]
        settings = {"TB_GW_CONFIG_DIR": str(folder), "PYTHONPATH": "", **OFFLINE}
        return Command(
            name="ThingsBoard gateway", argv=argv, log=folder / "gateway.log", cwd=folder, environment=settings
        )

    def out(self) -> int:
        """See gateway.Gateway."""
        for row, message in self._rows(self._row):
            self._row = max(self._row, row)
            self._count += len(_keys(message))
        return self._count

    async def kept(self) -> set[Key]:
        """See gateway.Gateway."""
        return {key for _, message in self._rows(0) for key in _keys(message)}

    def _rows(self, after: int) -> list[tuple[int, str]]:
        """What is committed in its storage, whose one file has no table yet at the very start."""
        file = self._place.folder / "data" / "data.db"
        if not file.exists():
            return []
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=5.0)) as store:
            if not store.execute("SELECT 1 FROM sqlite_master WHERE name = 'messages'").fetchall():
                return []
            return store.execute("SELECT id, message FROM messages WHERE id > ?", (after,)).fetchall()

    def _gateway(self) -> dict[str, Any]:
        limits = ("rateLimits", "dpRateLimits", "messagesRateLimits", "deviceMessagesRateLimits", "deviceRateLimits",
                  "deviceDpRateLimits")  # fmt: skip
        return {
            "thingsboard": {
                "host": "127.0.0.1", "port": self._place.cloud_port, "remoteShell": False, "remoteConfiguration": False,
                "statistics": {"enable": False}, "deviceFiltering": {"enable": False}, "qos": 1,
                "security": {"type": "accessToken", "accessToken": "bench"},
                "checkingDeviceActivity": {"checkDeviceInactivity": False}, **dict.fromkeys(limits, _NO_LIMIT),
            },
            "storage": {"type": "sqlite", "data_file_path": f"{self._place.folder}/data/", "writing_batch_size": 1_000,
                        "max_read_records_count": 1_000},
            "grpc": {"enabled": False},
            "connectors": [{"type": "mqtt", "name": "readings", "configuration": "mqtt.json"}],
        }  # fmt: skip

    def _connector(self) -> dict[str, Any]:
        values = [
            ("integer", "seq", "${seq}"),
            ("double", "milk", "${values.milk.value}"),
            ("string", "door", "${values.door.value}"),
            ("double", "temperature", "${values.temperature.value}"),
        ]
        device = {"deviceNameExpressionSource": "message", "deviceNameExpression": "${device}",
                  "deviceProfileExpressionSource": "constant", "deviceProfileExpression": "fridge"}  # fmt: skip
        return {
            "broker": {
                "host": "127.0.0.1", "port": self._place.broker_port, "clientId": "thingsboard", "version": 4,
                "cleanSession": False, "maxNumberOfWorkers": 4, "maxMessageNumberPerWorker": 10,
                "security": {"type": "anonymous"},
            },
            "mapping": [
                {
                    "topicFilter": READINGS,
                    "subscriptionQos": 1,
                    "converter": {
                        "type": "json", "deviceInfo": device, "sendDataOnlyOnChange": False, "timeout": 60_000,
                        "attributes": [],
                        "timeseries": [{"type": kind, "key": key, "value": value} for kind, key, value in values],
                    },
                }
            ],
        }  # fmt: skip


def _keys(message: str) -> list[Key]:
    words = json.loads(message)
    device = str(words["deviceName"])
    return [(device, int(each["values"]["seq"])) for each in words["telemetry"] if "seq" in each["values"]]


_LOGS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler", "level": "WARNING"}},
    "root": {"level": "WARNING", "handlers": ["console"]},
}
