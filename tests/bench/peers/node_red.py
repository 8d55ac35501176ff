"""Node-RED: a flow that takes every reading, parses it and appends it to a file; docs/fleet.md shows the same flow.

It acknowledges a message when it has come and appends it later, without a flush: of what it has acknowledged, a kill
takes what is on the way. It checks no value, knows no device, and its file is not flushed to the disk.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from firmware_sim.processes import Command
from tests.bench.peers.gateway import OFFLINE, Place
from tests.bench.peers.stream import READINGS, Key

_FUNCTION = (
    "msg.payload.received_at = new Date().toISOString();\nmsg.payload = JSON.stringify(msg.payload);\nreturn msg;"
)


class NodeRed:
    """Fulfils gateway.Gateway. `installed` is the folder with its node_modules."""

    def __init__(self, place: Place, installed: Path) -> None:
        self._place = place
        self._program = installed / "node_modules" / "node-red" / "red.js"
        self._at = 0
        self._lines = 0

    async def open(self) -> None:
        """See gateway.Gateway."""
        folder = self._place.folder
        (folder / "flows.json").write_text(json.dumps(self._flow()), encoding="utf-8")
        (folder / "settings.js").write_text(_SETTINGS, encoding="utf-8")

    async def close(self) -> None:
        """See gateway.Gateway."""

    def command(self) -> Command:
        """See gateway.Gateway."""
        folder = self._place.folder
        settings = ["--userDir", str(folder), "--settings", str(folder / "settings.js"), "flows.json"]
        argv = [shutil.which("node") or "node", str(self._program), *settings]
        return Command(name="Node-RED", argv=argv, log=folder / "node-red.log", cwd=folder, environment=OFFLINE)

    def out(self) -> int:
        """See gateway.Gateway."""
        if self._output.exists():
            with self._output.open("rb") as lines:
                lines.seek(self._at)
                new = lines.read()
            self._at += len(new)
            self._lines += new.count(b"\n")
        return self._lines

    async def kept(self) -> set[Key]:
        """See gateway.Gateway: whole lines."""
        if not self._output.exists():
            return set()
        whole = self._output.read_bytes().rpartition(b"\n")[0].splitlines()
        return {(str(words["device"]), int(words["seq"])) for words in map(json.loads, whole)}

    @property
    def _output(self) -> Path:
        return self._place.folder / "readings.jsonl"

    def _flow(self) -> list[dict[str, object]]:
        broker = {
            "broker": "127.0.0.1",
            "port": str(self._place.broker_port),
            "clientid": "node-red",
            "keepalive": "60",
        }
        return [
            {"id": "tab", "type": "tab", "label": "bench"},
            {"id": "at", "type": "mqtt-broker", **broker, "protocolVersion": "4", "cleansession": False},
            {"id": "in", "z": "tab", "type": "mqtt in", "topic": READINGS, "qos": "1", "datatype": "json",
             "broker": "at", "wires": [["as"]]},
            {"id": "as", "z": "tab", "type": "function", "func": _FUNCTION, "outputs": 1, "wires": [["to"]]},
            {"id": "to", "z": "tab", "type": "file", "filename": str(self._output), "filenameType": "str",
             "appendNewline": True, "overwriteFile": "false", "wires": [[]]},
        ]  # fmt: skip


_SETTINGS = """module.exports = {
    flowFile: "flows.json", uiHost: "127.0.0.1", httpAdminRoot: false, httpNodeRoot: false, disableEditor: true,
    telemetry: { enabled: false, updateNotification: false },
    externalModules: { palette: { allowInstall: false }, modules: { allowInstall: false } },
    logging: { console: { level: "warn", metrics: false, audit: false } },
}
"""
