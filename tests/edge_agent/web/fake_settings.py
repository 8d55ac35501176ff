"""The household's settings, holdings and report in memory, for the pages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime

from edge_agent.core.catalogue import DateRange, Mode, Preferences
from edge_agent.core.deciding.shadow import ShadowReport
from edge_agent.core.holdings import Beside, ForgettingNow, Forgotten, Held, SentSum
from edge_agent.core.household_edit import PreferencesEdit, StayKind, as_json
from edge_agent.core.messages import DeviceId, ItemId
from edge_agent.core.report import HomeReport, MonthRow, Spoiled
from edge_agent.errors import HubError

_SINCE = datetime(2025, 9, 3, 7, 0, tzinfo=UTC)
_NOW = datetime(2026, 2, 28, 18, 5, tzinfo=UTC)


class SettingsInMemory:
    """Fulfils `Settings`; `refusal` is what a change raises if set."""

    def __init__(self) -> None:
        self.stands = Preferences()
        self.refusal: HubError | None = None
        self.calls: list[tuple[object, ...]] = []

    def preferences(self) -> Preferences:
        """As they stand."""
        return self.stands

    def change(self, edit: PreferencesEdit, *, by: str) -> None:
        """Take it over."""
        self._refuse()
        self.calls.append(("settings", dict(edit.changes), by))
        self.stands = Preferences.model_validate_json(json.dumps({**as_json(self.stands), **edit.changes}))

    def add_days(self, kind: StayKind, days: DateRange, *, by: str) -> None:
        """Note them."""
        self._refuse()
        self.calls.append(("add_days", kind, days, by))

    def remove_days(self, kind: StayKind, days: DateRange, *, by: str) -> None:
        """Take them away."""
        self._refuse()
        self.calls.append(("remove_days", kind, days, by))

    def set_mode(self, item: ItemId, mode: Mode, *, by: str) -> None:
        """Write it down."""
        self._refuse()
        self.calls.append(("mode", item, mode, by))

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal


class HoldingsInMemory:
    """Fulfils `Holdings`: a home of half a year; `found_beside` is what a test has set."""

    def __init__(self) -> None:
        self.found_beside = Beside()

    def held(self) -> Sequence[Held]:
        """Some of each sort, one kind that has no words among them."""
        return [
            Held("reading", 412_806, _SINCE),
            Held("message", 201_400, _SINCE),
            Held("quarantine", 37, datetime(2025, 11, 20, tzinfo=UTC)),
            Held("stock_event", 64, datetime(2025, 9, 14, tzinfo=UTC)),
            Held("intent", 41, datetime(2025, 9, 21, tzinfo=UTC)),
            Held("authority", 41, datetime(2025, 9, 21, tzinfo=UTC)),
            Held("audit", 903),
            Held("account", 4),
            Held("session", 2),
        ]

    def sent(self) -> Sequence[SentSum]:
        """Three purposes."""
        return [
            SentSum("order", 41, 38_212, datetime(2025, 9, 21, tzinfo=UTC), _NOW, ("bridge.example",)),
            SentSum("order_status", 5_820, 0, datetime(2025, 9, 21, tzinfo=UTC), _NOW, ("bridge.example",)),
            SentSum("prices", 1_104, 96_048, _SINCE, _NOW, ("bridge.example",)),
        ]

    def devices(self) -> Sequence[DeviceId]:
        """Two."""
        return [DeviceId("fridge-scale"), DeviceId("washer")]

    def beside(self) -> Beside:
        """What was set."""
        return self.found_beside

    async def export(self) -> AsyncIterator[bytes]:
        """Two lines."""
        yield b'{"kind": "about", "form": "restock.export"}\n'
        yield b'{"kind": "end", "rows": 0}\n'


class ForgettingRecorded:
    """Fulfils `Forgetting`: writes down what was to go; `under_way` and `refusal` are what a test has set."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.under_way: ForgettingNow | None = None
        self.refusal: HubError | None = None

    async def before(self, day: date, *, by: str) -> Forgotten:
        """Write it down."""
        if self.refusal is not None:
            raise self.refusal
        self.calls.append(("forget_before", day, by))
        return Forgotten(readings=120, day_sums=3, is_done=self.under_way is None)

    async def of_device(self, device: DeviceId, *, by: str) -> Forgotten:
        """Write it down."""
        if self.refusal is not None:
            raise self.refusal
        self.calls.append(("forget_device", device, by))
        return Forgotten(readings=1, is_done=self.under_way is None)

    def now(self) -> ForgettingNow | None:
        """What was set."""
        return self.under_way


class ReportInMemory:
    """Fulfils `Reporting`; `found` is what a test has set."""

    def __init__(self) -> None:
        self.found = HomeReport(
            since=date(2025, 3, 1),
            months=(
                MonthRow(date(2026, 2, 1), "USD", orders=7, spent_minor=8_412, agreed_only=1, joined=4),
                MonthRow(date(2026, 1, 1), "USD", orders=9, spent_minor=10_377, agreed_only=0, joined=2),
                MonthRow(date(2025, 12, 1), "USD", orders=4, spent_minor=4_190, agreed_only=0, joined=0),
            ),
            undone=1,
            spoiled=(Spoiled(ItemId("milk"), 2, 1_550.0), Spoiled(ItemId("gone"), 1, 3.0)),
            shadows=((ItemId("coffee"), ShadowReport(date(2026, 1, 4), 3, 6, 2_940, "USD", 2, 1)),),
        )

    def report(self) -> HomeReport:
        """What stands there."""
        return self.found
