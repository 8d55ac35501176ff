"""A bar code: which item it is, and in one tap that a pack came in or is finished; for an unknown one, what to do.

The code is typed, or read by the camera in the browser: the hub only ever sees the number. Looking changes nothing, and
asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from edge_agent.core import gs1
from edge_agent.core.catalogue import Item, Product
from edge_agent.core.gs1 import PackCode
from edge_agent.core.household_edit import products_mark
from edge_agent.core.messages import ItemId
from edge_agent.core.overview import ItemOverview
from edge_agent.core.said import Said, say
from edge_agent.errors import ProductsUnreachableError, RefusedError
from edge_agent.web.entries import Entries
from edge_agent.web.items.history import in_words
from edge_agent.web.pages.bind import EDITED
from edge_agent.web.visit import Visit

ADDRESS = "/scan"
PERMISSIONS = "camera=(self)"  # on this page only
NO_ANSWER = say("Open Food Facts did not answer. Try it again later, or type in what stands on the pack.")
_DIGITS_MAX = 2
_PACKS_MIN = 0.01


@dataclass(frozen=True, slots=True)
class FoundRow:
    """An item that holds the product. `packs`: so many packs of the bound product are one of it."""

    known: ItemOverview
    product: Product
    packs: str
    is_substitute: bool


@dataclass(frozen=True, slots=True)
class Taker:
    """An item that the code could be bound to. `code` is the number its product has now, "" for none."""

    item: Item
    code: str


async def show(visit: Visit) -> Response:
    """The field for the code, and what is known of the one in the address."""
    return _page(visit, visit.request.query_params.get("code", ""))


async def bind(visit: Visit) -> Response:
    """Keep the number with the product of an item, and look at it again."""
    typed = visit.form.get("code", "")
    takers = {taker.item.id: taker for taker in _takers(visit)}
    entries = Entries(visit.form)
    taker = entries.one_of("item", takers)
    try:
        told = gs1.read(typed)
        if visit.form.get("seen") != _mark(takers.values()):
            entries.wrong("whole", EDITED)
        if taker is not None and not entries.errors:
            visit.site.parts.keeping.set_gtin(taker.item, gtin14=told.gtin14, by=visit.person.account)
            return _with_camera(RedirectResponse(f"{ADDRESS}?code={gs1.shown(told.gtin14)}", status_code=303))
    except RefusedError as exc:
        entries.wrong("whole", exc.args[0])
    return _page(visit, typed, errors=entries.errors)


async def ask(visit: Visit) -> Response:
    """Let Open Food Facts be asked for the number, and look at it again; why it cannot be stands on the page."""
    typed = visit.form.get("code", "")
    told, _ = _read(typed)
    if told is None:
        return _page(visit, typed)
    try:
        await visit.site.parts.products.ask(told.gtin14)
    except RefusedError as exc:
        return _page(visit, typed, not_told=exc.args[0])
    except ProductsUnreachableError:
        return _page(visit, typed, not_told=NO_ANSWER)
    return _with_camera(RedirectResponse(f"{ADDRESS}?code={gs1.shown(told.gtin14)}", status_code=303))


def _page(
    visit: Visit, typed: str, *, errors: Mapping[str, str] | None = None, not_told: str | None = None
) -> Response:
    told, wrong = _read(typed)
    items = visit.site.parts.overview.items()
    found = [] if told is None else _found(items, told.gtin14)
    today = visit.site.moments.today()
    takers = _takers(visit) if told is not None and not found and visit.is_owner else []
    is_unknown = told is not None and not found
    products = visit.site.parts.products
    last_day = None if told is None else told.use_by or told.best_before
    response = visit.page(
        "scan.html",
        status=422 if errors or wrong else 503 if not_told else 200,
        typed=gs1.written(told) if told else typed[: gs1.CODE_MAX],
        wrong={"code": wrong} if wrong else {},
        told=told,
        number=gs1.shown(told.gtin14) if told else "",
        has_label=told is not None and gs1.label(told) is not None,
        is_over=last_day is not None and last_day < today,
        found=found,
        known=products.known(told.gtin14) if told is not None and is_unknown else None,
        may_ask=told is not None and is_unknown and products.may_ask(told.gtin14),
        not_told=not_told,
        takers=takers,
        seen=_mark(takers),
        chosen=visit.form.get("item", ""),
        errors=errors or {},
        after=_after(visit),
        code_max=gs1.CODE_MAX,
    )
    return _with_camera(response)


def _with_camera(response: Response) -> Response:
    response.headers["Permissions-Policy"] = PERMISSIONS
    return response


def _read(typed: str) -> tuple[PackCode | None, Said | None]:
    """What the code tells, or why it tells nothing; neither before anything was typed."""
    if not typed.strip():
        return None, None
    try:
        return gs1.read(typed), None
    except RefusedError as exc:
        return None, exc.args[0]


def _found(items: Sequence[ItemOverview], gtin14: str) -> list[FoundRow]:
    """The items that hold a product of this number, those first for which it is the one that is bought."""
    rows = []
    for known in items:
        product = next((each for each in known.item.products if each.gtin14 == gtin14), None)
        if product is not None:
            packs = max(_PACKS_MIN, round(product.pack_amount / known.item.product.pack_amount, _DIGITS_MAX))
            rows.append(FoundRow(known, product, f"{packs:g}", is_substitute=product != known.item.product))
    return sorted(rows, key=lambda row: row.is_substitute)


def _takers(visit: Visit) -> list[Taker]:
    """Every item, those without a number first."""
    items = visit.site.parts.overview.declared()
    rows = [Taker(item, gs1.shown(item.product.gtin14) if item.product.gtin14 else "") for item in items]
    return sorted(rows, key=lambda row: (row.code != "", row.item.name.casefold()))


def _mark(takers: Iterable[Taker]) -> str:
    return products_mark(taker.item for taker in takers)


def _after(visit: Visit) -> tuple[Item, Said] | None:
    """What was said last of the item that was just told of."""
    ident = visit.request.query_params.get("after", "")
    known = visit.site.parts.overview.item(ItemId(ident)) if ident else None
    said = visit.site.parts.stock.said(ItemId(ident), limit=1) if known is not None else ()
    return (known.item, in_words(said[0], known.item)) if known is not None and said else None
