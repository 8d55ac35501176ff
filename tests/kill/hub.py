"""The hub as a process of its own that is killed and started again, and its store as a kill has left it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from edge_agent.adapters.store.connection import Connection
from edge_agent.commands.commission import set_up
from edge_agent.config import load
from edge_agent.folder import STORE_FILE
from firmware_sim.processes import Child, Command, free_ports, run_to_end, script
from firmware_sim.services import HOUSEHOLD_FILE
from tests.kill.fleet import HOME
from tests.kill.oracle import Key

OWNER, PASSWORD = "owner", "a password of the test"


@dataclass
class Hub:
    """`restock-hub run` in a folder of its own; an async context manager that leaves no process behind.

    `mqtt` and `bridge` are lines of those sections of its configuration; `public_key` is known once it was set up.
    """

    folder: Path
    broker_url: str
    mqtt: str = "group_max = 2 # many commits to die between, and messages that wait for theirs"
    bridge: str = 'url = "http://127.0.0.1:9"'
    public_key: str = ""
    _child: Child | None = None

    async def __aenter__(self) -> Self:
        self.config.write_text(self._settings(), encoding="utf-8")
        known = set_up(load(self.config), household_file=HOUSEHOLD_FILE, owner=OWNER, password=PASSWORD)
        self.public_key = known["public_key"]
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def config(self) -> Path:
        """Its configuration file."""
        return self.folder / "hub.toml"

    @property
    def store(self) -> Path:
        """Its store, which it alone may open while it runs."""
        return self.folder / "data" / STORE_FILE

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._child is not None
        return self._child.pid

    @property
    def log(self) -> Path:
        """What it said, over all its lives."""
        return self.folder / "hub.log"

    def start(self) -> None:
        """Start it; it is not ready yet."""
        argv = [script("restock-hub"), "run", "--config", str(self.config)]
        self._child = Child(Command(name="hub", argv=argv, log=self.log))

    async def kill(self) -> None:
        """`kill -9`, and reap it. That it had ended by itself before is a failure."""
        if self._child is not None:
            assert (failure := self._child.failure()) is None, failure
            os.kill(self._child.pid, signal.SIGKILL)
            await self.stop()

    async def stop(self) -> None:
        """End it in an orderly way."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop()

    async def report(self) -> dict[str, Any]:
        """What `restock-hub report --json` counts."""
        argv = [script("restock-hub"), "report", "--config", str(self.config), "--json"]
        counted: dict[str, Any] = json.loads(await run_to_end(Command(name="report", argv=argv, log=self.log)))
        return counted

    def stored(self) -> list[Key]:
        """The messages in a copy of the store, read row by row; the hub must be dead."""
        with TemporaryDirectory(dir=self.folder) as copy:
            for part in (self.folder / "data").glob(f"{STORE_FILE}*"):
                shutil.copy(part, copy)
            with Connection(Path(copy) / STORE_FILE) as connection:
                rows = connection.db.execute("SELECT device, boot, seq FROM message WHERE seq IS NOT NULL")
                return [(str(device), str(boot), int(seq)) for device, boot, seq in rows]

    def _settings(self) -> str:
        [page] = free_ports(1)
        return f"""
[home]
id = "{HOME}"
data_dir = {json.dumps(str(self.folder / "data"))}
[mqtt]
url = "{self.broker_url}"
{self.mqtt}
[web]
port = {page}
[bridge]
{self.bridge}
"""
