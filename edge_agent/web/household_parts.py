"""What the pages of the household itself are given: its settings, what is held of it, what came of it all.

Apart from `parts` because each has a stand-in here for a site that is made without it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Protocol

from edge_agent.core.catalogue import DateRange, Mode, Preferences
from edge_agent.core.holdings import Beside, ForgettingNow, Forgotten, Held, SentSum
from edge_agent.core.household_edit import PreferencesEdit, StayKind
from edge_agent.core.messages import DeviceId, ItemId
from edge_agent.core.report import HomeReport
from edge_agent.core.said import say
from edge_agent.errors import RefusedError


class Settings(Protocol):
    """The household's preferences and the modes of its items. `by` is the account's name."""

    def preferences(self) -> Preferences:
        """As they stand now."""

    def change(self, edit: PreferencesEdit, *, by: str) -> None:
        """Write what differs.

        Raises: RefusedError when the file was edited meanwhile, or cannot be changed.
        """

    def add_days(self, kind: StayKind, days: DateRange, *, by: str) -> None:
        """Note days away or with guests.

        Raises: RefusedError when they cannot be meant.
        """

    def remove_days(self, kind: StayKind, days: DateRange, *, by: str) -> None:
        """Take such days away again."""

    def set_mode(self, item: ItemId, mode: Mode, *, by: str) -> None:
        """Another mode of an item.

        Raises: RefusedError when there is no such item.
        """


class Holdings(Protocol):
    """Everything that the hub keeps of the household."""

    def held(self) -> Sequence[Held]:
        """What is held, in how many rows, since when."""

    def sent(self) -> Sequence[SentSum]:
        """What left the home, by purpose."""

    def devices(self) -> Sequence[DeviceId]:
        """Devices of which readings are held."""

    def beside(self) -> Beside:
        """Files beside the store that hold readings too."""

    def export(self) -> AsyncIterator[bytes]:
        """Everything as lines of JSON, a few thousand at once, without secrets."""


class Forgetting(Protocol):
    """Deletes readings for good; nothing else is ever deleted here. `by` is the account's name.

    What takes long goes on after the answer: `now` tells how far it is.
    """

    async def before(self, day: date, *, by: str) -> Forgotten:
        """Those from before a day at home.

        Raises: RefusedError while another deletion is under way.
        """

    async def of_device(self, device: DeviceId, *, by: str) -> Forgotten:
        """Those of one device.

        Raises: RefusedError while another deletion is under way.
        """

    def now(self) -> ForgettingNow | None:
        """The deletion that is under way."""


class Reporting(Protocol):
    """What came of it all."""

    def report(self) -> HomeReport:
        """The last twelve months."""


class NoSettings:
    """Fulfils `Settings` for pages without the household's file."""

    def preferences(self) -> Preferences:
        """The defaults."""
        return Preferences()

    def change(self, edit: PreferencesEdit, *, by: str) -> None:  # noqa: ARG002
        """There is no file."""
        raise RefusedError(say("this cannot be set here"))

    def add_days(self, kind: StayKind, days: DateRange, *, by: str) -> None:  # noqa: ARG002
        """There is no file."""
        raise RefusedError(say("this cannot be set here"))

    def remove_days(self, kind: StayKind, days: DateRange, *, by: str) -> None:  # noqa: ARG002
        """There is no file."""
        raise RefusedError(say("this cannot be set here"))

    def set_mode(self, item: ItemId, mode: Mode, *, by: str) -> None:  # noqa: ARG002
        """There is no file."""
        raise RefusedError(say("this cannot be set here"))


class NoHoldings:
    """Fulfils `Holdings` for pages without a store."""

    def held(self) -> Sequence[Held]:
        """Nothing."""
        return ()

    def sent(self) -> Sequence[SentSum]:
        """Nothing."""
        return ()

    def devices(self) -> Sequence[DeviceId]:
        """None."""
        return ()

    def beside(self) -> Beside:
        """None."""
        return Beside()

    async def export(self) -> AsyncIterator[bytes]:
        """Nothing."""
        yield b""


class NoForgetting:
    """Fulfils `Forgetting` for pages without a store."""

    async def before(self, day: date, *, by: str) -> Forgotten:  # noqa: ARG002
        """There is nothing."""
        raise RefusedError(say("this cannot be deleted here"))

    async def of_device(self, device: DeviceId, *, by: str) -> Forgotten:  # noqa: ARG002
        """There is nothing."""
        raise RefusedError(say("this cannot be deleted here"))

    def now(self) -> ForgettingNow | None:
        """None."""
        return None


class NoReporting:
    """Fulfils `Reporting` for pages without a store."""

    def report(self) -> HomeReport:
        """An empty one."""
        return HomeReport()
