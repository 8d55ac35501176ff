"""One signal of a device: which items it tells of, and how an owner binds it to one or takes it away again.

A form carries a mark of what it was made from: where an item was edited meanwhile nothing is written, and the page
shows how things stand now beside what was typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.household_edit import sensors_mark
from edge_agent.core.inventory.devices import OfferLine, household_lines
from edge_agent.core.said import say
from edge_agent.errors import RefusedError
from edge_agent.web.entries import Entries
from edge_agent.web.items import form
from edge_agent.web.pages.device import device_id, signal_name, signal_row
from edge_agent.web.visit import Visit

_HOW = {"instead": False, "beside": True}
_FIELDS = ("item", "full_amount", "how", "pack_days")
EDITED = say(
    "The household's file was edited while you looked at this page. Nothing was changed yet. "
    "How it stands now is below, with what you chose. Press once more if that is still right."
)


@dataclass(frozen=True, slots=True)
class Refused:
    """Which form was not taken (`bind`, or the id of the item to unbind), what was typed, what is wrong with it."""

    form: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FedRow:
    """An item that the signal tells of. `pack_days` is asked for where nothing else would tell of it."""

    item: Item
    mark: str
    is_last: bool
    pack_days: str


async def show(visit: Visit) -> Response:
    """The page."""
    return _page(visit, Refused())


async def change(visit: Visit) -> Response:
    """Bind or unbind, and go back to the device."""
    refused = _bind(visit) if visit.form.get("act") == "bind" else _unbind(visit)
    if refused is not None:
        return _page(visit, refused)
    return RedirectResponse(f"/devices/{device_id(visit)}", status_code=303)


def _bind(visit: Visit) -> Refused | None:
    offer, items = _offer(visit), _items(visit)
    if offer is None:
        raise HTTPException(404)
    takers = {taker.item: items[taker.item] for taker in offer.takers if taker.item in items}
    entries = Entries(visit.form)
    item, beside = entries.one_of("item", takers), entries.one_of("how", _HOW)
    full = form.amount(entries, visit.form, "full_amount") if offer.needs_full_amount else None
    if visit.form.get("seen") != sensors_mark(takers.values()):
        entries.wrong("whole", EDITED)
    if not entries.errors and item is not None and beside is not None:
        try:
            binding = Binding(device=offer.device, signal=offer.signal, full_amount=full)
            visit.site.parts.keeping.bind(item, binding, beside=beside, by=visit.person.account)
        except ValidationError as exc:
            form.tell(exc, entries)
        except RefusedError as exc:
            entries.wrong("whole", exc.args[0])
        else:
            return None
    return Refused("bind", visit.form, entries.errors)


def _unbind(visit: Visit) -> Refused | None:
    device, signal = device_id(visit), signal_name(visit)
    item = _items(visit).get(visit.form.get("item", ""))
    if visit.form.get("act") != "unbind" or item is None:
        raise HTTPException(400)
    entries = Entries(visit.form)
    days = _pack_days(entries, visit.form, item) if len(item.bindings) == 1 else None
    if visit.form.get("seen") != sensors_mark([item]):
        entries.wrong("whole", EDITED)
    if not entries.errors:
        try:
            visit.site.parts.keeping.unbind(
                item, device=device, signal=signal, cycle_days=days, by=visit.person.account
            )
        except RefusedError as exc:
            entries.wrong("whole", exc.args[0])
        else:
            return None
    return Refused(item.id, visit.form, entries.errors)


def _pack_days(entries: Entries, typed: Mapping[str, str], item: Item) -> float | None:
    """How long a pack lasts, where no sensor would be left to tell."""
    if not typed.get("pack_days", "").strip() and item.cycle_days is not None:
        return None
    return form.amount(entries, typed, "pack_days", high=form.DAYS_MAX)


def _page(visit: Visit, refused: Refused) -> Response:
    device, signal = device_id(visit), signal_name(visit)
    inventory = visit.site.parts.inventory()
    told = next((line for line in inventory.devices if line.device == device), None)
    items = _items(visit)
    row = None if told is None else signal_row(told, signal, names={each.id: each.name for each in items.values()})
    if told is None or row is None:
        raise HTTPException(404)
    offer = _offer(visit)
    proposal = visit.site.parts.keeping.proposal(device, signal) if offer is not None else None
    takers = [items[taker.item] for taker in offer.takers if taker.item in items] if offer else []
    of_bind = refused.form == "bind"
    typed = {"item": "", "how": "instead", "full_amount": form.known(proposal).get("full_amount", "")}
    return visit.page(
        "bind.html",
        status=422 if refused.errors else 200,
        device=device,
        title=told.title or device,
        signal=row,
        fed=_fed(device, signal, items.values(), refused=refused),
        offer=offer,
        by_hand=household_lines(offer) if offer else "",
        takers=[] if offer is None else [taker for taker in offer.takers if taker.item in items],
        seen=sensors_mark(takers),
        typed={**typed, **{name: refused.typed.get(name, "") for name in _FIELDS}} if of_bind else typed,
        errors=refused.errors if of_bind else {},
        unbound=refused.form if not of_bind else "",
        unbind_errors={} if of_bind else refused.errors,
    )


def _fed(device: str, signal: str, items: Iterable[Item], *, refused: Refused) -> list[FedRow]:
    """The items that it tells of now."""
    rows = []
    for item in items:
        if any((bound.device, bound.signal) == (device, signal) for bound in item.bindings):
            days = item.cycle_days or (
                item.product.pack_amount / item.prior_use_per_day if item.prior_use_per_day else 0
            )
            typed = refused.typed.get("pack_days", "") if refused.form == item.id else f"{days:.3g}" if days else ""
            rows.append(FedRow(item, sensors_mark([item]), is_last=len(item.bindings) == 1, pack_days=typed))
    return rows


def _items(visit: Visit) -> dict[str, Item]:
    return {item.id: item for item in visit.site.parts.overview.declared()}


def _offer(visit: Visit) -> OfferLine | None:
    wanted = (device_id(visit), signal_name(visit))
    offers = visit.site.parts.inventory().offers
    return next((offer for offer in offers if (offer.device, offer.signal) == wanted), None)
