"""Report: what was spent, what spoiled, what watching found."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from edge_agent.core.catalogue import Item
from edge_agent.core.report import MonthRow, Spoiled
from edge_agent.core.said import Said, say
from edge_agent.web.visit import Visit

_MONTHS = (
    say("January"),
    say("February"),
    say("March"),
    say("April"),
    say("May"),
    say("June"),
    say("July"),
    say("August"),
    say("September"),
    say("October"),
    say("November"),
    say("December"),
)


@dataclass(frozen=True, slots=True)
class SpoiledRow:
    """What was thrown away of an item, with the item where the household still has it."""

    spoiled: Spoiled
    item: Item | None


@dataclass(frozen=True, slots=True)
class Carbon:
    """What deliveries that were not made come to, at the household's own figure for one and by its source.

    Units: `each_g` grams of CO2 equivalent a delivery; `saved_kg` kilograms.
    """

    each_g: int
    source: str
    saved_kg: float


async def show(visit: Visit) -> Response:
    """The last twelve months."""
    found = visit.site.parts.reporting.report()
    items = {known.item.id: known.item for known in visit.site.parts.overview.items()}
    return visit.page(
        "report.html",
        report=found,
        carbon=_carbon(visit, saved_deliveries=found.saved_deliveries),
        months=[(_month(row), row, _share(row, found.months)) for row in found.months],
        shadows=[(items.get(item), item, shadow) for item, shadow in found.shadows],
        spoiled=[SpoiledRow(row, items.get(row.item)) for row in found.spoiled],
    )


def _month(row: MonthRow) -> Said:
    return say("{month} {year}", month=_MONTHS[row.month.month - 1], year=row.month.year)


def _carbon(visit: Visit, *, saved_deliveries: int) -> Carbon | None:
    """None where nobody has named a figure and its source."""
    preferences = visit.site.parts.settings.preferences()
    each_g, source = preferences.delivery_co2e_g, preferences.delivery_co2e_source
    return None if each_g is None or source is None else Carbon(each_g, source, saved_deliveries * each_g / 1_000)


def _share(row: MonthRow, months: tuple[MonthRow, ...]) -> int:
    """How long its bar is, in percent of the dearest month of the same currency."""
    most = max(other.spent_minor for other in months if other.currency == row.currency)
    return round(100 * row.spent_minor / most) if most else 0
