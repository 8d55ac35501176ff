"""The part of the composition root that shows the hub's own work to a collector, where one is configured.

OpenTelemetry is loaded here and nowhere else, and only then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.adapters.egress import TraceEgress
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.config import TracingConfig
from edge_agent.core.tracing import OF_ORDERS, Stage
from edge_agent.errors import ConfigurationError
from edge_agent.ports import NO_TRACING, Tracing

if TYPE_CHECKING:
    from edge_agent.adapters.tracing import TraceExport


@dataclass(frozen=True, slots=True)
class TracingSide:
    """Where spans are made; `export`, given the account of what leaves, is what sends them. None: tracing is off."""

    tracing: Tracing = NO_TRACING
    export: Callable[[EgressLedger], TraceExport] | None = None


def wire_tracing(config: TracingConfig) -> TracingSide:
    """What is told, and where to.

    Raises: ConfigurationError where a collector is named and OpenTelemetry is not installed.
    """
    if not config.endpoint:
        return TracingSide()
    try:
        from edge_agent.adapters.tracing import OtelTracing, TraceExport, TraceQueue, fitting  # noqa: PLC0415
    except ImportError as exc:
        raise ConfigurationError(
            f"tracing.endpoint = {config.endpoint!r}: needs OpenTelemetry, pip install 'restock[hub,tracing]'"
        ) from exc
    queue, stages = TraceQueue(), OF_ORDERS if config.goes_beyond else frozenset(Stage)

    def export(ledger: EgressLedger) -> TraceExport:
        egress = TraceEgress(
            ledger=ledger,
            origin=config.endpoint,
            beyond=config.goes_beyond,
            fits=fitting(stages),
            timeout_s=config.timeout_s,
        )
        return TraceExport(queue, egress)

    return TracingSide(OtelTracing(queue, stages=stages, tells_bridge=config.tell_bridge), export)
