"""Our hub: `restock-hub run` with its usual settings, in a household of four things.

What has come out is what the hub has acknowledged on its own topic, which it does after the commit (SQLite, WAL,
`synchronous=FULL`); what is kept is what its store says when it has been stopped. Its bridge is never there, since no
reading goes to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_agent.commands.commission import set_up
from edge_agent.config import load
from firmware_sim.load.link import Subscription
from firmware_sim.processes import Command, free_ports, run_to_end, script
from firmware_sim.services import HOUSEHOLD_FILE
from tests.bench.peers.gateway import Place
from tests.bench.peers.stream import HOME, Key, wire_to
from tests.kill.oracle import keys

_ACKS = f"restock/v1/{HOME}/+/ack"


class Hub:
    """Fulfils gateway.Gateway."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._acked: dict[str, int] = {}
        self._ear: Subscription

    async def open(self) -> None:
        """See gateway.Gateway."""
        self._config.write_text(self._settings(), encoding="utf-8")
        set_up(load(self._config), household_file=HOUSEHOLD_FILE, owner="owner", password="a password of the bench")
        self._ear = await wire_to(self._place.broker_port).listen([_ACKS], self._hear, client_id="bench-acks")

    async def close(self) -> None:
        """See gateway.Gateway."""
        await self._ear.close()

    def command(self) -> Command:
        """See gateway.Gateway."""
        argv = [script("restock-hub"), "run", "--config", str(self._config)]
        return Command(name="hub", argv=argv, log=self._place.folder / "hub.log")

    def out(self) -> int:
        """See gateway.Gateway."""
        return sum(self._acked.values())

    async def kept(self) -> set[Key]:
        """See gateway.Gateway."""
        argv = [script("restock-hub"), "report", "--config", str(self._config), "--json"]
        said = await run_to_end(Command(name="report", argv=argv, log=self._place.folder / "report.log"))
        counted: dict[str, Any] = json.loads(said)
        return {(device, seq) for device, _, seq in keys(counted["messages"])}

    @property
    def _config(self) -> Path:
        return self._place.folder / "hub.toml"

    def _hear(self, topic: str, payload: bytes) -> None:
        match json.loads(payload):
            case {"device": str(device), "seq": int(seq)}:
                self._acked[device] = max(seq, self._acked.get(device, 0))
            case _:
                pass

    def _settings(self) -> str:
        [page] = free_ports(1)
        return (
            f'[home]\nid = "{HOME}"\ndata_dir = {json.dumps(str(self._place.folder / "data"))}\n'
            f'[mqtt]\nurl = "mqtt://127.0.0.1:{self._place.broker_port}"\n'
            f'[web]\nport = {page}\n[bridge]\nurl = "http://127.0.0.1:{self._place.cloud_port}"\n'
        )
