"""The bridge's figures for a monitoring system, in the text format of Prometheus, on a loopback port of their own.

What the store knows is read where it stands, so every bridge on one store tells the same of it; what only this process
knows is counted since it began. No household, order or article is named: labels are states, merchants of the
configuration, and codes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloud_bridge import __version__
from cloud_bridge.core.order import FOLLOWING, PLACING
from cloud_bridge.errors import StoreError
from cloud_bridge.ports import Clock, Figures, OrderStore

PATH_METRICS = "/metrics"
MEDIA = "text/plain; version=0.0.4; charset=utf-8"
_WORK = {"place": PLACING - FOLLOWING, "follow": FOLLOWING}
Labelled = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Counted:
    """What this process counts: problems answered by code, intents taken, and steps by beat and how they ended."""

    problems: Mapping[str, int]
    accepted: Callable[[], int]
    steps: Mapping[str, Counter[str]]


def create_metrics(store: OrderStore, counted: Counted, *, clock: Clock) -> Starlette:
    """The application: one page, for whoever can reach the port."""

    async def show(_request: Request) -> Response:
        asked_at = clock.now()
        try:
            figures = await store.figures()
        except StoreError:  # told as such: what the store knows is left out
            figures = None
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(figures, counted, now=clock.now(), asked_at=asked_at))
        ProcessCollector(registry=registry)
        return Response(generate_latest(registry), media_type=MEDIA)

    return Starlette(routes=[Route(PATH_METRICS, show, methods=["GET"])])


@dataclass(frozen=True, slots=True, eq=False)  # the library keeps collectors by what they are
class _Families:
    """A collector, as the library wants one. `figures` were asked for at `asked_at` and came at `now`."""

    figures: Figures | None
    counted: Counted
    now: datetime
    asked_at: datetime

    def collect(self) -> Iterable[Metric]:
        """Every family of figures."""
        yield _gauge("restock_bridge_info", "Version of the bridge.", ("version",), [((__version__,), 1)])
        yield _gauge("restock_bridge_store_up", "1: the store answers.", (), [((), self.figures is not None)])
        yield from self._of_store()
        yield from self._of_process()

    def _of_store(self) -> Iterable[Metric]:
        found = self.figures or Figures({}, {}, {}, frozen=0, store_time=None)
        known = [] if self.figures is None else [((), found.frozen)]
        orders = [((state.value,), count) for state, count in sorted(found.orders.items())]
        failing = [((merchant,), count) for merchant, count in sorted(found.failing.items())]
        yield _gauge("restock_bridge_orders", "Orders that are not over.", ("state",), orders)
        yield _gauge("restock_bridge_overdue_seconds", "Age of the work due longest.", ("beat",), self._overdue(found))
        yield _gauge("restock_bridge_failing_orders", "Orders that fail at a merchant.", ("merchant",), failing)
        yield _gauge("restock_bridge_frozen_households", "Households for which nothing is sent.", (), known)
        yield _gauge("restock_bridge_clock_ahead_seconds", "This clock less the store's.", (), self._ahead(found))

    def _of_process(self) -> Iterable[Metric]:
        steps = [
            ((beat, outcome), count)
            for beat, outcomes in self.counted.steps.items()
            for outcome, count in outcomes.items()
        ]
        problems = [((code,), count) for code, count in self.counted.problems.items()]
        yield _counter("restock_bridge_intents_accepted", "Intents taken.", (), [((), self.counted.accepted())])
        yield _counter("restock_bridge_problems", "Requests answered with a problem.", ("code",), problems)
        yield _counter("restock_bridge_steps", "Steps of orders, by how they ended.", ("beat", "outcome"), steps)

    def _overdue(self, found: Figures) -> Labelled:
        if self.figures is None:
            return
        for beat, states in _WORK.items():
            due = [at for state, at in found.due_at.items() if state in states]
            yield (beat,), max(0.0, (self.now - min(due)).total_seconds()) if due else 0.0

    def _ahead(self, found: Figures) -> Labelled:
        """By the middle of the question, which is as close as one question comes."""
        if found.store_time is not None:
            middle = self.asked_at + (self.now - self.asked_at) / 2
            yield (), (middle - found.store_time).total_seconds()


def _gauge(name: str, words: str, labels: tuple[str, ...], values: Labelled) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, words, labels=labels)
    for said, value in values:
        gauge.add_metric(said, float(value))
    return gauge


def _counter(name: str, words: str, labels: tuple[str, ...], values: Labelled) -> CounterMetricFamily:
    counter = CounterMetricFamily(name, words, labels=labels)
    for said, value in values:
        counter.add_metric(said, float(value))
    return counter
