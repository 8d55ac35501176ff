"""What is on the broker, as the store of a hub has it. Reads only."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from edge_agent.core.decoding.remarks import Remarks
from edge_agent.core.inventory.assembling import SIGNALS_MAX, TOPICS_MAX, ProfileOf, assembled
from edge_agent.core.inventory.devices import Apart, Heard, Inventory
from edge_agent.ports import Clock, HouseholdStore, Inspection


class HeardStore(Protocol):
    """What the list of devices reads of the store."""

    def latest(self, *, limit: int) -> list[Heard]:
        """The last reading of every signal of every device, by name."""

    def apart(self, *, limit: int) -> list[Apart]:
        """What was kept apart, by topic and reason, the newest first."""


class Discovery:
    """The list as the hub's store has it."""

    def __init__(
        self,
        *,
        heard: HeardStore,
        inspection: Inspection,
        household: HouseholdStore,
        profile_of: ProfileOf,
        clock: Clock,
        stale_after_s: float,
        remarks: Remarks | None = None,
    ) -> None:
        self._remarks = remarks or Remarks()
        self._heard = heard
        self._inspection = inspection
        self._household = household
        self._profile_of = profile_of
        self._clock = clock
        self._stale_after_s = stale_after_s

    def inventory(self) -> Inventory:
        """Everything that is known now."""
        return assembled(
            [self._explained(each) for each in self._heard.latest(limit=SIGNALS_MAX)],
            self._heard.apart(limit=TOPICS_MAX),
            known=self._inspection.devices(),
            items=self._household.load().items,
            profile_of=self._profile_of,
            now=self._clock.now(),
            stale_after_s=self._stale_after_s,
            source="the hub's store",
            remarks=self._remarks,
        )

    def _explained(self, heard: Heard) -> Heard:
        """With the reason why there is no value, where its last message said one."""
        fault = "" if heard.reading.value is not None else self._remarks.fault(heard.device, heard.reading.signal)
        return replace(heard, fault=fault) if fault else heard
