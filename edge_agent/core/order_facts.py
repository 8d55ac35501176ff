"""What a merchant tells of an order after it was placed. None is not told, and never zero.

The order service has held every picture of the merchant against the last one already; here the same law stands once
more, so that nothing that is heard twice, or late, ever takes packs or money back: no count of what happened falls. How
many packs an order still is for is no such count: the newest word stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """Packs of what was ordered that came, and that went back; money that was paid back, in the order's currency.

    `ordered_quantity` is how many packs it still is for, told once the merchant cancelled some of them.

    `substitute_sku` was sent in the place of what was ordered; `expected_on` is the day that the merchant promises;
    `tracking_url` where a person can look.
    """

    ordered_quantity: int | None = None
    delivered_quantity: int | None = None
    returned_quantity: int | None = None
    refunded_minor: int | None = None
    substitute_sku: str | None = None
    expected_on: date | None = None
    tracking_url: str | None = None


NOTHING_TOLD = OrderFacts()


def merged(known: OrderFacts, told: OrderFacts) -> OrderFacts:
    """What is known after this was told."""
    return OrderFacts(
        ordered_quantity=known.ordered_quantity if told.ordered_quantity is None else told.ordered_quantity,
        delivered_quantity=_highest(known.delivered_quantity, told.delivered_quantity),
        returned_quantity=_highest(known.returned_quantity, told.returned_quantity),
        refunded_minor=_highest(known.refunded_minor, told.refunded_minor),
        substitute_sku=told.substitute_sku or known.substitute_sku,
        expected_on=told.expected_on or known.expected_on,
        tracking_url=told.tracking_url or known.tracking_url,
    )


def has_risen(known: int | None, now: int | None) -> bool:
    """Whether a count is higher than it was."""
    return (now or 0) > (known or 0)


def _highest(known: int | None, told: int | None) -> int | None:
    said = [count for count in (known, told) if count is not None]
    return max(said, default=None)
