"""What a person sets on the pages becomes a change of the household's own file, with a line of the audit log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from edge_agent.core.catalogue import RANGES_MAX, DateRange, Mode, Preferences
from edge_agent.core.household_edit import ModeEdit, PreferencesEdit, StayKind, as_json
from edge_agent.core.messages import ItemId
from edge_agent.core.said import say
from edge_agent.errors import RefusedError
from edge_agent.ports import HouseholdDocuments

log = logging.getLogger(__name__)

AHEAD_MAX_D = 366
_KEPT_FOR = timedelta(days=120)  # days that are over still say what was not usual
_DAY = timedelta(days=1)


class Settings:
    """Fulfils the pages' `Settings`. `note` writes a line of the audit log; `today` is the day at home."""

    def __init__(
        self,
        *,
        household: HouseholdDocuments,
        note: Callable[[Mapping[str, str | int]], None],
        today: Callable[[], date],
    ) -> None:
        self._household = household
        self._note = note
        self._today = today

    def preferences(self) -> Preferences:
        """As they stand now."""
        return self._household.load().preferences

    def change(self, edit: PreferencesEdit, *, by: str) -> None:
        """Write what differs from the file; nothing is written where nothing does.

        Raises: RefusedError when the file cannot be changed so.
        """
        if edit.changes:
            self._household.edit(edit)
            self._noted(", ".join(sorted(edit.changes)), by=by)

    def add_days(self, kind: StayKind, days: DateRange, *, by: str) -> None:
        """Note that the household is away, or has guests, on these days.

        Raises: RefusedError when the days cannot be meant, or stand there already.
        """
        today = self._today()
        if days.last < today or days.last > today + AHEAD_MAX_D * _DAY:
            raise RefusedError(
                say("the last day must lie between today and {number} days from now", number=AHEAD_MAX_D)
            )
        stays: tuple[DateRange, ...] = getattr(self.preferences(), kind)
        if days in stays:
            raise RefusedError(say("these days are noted already"))
        kept = [stay for stay in stays if stay.last >= today - _KEPT_FOR]
        if len(kept) >= RANGES_MAX:
            raise RefusedError(
                say("no more than {number} such times can be noted: take one away first", number=RANGES_MAX)
            )
        self._put_days(kind, (*kept, days), by=by)

    def remove_days(self, kind: StayKind, days: DateRange, *, by: str) -> None:
        """Take days away that were noted; nothing happens where they are gone already.

        Raises: RefusedError when the file cannot be changed.
        """
        stays: tuple[DateRange, ...] = getattr(self.preferences(), kind)
        if days in stays:
            self._put_days(kind, tuple(stay for stay in stays if stay != days), by=by)

    def set_mode(self, item: ItemId, mode: Mode, *, by: str) -> None:
        """Another mode of an item.

        Raises: RefusedError when there is no such item any more, or the file cannot be changed.
        """
        known = self._household.load().item(item)
        if known is not None and known.mode == mode:
            return
        self._household.edit(ModeEdit(item, mode))
        self._note({"event": "mode_set", "item": item, "mode": mode, "by": by})
        log.info("mode_set item=%s mode=%s", item, mode)

    def _put_days(self, kind: StayKind, stays: tuple[DateRange, ...], *, by: str) -> None:
        seen = as_json(self.preferences())[kind]
        told = [stay.model_dump(mode="json") for stay in stays]
        self._household.edit(PreferencesEdit(changes={kind: told}, seen={kind: seen}))
        self._noted(kind, by=by)

    def _noted(self, fields: str, *, by: str) -> None:
        """Which fields, never what they hold: when nobody is at home does not belong in a log."""
        self._note({"event": "preferences_set", "fields": fields, "by": by})
        log.info("preferences_set fields=%s", fields)
