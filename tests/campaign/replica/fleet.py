"""Three bridges on one database, kept going: one that died is started again, one that sleeps is woken after its lease.

Beside them somebody wrongly declares replicas dead: now and then all leases are cut in the database.
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import psycopg
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import ED25519

from cloud_bridge.api.routes import PATH_HEALTH
from cloud_bridge.wire import PATH_INTENTS, Intent
from tests import loopback
from tests.campaign.replica.process import Setting
from tests.cloud_bridge.rig import Signer
from tests.cloud_bridge.sample_merchant import free_port

_ROOT = Path(__file__).parents[3]
_LOOK_EVERY_S = 0.05
_ANSWER_WITHIN_S = 3.0
_TRIES_MAX = 400
_READY_WITHIN_S = 120.0


class Replica:
    """One process, and its address, which outlives it."""

    def __init__(self, setting_file: Path, rng: random.Random) -> None:
        self.port = free_port()
        self._setting_file = setting_file
        self._rng = rng
        self._process: subprocess.Popen[bytes] | None = None
        self._wakes_at_s: float | None = None

    def tend(self, *, asleep_s: Sequence[float]) -> None:
        """Start it if it is dead; wake it if it has slept for long enough, which is one of `asleep_s`."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        elif psutil.Process(self._process.pid).status() != psutil.STATUS_STOPPED:
            self._wakes_at_s = None
        elif self._wakes_at_s is None:
            self._wakes_at_s = time.monotonic() + self._rng.choice(asleep_s)
        elif time.monotonic() >= self._wakes_at_s:
            self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill it for good."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        command = [sys.executable, "-m", "tests.campaign.replica.process", str(self._setting_file)]
        with self._setting_file.with_suffix(".log").open("ab") as told:
            self._process = subprocess.Popen(
                [*command, str(self.port), str(self._rng.randrange(2**31))], cwd=_ROOT, stderr=told
            )


async def tend(replicas: list[Replica], *, asleep_s: Sequence[float]) -> None:
    """Keep them going until cancelled."""
    while True:
        for replica in replicas:
            replica.tend(asleep_s=asleep_s)
        await asyncio.sleep(_LOOK_EVERY_S)


async def ready(replicas: list[Replica]) -> None:
    """Return when each of them has answered once.

    Raises: TimeoutError.
    """
    async with (
        asyncio.timeout(_READY_WITHIN_S),
        httpx.AsyncClient(verify=loopback.NOBODY, timeout=_ANSWER_WITHIN_S) as client,
    ):
        for replica in replicas:
            while not await _answers(client, replica):  # noqa: ASYNC110  another process cannot ring
                await asyncio.sleep(_LOOK_EVERY_S)


async def _answers(client: httpx.AsyncClient, replica: Replica) -> bool:
    with suppress(httpx.TransportError):
        return (await client.get(f"http://127.0.0.1:{replica.port}{PATH_HEALTH}")).status_code == httpx.codes.OK
    return False


async def declare_dead(connection: psycopg.Connection[tuple[object, ...]], *, every_s: float, cut: list[int]) -> None:
    """Cut all leases now and then until cancelled; `cut` gets how many each time."""
    while True:
        await asyncio.sleep(every_s)
        statement = "UPDATE orders SET lease_until = 0 WHERE lease_until > extract(epoch from clock_timestamp()) * 1000"
        cut.append((await asyncio.to_thread(connection.execute, statement)).rowcount)


async def post(intent: Intent, signer: Signer, *, ports: list[int], rng: random.Random) -> bool:
    """Hand an intent in at any replica that answers, as a hub does; False where none ever did."""
    async with httpx.AsyncClient(verify=loopback.NOBODY, timeout=_ANSWER_WITHIN_S) as client:
        for _ in range(_TRIES_MAX):
            with suppress(httpx.TransportError):
                answer = await client.send(_signed(client, intent, signer, port=rng.choice(ports)))
                if answer.status_code == httpx.codes.OK:
                    return True
            await asyncio.sleep(_LOOK_EVERY_S)
    return False


def _signed(client: httpx.AsyncClient, intent: Intent, signer: Signer, *, port: int) -> httpx.Request:
    body = intent.model_dump_json().encode()
    request = client.build_request("POST", f"http://127.0.0.1:{port}{PATH_INTENTS}", content=body)
    keys = MappingKeyResolver(public_keys={}, private_keys={signer.household: signer.key})
    HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=keys).sign(
        request,
        key_id=signer.household,
        label="restock",
        covered_component_ids=("@method", "@target-uri"),
        body=body,
    )
    return request


def write_setting(folder: Path, setting: Setting) -> Path:
    """Where the replicas read it."""
    path = folder / "setting.json"
    setting.write(path)
    return path
