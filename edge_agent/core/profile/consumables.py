"""What is consumable about a device, in Matter's words, and what may be sent to it.

Source: Matter Application Clusters, Resource Monitoring (degradation, change, replacement products, reset).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator
from stdnum import ean
from stdnum.exceptions import ValidationError as WrongDigits

from edge_agent.core.decoding.payload import MISSING, pointer_steps, select
from edge_agent.core.messages import Direction, SignalClass
from edge_agent.core.profile.conditions import Condition
from edge_agent.core.profile.parts import Part, Pointer, SignalName, UnitCode, ValueName

_DIGITS = {"upc": 12, "gtin8": 8, "ean": 13, "gtin14": 14}
_CommandTopic = Annotated[
    str,
    StringConstraints(
        pattern=r"^([^\s+#{}]+( [^\s+#{}]+)*)?(\{device\})?([^\s+#{}]+( [^\s+#{}]+)*)?$", min_length=1, max_length=200
    ),
]


class Product(Part):
    """A replacement product. Numbers carry a verified GS1 check digit; an `oem` code needs the catalogue."""

    type: Literal["upc", "gtin8", "ean", "gtin14", "oem"]
    value: Annotated[str, StringConstraints(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _check_digit(self) -> Self:
        digits = _DIGITS.get(self.type)
        if digits is None:
            return self
        try:
            sound = len(self.value) == digits and ean.validate(self.value) == self.value
        except WrongDigits:
            sound = False
        if not sound:
            raise ValueError(f"{self.value!r} is no {self.type}: {digits} digits with a right check digit are needed")
        return self


class Amount(Part):
    """A number with its UCUM unit."""

    value: float
    unit: UnitCode


class Capacity(Part):
    """What a full charge is: a signal that tells it, or a fixed amount."""

    signal: SignalName | None = None
    amount: Amount | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.signal is None) == (self.amount is None):
            raise ValueError("either signal or amount is needed")
        return self


class Change(Part):
    """From where on a change is due: soon (`warning`), and now (`critical`)."""

    warning: Amount | None = None
    critical: Amount | None = None


class Consumable(Part):
    """One thing that is used up. `degradation` is where its signal goes with use (for a flag: `none`).

    `products_from` is a list in the payload by which the device names replacements, in Matter's form: suggestions.
    """

    model: SignalClass
    signal: SignalName
    capacity: Capacity | None = None
    degradation: Direction | Literal["none"]
    change: Change | None = None
    products: Annotated[tuple[Product, ...], Field(max_length=5)] = ()
    products_from: Pointer | None = None
    reset: ValueName | None = None


class CommandValue(Part):
    """The one place of a command's payload that varies: a reading of `signal`, turned back into the device's terms."""

    at: Pointer
    signal: SignalName


class Acknowledgement(Part):
    """The message by which a device says that it has done as it was told."""

    topic: _CommandTopic
    require: Annotated[tuple[Condition, ...], Field(min_length=1, max_length=8)]


class Command(Part):
    """A message to a device. `confirm` asks a person first, and is what it is without a word about it."""

    topic: _CommandTopic
    payload: JsonValue
    value: CommandValue | None = None
    ack: Acknowledgement | None = None
    confirm: bool = True

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.value is not None and not _has_place(self.payload, pointer_steps(self.value.at)):
            raise ValueError(f"value.at: the payload has no place {self.value.at!r}")
        return self


def _has_place(tree: JsonValue, steps: tuple[str, ...]) -> bool:
    """Whether there is an object or a list around the place: a member may be added, an element of a list may not."""
    parent = select(tree, steps[:-1])
    return isinstance(parent, dict) or (isinstance(parent, list) and select(parent, steps[-1:]) is not MISSING)
