"""The sections of a scenario that `restock-sim run` plays: the run itself, and each appliance with its faults.

::

    [run]
    days = 2.0
    seed = 7

    [[appliances]]
    name = "cellar"
    kind = "tank"
    dialect = "tasmota"
    [appliances.initial]
    liquid = 0.3
    [[appliances.faults]]
    kind = "duplicate"
    share = 0.5
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints, field_validator, model_validator

from firmware_sim.appliances.catalogue import DIALECTS
from firmware_sim.dialects import Dialect
from firmware_sim.faults_settings import (
    AnyFault,
    Contradictory,
    Drifting,
    Noisy,
    Stuck,
    Unset,
    WrongClock,
)
from firmware_sim.physics_kinds import KINDS
from firmware_sim.scenario_form import Minutes, Section
from firmware_sim.sensing import HIDDEN, SENSES

APPLIANCES_MAX = 200
FAULTS_MAX = 20


class RunSection(Section):
    """How long the run is, and from which seed. Without `start` it begins when it is started."""

    days: Annotated[float, Field(gt=0, le=366)] = 1.0
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 7
    start: AwareDatetime | None = None

    @property
    def lasts(self) -> timedelta:
        """How long the run is."""
        return timedelta(days=self.days)

    @field_validator("start", mode="after")
    @classmethod
    def _within_reason(cls, start: datetime | None) -> datetime | None:
        if start is not None and not 2000 <= start.year <= 2100:
            raise ValueError("must be between the years 2000 and 2100")
        return start


class ApplianceSection(Section):
    """One appliance. `initial` says for parts of it how full they are at the start, as shares.

    `busy` scales how much is used, `refill` false lets it run empty. `address` stands for the device in the vendor's
    topics where that is not its name.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
    kind: str
    dialect: str = ""
    address: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./:-]{1,64}$")] | None = None
    report_every_min: Minutes = 30.0
    busy: Annotated[float, Field(ge=0, le=20)] = 1.0
    refill: bool = True
    initial: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    faults: Annotated[tuple[AnyFault, ...], Field(strict=False, max_length=FAULTS_MAX)] = ()

    @property
    def dialect_class(self) -> type[Dialect]:
        """Its dialect; the first of its kind where none is named."""
        dialects = DIALECTS[self.kind]
        return dialects[self.dialect] if self.dialect else next(iter(dialects.values()))

    @property
    def place(self) -> str:
        """What stands for it in its vendor's topics: no two of one dialect may be at one place."""
        return self.address or self.dialect_class.default_address(self.name)

    @field_validator("kind", mode="after")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"must be one of {', '.join(KINDS)}")
        return kind

    @model_validator(mode="after")
    def _fits(self) -> ApplianceSection:
        dialects = DIALECTS[self.kind]
        if self.dialect and self.dialect not in dialects:
            raise ValueError(f"dialect = {self.dialect!r}: must be one of {', '.join(dialects)}")
        if self.address and self.dialect_class.name == "native":
            raise ValueError("address: a native device is named by its name")
        parts = [part.name for part in KINDS[self.kind].parts]
        for part in self.initial:
            if part not in parts:
                raise ValueError(f"initial.{part}: must be one of {', '.join(parts)}")
        for number, fault in enumerate(self.faults):
            complaint = _complaint(fault, self.dialect_class)
            if complaint:
                raise ValueError(f"faults.{number}: {fault.kind}: {complaint}")
        return self


def _complaint(fault: AnyFault, dialect: type[Dialect]) -> str:
    """Why a fault would show nothing in this dialect; empty where it would."""
    who = f"{dialect.kind} in {dialect.name}"
    match fault:
        case Stuck(channel=channel) | Drifting(channel=channel) | Noisy(channel=channel) if channel is not None:
            channels = [name for name in SENSES[dialect.kind] if not name.startswith(HIDDEN)]
            return "" if channel in channels else f"channel = {channel!r}: must be one of {', '.join(channels)}"
        case Contradictory():
            return "" if dialect.twin else f"a {who} tells everything once"
        case WrongClock():
            return "" if dialect.clock else f"a {who} tells no time"
        case Unset():
            return "" if dialect.unset else f"for a {who} no such state is documented"
        case _:
            return ""
