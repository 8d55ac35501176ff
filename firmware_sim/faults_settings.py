"""The faults that a scenario can give to an appliance, each with what it can be told.

Every fault lasts from `from_h` hours after the start of the run for `for_h` hours, or to the end of the run. A `share`
is a probability for each message. `channel` is the sensor that is struck, the dialect's main one where none is named.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from firmware_sim.scenario_form import Hours, Minutes, Section, Share

FLOOD_MAX = 200_000  # messages of one flood


class FaultSection(Section):
    """When it lasts. `effect` says what it does, in words."""

    effect: ClassVar[str]
    from_h: Hours = 0.0
    for_h: Annotated[float, Field(gt=0, le=8_784)] | None = None

    def begins(self, start: datetime) -> datetime:
        """The first moment of it."""
        return start + timedelta(hours=self.from_h)

    def ends(self, start: datetime) -> datetime | None:
        """The first moment after it; None where it lasts to the end."""
        return None if self.for_h is None else self.begins(start) + timedelta(hours=self.for_h)

    def lasts(self, at: datetime, start: datetime) -> bool:
        """Whether it is there at `at`, in a run that began at `start`."""
        ends = self.ends(start)
        return at >= self.begins(start) and (ends is None or at < ends)


class Duplicate(FaultSection):
    """On the wire."""

    effect = "a message is sent twice"
    kind: Literal["duplicate"]
    share: Share = 0.2


class Reorder(FaultSection):
    """On the wire."""

    effect = "a message changes places with the next one"
    kind: Literal["reorder"]
    share: Share = 0.2


class Delay(FaultSection):
    """On the wire."""

    effect = "a message comes late"
    kind: Literal["delay"]
    share: Share = 0.2
    by_min: Minutes = 90.0


class Gap(FaultSection):
    """On the wire."""

    effect = "a message is lost"
    kind: Literal["gap"]
    share: Share = 0.2


class Flapping(FaultSection):
    """On the wire. What is said while it is down waits where the dialect publishes with QoS 1, and is lost with 0."""

    effect = "the connection is lost and comes back, with last will and birth"
    kind: Literal["flapping"]
    up_min: Annotated[float, Field(gt=0, le=1_440)] = 20.0
    down_min: Annotated[float, Field(gt=0, le=1_440)] = 10.0


class RetainedLeftover(FaultSection):
    """On the wire, once, at the very start: a broker marks it as retained only for those who subscribe later."""

    effect = "an old message that says empty is still retained"
    kind: Literal["retained_leftover"]
    age_d: Annotated[float, Field(gt=0, le=3_650)] = 60.0


class Flood(FaultSection):
    """On the wire. It begins with the first message after `from_h`."""

    effect = "the same message over and over"
    kind: Literal["flood"]
    per_s: Annotated[float, Field(gt=0, le=10_000)] = 200.0
    lasting_s: Annotated[float, Field(gt=0, le=3_600)] = 10.0

    @property
    def count(self) -> int:
        """How many messages are too many."""
        return min(FLOOD_MAX, max(1, round(self.per_s * self.lasting_s)))


class Reboot(FaultSection):
    """In the device, first after half of `every_h`. `new_boot` false: it counts from 1 again under its old boot id."""

    effect = "the device restarts, says nothing meanwhile, and counts from 1 again"
    kind: Literal["reboot"]
    every_h: Annotated[float, Field(gt=0.01, le=8_784)] = 8.0
    down_min: Annotated[float, Field(ge=0, le=1_440)] = 5.0
    new_boot: bool = True


class Stuck(FaultSection):
    """In a sensor."""

    effect = "a sensor says the same for ever"
    kind: Literal["stuck"]
    channel: str | None = None


class Drifting(FaultSection):
    """In a sensor. `per_day` is a share of its range, up or down."""

    effect = "a sensor wanders away"
    kind: Literal["drifting"]
    channel: str | None = None
    per_day: Annotated[float, Field(ge=-10, le=10)] = -0.1


class Noisy(FaultSection):
    """In a sensor. `noise` is one standard deviation, as a share of its range."""

    effect = "a sensor shakes"
    kind: Literal["noisy"]
    channel: str | None = None
    noise: Annotated[float, Field(gt=0, le=1)] = 0.1


class Contradictory(FaultSection):
    """In a sensor: the second of two that tell of the same thing."""

    effect = "two values of one message deny each other"
    kind: Literal["contradictory"]


class WrongClock(FaultSection):
    """In the device."""

    effect = "the device's own clock is wrong"
    kind: Literal["wrong_clock"]
    by_h: Annotated[float, Field(ge=-500_000, le=500_000)] = -480_000.0


class Unset(FaultSection):
    """In the device, as its vendor documents it."""

    effect = "a part that nobody ever set up, with the zeros that stand for it"
    kind: Literal["unset"]


SensorFault: TypeAlias = Stuck | Drifting | Noisy | Contradictory | WrongClock | Unset | Reboot | RetainedLeftover
WireFault: TypeAlias = Duplicate | Reorder | Delay | Gap | Flapping | Flood
AnyFault: TypeAlias = Annotated[SensorFault | WireFault, Field(discriminator="kind")]

FAULTS: tuple[type[FaultSection], ...] = (
    Duplicate,
    Reorder,
    Delay,
    Gap,
    Reboot,
    Stuck,
    Drifting,
    Noisy,
    Contradictory,
    WrongClock,
    Unset,
    Flapping,
    RetainedLeftover,
    Flood,
)


def fault_name(fault: type[FaultSection]) -> str:
    """The word for it in a scenario."""
    name: str = fault.model_fields["kind"].annotation.__args__[0]  # type: ignore[union-attr]
    return name
