"""The hub's figures for a monitoring system, in the text format of Prometheus, made when they are asked for.

Nothing is counted beside the store: each figure is read where it stands. The library is loaded with the first question,
so a hub that nobody watches does not pay for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from starlette.responses import Response

from edge_agent import __version__
from edge_agent.core.intent import LIVE
from edge_agent.core.overview import ItemOverview
from edge_agent.core.prompt import PromptState
from edge_agent.web.api.call import Call
from edge_agent.web.api.problems import Refusal
from edge_agent.web.api.reads import health_of
from edge_agent.web.outlook import outlook

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily, Metric

MEDIA = "text/plain; version=0.0.4; charset=utf-8"


async def show(call: Call) -> Response:
    """Every figure.

    Raises: Refusal 501 where the library is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry  # noqa: PLC0415 - loaded only where it is asked for
        from prometheus_client.exposition import generate_latest  # noqa: PLC0415
    except ImportError as exc:
        raise Refusal(
            501,
            "not_installed",
            title="Not installed",
            what="This hub was installed without prometheus-client.",
            what_to_do="Install restock[hub,metrics], and restart the hub.",
        ) from exc
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(call))
    return Response(generate_latest(registry), media_type=MEDIA)


class _Figures:
    """A collector, as the library wants one."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def collect(self) -> Iterable[Metric]:
        """Every family of figures."""
        overview = self._call.site.parts.overview
        yield from self._of_hub()
        items = list(overview.items())
        yield from self._of_items(items)
        yield from self._of_prices(items)
        yield from self._of_machine()
        yield from self._of_orders()
        yield from self._of_devices()

    def _of_hub(self) -> Iterable[Metric]:
        health, now = health_of(self._call), self._call.site.parts.clock.now()
        waiting = health.waiting_since
        yield _gauge("restock_hub_info", "Version of the hub.", ("version",), [((__version__,), 1)])
        yield _gauge("restock_sends_allowed", "1: orders may be sent.", (), [((), health.sends)])
        yield _gauge("restock_bridge_reachable", "1: the order service answers.", (), [((), health.bridge_reachable)])
        waiting_s = (now - waiting).total_seconds() if waiting else 0.0
        yield _gauge("restock_oldest_order_waiting_seconds", "Age of the oldest unsent order.", (), [((), waiting_s)])
        stops = [((problem.code,), 1) for problem in health.problems]
        yield _gauge("restock_problem", "1 for each problem that stands.", ("code",), stops)
        listening = [((), self._call.streams.open)]
        yield _gauge("restock_event_streams", "Clients that listen for changes.", (), listening)

    def _of_machine(self) -> Iterable[Metric]:
        parts = self._call.site.parts
        hears, room = parts.hears_broker(), parts.room()
        connected = [] if hears is None else [((), hears)]
        left = [] if room is None else [(("disk",), room.disk_bytes), (("store",), room.store_bytes)]
        words = "What readings may still take of the disk, and of the size that the store may have."
        yield _gauge("restock_broker_connected", "1: the broker has the hub's session.", (), connected)
        yield _gauge("restock_room_bytes", words, ("of",), left)

    def _of_prices(self, items: Iterable[ItemOverview]) -> Iterable[Metric]:
        newest: dict[str, float] = {}
        for price in (price for one in items for price in one.prices):
            newest[price.merchant] = max(newest.get(price.merchant, 0.0), price.fetched_at.timestamp())
        fetched = [((merchant,), at) for merchant, at in newest.items()]
        yield _gauge(
            "restock_prices_fetched_timestamp_seconds", "When a merchant's prices came last.", ("merchant",), fetched
        )

    def _of_items(self, known: Sequence[ItemOverview]) -> Iterable[Metric]:
        now = self._call.site.parts.clock.now()
        amounts = [
            ((one.item.id, one.item.unit), one.estimate.amount.value)
            for one in known
            if one.estimate is not None and one.estimate.amount is not None
        ]
        trusts = [((one.item.id,), one.estimate.trust) for one in known if one.estimate is not None]
        ends = [(one.item.id, ahead.left_d(now)) for one in known if (ahead := outlook(one)) is not None]
        left = [
            ((item, quantile), days)
            for item, left_d in ends
            for quantile, days in zip(("0.1", "0.5", "0.9"), left_d, strict=True)
        ]
        asked = [one.prompt.state for one in known if one.prompt is not None]
        prompts = [((state.value,), asked.count(state)) for state in (PromptState.OPEN, PromptState.SNOOZED)]
        yield _gauge("restock_item_amount", "What is left, in the item's unit.", ("item", "unit"), amounts)
        yield _gauge("restock_item_trust", "How far the amount is believed, 0 to 1.", ("item",), trusts)
        yield _gauge("restock_item_days_left", "Days until used up.", ("item", "quantile"), left)
        yield _gauge("restock_prompts", "Questions that live.", ("state",), prompts)

    def _of_orders(self) -> Iterable[Metric]:
        states = [one.state for one in self._call.site.parts.overview.live_intents()]
        counts = [((state.value,), states.count(state)) for state in sorted(LIVE)]
        yield _gauge("restock_orders", "Orders that are not finished.", ("state",), counts)

    def _of_devices(self) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415

        overview = self._call.site.parts.overview
        devices = list(overview.devices())
        seen = [((one.device,), one.seen_at.timestamp()) for one in devices if one.seen_at is not None]
        yield _gauge("restock_device_seen_timestamp_seconds", "When a device was last heard.", ("device",), seen)
        apart = CounterMetricFamily("restock_messages_kept_apart", "Messages kept apart.", labels=("reason",))
        for reason, count in overview.quarantine_counts().items():
            apart.add_metric((str(reason),), count)
        yield apart


def _gauge(
    name: str, words: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    gauge = GaugeMetricFamily(name, words, labels=labels)
    for said, value in values:
        gauge.add_metric(said, float(value))
    return gauge
