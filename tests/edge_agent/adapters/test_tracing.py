"""Traces: what they tell, what they never tell, where they may go, and that nothing waits for whoever takes them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from cloud_bridge.wire import TRACE_HEADER, order_trace_id
from edge_agent.adapters.egress import Purpose, TraceEgress
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.config import HubConfig, TracingConfig
from edge_agent.core.tracing import FIGURES, OF_ORDERS, Stage, Told, is_at_home, question_trace_id
from edge_agent.errors import ConfigurationError, EgressRefusedError, TracesUnreachableError
from edge_agent.wiring.tracing import wire_tracing
from tests.collector import Collector, Seen, read, real_collector, rotel
from tests.edge_agent.outgoing_home import OutgoingHome, outgoing_home
from tests.edge_agent.samples import MILK

HOME_COLLECTOR = "http://127.0.0.1:4318"


@pytest.fixture
def queue() -> object:
    """Spans that have ended."""
    pytest.importorskip("opentelemetry.sdk")
    from edge_agent.adapters.tracing import TraceQueue  # noqa: PLC0415  an extra

    return TraceQueue()


def tracing_of(queue: object, *, stages: frozenset[Stage] = frozenset(Stage), tells_bridge: bool = False) -> object:
    """Tracing into a queue."""
    from edge_agent.adapters.tracing import OtelTracing  # noqa: PLC0415  an extra

    return OtelTracing(queue, stages=stages, tells_bridge=tells_bridge)  # type: ignore[arg-type]


def body_of(queue: object) -> bytes:
    """What waits, as it would be sent."""
    from edge_agent.adapters.tracing import encode_spans  # noqa: PLC0415  an extra

    return bytes(encode_spans(queue.take()).SerializeToString())  # type: ignore[attr-defined]


def spans_of(queue: object) -> list[Seen]:
    """What waits, read."""
    return list(read(body_of(queue)))


async def buy(home: OutgoingHome) -> str:
    """One order, approved and handed to the bridge."""
    intent = home.approve()
    await home.turn()
    return str(intent)


async def test_an_order_is_one_trace_and_nothing_of_the_home_is_in_it(tmp_path: Path, queue: object) -> None:
    """Leave and sending, under the id that is made of the order's; no name, article, amount or id is told."""
    async with outgoing_home(tmp_path, tracing=tracing_of(queue)) as home:  # type: ignore[arg-type]
        intent = await buy(home)
        record = home.intent(intent)
        body = body_of(queue)
    approve, send = read(body)
    assert (approve.name, send.name) == (Stage.APPROVE, Stage.SEND)
    assert approve.trace == send.trace == order_trace_id(intent)
    assert approve.links == (question_trace_id(record.prompt),)
    assert send.figures == {Told.TRIES: 0, Told.STATUS: 200}
    names = (
        "home-1",
        "hub-1",
        "grocer",
        "anna",
        "milk",
        MILK.product.sku,
        MILK.name,
        intent,
        record.prompt,
        "Our home",
    )
    assert not [name for name in names if name.encode() in body]
    assert str(record.total_minor).encode() not in body


@pytest.mark.parametrize(("tells_bridge", "is_told"), [(True, True), (False, False)])
async def test_the_bridge_is_told_the_trace_of_an_order_only_where_that_is_chosen(
    tmp_path: Path, queue: object, *, tells_bridge: bool, is_told: bool
) -> None:
    """In W3C's form, with a random span; of questions, prices and news it is told nothing either way."""
    tracing = tracing_of(queue, tells_bridge=tells_bridge)
    async with outgoing_home(tmp_path, tracing=tracing) as home:  # type: ignore[arg-type]
        intent = await buy(home)
        await home.client.fetch_events(after=0)
        told = {request.url.path: request.headers.get(TRACE_HEADER) for request in home.bridge.asked}
    header = told.pop("/v1/intents")
    assert set(told.values()) == {None}
    [span] = [each for each in spans_of(queue) if each.name == Stage.SEND]
    assert header == (f"00-{order_trace_id(intent)}-{span.span}-01" if is_told else None)


async def test_no_message_carries_the_trace_of_another(tmp_path: Path) -> None:
    """The gate makes the id anew of the body, and lets through no other purpose."""
    async with outgoing_home(tmp_path) as home:
        home.approve()
        [row] = home.orders.outbox(limit=1)
        other = f"00-{order_trace_id('another')}-{'1' * 16}-01"
        own = f"00-{order_trace_id(row.intent)}-{'1' * 16}"
        egress = home.client._egress
        for trace in (other, f"{own}-00", f"{own}-01 ", f"01{own[2:]}-01"):
            with pytest.raises(EgressRefusedError):
                await egress.send(Purpose.ORDER, "/v1/intents?head=0", body=row.body, trace=trace)
        with pytest.raises(EgressRefusedError):
            await egress.send(Purpose.HEAD, "/v1/head?after=0", trace=f"{own}-01")
    assert home.bridge.asked == []


def test_a_span_tells_the_figures_of_its_stage_and_no_other(queue: object) -> None:
    """Whatever it is asked to tell."""
    tracing = tracing_of(queue)
    for stage in Stage:
        with tracing.span(stage) as span:  # type: ignore[attr-defined]
            for told in Told:
                span.tell(told, 7)
    assert {each.name: set(each.figures) for each in spans_of(queue)} == {
        stage: set(figures) for stage, figures in FIGURES.items()
    }


def test_an_error_is_told_without_its_text(queue: object) -> None:
    """What an exception says may name a person or an article."""
    with pytest.raises(ValueError, match="anna"), tracing_of(queue).span(Stage.SEND):  # type: ignore[attr-defined]
        raise ValueError("anna has no milk")
    body = body_of(queue)
    assert [each.failed for each in read(body)] == [True]
    assert b"anna" not in body
    assert b"ValueError" not in body


def test_a_review_is_linked_with_the_readings_before_it(queue: object) -> None:
    """And a question with its review: at home the way leads from reading to order."""
    tracing = tracing_of(queue)
    for _ in range(2):
        with tracing.span(Stage.INGEST):  # type: ignore[attr-defined]
            pass
    with tracing.span(Stage.REVIEW), tracing.span(Stage.ASK, trace=question_trace_id("p")):  # type: ignore[attr-defined, arg-type]
        pass
    first, second, ask, review = spans_of(queue)
    assert review.links == (first.trace, second.trace)
    assert ask.links == (review.trace,)
    assert len({first.trace, second.trace, ask.trace, review.trace}) == 4


def _scoped(message: Any) -> Any:  # noqa: ANN401  messages of protobuf
    return message.resource_spans[0].scope_spans[0]


def _add_figure(attributes: Any, key: str, **value: object) -> None:  # noqa: ANN401  a list of protobuf
    kind, given = value.popitem()
    setattr(attributes.add(key=key).value, kind, given)


ALTERED: dict[str, Callable[[Any], object]] = {
    "nothing": lambda _: None,
    "a name": lambda m: setattr(_scoped(m).spans[0], "name", "anna"),
    "a text": lambda m: _add_figure(_scoped(m).spans[0].attributes, Told.STATUS, string_value="milk"),
    "an unknown figure": lambda m: _add_figure(_scoped(m).spans[0].attributes, "restock.amount", int_value=3),
    "a figure of another stage": lambda m: _add_figure(_scoped(m).spans[0].attributes, Told.MESSAGES, int_value=3),
    "an event": lambda m: _scoped(m).spans[0].events.add(name="exception"),
    "a message": lambda m: setattr(_scoped(m).spans[0].status, "message", "anna"),
    "a state": lambda m: setattr(_scoped(m).spans[0], "trace_state", "vendor=anna"),
    "a link's text": lambda m: _add_figure(_scoped(m).spans[0].links.add().attributes, "item", string_value="milk"),
    "the machine": lambda m: _add_figure(m.resource_spans[0].resource.attributes, "host.name", string_value="attic"),
    "a scope": lambda m: setattr(_scoped(m).scope, "name", "anna"),
}


@pytest.mark.parametrize("alter", ALTERED)
def test_the_gate_reads_every_message_and_refuses_what_is_not_listed(queue: object, alter: str) -> None:
    """Whoever made it: a name, a text, or a library's own additions."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415  an extra
        ExportTraceServiceRequest,
    )

    from edge_agent.adapters.tracing import fitting  # noqa: PLC0415  an extra

    with tracing_of(queue).span(Stage.SEND) as span:  # type: ignore[attr-defined]
        span.tell(Told.STATUS, 200)
    body = body_of(queue)
    message = ExportTraceServiceRequest.FromString(body)
    ALTERED[alter](message)
    assert fitting(frozenset(Stage))(message.SerializeToString()) is (alter == "nothing")
    assert not fitting(frozenset(Stage))(b"\xff\xff\xff")
    assert not fitting(frozenset({Stage.INGEST}))(body)


async def _sent(folder: Path, origin: str, *, beyond: bool, status: int = 200, body: bytes = b"spans") -> list[str]:
    """What the ledger has of traces after one batch."""
    async with outgoing_home(folder) as home:
        egress = TraceEgress(
            ledger=home.ledger,
            origin=origin,
            beyond=beyond,
            fits=lambda given: given == b"spans",
            timeout_s=1,
            transport=httpx.MockTransport(lambda _: httpx.Response(status)),
        )
        try:
            await egress.send(body)
        finally:
            told = [
                row.recipient for row in home.ledger.rows(limit=10, before_id=None) if row.purpose == Purpose.TRACES
            ]
    return told


async def test_what_goes_beyond_the_home_is_written_down(tmp_path: Path) -> None:
    """A collector at home is not outside; anything else is a row of the ledger first."""
    assert await _sent(tmp_path, "http://192.168.1.4:4318", beyond=False) == []
    assert await _sent(tmp_path, "https://traces.example", beyond=True) == ["traces.example"]


@pytest.mark.parametrize(
    ("origin", "beyond", "body", "error"),
    [
        ("https://traces.example", False, b"spans", EgressRefusedError),
        ("http://203.0.113.7:4318", False, b"spans", EgressRefusedError),
        ("http://127.0.0.1:4318", False, b"else", EgressRefusedError),
        ("http://127.0.0.1:4318/v1/x?y#", False, b"spans", EgressRefusedError),
    ],
)
async def test_what_may_not_leave_is_refused(
    tmp_path: Path, origin: str, body: bytes, error: type[Exception], *, beyond: bool
) -> None:
    """Another place, or another content."""
    with pytest.raises(error):
        await _sent(tmp_path, origin, beyond=beyond, body=body)


async def test_a_dead_collector_costs_its_batch_and_nothing_else(tmp_path: Path, queue: object) -> None:
    """What was offered is dropped, what comes after it waits, and never more than a fixed number."""
    from edge_agent.adapters.tracing import TraceExport  # noqa: PLC0415  an extra

    tracing, sent = tracing_of(queue), [0]

    def answer(_: httpx.Request) -> httpx.Response:
        sent[0] += 1
        raise httpx.ConnectError("away")

    async with outgoing_home(tmp_path) as home:
        export = TraceExport(
            queue,  # type: ignore[arg-type]
            TraceEgress(
                ledger=EgressLedger(home.store.connection, clock=home.store.clock),
                origin=HOME_COLLECTOR,
                beyond=False,
                fits=lambda _: True,
                timeout_s=1,
                transport=httpx.MockTransport(answer),
            ),
        )
        for _ in range(5_000):
            with tracing.span(Stage.INGEST):  # type: ignore[attr-defined]
                pass
        assert queue.dropped == 5_000 - 2_048  # type: ignore[attr-defined]
        with pytest.raises(TracesUnreachableError):
            await export.run_once()
    assert sent == [1]
    assert sum(1 for _ in iter(queue.take, [])) == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("host", "is_home"),
    [
        ("localhost", True), ("127.0.0.1", True), ("::1", True), ("[::1]", True), ("192.168.1.4", True),
        ("10.0.0.2", True), ("fd12::1", True), ("::", False), ("169.254.169.254", False), ("8.8.8.8", False),
        ("collector", False), ("collector.lan", False), ("2001:4860::1", False), ("", False),
    ],
)  # fmt: skip
def test_a_name_may_be_anywhere(host: str, *, is_home: bool) -> None:
    """Only addresses of this machine and of private networks are at home."""
    assert is_at_home(host) is is_home


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({}, None),
        ({"endpoint": "http://127.0.0.1:4318"}, None),
        ({"endpoint": "http://[fd12::1]:4318"}, None),
        ({"endpoint": "http://127.0.0.1:4318/v1/traces"}, "pattern"),
        ({"endpoint": "https://traces.example"}, "beyond_home"),
        ({"endpoint": "http://traces.example", "beyond_home": True, "every_s": 300.0}, "https only"),
        ({"endpoint": "https://traces.example", "beyond_home": True}, "every_s"),
        ({"endpoint": "https://traces.example", "beyond_home": True, "every_s": 300.0}, None),
    ],
)
def test_where_traces_may_go_is_configured(values: dict[str, object], error: str | None) -> None:
    """Off by default; beyond the home only by name, by https, and seldom."""
    if error is None:
        assert TracingConfig(**values).goes_beyond is ("beyond_home" in values)  # type: ignore[arg-type]
    else:
        with pytest.raises(ValidationError, match=error):
            TracingConfig(**values)  # type: ignore[arg-type]


def test_beyond_the_home_nothing_of_readings_is_told(queue: object) -> None:
    """When a device spoke says when somebody was at home."""
    tracing = tracing_of(queue, stages=OF_ORDERS)
    with tracing.span(Stage.INGEST), tracing.span(Stage.REVIEW):  # type: ignore[attr-defined]
        with tracing.span(Stage.ASK, trace=question_trace_id("p")):  # type: ignore[attr-defined, arg-type]
            pass
        with tracing.span(Stage.APPROVE, trace=order_trace_id("i"), after=question_trace_id("p")):  # type: ignore[attr-defined, arg-type]
            pass
    [approve] = spans_of(queue)
    assert (approve.name, approve.links) == (Stage.APPROVE, ())


def test_opentelemetry_is_not_loaded_where_tracing_is_off() -> None:
    """Neither by the hub nor by the bridge, whole as they are wired."""
    script = (
        "import sys; import edge_agent.app, edge_agent.wiring.household, cloud_bridge.app; "
        "from edge_agent.wiring.tracing import wire_tracing; from edge_agent.config import TracingConfig; "
        "wire_tracing(TracingConfig()); "
        "print([name for name in sys.modules if name.split('.')[0] == 'opentelemetry'])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_collector_without_the_extra_is_said_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "edge_agent.adapters.tracing", None)
    with pytest.raises(ConfigurationError, match=re.escape("restock[hub,tracing]")):
        wire_tracing(HubConfig(tracing=TracingConfig(endpoint=HOME_COLLECTOR)).tracing)


@pytest.mark.parametrize("kind", ["ours", "rotel"])
async def test_a_collector_takes_what_is_sent(tmp_path: Path, queue: object, kind: str) -> None:
    """Over a real connection; one of the two is a program that nobody here wrote."""
    from edge_agent.adapters.tracing import TraceExport, fitting  # noqa: PLC0415  an extra

    told = tmp_path / "told"
    program = rotel()
    if kind == "rotel" and program is None:
        pytest.skip("the collector rotel is not installed")
    with Collector() as ours:
        async with outgoing_home(tmp_path, tracing=tracing_of(queue)) as home:  # type: ignore[arg-type]
            intent = await buy(home)

            async def export(url: str) -> None:
                egress = TraceEgress(
                    ledger=home.ledger, origin=url, beyond=False, fits=fitting(frozenset(Stage)), timeout_s=5
                )
                await TraceExport(queue, egress).run_once()  # type: ignore[arg-type]

            if kind == "ours" or program is None:
                await export(ours.url)
                found = {span.trace for span in ours.spans()}
            else:
                with real_collector(program, told) as url:
                    await export(url)
                found = set(re.findall(r"Trace ID +: ([0-9a-f]{32})", told.read_text(encoding="utf-8")))
    assert found == {order_trace_id(intent)}
