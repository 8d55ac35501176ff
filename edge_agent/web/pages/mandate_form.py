"""Making a mandate: first the item, then the limits, with every wrong entry named beside its field.

The product is the one that is bound to the item. What may stand in for it is chosen from the household's own list of
substitutes, as far as their merchants are safe for a mandate.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core.catalogue import Product
from edge_agent.core.leave.draw import DRAWABLE_CLASSES
from edge_agent.core.leave.mandate import (
    Acceptable,
    AmountRange,
    Budget,
    ExecutionDate,
    MandateDraft,
    MandateItem,
    Recurrence,
)
from edge_agent.core.leave.period import Frequency
from edge_agent.core.leave.terms import newest_price
from edge_agent.core.messages import ItemId
from edge_agent.core.overview import ItemOverview
from edge_agent.core.said import say
from edge_agent.errors import RefusedError
from edge_agent.web.entries import Entries
from edge_agent.web.leave import Leave, leave_of
from edge_agent.web.visit import Visit
from edge_agent.web.wording import FREQUENCIES

DAYS_MAX = 731
_DAYS_USUAL = 90
_QUANTITY_MAX = 99
_ORDERS_MAX = 9_999


async def choose(visit: Visit) -> Response:
    """Which item the mandate is for, and why it cannot be for some."""
    items = [(known.item, refusal_of(visit, known)) for known in visit.site.parts.overview.items()]
    return visit.page("mandate_choose.html", items=items)


async def show(visit: Visit) -> Response:
    """The empty form of one item."""
    known = _known(visit)
    usual = {
        "quantity_max": str(known.item.room_packs),
        "frequency": Frequency.MONTHLY.value,
        "not_after": (visit.site.moments.today() + timedelta(days=_DAYS_USUAL)).isoformat(),
    }
    return _page(visit, known, typed=usual, errors={})


async def create(visit: Visit) -> Response:
    """Give leave, if everything that was typed can be taken and the PIN is right where one is asked for."""
    known = _known(visit)
    if not known.item.product.can_be_ordered:
        raise HTTPException(404)
    entries = Entries(visit.form)
    draft = _draft(visit, known, entries)
    if draft is None:
        return _page(visit, known, typed=visit.form, errors=entries.errors)
    leave = _leave(visit, known, amount_minor=draft.budget.max_minor)
    if leave.refusal is not None:
        entries.wrong("budget", say("You cannot give this leave: {refusal}.", refusal=leave.refusal))
    elif leave.needs_pin and (pin_error := await visit.wrong_pin()) is not None:
        entries.wrong("pin", pin_error)
    if entries.errors:
        return _page(visit, known, typed=visit.form, errors=entries.errors)
    try:
        record = visit.site.parts.mandates.propose(draft, by=visit.person.account, pin_checked=leave.needs_pin)
    except RefusedError as exc:
        told = say("The hub says: {refusal}. Nothing was changed.", refusal=exc.args[0])
        return _page(visit, known, typed=visit.form, errors={"whole": told})
    return RedirectResponse(f"/mandates/{record.id}", status_code=303)


def refusal_of(visit: Visit, known: ItemOverview) -> str | None:
    """Why no mandate can be given for this item's merchant; None where one can."""
    if not known.item.product.can_be_ordered:
        return say("it names no merchant, so nobody can order it")
    merchant_class = visit.site.parts.merchants.merchant_class(known.item.product.merchant)
    if merchant_class is None or not _currency(known):
        return say("no price list of its merchant has come yet, so it is not known whether a mandate is safe there")
    if merchant_class in DRAWABLE_CLASSES:
        return None
    return say(
        "its merchant cannot tell whether it has an order whose answer got lost, so a person must approve each one"
    )


def _known(visit: Visit) -> ItemOverview:
    known = visit.site.parts.overview.item(ItemId(visit.path_id("item")))
    if known is None:
        raise HTTPException(404)
    return known


def _page(visit: Visit, known: ItemOverview, *, typed: Mapping[str, str], errors: Mapping[str, str]) -> Response:
    policy = visit.site.parts.policies.get()
    return visit.page(
        "mandate_form.html",
        status=422 if errors else 200,
        item=known.item,
        refusal=refusal_of(visit, known),
        substitutes=[(_field(product), product) for product in known.item.substitutes if _is_safe(visit, product)],
        left_out=[product for product in known.item.substitutes if not _is_safe(visit, product)],
        currency=_currency(known),
        two_people_above_minor=policy.two_people_above_minor,
        policy_currency=policy.currency,
        frequencies=[(frequency.value, words) for frequency, words in FREQUENCIES.items()],
        typed=typed,
        errors=errors,
        leave=_leave(visit, known, amount_minor=0),
        today=visit.site.moments.today(),
    )


def _currency(known: ItemOverview) -> str:
    """The currency in which the merchant sells; without a price list no mandate can be made."""
    price = newest_price(known.item, known.prices)
    return price.currency if price else ""


def _draft(visit: Visit, known: ItemOverview, entries: Entries) -> MandateDraft | None:
    """What was typed, as far as it can be taken; `entries` holds what could not."""
    refusal = refusal_of(visit, known)
    if refusal is not None:
        entries.wrong("whole", say("No mandate can be given here: {refusal}.", refusal=refusal))
        return None
    currency = _currency(known)
    acceptable = _acceptable(visit, known)
    quantity_max = entries.whole("quantity_max", low=1, high=_QUANTITY_MAX)
    most_minor = entries.money("order_max", currency=currency)
    budget_minor = entries.money("budget", currency=currency)
    frequency = entries.one_of("frequency", {frequency.value: frequency for frequency in Frequency})
    orders_max = entries.whole("orders_max", low=1, high=_ORDERS_MAX, optional=True)
    window = _window(visit, entries)
    if most_minor and budget_minor and most_minor > budget_minor:
        entries.wrong("order_max", say("One order cannot cost more than the budget of the period."))
    if entries.errors or not (quantity_max and most_minor and budget_minor and frequency and window):
        return None
    return MandateDraft(
        items=(MandateItem(item=known.item.id, acceptable=acceptable, quantity_max=quantity_max),),
        amount_range=AmountRange(currency=currency, max_minor=most_minor),
        budget=Budget(currency=currency, max_minor=budget_minor),
        recurrence=Recurrence(frequency=frequency, max_occurrences=orders_max),
        execution_date=window,
        timezone=visit.site.moments.zone_name,
    )


def _acceptable(visit: Visit, known: ItemOverview) -> tuple[Acceptable, ...]:
    """The product that is bound now, then those substitutes that were chosen, in the household's order."""
    chosen = [
        product for product in known.item.substitutes if _is_safe(visit, product) and _field(product) in visit.form
    ]
    return tuple(Acceptable(merchant=product.merchant, sku=product.sku) for product in (known.item.product, *chosen))


def _is_safe(visit: Visit, product: Product) -> bool:
    return visit.site.parts.merchants.merchant_class(product.merchant) in DRAWABLE_CLASSES


def _field(product: Product) -> str:
    """The name of a substitute's field: what was ticked stays ticked for the same product, whatever the file says."""
    return f"instead:{product.merchant}:{product.sku}"


def _window(visit: Visit, entries: Entries) -> ExecutionDate | None:
    """From today on, for two years at the most: leave that nobody remembers should end."""
    today = visit.site.moments.today()
    not_before = entries.day("not_before", optional=True)
    not_after = entries.day("not_after")
    if not_before is not None and not_before < today:
        entries.wrong("not_before", say("Today or later."))
    if not_after is None:
        return None
    if not_after < (not_before or today):
        entries.wrong("not_after", say("Not before it begins."))
    if not_after > today + timedelta(days=DAYS_MAX):
        entries.wrong("not_after", say("Within two years: then look at it again and make another."))
    return ExecutionDate(not_before=not_before, not_after=not_after)


def _leave(visit: Visit, known: ItemOverview, *, amount_minor: int) -> Leave:
    """What stands between this person and so much leave."""
    return leave_of(
        visit.site.parts,
        name=visit.person.account,
        total_max_minor=amount_minor,
        currency=_currency(known),
        endorsements=(),
    )
