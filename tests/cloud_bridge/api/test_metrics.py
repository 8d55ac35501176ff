"""The bridge's figures: true counts, no household in them, on a port of this machine, where it is configured."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from cloud_bridge.app import run
from cloud_bridge.config import BridgeConfig, MetricsConfig, Secrets, ServerConfig, StoreConfig
from cloud_bridge.core.order import PLACING
from cloud_bridge.errors import ConfigurationError, StoreError
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from tests.cloud_bridge.rig import HOUSEHOLD, MERCHANT, START, HandClock, Rig, Signer, accept
from tests.cloud_bridge.sample_merchant import free_port

parser = pytest.importorskip("prometheus_client.parser")
metrics = pytest.importorskip("cloud_bridge.api.metrics")

both = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
_WITHIN_S = 20.0


def read(text: str) -> dict[tuple[str, ...], float]:
    """Each value by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }


async def ask(store: SqlOrderStore, clock: HandClock, counted: object = None) -> str:
    """What the page says now."""
    counted = counted or metrics.Counted({}, lambda: 0, {})
    transport = httpx.ASGITransport(metrics.create_metrics(store, counted, clock=clock))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


@both
async def test_what_the_store_knows_is_told(
    make_rig: Callable[..., Rig], store: SqlOrderStore, clock: HandClock, signer: Signer, simulated: SimulatedMerchant
) -> None:
    """Orders by state, how late the work is, and what fails where; of all households together, none by name."""
    rig = make_rig(simulated)
    await accept(rig, signer.intent(intent_id="i-1", hold_s=0))
    await accept(rig, signer.intent(intent_id="i-2", hold_s=600))
    clock.pass_(seconds=90)
    text = await ask(store, clock)
    told = read(text)
    assert told["restock_bridge_store_up",] == 1
    assert told["restock_bridge_orders", "held"] == 2
    assert told["restock_bridge_overdue_seconds", "place"] == 90
    assert told["restock_bridge_overdue_seconds", "follow"] == 0
    assert told["restock_bridge_frozen_households",] == 0
    assert HOUSEHOLD not in text
    assert "i-1" not in text
    await rig.place()
    assert (await ask(store, clock)).count('restock_bridge_orders{state="placed"} 2.0') == 1


@both
async def test_an_order_that_fails_at_its_merchant_is_counted_there(
    make_rig: Callable[..., Rig], store: SqlOrderStore, clock: HandClock, signer: Signer, simulated: SimulatedMerchant
) -> None:
    """Until a step there succeeds."""
    rig = make_rig(simulated)
    await accept(rig, signer.intent(intent_id="i-1", hold_s=0, merchant=MERCHANT))
    (order,) = await store.claim(PLACING, now=START, lease_until=START + timedelta(minutes=5), limit=1)
    assert ("restock_bridge_failing_orders", MERCHANT) not in read(await ask(store, clock))
    await rig.worker._wait(order, detail="merchant_away")  # type: ignore[arg-type]
    assert read(await ask(store, clock))["restock_bridge_failing_orders", MERCHANT] == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_clock_that_differs_from_the_stores_is_told(database: Database, clock: HandClock) -> None:
    """With its sign; a store without a clock of its own tells nothing of it."""
    behind = SqlOrderStore(database, shown=lambda _real: clock.now() + timedelta(seconds=40))
    assert read(await ask(behind, clock))["restock_bridge_clock_ahead_seconds",] == -40


async def test_what_the_process_counts_is_told(store: SqlOrderStore, clock: HandClock) -> None:
    """Intents, problems by code, steps by how they ended, and what the process uses."""
    counted = metrics.Counted({"malformed": 3}, lambda: 7, {"place": Counter(done=5, claim_lost=1)})
    told = read(await ask(store, clock, counted))
    assert told["restock_bridge_intents_accepted_total",] == 7
    assert told["restock_bridge_problems_total", "malformed"] == 3
    assert told["restock_bridge_steps_total", "place", "claim_lost"] == 1
    assert told["process_resident_memory_bytes",] > 0


async def test_a_store_that_fails_is_told_and_nothing_is_made_up(
    store: SqlOrderStore, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No zero stands for what is not known."""

    class Failing:
        async def figures(self) -> None:
            raise StoreError("away")

    told = read(await ask(Failing(), clock))  # type: ignore[arg-type]
    assert told["restock_bridge_store_up",] == 0
    assert not [name for name, *_ in told if name in {"restock_bridge_orders", "restock_bridge_frozen_households"}]


async def test_steps_are_counted_by_how_they_ended(
    make_rig: Callable[..., Rig], signer: Signer, simulated: SimulatedMerchant
) -> None:
    """What loses its claim is no success."""
    rig = make_rig(simulated)
    await accept(rig, signer.intent(intent_id="i-1", hold_s=0))
    await rig.place()
    assert rig.placing.outcomes["done"] >= 1

    async def lose(_: object) -> None:
        raise StoreError("away")

    object.__setattr__(rig.placing._beat, "step", lose)
    await accept(rig, signer.intent(intent_id="i-2", hold_s=0))
    await rig.placing.run_once()
    assert rig.placing.outcomes["store_failed"] == 1


@pytest.mark.parametrize("host", ["192.168.1.2", "::", "bridge.example"])
def test_the_port_is_of_this_machine(host: str) -> None:
    """Whoever reaches it reads it."""
    with pytest.raises(ValidationError):
        MetricsConfig(host=host, port=9490)


@pytest.mark.parametrize("is_on", [True, False])
async def test_a_bridge_tells_only_where_it_is_configured(tmp_path: Path, *, is_on: bool) -> None:
    """On the second port, and never on the one that hubs call."""
    main, second = free_port(), free_port()
    config = BridgeConfig(
        server=ServerConfig(port=main),
        store=StoreConfig(url=f"sqlite:///{tmp_path / 'bridge.sqlite3'}"),
        metrics=MetricsConfig(port=second if is_on else 0),
    )
    stop = asyncio.Event()
    running = asyncio.create_task(run(config, Secrets({}, SecretStr("")), stop=stop))
    try:
        async with asyncio.timeout(_WITHIN_S), httpx.AsyncClient() as client:
            assert await _status(client, f"http://127.0.0.1:{main}/metrics", running) == 404
            if is_on:
                assert await _status(client, f"http://127.0.0.1:{second}/metrics", running) == 200
            else:
                with pytest.raises(httpx.ConnectError):
                    await client.get(f"http://127.0.0.1:{second}/metrics")
    finally:
        stop.set()
        await running


async def _status(client: httpx.AsyncClient, url: str, running: asyncio.Task[None]) -> int:
    while not running.done():
        with suppress(httpx.TransportError):
            return (await client.get(url)).status_code
        await asyncio.sleep(0.02)
    await running
    raise AssertionError("the bridge has ended")


async def test_a_missing_extra_is_said_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "cloud_bridge.api.metrics", None)
    config = BridgeConfig(
        server=ServerConfig(port=free_port()),
        store=StoreConfig(url=f"sqlite:///{tmp_path / 'bridge.sqlite3'}"),
        metrics=MetricsConfig(port=free_port()),
    )
    with pytest.raises(ConfigurationError, match="restock\\[bridge,metrics\\]"):
        await run(config, Secrets({}, SecretStr("")), stop=asyncio.Event())
