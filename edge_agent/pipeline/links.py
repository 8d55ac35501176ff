"""Links in messages: sealed by the household, for one person, for once, and for a limited time.

Looking at a link changes nothing, so a program that fetches it in advance uses nothing up; a POST from the page that it
shows does. What it then opens is a view of its questions: an answer takes a sign-in, always.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import ENDED, ChannelId, ReceiptEvent, step
from edge_agent.core.said import say
from edge_agent.errors import RefusedError
from edge_agent.notify_ports import LinkRow, LinkSealer, NoticeStore
from edge_agent.ports import Clock

PATH = "/n/"
_TOKEN = re.compile(r"([a-f0-9]{32})\.([a-f0-9]{64})")
_PREFIX = b"restock link v1\0"
_NO_LONGER = say("This link was used, or its time is over. Sign in: every question is on the page.")


@dataclass(frozen=True, slots=True)
class View:
    """What a used link opens: these questions, to look at, until then. Nobody is signed in by it."""

    person: str
    prompts: tuple[PromptId, ...]
    until: datetime


class Links:
    """Makes, checks and uses up links. `home_url` is where the page is found; empty: messages hold no address."""

    def __init__(
        self,
        *,
        notices: NoticeStore,
        sealer: LinkSealer,
        clock: Clock,
        new_id: Callable[[], str],
        home_url: str,
        life: timedelta = timedelta(hours=24),
        view_life: timedelta = timedelta(minutes=10),
    ) -> None:
        self._notices = notices
        self._sealer = sealer
        self._clock = clock
        self._new_id = new_id
        self._home_url = home_url
        self._life = life
        self._view_life = view_life

    def make(
        self, person: str, channel: ChannelId, *, prompts: Sequence[PromptId], ends_at: datetime
    ) -> tuple[LinkRow, str]:
        """A new link, to be kept with the message, and its address."""
        expires_at = min(self._clock.now() + self._life, ends_at).replace(microsecond=0)
        row = LinkRow(self._new_id(), person, channel, tuple(prompts), expires_at)
        return row, f"{self._home_url}{PATH}{row.id}.{self._mark(row)}" if self._home_url else ""

    def stands(self, token: str) -> bool:
        """Whether a link could be used now. Changes nothing, and tells nothing of what it opens."""
        return self._standing(token) is not None

    def use(self, token: str) -> View:
        """Use a link up, by a POST only; the questions that it told of count as seen.

        Raises: RefusedError when it is not ours, was used, or has expired: the same words for each.
        """
        row, now = self._standing(token), self._clock.now()
        if row is None or not self._notices.use_link(row.id, at=now):
            raise RefusedError(_NO_LONGER)
        self._note_seen(row, now=now)
        return View(row.person, row.prompts, min(now + self._view_life, row.expires_at))

    def _standing(self, token: str) -> LinkRow | None:
        parts = _TOKEN.fullmatch(token)
        row = None if parts is None else self._notices.link(parts[1])
        if parts is None or row is None or not hmac.compare_digest(self._mark(row), parts[2]):
            return None
        return row if row.used_at is None and self._clock.now() < row.expires_at else None

    def _note_seen(self, row: LinkRow, *, now: datetime) -> None:
        receipts = [receipt for prompt in row.prompts for receipt in self._notices.receipts_of(prompt)]
        mine = [each for each in receipts if (each.person, each.channel) == (row.person, row.channel)]
        self._notices.keep([step(each, ReceiptEvent.SEE, now=now) for each in mine if each.state not in ENDED])

    def _mark(self, row: LinkRow) -> str:
        said = "\0".join((row.id, row.person, row.channel, *row.prompts, row.expires_at.isoformat()))
        return self._sealer.seal(_PREFIX + said.encode())
