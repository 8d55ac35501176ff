"""The counterpart of each kind of merchant: how it is reached, its own ledger, and the hands of its staff.

The ledger is read as the merchant keeps it (its database, its list, its memory), never through our connector.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, get_args

from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.core.outcome import Progress
from cloud_bridge.merchant_config import MerchantConfig
from cloud_bridge.merchants.capabilities import CAPABILITIES, SIMULATED
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.ports import Merchant
from tests.campaign.merchants.wire import GOODS, MODES, ON_THE_WAY, Fault, Wire, over
from tests.cloud_bridge import acp_shop, radicale, sample_merchant, vendure_shop
from tests.cloud_bridge.grocy_list import FakeGrocy
from tests.cloud_bridge.hass_list import FakeHass
from tests.cloud_bridge.kept_list import KeptList
from tests.cloud_bridge.rig import MILK, HandClock

PRICE_MINOR, DELIVERY_MINOR, PACKS = 179, 500, 500
_TITLE = "Whole milk 1 L"
_CLASSES = (MerchantClass.A, MerchantClass.B, MerchantClass.C)


@dataclass(frozen=True, slots=True)
class Sale:
    """One order in a merchant's own ledger."""

    order_id: str
    quantity: int
    total_minor: int


class Shop(Protocol):
    """A merchant of one kind. `faults` is what can befall it; `sells` False: it is a list, and nothing is paid.

    `tells`: it sends webhooks.
    """

    faults: frozenset[Fault]
    sells: bool
    tells: bool
    merchant_class: MerchantClass

    def begin(self, clock: HandClock) -> None:
        """Goods and prices are as they were, and whoever needs the time is given it."""

    def connect(self, wire: Wire) -> AbstractAsyncContextManager[Merchant]:
        """A connector as a bridge that has just started makes one."""

    def sales(self) -> list[Sale]:
        """What it has sold, by its own books."""

    def set_price(self, price_minor: int) -> None:
        """Change the price of a pack behind everybody's back."""

    def set_stock(self, packs: int) -> None:
        """Change how many packs can be had."""

    def restart(self) -> None:
        """Kill it, and start it again."""

    def ship(self, order_id: str) -> None:
        """Its parcel leaves."""

    def deliver(self, order_id: str) -> None:
        """Its parcel arrives, or the entry is ticked."""

    def webhook(self, order_id: str) -> bytes:
        """The body of a webhook about this order."""


@dataclass
class UcpShop:
    """The UCP sample server."""

    sample: sample_merchant.SampleMerchant
    faults = frozenset(Fault)
    sells = True
    tells = True
    merchant_class = MerchantClass.A

    def begin(self, _clock: HandClock) -> None:
        """Full shelves."""
        self.set_price(PRICE_MINOR)
        self.set_stock(PACKS)

    @asynccontextmanager
    async def connect(self, wire: Wire) -> AsyncIterator[Merchant]:
        """Over the wire."""
        async with sample_merchant.connect(self.sample, http=over(wire, self.sample.url)) as merchant:
            yield merchant

    def sales(self) -> list[Sale]:
        """From its own database."""
        return [_ucp_sale(order) for order in self.sample.orders().values()]

    def set_price(self, price_minor: int) -> None:
        """In its database."""
        self.sample.set_price(MILK, price_minor)

    def set_stock(self, packs: int) -> None:
        """In its database."""
        self.sample.set_stock(MILK, packs)

    def restart(self) -> None:
        """As a process."""
        self.sample.stop()
        self.sample.start()

    def ship(self, order_id: str) -> None:
        """By its own simulation."""
        self.sample.ship(order_id)

    def deliver(self, order_id: str) -> None:
        """As its courier does."""
        self.sample.deliver(order_id)

    def webhook(self, order_id: str) -> bytes:
        """Shaped as it sends them, with as much as a hint has."""
        return f'{{"id": "{order_id}"}}'.encode()


@dataclass
class AcpShop:
    """The fake shop that speaks ACP; it lives in this process, so it cannot be killed."""

    shop: acp_shop.AcpShop
    faults = frozenset(Fault) - {Fault.RESTARTED}
    sells = True
    tells = True
    merchant_class = MerchantClass.A

    def begin(self, _clock: HandClock) -> None:
        """Full shelves."""
        self.set_price(PRICE_MINOR)
        self.set_stock(PACKS)

    @asynccontextmanager
    async def connect(self, wire: Wire) -> AsyncIterator[Merchant]:
        """Over the wire."""
        async with over(wire, acp_shop.ORIGIN, real=self.shop.transport()) as http:
            yield acp_shop.acp_connector(acp_shop.acp_config(api_version=self.shop.version), http=http)

    def sales(self) -> list[Sale]:
        """From its memory."""
        return [self._sale(order) for order in self.shop.orders.values()]

    def set_price(self, price_minor: int) -> None:
        """On its shelf."""
        self.shop.prices[MILK] = price_minor

    def set_stock(self, packs: int) -> None:
        """On its shelf."""
        self.shop.stock[MILK] = packs

    def restart(self) -> None:
        """Never asked for."""
        raise NotImplementedError

    def ship(self, order_id: str) -> None:
        """In its memory."""
        acp_shop.ship(self.shop.orders[order_id], "shipped")

    def deliver(self, order_id: str) -> None:
        """In its memory."""
        acp_shop.ship(self.shop.orders[order_id], "delivered")

    def webhook(self, order_id: str) -> bytes:
        """As it sends them."""
        return self.shop.webhook(order_id, at=0)[0]

    def _sale(self, order: dict[str, Any]) -> Sale:
        sold_at = self.shop.sessions[order["checkout_session_id"]]["sold_at"]
        return Sale(order["id"], sum(line["quantity"]["ordered"] for line in order["line_items"]), _total(sold_at))


@dataclass
class VendureShop:
    """A Vendure shop."""

    shop: vendure_shop.VendureShop
    faults = frozenset(Fault)
    sells = True
    tells = False
    merchant_class = MerchantClass.B

    def begin(self, _clock: HandClock) -> None:
        """Full shelves, and no basket in the account."""
        self.set_price(PRICE_MINOR)
        self.set_stock(PACKS)
        self.shop.clear()

    @asynccontextmanager
    async def connect(self, wire: Wire) -> AsyncIterator[Merchant]:
        """Over the wire."""
        async with vendure_shop.connect(self.shop, http=over(wire, self.shop.url)) as merchant:
            yield merchant

    def sales(self) -> list[Sale]:
        """From its own database: what the payments that hold come to."""
        packs = dict(
            self.shop.rows(
                'SELECT o.code, SUM(l.quantity) FROM "order" o JOIN order_line l ON l.orderId = o.id GROUP BY o.code'
            )
        )
        return [Sale(code, int(packs[code]), paid) for code, paid in self.shop.orders().items()]

    def set_price(self, price_minor: int) -> None:
        """By its staff."""
        self.shop.set_price(MILK, price_minor)

    def set_stock(self, packs: int) -> None:
        """By its staff."""
        self.shop.set_stock(MILK, packs)

    def restart(self) -> None:
        """As a process."""
        self.shop.stop()
        self.shop.start()

    def ship(self, order_id: str) -> None:
        """By its staff."""
        self.shop.ship(order_id)

    def deliver(self, order_id: str) -> None:
        """By its staff."""
        self.shop.deliver(order_id)

    def webhook(self, order_id: str) -> bytes:
        """Never asked for."""
        raise NotImplementedError


@dataclass
class CalDavShop:
    """A list on a Radicale server; each handful of orders has a list of its own."""

    server: radicale.RadicaleProcess
    faults = ON_THE_WAY | {Fault.RESTARTED}
    sells = False
    tells = False
    merchant_class = MerchantClass.A

    def begin(self, _clock: HandClock) -> None:
        """An empty list."""
        self._tasks = radicale.new_list(self.server)

    @asynccontextmanager
    async def connect(self, wire: Wire) -> AsyncIterator[Merchant]:
        """Over the wire."""
        async with radicale.connect(self._tasks, http=over(wire, self._tasks.url)) as merchant:
            yield merchant

    def sales(self) -> list[Sale]:
        """What the household's own task app sees: `2 x Whole milk 1 L`."""
        entries = self._tasks.entries().items()
        return [Sale(uid, int(task.summary.split()[0]), 0) for uid, task in entries if task.status != "CANCELLED"]

    def set_price(self, price_minor: int) -> None:
        """A list has no prices."""

    def set_stock(self, packs: int) -> None:
        """A list has no shelf."""

    def restart(self) -> None:
        """As a process."""
        self.server.stop()
        self.server.start()

    def ship(self, order_id: str) -> None:
        """Nobody sends anything."""

    def deliver(self, order_id: str) -> None:
        """It was bought."""
        self._tasks.tick(order_id)

    def webhook(self, order_id: str) -> bytes:
        """Never asked for."""
        raise NotImplementedError


@dataclass
class KeptShop:
    """A list that forgets what was removed, as a fake in this process; each handful of orders has a new one."""

    new: Callable[[], KeptList]
    faults = ON_THE_WAY
    sells = False
    tells = False
    merchant_class = MerchantClass.C

    def begin(self, _clock: HandClock) -> None:
        """An empty list."""
        self._list = self.new()

    @asynccontextmanager
    async def connect(self, wire: Wire) -> AsyncIterator[Merchant]:
        """Over the wire."""
        async with over(wire, self._list.url, real=self._list.transport()) as http:
            yield self._list.connector(http)

    def sales(self) -> list[Sale]:
        """What a person sees on it: `2 x Whole milk 1 L`, and the mark, whose first word begins the order's name."""
        entries = self._list.entries().items()
        return [Sale(f"{_mark(kept.text)}/{entry}", int(kept.text.split()[0]), 0) for entry, kept in entries]

    def set_price(self, price_minor: int) -> None:
        """A list has no prices."""

    def set_stock(self, packs: int) -> None:
        """A list has no shelf."""

    def restart(self) -> None:
        """Never asked for."""
        raise NotImplementedError

    def ship(self, order_id: str) -> None:
        """Nobody sends anything."""

    def deliver(self, order_id: str) -> None:
        """It was bought."""
        self._list.tick(order_id.partition("/")[2])

    def webhook(self, order_id: str) -> bytes:
        """Never asked for."""
        raise NotImplementedError


class SimulatedShop:
    """Our model merchant, as each class in turn."""

    faults = frozenset(MODES) | GOODS
    sells = True
    tells = True

    def __init__(self, _process: None) -> None:
        self._classes = cycle(_CLASSES)

    def begin(self, clock: HandClock) -> None:
        """A new one, of the next class."""
        self.merchant_class = next(self._classes)
        self._merchant = SimulatedMerchant(
            {MILK: Shelf(_TITLE, PRICE_MINOR, PACKS)},
            capability=replace(SIMULATED, merchant_class=self.merchant_class),
            now=clock.now,
        )

    @asynccontextmanager
    async def connect(self, wire: Wire) -> AsyncIterator[Merchant]:
        """The merchant itself, which has its faults from the wire."""
        self._merchant.faults = wire.mode
        yield self._merchant

    def sales(self) -> list[Sale]:
        """From its memory."""
        return [Sale(sold.order_id, sold.quantity, sold.total_minor) for sold in self._merchant.ledger]

    def set_price(self, price_minor: int) -> None:
        """On its shelf."""
        self._put(price_minor=price_minor)

    def set_stock(self, packs: int) -> None:
        """On its shelf."""
        self._put(stock=packs)

    def restart(self) -> None:
        """Never asked for."""
        raise NotImplementedError

    def ship(self, order_id: str) -> None:
        """In its memory."""
        self._merchant.progress[order_id] = Progress.SHIPPED

    def deliver(self, order_id: str) -> None:
        """In its memory."""
        self._merchant.progress[order_id] = Progress.DELIVERED

    def webhook(self, order_id: str) -> bytes:
        """The bare id."""
        return order_id.encode()

    def _put(self, **changes: int) -> None:
        self._merchant.shelves[MILK] = replace(self._merchant.shelves[MILK], **changes)


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind's counterpart comes about. `fixture` names the one that the tests share, if it is a process."""

    shop: Callable[[Any], Shop]
    running: Callable[[Path], AbstractContextManager[Any]] = lambda _: nullcontext()
    missing: Callable[[], str | None] = lambda: None
    fixture: str | None = None


SHOPS: Mapping[str, Kind] = MappingProxyType(
    {
        "ucp": Kind(UcpShop, sample_merchant.running, sample_merchant.missing, "sample_process"),
        "acp": Kind(AcpShop, lambda _: nullcontext(acp_shop.AcpShop("2026-04-17"))),
        "vendure": Kind(VendureShop, vendure_shop.running, vendure_shop.missing, "vendure_process"),
        "caldav": Kind(CalDavShop, radicale.running, radicale.missing, "radicale"),
        "ha_todo": Kind(lambda _: KeptShop(FakeHass)),
        "grocy": Kind(lambda _: KeptShop(FakeGrocy)),
        "simulated": Kind(SimulatedShop),
    }
)


def kinds() -> Iterator[str]:
    """Every kind that a configuration can name, and our model, which none can."""
    for section in get_args(get_args(MerchantConfig)[0]):
        yield from get_args(section.model_fields["kind"].annotation)
    yield from (kind for kind, known in CAPABILITIES.items() if known is SIMULATED)


def _mark(text: str) -> str:
    return text.partition("[restock ")[2].partition(" ")[0]


def _ucp_sale(order: dict[str, Any]) -> Sale:
    packs = sum(line["quantity"]["total"] for line in order["line_items"])
    return Sale(order["id"], packs, _total(order["totals"]))


def _total(totals: list[dict[str, Any]]) -> int:
    return next(int(each["amount"]) for each in totals if each["type"] == "total")
