"""Radicale as a process: a CalDAV server that nobody here wrote; and what a household's task app does at it.

The app reads and writes entries with `vobject`, not with the library that our connector writes them with: what it sees
on the list is what the household sees, and it ticks, cancels and removes as a person does.
"""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import bcrypt
import httpx
import pytest
import vobject
from pydantic import SecretStr

from cloud_bridge.merchant_config import CalDavConfig
from cloud_bridge.merchants.caldav import CalDavMerchant
from cloud_bridge.merchants.http import MerchantHttp
from tests import loopback
from tests.cloud_bridge.rig import MERCHANT, MILK
from tests.cloud_bridge.sample_merchant import free_port

USER = "home"
PASSWORD = "a long secret"
_READY_WITHIN_S = 30.0
_ONLY_TODO = """<?xml version="1.0" encoding="utf-8"?>
<C:mkcalendar xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:"><D:set><D:prop>
<D:displayname>Shopping</D:displayname>
<C:supported-calendar-component-set><C:comp name="VTODO"/></C:supported-calendar-component-set>
</D:prop></D:set></C:mkcalendar>"""


@dataclass
class RadicaleProcess:
    """The server, its one user, and where it listens. Each list is a folder of `owner_only` rights."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        (self.folder / "htpasswd").write_text(f"{USER}:{hashed}\n", encoding="utf-8")
        options = {
            "server-hosts": f"127.0.0.1:{self.port}",
            "auth-type": "htpasswd",
            "auth-htpasswd-filename": str(self.folder / "htpasswd"),
            "auth-htpasswd-encryption": "bcrypt",
            "auth-delay": "0",
            "rights-type": "owner_only",
            "storage-filesystem-folder": str(self.folder / "lists"),
            "web-type": "none",
        }
        flags = [word for name, value in options.items() for word in (f"--{name}", value)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "radicale", "--config", "", *flags],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                loopback.get(self.url, timeout=2)
                return
            time.sleep(0.05)
        pytest.fail("Radicale did not start")

    def stop(self) -> None:
        """Stop it; its lists stay."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@dataclass(frozen=True)
class Task:
    """An entry as the app reads it."""

    summary: str
    status: str


@dataclass
class TaskList:
    """A list on the server, as the household's own task app has it."""

    url: str

    def entries(self) -> dict[str, Task]:
        """What stands on it, by uid, in whatever state: the server gives the whole list as one calendar."""
        answer = loopback.get(f"{self.url}/", auth=(USER, PASSWORD)).raise_for_status()
        calendars = vobject.readComponents(answer.text)
        read = [todo for calendar in calendars for todo in calendar.contents.get("vtodo", [])]
        return {todo.uid.value: Task(todo.summary.value, todo.status.value) for todo in read}

    def tick(self, uid: str) -> None:
        """Mark an entry as bought."""
        self.change(uid, status="COMPLETED", completed=datetime.now(vobject.icalendar.utc))

    def change(self, uid: str, **properties: str | datetime | None) -> None:
        """Change properties of an entry, or take them away."""
        calendar = vobject.readOne(self.read(uid))
        for name, value in properties.items():
            calendar.vtodo.contents.pop(name.lower(), None)
            if value is not None:
                calendar.vtodo.add(name.lower()).value = value
        self.put(uid, calendar.serialize())

    def remove(self, uid: str) -> None:
        """Delete an entry, as an app does that clears away what is done."""
        loopback.delete(f"{self.url}/{uid}.ics", auth=(USER, PASSWORD)).raise_for_status()

    def put(self, uid: str, text: str) -> None:
        """Write whatever under this uid's name."""
        headers = {"Content-Type": "text/calendar"}
        loopback.put(f"{self.url}/{uid}.ics", content=text, auth=(USER, PASSWORD), headers=headers).raise_for_status()

    def read(self, uid: str) -> str:
        """The text of an entry as it is stored."""
        return loopback.get(f"{self.url}/{uid}.ics", auth=(USER, PASSWORD)).raise_for_status().text

    def drop(self) -> None:
        """Delete the list itself."""
        loopback.delete(f"{self.url}/", auth=(USER, PASSWORD)).raise_for_status()


def new_list(server: RadicaleProcess) -> TaskList:
    """An empty list that takes entries to do and nothing else."""
    url = f"{server.url}/{USER}/{uuid4().hex}"
    loopback.request("MKCALENDAR", f"{url}/", content=_ONLY_TODO, auth=(USER, PASSWORD)).raise_for_status()
    return TaskList(url)


def list_config(url: str, **changes: object) -> CalDavConfig:
    """The list as a bridge's configuration names it."""
    values: dict[str, Any] = {
        "id": MERCHANT,
        "kind": "caldav",
        "url": url,
        "currency": "USD",
        "user": USER,
        "articles": {MILK: "Whole milk 1 L"},
        **changes,
    }
    return CalDavConfig(**values)


@contextlib.asynccontextmanager
async def connect(
    tasks: TaskList, *, http: MerchantHttp | None = None, password: str = PASSWORD, **changes: object
) -> AsyncIterator[CalDavMerchant]:
    """A connector to the list; `http` may stand in for the plain client."""
    async with http or MerchantHttp(tasks.url, deadline_s=10) as client:
        config = list_config(tasks.url, **changes)
        yield CalDavMerchant(config, http=client, password=SecretStr(password), now=lambda: datetime.now(UTC))


def missing() -> str | None:
    """Why the server cannot be started here; None where it can."""
    found = importlib.util.find_spec("radicale") is not None
    return None if found else "the CalDAV server (radicale) is not installed"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[RadicaleProcess]:
    """The server, started and stopped again."""
    server = RadicaleProcess(folder, free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()
