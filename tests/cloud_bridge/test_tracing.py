"""Traces of the bridge: one for each order, whoever works at it, with nothing of a household in it, and no waiting."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import httpx
import pytest
from pydantic import ValidationError
from starlette.requests import Request

from cloud_bridge.api.authentic import Caller, Gatekeeper, read_body
from cloud_bridge.api.routes import Desk, create_app
from cloud_bridge.api.webhooks import MerchantDoor
from cloud_bridge.app import _trace
from cloud_bridge.config import TracingConfig
from cloud_bridge.core.stages import FIGURES, Stage, Told
from cloud_bridge.errors import ConfigurationError
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.ports import NO_TRACING, Tracing
from cloud_bridge.prices import PriceDesk
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.wire import PATH_INTENTS, TRACE_HEADER, Intent, OrderState, order_trace_id
from tests.cloud_bridge.rig import HOUSEHOLD, MERCHANT, MILK, HandClock, Rig, Signer, accept
from tests.cloud_bridge.sample_merchant import free_port
from tests.collector import Collector, Seen, real_collector, rotel

SPAN = "00f067aa0ba902b7"


@asynccontextmanager
async def traced(url: str, *, from_hubs: bool = True) -> AsyncIterator[Tracing]:
    """Tracing to this address; what was made is sent at the end."""
    pytest.importorskip("opentelemetry.sdk")
    async with AsyncExitStack() as stack:
        yield _trace(stack, TracingConfig(endpoint=url, from_hubs=from_hubs, timeout_s=1.0))


@pytest.fixture
def intent(signer: Signer) -> Intent:
    """One that is due at once."""
    return signer.intent(intent_id="i-1", hold_s=0)


async def buy(rig: Rig, intent: Intent) -> None:
    """Accept and place."""
    await accept(rig, intent)
    await rig.place()
    assert (await rig.states())[-1] is OrderState.PLACED


async def hand_in(rig: Rig, intent: Intent, *, header: str | None) -> None:
    """Through the door, past the signature of the request."""

    async def past(request: Request) -> Caller:
        return Caller(HOUSEHOLD, await read_body(request))

    merchants = {MERCHANT: rig.merchant}
    desk = Desk(
        gatekeeper=cast("Gatekeeper", past),
        intake=rig.intake,
        prices=PriceDesk(merchants, clock=rig.clock, new_key=lambda: "k"),
        store=rig.store,
        clock=rig.clock,
        door=MerchantDoor(
            merchants=merchants,
            verifiers={},
            store=rig.store,
            clock=rig.clock,
            followed=asyncio.Event(),
            profile=lambda *_: None,  # type: ignore[arg-type]
            public_url="http://bridge",
        ),
        tracing=rig.tracing,
    )
    transport = httpx.ASGITransport(create_app(desk))
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
        headers = {} if header is None else {TRACE_HEADER: header}
        answer = await client.post(PATH_INTENTS, content=intent.model_dump_json(), headers=headers)
    assert answer.status_code == httpx.codes.OK


async def spans_of(
    rig_of: tuple[SqlOrderStore, HandClock, Signer, SimulatedMerchant],
    intent: Intent,
    *,
    header: str | None = None,
    from_hubs: bool = True,
) -> tuple[list[Seen], bytes]:
    """An intent that is handed in and bought: its spans, and the bytes of them."""
    with Collector() as collector:
        async with traced(collector.url, from_hubs=from_hubs) as tracing:
            rig = Rig(*rig_of, tracing=tracing)
            await hand_in(rig, intent, header=header)
            await rig.place()
        return collector.spans(), b"".join(collector.bodies)


@pytest.fixture
def parts(
    store: SqlOrderStore, clock: HandClock, signer: Signer, simulated: SimulatedMerchant
) -> tuple[SqlOrderStore, HandClock, Signer, SimulatedMerchant]:
    """What a rig is made of."""
    return store, clock, signer, simulated


async def test_an_order_is_one_trace_and_nothing_of_the_household_is_in_it(
    parts: tuple[SqlOrderStore, HandClock, Signer, SimulatedMerchant], intent: Intent
) -> None:
    """Taken, worked at, asked for: all under the id that is made of the intent's; of figures only those listed."""
    spans, body = await spans_of(parts, intent)
    assert {span.name for span in spans} == set(Stage)
    assert {span.trace for span in spans} == {order_trace_id("i-1")}
    assert all(set(span.figures) <= FIGURES[Stage(span.name)] for span in spans)
    [place] = [span for span in spans if span.name == Stage.PLACE]
    assert place.figures == {Told.ATTEMPT: 1}
    assert place.parent in {span.span for span in spans if span.name == Stage.STEP}
    assert not [name for name in (HOUSEHOLD, "hub", MERCHANT, MILK, "i-1", "grocer") if name.encode() in body]


@pytest.mark.parametrize(
    ("header", "from_hubs", "is_taken"),
    [
        (f"00-{order_trace_id('i-1')}-{SPAN}-01", True, True),
        (f"00-{order_trace_id('i-1')}-{SPAN}-01", False, False),
        (f"00-{order_trace_id('i-2')}-{SPAN}-01", True, False),
        (f"00-{order_trace_id('i-1')}-{'0' * 16}-01", True, False),
        (f"01-{order_trace_id('i-1')}-{SPAN}-01", True, False),
        ("anna", True, False),
        (None, True, False),
    ],
)
async def test_a_hub_writes_into_the_trace_of_its_own_order_only(
    parts: tuple[SqlOrderStore, HandClock, Signer, SimulatedMerchant],
    intent: Intent,
    header: str | None,
    *,
    from_hubs: bool,
    is_taken: bool,
) -> None:
    """And only where the bridge's operator chose to listen; whatever else it says changes nothing."""
    spans, _ = await spans_of(parts, intent, header=header, from_hubs=from_hubs)
    [span] = [each for each in spans if each.name == Stage.ACCEPT]
    assert (span.parent == SPAN) is is_taken
    assert {each.trace for each in spans} == {order_trace_id("i-1")}


async def test_nothing_waits_for_a_collector_that_is_not_there(
    store: SqlOrderStore, clock: HandClock, signer: Signer, simulated: SimulatedMerchant, intent: Intent
) -> None:
    """The order is bought; the end waits for a bounded time, by the processor's clock for next to nothing."""
    used_s = time.process_time()
    async with traced(f"http://127.0.0.1:{free_port()}") as tracing:
        await buy(Rig(store, clock, signer, simulated, tracing=tracing), intent)
        for _ in range(5_000):
            with tracing.span(Stage.ACCEPT, order="i"):
                pass
    assert time.process_time() - used_s < 20.0


async def test_an_error_is_told_without_its_text() -> None:
    """What an exception says may name a household."""
    with Collector() as collector:
        async with traced(collector.url) as tracing:
            with pytest.raises(ValueError, match="home-1"), tracing.span(Stage.STEP, order="i"):
                raise ValueError("home-1 has no milk")
        assert [span.failed for span in collector.spans()] == [True]
        assert b"home-1" not in b"".join(collector.bodies)


async def test_a_figure_of_another_stage_is_not_told() -> None:
    """Whatever is asked for."""
    with Collector() as collector:
        async with traced(collector.url) as tracing:
            for stage in Stage:
                with tracing.span(stage, order="i", told=dict.fromkeys(Told, 1)):
                    pass
        assert {span.name: set(span.figures) for span in collector.spans()} == {
            stage: set(figures) for stage, figures in FIGURES.items()
        }


@pytest.mark.parametrize("endpoint", ["http://collector.example:4318", "ftp://127.0.0.1", "http://u:p@127.0.0.1"])
def test_a_collector_elsewhere_is_reached_by_https_only(endpoint: str) -> None:
    """And without a password in the address."""
    with pytest.raises(ValidationError):
        TracingConfig(endpoint=endpoint)


async def test_off_is_the_default_and_a_missing_extra_is_said_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    async with AsyncExitStack() as stack:
        assert _trace(stack, TracingConfig()) is NO_TRACING
        monkeypatch.setitem(sys.modules, "cloud_bridge.tracing", None)
        with pytest.raises(ConfigurationError, match=re.escape("restock[bridge,tracing]")):
            _trace(stack, TracingConfig(endpoint="http://127.0.0.1:4318"))


async def test_a_collector_that_others_wrote_takes_what_is_sent(tmp_path: Path) -> None:
    """Its print shows our spans."""
    program = rotel()
    if program is None:
        pytest.skip("the collector rotel is not installed")
    with real_collector(program, tmp_path / "told") as url:
        async with traced(url) as tracing:
            with tracing.span(Stage.ACCEPT, order="i"):
                pass
    told = (tmp_path / "told").read_text(encoding="utf-8")
    assert re.findall(r"Trace ID +: ([0-9a-f]{32})", told) == [order_trace_id("i")]
