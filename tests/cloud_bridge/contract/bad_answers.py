"""Each kind of merchant behind a hand on its answers, the steps of the contract, and what may come of a bad answer.

The merchants are the real counterparts: the UCP sample server, a Vendure shop, Radicale; for ACP, whose real one takes
minutes (`make test-medusa`), the strict fake of our own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from cloud_bridge.core.outcome import Followed, Lookup, Open, Placed, Progress, Rejected, Standing, Unknown
from cloud_bridge.core.quote import Quote, Wanted, broken_term, charge_detail
from cloud_bridge.errors import MerchantAwayError, MerchantError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchants.http import BODY_BYTES_MAX, MerchantHttp
from cloud_bridge.ports import Merchant
from cloud_bridge.prices import PriceDesk
from cloud_bridge.wire import PriceList, PriceQuery, Terms, figures
from tests import loopback
from tests.cloud_bridge import vendure_shop
from tests.cloud_bridge.acp_shop import ORIGIN as ACP_ORIGIN
from tests.cloud_bridge.acp_shop import AcpShop, acp_config, acp_connector
from tests.cloud_bridge.radicale import TaskList
from tests.cloud_bridge.radicale import connect as connect_list
from tests.cloud_bridge.rig import MERCHANT, MILK, HandClock, Signer
from tests.cloud_bridge.sample_merchant import HOME, SampleMerchant, connector, merchant_config
from tests.cloud_bridge.tampering import Tampering

ELSEWHERE = HOME.model_copy(update={"street_address": "9 Other St", "postal_code": "62709"})
WANTED = Wanted(MILK, 2, "home")
_CHUNK = 65_536
# Whatever else is answered: a step that was not clear is one of these, and nothing else may come out of it.
_UNCLEAR = (MerchantAwayError, MerchantUnclearError)


@dataclass
class Shop:
    """A merchant behind a hand. `connect` gives a connector that remembers nothing; `count` is what was sold.

    `neighbour` is the same for another household, elsewhere, which buys the same. `reset` takes away what a step that
    did not end has left in the way of the next.
    """

    wire: Tampering
    connect: Callable[[], Awaitable[Merchant]]
    count: Callable[[], int]
    neighbour: Callable[[], Awaitable[Merchant]]
    reset: Callable[[], object] = lambda: None
    kind: str = ""


@dataclass
class Begun:
    """Where a step begins: a session, perhaps an order of it, and what the honest merchant says of them."""

    merchant: Merchant
    quote: Quote
    key: str
    placed: Placed | None = None
    standing: Lookup | None = None


@asynccontextmanager
async def _ucp(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    sample: SampleMerchant = request.getfixturevalue("sample")
    wire = Tampering(httpx.AsyncHTTPTransport(verify=loopback.NOBODY), "127.0.0.1")
    async with MerchantHttp(sample.url, deadline_s=10, transport=wire) as http:

        async def connect() -> Merchant:
            return connector(merchant_config(sample.url), http=http)

        async def neighbour() -> Merchant:
            return connector(merchant_config(sample.url, destinations={"home": ELSEWHERE}), http=http)

        yield Shop(wire, connect, lambda: len(sample.orders()), neighbour)


@asynccontextmanager
async def _acp(_request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    shop = AcpShop("2026-04-17", stock={MILK: 100_000})
    wire = Tampering(shop.transport(), urlsplit(ACP_ORIGIN).hostname or "")
    async with MerchantHttp(ACP_ORIGIN, deadline_s=10, transport=wire) as http:

        async def connect() -> Merchant:
            return acp_connector(acp_config(), http=http)

        async def neighbour() -> Merchant:
            return acp_connector(acp_config(destinations={"home": ELSEWHERE}), http=http)

        yield Shop(wire, connect, lambda: len(shop.orders), neighbour)


@asynccontextmanager
async def _vendure(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    shop: vendure_shop.VendureShop = request.getfixturevalue("vendure")
    wire = Tampering(httpx.AsyncHTTPTransport(verify=loopback.NOBODY), "127.0.0.1")
    async with MerchantHttp(shop.url, deadline_s=10, transport=wire) as http:

        async def connect() -> Merchant:
            return vendure_shop.connector(vendure_shop.shop_config(shop.url), http=http)

        async def neighbour() -> Merchant:
            config = vendure_shop.shop_config(
                shop.url, account="neighbour@example.com", destinations={"home": ELSEWHERE}
            )
            return vendure_shop.connector(config, http=http)

        yield Shop(wire, connect, lambda: len(shop.orders()), neighbour, reset=shop.clear)


@asynccontextmanager
async def _caldav(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    tasks: TaskList = request.getfixturevalue("tasks")
    wire = Tampering(httpx.AsyncHTTPTransport(verify=loopback.NOBODY), "127.0.0.1")
    http = MerchantHttp(tasks.url, deadline_s=10, transport=wire)
    async with connect_list(tasks, http=http) as merchant:

        async def connect() -> Merchant:
            return merchant

        yield Shop(wire, connect, lambda: _standing_entries(tasks), neighbour=connect)


def _standing_entries(tasks: TaskList) -> int:
    return sum(entry.status != "CANCELLED" for entry in tasks.entries().values())


KINDS: dict[str, Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Shop]]] = {
    "ucp": _ucp,
    "acp": _acp,
    "vendure": _vendure,
    "caldav": _caldav,
}

STEPS = ("quote", "reopen", "place", "get an open one", "get a placed one", "events", "cancel", "prices")


CHANGING = frozenset({"place", "cancel"})
"""Steps that cannot be taken twice from one beginning."""


async def begin(shop: Shop, step: str) -> Begun:
    """What goes before a step, with an honest merchant."""
    begun = await _begun(shop, await shop.connect(), step)
    if step.startswith("get"):
        begun.standing = await begun.merchant.get(begun.quote.session_id, reference=begun.key)
    return begun


async def _begun(shop: Shop, merchant: Merchant, step: str) -> Begun:
    shop.wire.disarm()
    shop.reset()
    begun = Begun(merchant, await merchant.quote(WANTED, key=str(uuid4())), str(uuid4()))
    if step in {"get a placed one", "events"}:
        placed = await merchant.place(begun.quote.session_id, key=begun.key)
        assert isinstance(placed, Placed)
        begun.placed = placed
    return begun


async def overheard(shop: Shop, step: str) -> list[httpx.Response]:
    """What the merchant answers another household at this step."""
    begun = await _begun(shop, await shop.neighbour(), step)
    shop.wire.arm(None)
    await take(replace(shop, connect=shop.neighbour), step, begun)
    return shop.wire.said


async def take(shop: Shop, step: str, begun: Begun) -> object:
    """Take a step; what came of it, an error of the contract among it."""
    merchant = await shop.connect() if step in {"quote", "prices"} else begun.merchant
    session_id = begun.quote.session_id
    steps: dict[str, Callable[[], Awaitable[object]]] = {
        "quote": lambda: merchant.quote(WANTED, key=str(uuid4())),
        "reopen": lambda: merchant.quote(WANTED, key=str(uuid4()), session_id=session_id),
        "place": lambda: merchant.place(session_id, key=begun.key),
        "get an open one": lambda: merchant.get(session_id, reference=begun.key),
        "get a placed one": lambda: merchant.get(session_id, reference=begun.key),
        "events": lambda: merchant.events(_order_id(begun), session_id=session_id),
        "cancel": lambda: merchant.cancel(session_id),
        "prices": lambda: _listed(merchant),
    }
    try:
        return await steps[step]()
    except MerchantError as exc:
        return exc


def _order_id(begun: Begun) -> str:
    assert begun.placed is not None
    return begun.placed.merchant_order_id


async def _listed(merchant: Merchant) -> PriceList:
    desk = PriceDesk({MERCHANT: merchant}, clock=HandClock(), new_key=lambda: str(uuid4()))
    return await desk.list_prices(PriceQuery(merchant=MERCHANT, delivery_ref="home", skus=(MILK,)))


def judge(step: str, begun: Begun, *, came: object, sold: int) -> str | None:
    """What is wrong with what came of a step whose answer was bad; None where nothing is. `sold` is what it sold."""
    match step:
        case "quote" | "reopen":
            return _of_quote(begun, came)
        case "place":
            return _of_place(begun, came, sold=sold)
        case "get an open one" | "get a placed one":
            return _of_get(begun, came)
        case "events":
            return _of_events(came)
        case "cancel":
            return None if came is None or isinstance(came, MerchantAwayError) else "a cancel that comes to something"
        case "prices":
            return _of_prices(begun, came)
    raise AssertionError(step)


def _of_quote(begun: Begun, came: object) -> str | None:
    if isinstance(came, MerchantAwayError | MerchantRefusedError):
        return None
    if not isinstance(came, Quote):
        return "no error of the contract"
    is_refused = broken_term(came, _terms(begun)) is not None
    return None if is_refused or _is_true(came, begun.quote) else "a price that is none"


def _terms(begun: Begun) -> Terms:
    """What the household would have agreed to at the honest price, without any tolerance."""
    return (
        Signer()
        .intent(
            unit_price_minor=begun.quote.unit_price_minor,
            delivery_minor=begun.quote.delivery_minor,
            total_minor=begun.quote.total_minor,
            total_max_minor=begun.quote.total_minor,
            title_figures=figures(begun.quote.title),
        )
        .terms
    )


def _is_shown(placed: Placed, terms: Terms) -> bool:
    """Whether the household is told that it was charged otherwise than it agreed to, in words that the wire has."""
    return placed.total_minor >= 0 and charge_detail(placed, terms) is not None


def _is_true(told: Quote, honest: Quote) -> bool:
    """Whether a quote says what the merchant means; its session is another one where it was opened anew."""
    facts = [(each.sku, each.quantity, each.total_minor, each.currency, each.title) for each in (told, honest)]
    return facts[0] == facts[1]


def _of_place(begun: Begun, came: object, *, sold: int) -> str | None:
    match came:
        case Unknown():
            return None
        case Rejected():
            return "refused, and sold all the same" if sold else None
        case Placed():
            terms = _terms(begun)
            is_so = came.total_minor == begun.quote.total_minor and came.currency == terms.currency
            return None if sold == 1 and (is_so or _is_shown(came, terms)) else "placed with facts that are none"
    return "no outcome of the contract"


def _of_get(begun: Begun, came: object) -> str | None:
    if isinstance(came, _UNCLEAR) or came == begun.standing:
        return None
    match came:
        case Placed():
            # What says otherwise of its price, its goods or our reference is shown to a person, and not believed.
            is_believed = (came.total_minor, came.currency) == (begun.quote.total_minor, begun.quote.currency)
            ours = ((came.reference, begun.key), (came.sku, WANTED.sku), (came.quantity, WANTED.quantity))
            is_believed = is_believed and all(told in {None, wanted} for told, wanted in ours)
            return "an order that is none" if is_believed or begun.placed is None else None
        case Open(total_minor=None):
            return None if begun.placed is None else "open, and placed"
        case Open():
            honest = (begun.quote.total_minor, begun.quote.currency)
            is_dearer = came.currency != honest[1] or (came.total_minor or 0) > honest[0]
            return None if begun.placed is None and is_dearer else "open at a price that is none"
        case Standing.BUSY | Standing.ORDERED:
            return None
    return "a standing that is none"


def _of_events(came: object) -> str | None:
    if isinstance(came, _UNCLEAR):
        return None
    if not isinstance(came, Followed):
        return "no error of the contract"
    return None if came.progress is Progress.PREPARING else "progress that is none"


def _of_prices(begun: Begun, came: object) -> str | None:
    if isinstance(came, MerchantAwayError):
        return None
    if not isinstance(came, PriceList):
        return "no error of the contract"
    for line in came.lines:
        honest = (begun.quote.unit_price_minor, begun.quote.currency)
        if line.available and line.unit_price_minor is not None and (line.unit_price_minor, line.currency) != honest:
            return "a price that is none"
    return None


def is_bounded(shop: Shop) -> bool:
    """Whether no body was read further than its bound, and nobody but the merchant was asked."""
    return shop.wire.read_max <= BODY_BYTES_MAX + _CHUNK and not shop.wire.strays
