"""A real Home Assistant for tests, spoken to through its own front door: onboarding, configuration flow, REST API.

RESTOCK_HASS names the program `hass`; RESTOCK_HASS_ROOT the folder of a root to enter first by chroot, where it is in
one. What its MQTT and frontend integrations need must be installed beside it: it is started so that it fetches nothing.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests import loopback

PROGRAM = os.environ.get("RESTOCK_HASS", "")
ROOT = Path(os.environ.get("RESTOCK_HASS_ROOT", "/"))
_STARTS_WITHIN_S = 180.0
_WITHIN_S = 45.0
_LOOK_EVERY_S = 0.1
_OURS_TO_KNOW = ("Skipping pip installation of required modules",)  # said of the option that we start it with
_CONFIGURATION = """
homeassistant:
  name: Trial
  time_zone: UTC
  country: US
http:
  server_host: 127.0.0.1
  server_port: {port}
logger:
  default: warning
automation: !include automations.yaml
"""


@dataclass(frozen=True)
class Phone:
    """`shown`: what was pushed to it, in order. `press`: the action of a notification's button, and what was typed."""

    shown: asyncio.Queue[dict[str, Any]]
    press: Callable[..., Awaitable[None]]

    async def next(self) -> dict[str, Any]:
        """The next thing that it is told."""
        async with asyncio.timeout(_WITHIN_S):
            return await self.shown.get()


class Hass:
    """One Home Assistant with its configuration in a folder of its own."""

    def __init__(self, folder: Path, *, port: int, integrations: Sequence[str] = ()) -> None:
        self._folder = folder
        self._address = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.AsyncClient(
            verify=loopback.NOBODY, base_url=self._address, timeout=_WITHIN_S, trust_env=False
        )
        self.said = folder / "said.log"
        wanted = "".join(f"{each}:\n" for each in integrations)
        (folder / "configuration.yaml").write_text(_CONFIGURATION.format(port=port) + wanted, encoding="utf-8")
        (folder / "automations.yaml").write_text("[]\n", encoding="utf-8")

    @property
    def folder(self) -> Path:
        """Its configuration."""
        return self._folder

    @property
    def version(self) -> str:
        """As it says itself."""
        return (self._folder / ".HA_VERSION").read_text(encoding="utf-8").strip()

    async def start(self) -> None:
        """Start, and wait until it answers and runs."""
        inside = "/" / self._folder.relative_to(ROOT)
        enter = () if Path("/") == ROOT else (shutil.which("chroot") or "chroot", str(ROOT))
        environment = {
            "PATH": f"{Path(PROGRAM).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(inside),
            "LC_ALL": "C.UTF-8",
        }
        with self.said.open("ab") as said:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it outlives this call; nobody waits for it here
                (*enter, PROGRAM, "--config", str(inside), "--skip-pip"), env=environment, stdout=said, stderr=said
            )
        await self.until(self._answers, within_s=_STARTS_WITHIN_S)

    async def stop(self) -> None:
        """End it in an orderly way, so that it keeps what it knows."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, _WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    async def close(self) -> None:
        """End everything."""
        await self.stop()
        await self._client.aclose()

    @property
    def address(self) -> str:
        """Where it answers."""
        return self._address

    @property
    def token(self) -> str:
        """What its owner is known by, for half an hour."""
        return self._client.headers["Authorization"].removeprefix("Bearer ")

    async def move_in(self, *, broker_port: int | None = None) -> None:
        """Make its owner and give it the broker if there is one, as a person does on the first evening."""
        person = {"name": "Ann", "username": "ann", "password": "only-for-a-trial", "language": "en"}
        client = {"client_id": f"{self._address}/"}
        code = (await self._post("/api/onboarding/users", json={**client, **person}))["auth_code"]
        form = {**client, "grant_type": "authorization_code", "code": code}
        token = (await self._post("/auth/token", data=form))["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"
        if broker_port is not None:
            await self.add("mqtt", broker="127.0.0.1", port=broker_port)

    async def add(self, integration: str, **answers: object) -> None:
        """Add an integration, as a person does with its form."""
        flow = await self._post("/api/config/config_entries/flow", json={"handler": integration})
        done = await self._post(f"/api/config/config_entries/flow/{flow['flow_id']}", json=answers)
        assert done["type"] == "create_entry", done

    async def automate(self, blueprint: Path, **inputs: object) -> None:
        """Make an automation of a blueprint, as a person does with its form."""
        place = Path("restock", blueprint.name)
        copy = self._folder / "blueprints" / "automation" / place
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(blueprint, copy)
        made = {"alias": "Restock", "use_blueprint": {"path": str(place), "input": inputs}}
        await self._post("/api/config/automation/config/restock", json=made)

    @asynccontextmanager
    async def phone(self) -> AsyncIterator[Phone]:
        """A phone with Home Assistant's app, registered as the app does it."""
        shown: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length:")[1].split("\r\n")[0])
            shown.put_nowait(json.loads(await reader.readexactly(length)))
            said = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
            writer.write(said + b"Connection: close\r\n\r\n{}")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(take, "127.0.0.1", 0) as push:
            address = f"http://127.0.0.1:{push.sockets[0].getsockname()[1]}"
            app = {"app_id": "trial", "app_name": "Trial", "app_version": "1", "supports_encryption": False}
            model = {"manufacturer": "Trial", "model": "Trial", "os_name": "Trial", "os_version": "1"}
            where = {"app_data": {"push_token": "trial", "push_url": address}}
            told = await self._post(
                "/api/mobile_app/registrations",
                json={**app, **model, **where, "device_name": "Phone", "device_id": "1"},
            )
            yield Phone(shown, press=functools.partial(self._press, told["webhook_id"]))

    async def _press(self, webhook: str, action: str, typed: str | None = None) -> None:
        pressed = {"action": action, **({} if typed is None else {"reply_text": typed})}
        event = {"event_type": "mobile_app_notification_action", "event_data": pressed}
        await self._post(f"/api/webhook/{webhook}", json={"type": "fire_event", "data": event})

    async def states(self) -> dict[str, dict[str, Any]]:
        """Every entity by its id."""
        answer = await self._client.get("/api/states")
        answer.raise_for_status()
        return {each["entity_id"]: each for each in answer.json()}

    async def call(self, domain: str, service: str, **data: object) -> None:
        """Do what a person does with an entity."""
        await self._post(f"/api/services/{domain}/{service}", json=data)

    async def render(self, template: str) -> str:
        """What a template of Home Assistant says."""
        answer = await self._client.post("/api/template", json={"template": template})
        answer.raise_for_status()
        return answer.text

    async def state(self, entity: str, *, at: str) -> dict[str, Any]:
        """The entity, once its state is `at`."""

        async def is_so() -> bool:
            return (await self.states()).get(entity, {}).get("state") == at

        await self.until(is_so)
        return (await self.states())[entity]

    async def until(self, is_so: Callable[[], Awaitable[bool]], *, within_s: float = _WITHIN_S) -> None:
        """Look until it is so."""
        ends = time.monotonic() + within_s
        while not await is_so():
            assert time.monotonic() < ends, self.complaints()
            await asyncio.sleep(_LOOK_EVERY_S)

    def complaints(self) -> Sequence[str]:
        """Every warning and error that it has logged, and what stands below them."""
        lines = self.said.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line for line in lines if line and not any(known in line for known in _OURS_TO_KNOW)]

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said.read_text(encoding="utf-8", errors="replace")
        try:
            if "Authorization" not in self._client.headers:
                return (await self._client.get("/api/onboarding")).is_success
            told = await self._client.get("/api/config")
            return told.is_success and told.json()["state"] == "RUNNING"
        except httpx.TransportError:
            return False

    async def _post(
        self, path: str, *, json: Mapping[str, object] | None = None, data: Mapping[str, object] | None = None
    ) -> Any:  # noqa: ANN401 - JSON of many kinds
        answer = await self._client.post(path, json=json, data=data)
        assert answer.is_success, answer.text
        return answer.json()


@asynccontextmanager
async def home_assistant(*integrations: str) -> AsyncIterator[Hass]:
    """One that runs, with nobody in it yet, and with these integrations beside those that it always has."""
    folder = Path(tempfile.mkdtemp(prefix="restock-hass-", dir=ROOT / "tmp"))
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    there = Hass(folder, port=port, integrations=integrations)
    try:
        await there.start()
        yield there
    finally:
        await there.close()
        shutil.rmtree(folder)
