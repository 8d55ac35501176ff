"""Spans of the hub's own work for a collector, by OpenTelemetry; loaded only where a collector is configured.

What a span may tell is `core.tracing`: here it is made, kept in a bounded queue, and read once more before it goes out
by the gate. Nothing waits for a collector: what is not taken in time is dropped, and so is the oldest of too many.
Nothing of the library's settings is read from the environment, and an error is told as such, without its text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from edge_agent import __version__
from edge_agent.adapters.egress import TraceEgress
from edge_agent.core.tracing import FIGURES, Stage, Told
from edge_agent.ports import UNTOLD, Span

_SCOPE = "restock"
_RESOURCE = {"service.name": "restock-hub", "service.version": __version__}
_WAITING_MAX = 2_048
_BATCH = 512
_LINKS_MAX = 32
_ATTRIBUTES_MAX = 8


class TraceQueue(SpanProcessor):
    """Spans that have ended, until they are sent; the oldest go when there are too many. `dropped` counts those."""

    def __init__(self) -> None:
        self._waiting: deque[ReadableSpan] = deque(maxlen=_WAITING_MAX)
        self.dropped = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Keep one."""
        self.dropped += len(self._waiting) == _WAITING_MAX
        self._waiting.append(span)

    def take(self) -> list[ReadableSpan]:
        """The oldest ones, as many as go in one message; they are gone from here."""
        return [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]


class OtelTracing:
    """Fulfils `ports.Tracing` for these stages; the others stay untold. `tells_bridge`: orders carry their trace."""

    def __init__(self, queue: TraceQueue, *, stages: AbstractSet[Stage], tells_bridge: bool) -> None:
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource(_RESOURCE),
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_span_attributes=_ATTRIBUTES_MAX, max_events=0, max_links=_LINKS_MAX),
        )
        provider.add_span_processor(queue)
        self._tracer = provider.get_tracer(_SCOPE)
        self._stages = stages
        self._tells_bridge = tells_bridge
        self._ingested: deque[otel.SpanContext] = deque(maxlen=_LINKS_MAX)

    def span(self, stage: Stage, *, trace: str | None = None, after: str | None = None) -> AbstractContextManager[Span]:
        """A span around a block, in the trace with this id or in one of its own; `after` is a trace that it came of.

        It is linked with the span that it began in, and a review with the groups of messages since the last one.
        """
        return self._spanned(stage, trace, after) if stage in self._stages else nullcontext(UNTOLD)

    @contextmanager
    def _spanned(self, stage: Stage, trace: str | None, after: str | None) -> Iterator[Span]:
        with self._tracer.start_as_current_span(
            stage.value,
            context=Context() if trace is None else otel.set_span_in_context(_root(trace), Context()),
            links=[otel.Link(context) for context in self._came_of(stage, after)],
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            opened = _Span(span, stage, tells_bridge=self._tells_bridge and trace is not None)
            try:
                yield opened
            except BaseException:
                span.set_status(otel.StatusCode.ERROR)
                raise
            finally:
                if stage is Stage.INGEST:
                    self._ingested.append(span.get_span_context())

    def _came_of(self, stage: Stage, after: str | None) -> Iterator[otel.SpanContext]:
        around = otel.get_current_span().get_span_context()
        if around.is_valid:
            yield around
        if after is not None and Stage.ASK in self._stages:
            yield _root(after).get_span_context()
        if stage is Stage.REVIEW:
            yield from self._ingested
            self._ingested.clear()


class _Span:
    """Fulfils `ports.Span`."""

    def __init__(self, span: otel.Span, stage: Stage, *, tells_bridge: bool) -> None:
        self._span = span
        self._stage = stage
        self._tells_bridge = tells_bridge

    def tell(self, told: Told, value: int) -> None:
        """A figure of it; one that its stage may not tell is a mistake of ours, and stays untold."""
        if told in FIGURES[self._stage]:
            self._span.set_attribute(told.value, int(value))

    @property
    def header(self) -> str | None:
        """What the bridge is told, as W3C's `traceparent`."""
        context = self._span.get_span_context()
        if not self._tells_bridge:
            return None
        return f"00-{otel.format_trace_id(context.trace_id)}-{otel.format_span_id(context.span_id)}-01"


class TraceExport:
    """Sends what has gathered, by the gate."""

    def __init__(self, queue: TraceQueue, egress: TraceEgress) -> None:
        self._queue = queue
        self._egress = egress

    async def run_once(self) -> None:
        """Everything that waits now.

        Raises: TracesUnreachableError; the batch that was offered is dropped, and the rest waits.
        """
        for _ in range(_WAITING_MAX // _BATCH):
            spans = self._queue.take()
            if not spans:
                return
            await self._egress.send(encode_spans(spans).SerializeToString(deterministic=True))


def fitting(stages: AbstractSet[Stage]) -> Callable[[bytes], bool]:
    """What the gate asks of a message: spans of these stages, their figures, and nothing else."""

    def fits(body: bytes) -> bool:
        try:
            message = ExportTraceServiceRequest.FromString(body)
        except DecodeError:
            return False
        return all(_is_ours(each, stages) for each in message.resource_spans)

    return fits


def _root(trace: str) -> otel.NonRecordingSpan:
    """Where a trace begins that several processes and times have a part in: a span that nobody records."""
    number = int(trace, 16)
    flags = otel.TraceFlags(otel.TraceFlags.SAMPLED)
    return otel.NonRecordingSpan(otel.SpanContext(number, number >> 64, is_remote=True, trace_flags=flags))


def _is_ours(group: Any, stages: AbstractSet[Stage]) -> bool:  # noqa: ANN401  a message of protobuf
    resource = {each.key: each.value.string_value for each in group.resource.attributes}
    return resource == _RESOURCE and all(
        scoped.scope.name == _SCOPE
        and not scoped.scope.attributes
        and all(_may_be_told(span, stages) for span in scoped.spans)
        for scoped in group.scope_spans
    )


def _may_be_told(span: Any, stages: AbstractSet[Stage]) -> bool:  # noqa: ANN401  a message of protobuf
    if span.name not in stages or span.events or span.status.message or span.trace_state:
        return False
    figures = FIGURES[Stage(span.name)]
    return _are_figures(span.attributes, figures) and not any(
        link.attributes or link.trace_state for link in span.links
    )


def _are_figures(attributes: Sequence[Any], figures: AbstractSet[Told]) -> bool:
    return all(each.key in figures and each.value.WhichOneof("value") == "int_value" for each in attributes)
