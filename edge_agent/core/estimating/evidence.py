"""What a reading of a bound signal says: an amount that is there, a number that counts use, a flag, or nothing.

A unit is never guessed. What is absurd says nothing: unknown is never zero.
"""

from __future__ import annotations

from math import inf, isfinite

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.messages import Direction, Presence, Reading
from edge_agent.core.quantity import unit_of
from edge_agent.core.signals import quantity_of

PERCENT = "%"
_NEGATIVE_PACKS_MAX = 0.1  # tare drift; below that the reading is no level
_LEVEL_PACKS_MAX = 1_000.0
_HOUR_S = 3_600.0
_DECIMALS_MAX = 4
_LOW_WORDS = frozenset({"low", "replace"})  # the profiles' words for a flag are a closed list
_EMPTY_WORD, _FINE_WORD = "empty", "ok"


def tells_level(binding: Binding) -> bool:
    """Whether the signal says how much is there: a level, or a count of what a fresh part has given or still gives."""
    if binding.kind in {"counter", "run_time"}:
        return binding.full_amount is not None or counts_down(binding)
    return binding.kind == "level"


def counts_down(binding: Binding) -> bool:
    """Whether the signal's name says that it goes down with use."""
    quantity = quantity_of(binding.signal)
    return quantity is not None and quantity.direction == Direction.DOWN


def amount_of(reading: Reading, binding: Binding, *, item: Item) -> float | None:
    """The reading as an amount in the item's unit, None where it does not say one. Bindings that tell a level only."""
    value = _number(reading)
    if value is None:
        return None
    match binding.kind:
        case "level":
            amount = _level(value, reading.unit, binding, item=item)
        case _:
            given = use_number(reading, binding)
            amount = None if given is None else given * _per_step(binding)
            if amount is not None and not counts_down(binding):
                amount = max(0.0, (binding.full_amount or 0.0) - amount)  # used for longer than it should be
    if amount is None or not -_NEGATIVE_PACKS_MAX <= amount / item.product.pack_amount <= _LEVEL_PACKS_MAX:
        return None
    return max(0.0, amount)


def step_of(reading: Reading, binding: Binding) -> float:
    """The smallest step in which the signal seems to count, by its decimals, as an amount in the item's unit."""
    value = _number(reading) or 0.0
    decimals = next((places for places in range(_DECIMALS_MAX) if round(value, places) == value), _DECIMALS_MAX)
    step = 10.0**-decimals
    if binding.kind == "level":
        return step / 100.0 * (binding.full_amount or 0.0) if reading.unit == PERCENT else step
    return step * _per_step(binding)


def use_number(reading: Reading, binding: Binding) -> float | None:
    """What a counter stands at, in counts, or in hours of running."""
    value = _number(reading)
    unit = unit_of(reading.unit)
    if value is None or unit is None:
        return None
    if binding.kind == "run_time":
        return value * unit.factor / _HOUR_S if unit.dimension == "time" else None
    return None if unit.dimension in {"mass", "volume", "time"} or reading.unit == PERCENT else value


def use_amount(number: float, binding: Binding) -> float:
    """How much of the item so many counts or hours use."""
    return number * _per_step(binding)


def flag_amount(reading: Reading, binding: Binding) -> float | None:
    """What a flag says is left: nothing, `low_amount`, or infinity for "more than that"; None where it says nothing."""
    if reading.presence is not Presence.VALUE:
        return None
    if reading.value == _EMPTY_WORD:
        return 0.0
    if reading.value in _LOW_WORDS:
        return binding.low_amount
    return inf if reading.value == _FINE_WORD else None


def _number(reading: Reading) -> float | None:
    value = reading.value
    if reading.presence is not Presence.VALUE or isinstance(value, str) or value is None or not isfinite(value):
        return None
    return float(value)


def _level(value: float, unit: str, binding: Binding, *, item: Item) -> float | None:
    if unit == PERCENT and binding.full_amount is not None:
        return value / 100.0 * binding.full_amount
    return value if unit == item.unit else None


def _per_step(binding: Binding) -> float:
    return binding.amount_per_count or binding.amount_per_hour or 0.0
