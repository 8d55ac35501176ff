"""Telling people of a recall that may be about something at home: everybody who may answer, once, over one channel.

Like questions, it names no goods unless the household allows it, and waits for the end of the quiet hours. A channel
that fails gives way to the next one; where none takes it, it is tried again later. Home shows it anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from edge_agent.core.deciding.quiet_hours import quiet_until
from edge_agent.core.notifying.plan import Sent
from edge_agent.core.notifying.texts import recalled
from edge_agent.core.people import MAY_APPROVE, Account
from edge_agent.core.recall import Match
from edge_agent.leave_ports import PeopleStore
from edge_agent.notify_ports import ChannelRow, Channels, NoticeStore, Outcome, Words
from edge_agent.pipeline.recalls import RecallStore
from edge_agent.ports import Clock, HouseholdStore

log = logging.getLogger(__name__)

_TAG = "restock-recall"
_RETRY_AFTER = timedelta(minutes=15)


class RecallTelling:
    """`run_once` is called every few seconds; `matches` are the recalls that may be about something at home."""

    def __init__(
        self,
        *,
        clock: Clock,
        zone: ZoneInfo,
        matches: Callable[[], Sequence[Match]],
        store: RecallStore,
        household: HouseholdStore,
        people: PeopleStore,
        notices: NoticeStore,
        channels: Channels,
        tell_names: bool = False,
        speak: Callable[[str | None, str], str] = lambda _language, text: text,
    ) -> None:
        self._clock = clock
        self._zone = zone
        self._matches = matches
        self._store = store
        self._household = household
        self._people = people
        self._notices = notices
        self._channels = channels
        self._tell_names = tell_names
        self._speak = speak
        self._not_before: dict[str, datetime] = {}

    async def run_once(self) -> int:
        """Tell whoever was not told yet; returns how many were."""
        now = self._clock.now()
        quiet = self._household.load().preferences.quiet_hours
        if quiet_until(quiet, zone=self._zone, now=now) is not None:
            return 0
        matches, told = self._matches(), self._store.told()
        if not matches:
            return 0
        count = 0
        for account in self._people.accounts():
            new = [one for one in matches if (one.recall.id, account.name) not in told]
            waits = now < self._not_before.get(account.name, now)
            if new and not waits and account.role in MAY_APPROVE and not account.is_disabled:
                count += await self._tell(account, new, now=now)
        return count

    async def _tell(self, account: Account, matches: Sequence[Match], *, now: datetime) -> bool:
        """Over the first channel that takes it."""
        rows = sorted(
            (row for row in self._notices.channels() if row.person == account.name and row.is_on),
            key=lambda row: row.rank,
        )
        for row in rows:
            if await self._carry(row, account, matches, now=now) is Outcome.TAKEN:
                for recall in dict.fromkeys(one.recall.id for one in matches):
                    self._store.put_told(recall, person=account.name, channel=row.id, at=now)
                return True
        self._not_before[account.name] = now + _RETRY_AFTER
        return False

    async def _carry(self, row: ChannelRow, account: Account, matches: Sequence[Match], *, now: datetime) -> Outcome:
        names = list(dict.fromkeys(one.item.name for one in matches)) if self._tell_names else None
        said, speak = recalled(names), partial(self._speak, account.language)
        sent = Sent(row.person, row.id, now)
        self._notices.keep([], sent=sent)
        outcome = await self._channels.carry(row, Words(speak(said.title), said.body(speak), link="", tag=_TAG))
        if outcome is Outcome.GONE:
            self._notices.switch_off(row.id)
        log.info("recall_told channel=%s outcome=%s", row.id, outcome)
        return outcome
