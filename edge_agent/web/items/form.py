"""The form by which a household keeps an item: its fields from what is proposed, an item from what was typed.

The first run and the pages of the home share it. Every item begins by asking, or in shadow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from edge_agent.core import gs1
from edge_agent.core.catalogue import Binding, IfUnanswered, Item, Mode, Product
from edge_agent.core.product_hint import ProductHint
from edge_agent.core.said import Said, say
from edge_agent.core.setup.first_steps import Proposal, free_id
from edge_agent.errors import RefusedError
from edge_agent.web.entries import Entries

UNITS: tuple[tuple[str, Said], ...] = (
    ("mL", say("millilitres")),
    ("g", say("grams")),
    ("{pad}", say("pads, tabs or capsules")),
    ("{piece}", say("pieces")),
)
FIELDS = (
    "name",
    "unit",
    "full_amount",
    "title",
    "pack_amount",
    "merchant",
    "sku",
    "gtin14",
    "pack_days",
    "mode",
    "if_unanswered",
)
DAYS_MAX = 3_650
_NAME_MAX, _TITLE_MAX = 80, 200
_AMOUNT = re.compile(r"[0-9]{1,7}([.,][0-9]{1,3})?")
_AMOUNT_MAX = 1e6
_AMOUNT_WANTED = say("A number above 0, such as 500 or 1035.5.")
_FORM_FIELD = {"product": "title", "binding": "full_amount"}
_BOTH = say("Merchant and article number go together: fill in both, or neither.")
_NO_GTIN = say("The number under the bar code, 8 to 14 digits, or nothing.")
_WRONG: Mapping[str, Said] = {
    "merchant": say("The merchant's short name at your order service: small letters, digits, - and _."),
    "sku": say("The article number at that merchant: letters, digits, dots, - and _."),
    "gtin14": _NO_GTIN,
    "unit": say("One of the list."),
}


def known(
    proposal: Proposal | None, *, gtin: str = "", hint: ProductHint | None = None, language: str = ""
) -> dict[str, str]:
    """What stands in the fields before anybody has typed; `gtin` is a number that was scanned, `hint` tells of it.

    The home's own device goes before the hint. A quantity that is none of the item's unit is left out.
    """
    suggested = {} if hint is None else _suggested(hint, unit=proposal.unit if proposal else "", language=language)
    if proposal is None:
        return {"gtin14": gtin, "mode": "ask", "if_unanswered": "asked_again", **suggested}
    return suggested | {
        "name": proposal.name,
        "unit": proposal.unit or suggested.get("unit", ""),
        "full_amount": "" if proposal.full_amount is None else f"{proposal.full_amount:g}",
        "gtin14": gtin or (proposal.gtins[0] if proposal.gtins else ""),
        "mode": "ask",
        "if_unanswered": "asked_again",
    }


def read(form: Mapping[str, str], *, proposal: Proposal | None, taken: Sequence[Item], entries: Entries) -> Item | None:
    """The item that was typed; None where something is wrong, which `entries` then names.

    Without a proposal it has no sensor, and is replenished by how long a pack lasts. `taken` are the items that there
    are, for an id of its own.
    """
    name = entries.text("name", length_max=_NAME_MAX, wanted=say("A name"))
    title = entries.text("title", length_max=_TITLE_MAX, wanted=say("What stands on the pack"))
    pack = amount(entries, form, "pack_amount")
    days = amount(entries, form, "pack_days", high=DAYS_MAX)
    full = amount(entries, form, "full_amount") if proposal is not None and proposal.is_percent else None
    number = gtin(entries, form)
    if entries.errors or name is None or title is None or pack is None or days is None:
        return None
    merchant, sku = form.get("merchant", "").strip().lower(), form.get("sku", "").strip()
    if bool(merchant) != bool(sku):
        entries.wrong("sku" if merchant else "merchant", _BOTH)
        return None
    # What nobody can order is only watched, whatever was chosen.
    mode: Mode = "shadow" if form.get("mode") == "shadow" or not merchant else "ask"
    unanswered: IfUnanswered = "left_alone" if form.get("if_unanswered") == "left_alone" else "asked_again"
    ident = free_id(name, taken)
    try:
        product = Product(
            title=title,
            merchant=merchant,
            sku=sku,
            gtin14=number,
            pack_amount=pack,
        )
        return Item(
            id=ident,
            name=name,
            category=ident.replace("-", "_")[:40] if proposal is None else proposal.category,
            unit=form.get("unit", "") if proposal is None or proposal.is_percent else proposal.unit,
            product=product,
            binding=None
            if proposal is None
            else Binding(device=proposal.device, signal=proposal.signal, full_amount=full),
            mode=mode,
            prior_use_per_day=pack / days,
            cycle_days=days if proposal is None else None,
            if_unanswered=unanswered,
        )
    except ValidationError as exc:
        tell(exc, entries)
        return None


def _suggested(hint: ProductHint, *, unit: str, language: str) -> dict[str, str]:
    """What a hint puts into the fields; `unit` is that of the item, "" where it is still free."""
    told = {"name": hint.name_in(language)[:_NAME_MAX], "title": hint.title_in(language)[:_TITLE_MAX]}
    for code in (unit,) if unit else tuple(code for code, _ in UNITS):
        held = None if hint.quantity is None else hint.quantity.in_unit(code)
        typed = "" if held is None else f"{held:.3f}".rstrip("0").rstrip(".")
        if _AMOUNT.fullmatch(typed) and 0 < float(typed) <= _AMOUNT_MAX:
            return told | {"unit": code, "pack_amount": typed}
    return told


def amount(entries: Entries, form: Mapping[str, str], name: str, *, high: float = _AMOUNT_MAX) -> float | None:
    """A number above 0, as people write it."""
    typed = form.get(name, "").strip().replace(" ", "")
    if _AMOUNT.fullmatch(typed) and 0 < float(typed.replace(",", ".")) <= high:
        return float(typed.replace(",", "."))
    entries.wrong(name, _AMOUNT_WANTED)
    return None


def gtin(entries: Entries, form: Mapping[str, str]) -> str | None:
    """The product's number as 14 digits, from whatever of a bar code was typed; None where nothing was."""
    typed = form.get("gtin14", "").strip()
    if not typed:
        return None
    try:
        return gs1.read(typed).gtin14
    except RefusedError as exc:
        entries.wrong("gtin14", exc.args[0])
        return None


def tell(error: ValidationError, entries: Entries) -> None:
    """Each complaint beside the field that it is about."""
    for each in error.errors(include_url=False, include_input=False):
        named = str(each["loc"][-1]) if each["loc"] else ""
        field = named if named in FIELDS else _FORM_FIELD.get(named, "name")
        why = str(each["msg"]).removeprefix("Value error, ")
        entries.wrong(field, _WRONG.get(field) or say("This does not fit: {why}", why=why))
