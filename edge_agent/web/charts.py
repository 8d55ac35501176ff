"""The bar of what is left, as numbers for `charts.html`: colours by class in the stylesheet, no style attribute."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.core.messages import Range

_WIDTH = 200
_LEVEL_MIN = 3.0  # so that next to nothing is still seen


@dataclass(frozen=True, slots=True)
class AmountBar:
    """A bar 200 wide: `level` of it is filled, the uncertainty reaches from `low` on for `doubt`.

    `tone` is "low", "fair", "good", or "" where the amount is not known; `label` is for who does not see it.
    """

    label: str
    tone: str = ""
    level: float = 0.0
    low: float = 0.0
    doubt: float = 0.0


def amount_bar(amount: Range | None, *, full: float, label: str) -> AmountBar:
    """What is left of `full`."""
    if amount is None:
        return AmountBar(label)
    low, mid, high = (_WIDTH * min(1.0, max(0.0, part / full)) for part in (amount.low, amount.value, amount.high))
    tone = "low" if mid < 50 else "fair" if mid < 90 else "good"
    return AmountBar(label, tone, level=max(_LEVEL_MIN, mid), low=low, doubt=max(0.0, high - low))
