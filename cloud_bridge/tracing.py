"""Spans of the bridge's own work for a collector, by OpenTelemetry; loaded only where a collector is configured.

What a span may tell is `core.stages`. Spans wait in the library's bounded queue and are sent by a thread of its own:
nothing waits for a collector, and what is too much is dropped. An error is told as such, without its text.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import requests
from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from cloud_bridge import __version__
from cloud_bridge.config import TracingConfig
from cloud_bridge.core.stages import FIGURES, Stage, Told
from cloud_bridge.wire import order_trace_id

_RESOURCE = {"service.name": "restock-bridge", "service.version": __version__}
_WAITING_MAX, _BATCH, _EVERY_MS, _ATTRIBUTES_MAX = 2_048, 512, 5_000, 8
_CLOSES_WITHIN_S = 2.0
_PARENT = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-01")


class OtelTracing:
    """Fulfils `ports.Tracing`. `from_hubs`: a span goes under the one that the hub tells of, in the order's trace."""

    def __init__(self, exporter: SpanExporter, *, from_hubs: bool) -> None:
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource(_RESOURCE),
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_span_attributes=_ATTRIBUTES_MAX, max_events=0, max_links=0),
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=_WAITING_MAX,
                max_export_batch_size=_BATCH,
                schedule_delay_millis=_EVERY_MS,
                export_timeout_millis=_EVERY_MS,
            )
        )
        self._tracer = self._provider.get_tracer("restock")
        self._from_hubs = from_hubs

    @contextmanager
    def span(
        self, stage: Stage, *, order: str, parent: str | None = None, told: Mapping[Told, int] | None = None
    ) -> Iterator[None]:
        """A span around a block, in this order's trace: within the span around it, or under the hub's, `parent`."""
        with self._tracer.start_as_current_span(
            stage.value,
            context=self._within(order, parent),
            attributes={name.value: value for name, value in (told or {}).items() if name in FIGURES[stage]},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException:
                span.set_status(otel.StatusCode.ERROR)
                raise

    async def close(self) -> None:
        """Send what waits, as far as a collector takes it soon; what it does not take by then is lost."""
        last = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        last.start()
        await asyncio.to_thread(last.join, _CLOSES_WITHIN_S)

    def _within(self, order: str, parent: str | None) -> Context:
        around, trace = otel.get_current_span(), order_trace_id(order)
        if around.get_span_context().trace_id == int(trace, 16):
            return otel.set_span_in_context(around, Context())
        told = _PARENT.fullmatch(parent or "") if self._from_hubs else None
        # No hub can write into the trace of an order that is not its own.
        span_id = told[2] if told is not None and told[1] == trace and int(told[2], 16) else trace[:16]
        flags = otel.TraceFlags(otel.TraceFlags.SAMPLED)
        context = otel.SpanContext(int(trace, 16), int(span_id, 16), is_remote=True, trace_flags=flags)
        return otel.set_span_in_context(otel.NonRecordingSpan(context), Context())


def exporter_to(config: TracingConfig) -> SpanExporter:
    """To the configured collector, whatever the environment says of proxies, logins and headers."""
    session = requests.Session()
    session.trust_env = False
    return OTLPSpanExporter(
        endpoint=f"{config.endpoint}/v1/traces",
        headers={},
        timeout=config.timeout_s,
        compression=Compression.NoCompression,
        session=session,
    )
