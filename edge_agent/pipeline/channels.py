"""A person's own channels, as the person sets them: add, try, order, pause, remove.

An address is taken only if messages may go where it leads; that is found by composing one, so no table of services has
to be kept. Nobody sees or changes another person's channels; owners see who has none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.address import read_address, read_subscription, scheme_of
from edge_agent.core.notifying.plan import ChannelId
from edge_agent.core.notifying.texts import trying
from edge_agent.core.people import MAY_APPROVE
from edge_agent.core.said import say
from edge_agent.errors import ChannelUnreachableError, RefusedError
from edge_agent.leave_ports import PeopleStore
from edge_agent.notify_ports import ChannelKind, ChannelRow, Channels, NoticeStore, Outcome, Words
from edge_agent.ports import Clock

log = logging.getLogger(__name__)

_TAG = "restock-test"
_TRIED_KEPT = 128
_TRY_EVERY = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a test message."""

    at: datetime
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel as its person may see it: no address and no key. `scheme` is empty for a browser."""

    id: ChannelId
    kind: ChannelKind
    scheme: str
    origin: str
    is_on: bool
    added_at: datetime
    tried: Tried | None = None

    @property
    def place(self) -> str:
        """The host that takes its messages, with the port where it is an unusual one."""
        return self.origin.partition("://")[2]


@dataclass(frozen=True, slots=True)
class Told:
    """One line of how a question fared: who, over what, how, when. `channel` None: it was removed since."""

    person: str
    channel: ChannelView | None
    state: str
    at: datetime
    retry_at: datetime | None


class ChannelDesk:
    """Fulfils `web.notice_parts.ChannelDesk`. `push_key` is what browsers are given; None: Web Push is off."""

    def __init__(
        self,
        *,
        clock: Clock,
        notices: NoticeStore,
        channels: Channels,
        people: PeopleStore,
        is_allowed: Callable[[str], bool],
        new_id: Callable[[], str],
        note: Callable[[Mapping[str, str | int]], None],
        origins: Sequence[str] = (),
        push_key: str | None = None,
        speak: Callable[[str | None, str], str] = lambda _language, text: text,
    ) -> None:
        self.origins = tuple(origins)
        self.push_key = push_key
        self._clock = clock
        self._notices = notices
        self._channels = channels
        self._people = people
        self._is_allowed = is_allowed
        self._new_id = new_id
        self._note = note
        self._speak = speak
        self._tried: dict[ChannelId, Tried] = {}
        self._turn = asyncio.Lock()  # composing takes a process of some 60 MB for a moment: one at a time

    def of(self, person: str) -> list[ChannelView]:
        """This person's channels, in the order in which they are used."""
        return [self._view(row) for row in self._rows(person)]

    def without(self) -> list[str]:
        """Who may answer questions and is told over no channel."""
        reached = {row.person for row in self._notices.channels() if row.is_on}
        accounts = (one for one in self._people.accounts() if one.role in MAY_APPROVE and not one.is_disabled)
        return [one.name for one in accounts if one.name not in reached]

    def told(self, prompt: PromptId) -> list[Told]:
        """How one question fared with everybody, the newest last."""
        rows = {row.id: row for row in self._notices.channels()}
        return [
            Told(
                receipt.person,
                self._view(rows[receipt.channel]) if receipt.channel in rows else None,
                str(receipt.state),
                receipt.changed_at,
                receipt.retry_at,
            )
            for receipt in self._notices.receipts_of(prompt)
        ]

    async def add(self, person: str, *, address: str) -> None:
        """One more, used after the others.

        Raises: RefusedError when it is no address, leads where messages may not go, or is there already.
        """
        row = self._new(person, ChannelKind.APPRISE, address=read_address(address), origin="")
        if any(known.address == row.address for known in self._rows(person)):
            raise RefusedError(say("You have this channel already."))
        async with self._alone():
            try:
                origin = await self._channels.origin(row)
            except ChannelUnreachableError as exc:
                log.warning("channel_not_composed channel=%s error=%s", row.id, exc)
                raise RefusedError(say("The hub cannot send messages of this kind: its log says why.")) from exc
        if origin is None:
            raise RefusedError(say("No known service takes messages at such an address. Is all of it there?"))
        self._check(origin)
        self._keep(replace(row, origin=origin))

    def subscribe(self, person: str, *, subscription: str) -> None:
        """Tell a browser, as its page asked for.

        Raises: RefusedError when it is no subscription, or its push service is not one that messages may go to.
        """
        if self.push_key is None:
            raise RefusedError(say("Messages to browsers are off in this home."))
        found = read_subscription(subscription)
        self._check(found.origin)
        row = self._new(person, ChannelKind.WEB_PUSH, address=found.model_dump_json(), origin=found.origin)
        same = [known for known in self._rows(person) if _endpoint(known) == found.endpoint]
        self._keep(replace(same[0], address=row.address, is_on=True) if same else row)

    def remove(self, person: str, channel: ChannelId) -> None:
        """Forget one of one's own with its address."""
        row = self._own(person, channel)
        self._notices.remove_channel(row.id)
        self._tried.pop(row.id, None)
        self._note({"event": "channel_removed", "person": person, "kind": str(row.kind)})

    def use_earlier(self, person: str, channel: ChannelId) -> None:
        """It changes places with the one before it."""
        row, ids = self._own(person, channel), [each.id for each in self._rows(person)]
        place = ids.index(row.id)
        if place > 0:
            ids[place - 1], ids[place] = ids[place], ids[place - 1]
        self._notices.rank_channels(ids)

    def switch(self, person: str, channel: ChannelId, *, is_on: bool) -> None:
        """Pause one of one's own, or use it again."""
        self._notices.put_channel(replace(self._own(person, channel), is_on=is_on))

    async def test(self, person: str, channel: ChannelId) -> Outcome:
        """Send a message that says that it is a test; quiet hours and the cap of a day are not asked.

        Raises: RefusedError when one was sent a moment ago.
        """
        row = self._own(person, channel)
        latest = max((self._tried[each.id].at for each in self._rows(person) if each.id in self._tried), default=None)
        if latest is not None and self._clock.now() < latest + _TRY_EVERY:
            raise RefusedError(say("A test message was sent a moment ago. Try again in half a minute."))
        account = self._people.account(person)
        language, said = None if account is None else account.language, trying()
        speak = partial(self._speak, language)
        words = Words(speak(said.title), said.body(speak), link="", tag=_TAG)
        async with self._alone():
            outcome = await self._channels.carry(row, words)
        if outcome is Outcome.GONE:
            self._notices.switch_off(row.id)
        while len(self._tried) >= _TRIED_KEPT:
            del self._tried[next(iter(self._tried))]
        self._tried[row.id] = Tried(self._clock.now(), outcome)
        return outcome

    def _alone(self) -> asyncio.Lock:
        if self._turn.locked():
            raise RefusedError(say("The hub is composing another message. Try again in a moment."))
        return self._turn

    def _check(self, origin: str) -> None:
        if not self._is_allowed(origin):
            raise RefusedError(
                say(
                    "From this home messages may not go to {origin}. Whoever keeps the hub adds it to {setting} in its "
                    "configuration.",
                    origin=origin,
                    setting="notify.origins",
                )
            )

    def _keep(self, row: ChannelRow) -> None:
        self._notices.put_channel(row)
        self._note({"event": "channel_added", "person": row.person, "kind": str(row.kind), "origin": row.origin})

    def _new(self, person: str, kind: ChannelKind, *, address: str, origin: str) -> ChannelRow:
        rank = max((row.rank for row in self._rows(person)), default=-1) + 1
        return ChannelRow(
            id=ChannelId(self._new_id()),
            person=person,
            kind=kind,
            rank=rank,
            address=address,
            is_on=True,
            added_at=self._clock.now(),
            origin=origin,
        )

    def _rows(self, person: str) -> list[ChannelRow]:
        return [row for row in self._notices.channels() if row.person == person]

    def _own(self, person: str, channel: ChannelId) -> ChannelRow:
        found = next((row for row in self._rows(person) if row.id == channel), None)
        if found is None:
            raise RefusedError(say("You have no such channel any more."))
        return found

    def _view(self, row: ChannelRow) -> ChannelView:
        scheme = "" if row.kind is ChannelKind.WEB_PUSH else scheme_of(row.address)
        return ChannelView(row.id, row.kind, scheme, row.origin, row.is_on, row.added_at, self._tried.get(row.id))


def _endpoint(row: ChannelRow) -> str | None:
    return read_subscription(row.address).endpoint if row.kind is ChannelKind.WEB_PUSH else None
