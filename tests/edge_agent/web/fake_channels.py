"""The real store of channels and links, which also tells what a page set off; messages go nowhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from edge_agent.adapters.channels.origins import allowed_origins
from edge_agent.adapters.sealing import HouseholdSecret
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.notices import Notices
from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import ChannelId, Receipt, ReceiptState
from edge_agent.notify_ports import ChannelKind, ChannelRow, LinkRow, Outcome, Words
from edge_agent.pipeline.channels import ChannelDesk
from edge_agent.pipeline.links import Links, View
from edge_agent.ports import Clock
from tests.edge_agent.clock import ManualClock

ORIGINS = ("https://ntfy.example", "https://push.example")
PUSH_KEY = "BMw8tDrCSYnTG0yW5ClPXqvXU2oMiE1NGDhmPWl7XuRz3vVRg5Yt3fLhRfU2SkxQGTI6X5dU6sHMmv3AUHVLqXw"
LINK_ID = "5" * 32
_SECRET = HouseholdSecret(b"s" * 32)


@dataclass
class Phones:
    """Takes down what is sent; `leads` says where an address leads, None: it is none."""

    outcome: Outcome = Outcome.TAKEN
    leads: Callable[[str], str | None] = lambda address: f"https://{address.split('/')[2]}"
    heard: list[tuple[ChannelRow, Words]] = field(default_factory=list)

    async def carry(self, channel: ChannelRow, words: Words) -> Outcome:
        """Nobody hears it."""
        self.heard.append((channel, words))
        return self.outcome

    async def origin(self, channel: ChannelRow) -> str | None:
        """As the test says."""
        return self.leads(channel.address)


class DeskRecorded(ChannelDesk):
    """`calls`: what was changed or sent."""

    def __init__(self, connection: Connection, clock: Clock, phones: Phones) -> None:
        self.notices, self.phones, self.calls = Notices(connection), phones, list[tuple[object, ...]]()
        self._number = 0
        super().__init__(
            clock=clock,
            notices=self.notices,
            channels=phones,
            people=Accounts(connection),
            is_allowed=allowed_origins(ORIGINS, web_push=True),
            new_id=self._next,
            note=lambda event: self.calls.append(tuple(event.values())),
            origins=ORIGINS,
            push_key=PUSH_KEY,
        )

    def use_earlier(self, person: str, channel: ChannelId) -> None:
        """And say so."""
        super().use_earlier(person, channel)
        self.calls.append(("earlier", person, channel))

    def switch(self, person: str, channel: ChannelId, *, is_on: bool) -> None:
        """And say so."""
        super().switch(person, channel, is_on=is_on)
        self.calls.append(("switch", person, channel, is_on))

    async def test(self, person: str, channel: ChannelId) -> Outcome:
        """And say so."""
        outcome = await super().test(person, channel)
        self.calls.append(("test", person, channel))
        return outcome

    def _next(self) -> str:
        self._number += 1
        return f"c-{self._number}"


class LinksRecorded(Links):
    """`calls`: what was used up."""

    def __init__(self, notices: Notices, clock: Clock) -> None:
        self.calls: list[tuple[object, ...]] = []
        super().__init__(notices=notices, sealer=_SECRET, clock=clock, new_id=lambda: LINK_ID, home_url="http://hub")

    def use(self, token: str) -> View:
        """And say so."""
        view = super().use(token)
        self.calls.append(("link", view.person))
        return view


def furnish(desk: DeskRecorded, clock: Clock) -> None:
    """A channel of each person, and the owner's link to the question about milk with its receipt."""
    for person in ("the-owner", "the-member"):
        desk.notices.put_channel(sample_channel(person, clock))
    row, _ = sample_link(clock, desk.notices)
    receipt = Receipt(
        PromptId("p-milk"),
        "the-owner",
        ChannelId("c-the-owner"),
        ReceiptState.SENT,
        1,
        clock.now() - timedelta(hours=1),
    )
    desk.notices.keep([receipt], link=row)


def sample_channel(person: str, clock: Clock) -> ChannelRow:
    """A channel that was there before; its address holds a key."""
    return ChannelRow(
        ChannelId(f"c-{person}"),
        person,
        ChannelKind.APPRISE,
        0,
        "ntfys://ntfy.example/a-secret-topic",
        is_on=True,
        added_at=clock.now() - timedelta(days=1),
        origin=ORIGINS[0],
    )


def sample_link(clock: Clock, notices: Notices) -> tuple[LinkRow, str]:
    """The link of the message about milk, and its token."""
    links = Links(notices=notices, sealer=_SECRET, clock=clock, new_id=lambda: LINK_ID, home_url="http://hub")
    row, address = links.make(
        "the-owner", ChannelId("c-the-owner"), prompts=[PromptId("p-milk")], ends_at=clock.now() + timedelta(hours=20)
    )
    return replace(row), address.rpartition("/")[2]


def subscription(endpoint: str = "https://push.example/for/this-browser") -> str:
    """What a browser says of itself."""
    point = base64.urlsafe_b64encode(b"\x04" + 64 * b"p").rstrip(b"=").decode()
    auth = base64.urlsafe_b64encode(16 * b"a").rstrip(b"=").decode()
    return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": {"p256dh": point, "auth": auth}})


def token_of(clock: Clock | None = None) -> str:
    """The token of that link; the same in every house that starts at the same time."""
    return sample_link(clock or ManualClock(), None)[1]  # type: ignore[arg-type]  # nothing is kept
