"""Whether a signal can tell the stock that it is bound to: by its class, its direction and its unit.

The profile of the device says these three; where it is not loaded, the signal's name still says the direction. A signal
that does not fit is never counted: a level that rises would be taken for what is left while it says what is used.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.messages import Direction, Reason, SignalClass
from edge_agent.core.profile import Profile
from edge_agent.core.quantity import same_quantity, unit_of
from edge_agent.core.said import Said, say
from edge_agent.core.signals import quantity_of

_PERCENT = "%"
_NO_UNIT = say("no unit")
BINDING_REFUSED = "binding_refused"
_MEANS = {
    SignalClass.LEVEL: say("how much there is"),
    SignalClass.COUNTER: say("how often something was done"),
    SignalClass.RUN_TIME: say("how long it ran"),
    SignalClass.FLAG: say("only whether it is nearly empty"),
    "setting": say("a setting"),
}


@dataclass(frozen=True, slots=True)
class Declared:
    """What a profile says of a signal: `signal_class` a class or "setting", `direction` up, down or none, its unit."""

    signal_class: str
    direction: str
    unit: str


def declared_in(profile: Profile | None, signal: str) -> Declared | None:
    """What the profile says of the signal, None where it says nothing or is not loaded."""
    found = None if profile is None else profile.signals.get(signal)
    if found is None:
        return None
    unit = "" if found.unit is None else found.unit.canonical
    return Declared(str(found.signal_class), str(found.direction), unit)


def misfit(binding: Binding, declared: Declared | None, *, item: Item) -> Reason | None:
    """Why the signal is not counted for this item, and what to do; None where it fits, as far as is known."""
    name = f"{binding.device} {binding.signal}"
    if declared is None:
        why = _rises(binding, _direction_of(binding.signal))
    else:
        why = _class_misfit(binding, declared) or _rises(binding, declared.direction)
        why = why or _unit_misfit(binding, declared.unit, item=item)
    if why is None:
        return None
    text = say("{item}: {signal} is not counted. {why}", item=item.name, signal=name, why=why)
    return Reason(BINDING_REFUSED, text)


def _direction_of(signal: str) -> str | None:
    quantity = quantity_of(signal)
    return None if quantity is None else quantity.direction


def _class_misfit(binding: Binding, declared: Declared) -> Said | None:
    told, kind = declared.signal_class, binding.kind
    counts_down = told == SignalClass.LEVEL and declared.direction == Direction.DOWN
    if told == kind or (kind in {"counter", "run_time"} and counts_down):
        return None
    says = _MEANS.get(SignalClass(told) if told in set(SignalClass) else "setting", say("something else"))
    if told not in set(SignalClass):
        return say("It tells {what}, no stock: bind another signal of the device (see Devices).", what=says)
    needs = {"counter": "amount_per_count", "run_time": "amount_per_hour", "flag": "low_amount"}.get(told)
    if needs is None:
        return say('It tells {what}: write "kind": "{kind}" in its binding.', what=says, kind=told)
    return say(
        'It tells {what}: write "kind": "{kind}", with {needs} in its binding.', what=says, kind=told, needs=needs
    )


def _rises(binding: Binding, direction: str | None) -> Said | None:
    if binding.kind != "level" or direction != Direction.UP:
        return None
    return say("It rises as the item is used, so it says what is used and not what is left: bind a signal that falls.")


def _unit_misfit(binding: Binding, unit: str, *, item: Item) -> Said | None:
    match binding.kind:
        case "level":
            return _level_unit_misfit(binding, unit, item=item)
        case "counter" if unit == _PERCENT or _dimension(unit) in {"mass", "volume", "time"}:
            return say('It tells {unit}, which is no count: write "kind": "level", or bind another signal.', unit=unit)
        case "run_time" if _dimension(unit) != "time":
            return say("It tells {unit}, which is no time: bind a signal that tells hours.", unit=unit or _NO_UNIT)
        case _:
            return None


def _level_unit_misfit(binding: Binding, unit: str, *, item: Item) -> Said | None:
    if unit == item.unit:
        return None
    if unit == _PERCENT:
        if binding.full_amount is not None:
            return None
        return say("It tells a percentage: add full_amount, which is what 100 % hold, in {unit}.", unit=item.unit)
    if same_quantity(unit, item.unit):
        return say(
            "It tells {unit} and the item is kept in {kept}: write the item's unit and amounts in {unit}.",
            unit=unit,
            kept=item.unit,
        )
    return say(
        "It tells {unit}, which cannot become {kept}: bind another signal, or keep it in {unit}.",
        unit=unit or _NO_UNIT,
        kept=item.unit,
    )


def _dimension(unit: str) -> str | None:
    found = unit_of(unit)
    return None if found is None else found.dimension
