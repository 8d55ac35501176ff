"""Questions reach people on a real store: side by side, once, and anew when the hub died in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.adapters.sealing import HouseholdSecret
from edge_agent.adapters.store.notices import CHANNELS_A_PERSON_MAX, Notices
from edge_agent.core.catalogue import Household
from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import ChannelId, ReceiptState, Rules
from edge_agent.core.prompt import DeclineReason, PromptEvent, step
from edge_agent.errors import RefusedError
from edge_agent.notify_ports import ChannelKind, ChannelRow, Outcome, Words
from edge_agent.pipeline.links import Links
from edge_agent.pipeline.notifying import Manner, Notifying
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.samples import NOW, prompt

P1 = PromptId("p1")
HOME = "http://hub.test:8480"


@dataclass
class Phones:
    """Takes down what it is told; some channels fail, and one may hang until it is let go."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    hanging: dict[str, asyncio.Event] = field(default_factory=dict)
    heard: list[tuple[str, Words]] = field(default_factory=list)

    async def carry(self, channel: ChannelRow, words: Words) -> Outcome:
        """One message."""
        if channel.id in self.hanging:
            await self.hanging[channel.id].wait()
        self.heard.append((channel.id, words))
        return self.outcomes.get(channel.id, Outcome.TAKEN)


@dataclass
class Room:
    """A home with phones."""

    desk: Desk
    notices: Notices
    phones: Phones
    links: Links
    notifying: Notifying

    def states(self) -> dict[str, ReceiptState]:
        """How the question fared, by channel."""
        return {receipt.channel: receipt.state for receipt in self.notices.receipts_of(P1)}

    def token(self) -> str:
        """The token in the last message."""
        return self.phones.heard[-1][1].link.removeprefix(f"{HOME}/n/")


def build(desk: Desk, phones: Phones, *, tell_names: bool = False) -> Room:
    """The notifier of a home; made anew it is the hub after a restart."""
    notices, numbers = Notices(desk.connection), count(1 + 1000 * len(phones.heard))
    links = Links(
        notices=notices,
        sealer=HouseholdSecret(b"s" * 32),
        clock=desk.clock,
        new_id=lambda: f"{next(numbers):032x}",
        home_url=HOME,
    )
    notifying = Notifying(
        clock=desk.clock,
        orders=desk.orders,
        household=desk.household,
        people=desk.leave.accounts,
        notices=notices,
        channels=phones,
        links=links,
        manner=Manner(Rules(zone=ZoneInfo("UTC")), tell_names=tell_names),
    )
    return Room(desk, notices, phones, links, notifying)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Anna with a push and a chat, Ben with a chat, and one open question two minutes old."""
    with open_desk(tmp_path) as desk:
        desk.orders.add_prompt(prompt())
        made = build(desk, Phones())
        for name, kind, rank in (("anna-push", "web_push", 0), ("anna-chat", "apprise", 1), ("ben-chat", "apprise", 0)):
            made.notices.put_channel(
                ChannelRow(ChannelId(name), name.split("-")[0], ChannelKind(kind), rank, "a://b", True, NOW)
            )
        desk.clock.advance(minutes=3)
        yield made


async def test_everybody_is_told_and_receipts_say_so(room: Room) -> None:
    """Both first channels, once; the children and guests of the home have no say and hear nothing."""
    await room.notifying.run_once()
    await room.notifying.run_once()
    assert sorted(name for name, _ in room.phones.heard) == ["anna-push", "ben-chat"]
    assert room.states() == {"anna-push": ReceiptState.SENT, "ben-chat": ReceiptState.SENT}


async def test_a_channel_that_hangs_holds_nobody_up(room: Room) -> None:
    """Ben is told while Anna's channel says nothing."""
    room.phones.hanging["anna-push"] = asyncio.Event()
    turn = asyncio.create_task(room.notifying.run_once())
    for _ in range(20):
        await asyncio.sleep(0)
    assert [name for name, _ in room.phones.heard] == ["ben-chat"]
    assert room.states()["ben-chat"] is ReceiptState.SENT
    room.phones.hanging["anna-push"].set()
    await turn


async def test_the_first_answer_clears_the_rest(room: Room) -> None:
    """Ben declines: receipts are cleared, Anna's push is replaced without a sound, and nothing else is sent."""
    await room.notifying.run_once()
    room.desk.leave.answering.decline(P1, reason=DeclineReason.NOT_NOW, by="ben")
    await room.notifying.run_once()
    assert set(room.states().values()) == {ReceiptState.CLEARED}
    assert [(name, words.is_quiet) for name, words in room.phones.heard[2:]] == [("anna-push", True)]
    room.desk.clock.advance(hours=2)
    await room.notifying.run_once()
    assert len(room.phones.heard) == 3


async def test_a_hub_that_died_while_sending_tells_again(room: Room) -> None:
    """What was about to leave is on record; after the restart it is sent once more."""
    room.phones.hanging["anna-push"] = room.phones.hanging["ben-chat"] = asyncio.Event()
    turn = asyncio.create_task(room.notifying.run_once())
    for _ in range(20):
        await asyncio.sleep(0)
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    assert set(room.states().values()) == {ReceiptState.SENDING}
    room.phones.hanging.clear()
    again = build(room.desk, Phones())
    await again.notifying.run_once()
    assert again.phones.heard == []
    room.desk.clock.advance(minutes=11)
    restarted = build(room.desk, Phones(heard=[("", Words("", "", "", ""))]))
    await restarted.notifying.run_once()
    assert {name for name, _ in restarted.phones.heard[1:]} == {"anna-push", "ben-chat"}


async def test_an_address_that_is_gone_is_switched_off(room: Room) -> None:
    """The next channel of that person is used at once."""
    room.phones.outcomes["anna-push"] = Outcome.GONE
    await room.notifying.run_once()
    await room.notifying.run_once()
    assert "anna-chat" in {name for name, _ in room.phones.heard}
    assert [row.id for row in room.notices.channels() if not row.is_on] == ["anna-push"]
    assert {each.channel for each in room.notices.sent_since(NOW) if each.has_failed} == {"anna-push"}


async def test_a_question_that_was_put_off_is_told_of_anew(room: Room) -> None:
    """To snooze clears the screens; when it wakes, everybody hears of it again."""
    await room.notifying.run_once()
    room.desk.leave.answering.snooze(P1, hours=1, by="ben")
    await room.notifying.run_once()
    assert set(room.states().values()) == {ReceiptState.CLEARED}
    room.desk.clock.advance(hours=1)
    asleep = room.desk.orders.prompt(P1)
    assert asleep is not None
    room.desk.orders.change_prompt(step(asleep, PromptEvent.WAKE, now=room.desk.clock.now()))
    room.desk.clock.advance(minutes=3)
    before = len(room.phones.heard)
    await room.notifying.run_once()
    assert {name for name, _ in room.phones.heard[before:]} == {"anna-push", "ben-chat"}


@pytest.mark.parametrize(
    ("stated", "told"),
    [("asked_again", "As long as it is needed you are asked again"), ("left_alone", "before it was refilled")],
)
async def test_a_message_says_what_comes_of_silence(room: Room, stated: str, told: str) -> None:
    """As the item states it; with two items that state otherwise only what is true of both."""
    milk = room.desk.household.household.items[0].model_copy(update={"if_unanswered": stated})
    room.desk.household.household = Household(items=(milk,))
    await room.notifying.run_once()
    assert all(told in words.body for _, words in room.phones.heard)
    assert all("Without an answer nothing is bought" in words.body for _, words in room.phones.heard)


async def test_each_is_told_in_their_language(room: Room) -> None:
    """Who chose one hears it; the other hears what was chosen for nobody."""
    room.desk.leave.accounts.set_language("anna", "zh-Hans")
    room.notifying._speak = lambda language, text: f"[{language}] {text}"
    await room.notifying.run_once()
    assert {name: words.title for name, words in room.phones.heard} == {
        "anna-push": "[zh-Hans] A question waits for you",
        "ben-chat": "[None] A question waits for you",
    }
    assert all(words.body.count("[") == 2 for _, words in room.phones.heard)


async def test_no_message_names_goods_unless_allowed(room: Room) -> None:
    """Not the item, its product, merchant or price; with leave, the item's name."""
    await room.notifying.run_once()
    said = " ".join(f"{words.title} {words.body}" for _, words in room.phones.heard)
    assert not any(word in said.lower() for word in ("milk", "grocer", "129", "usd"))
    assert "nothing is bought" in said
    room.desk.clock.advance(minutes=40)
    open_hearted = build(room.desk, room.phones, tell_names=True)
    await open_hearted.notifying.run_once()
    assert "Milk" in room.phones.heard[-1][1].body


async def test_a_link_is_used_once_and_never_by_looking(room: Room) -> None:
    """Looking leaves it as it is; the first use opens a short view, the second is refused."""
    await room.notifying.run_once()
    token = room.token()
    assert all(room.links.stands(token) for _ in range(3))
    view = room.links.use(token)
    assert (view.prompts, view.until - room.desk.clock.now()) == ((P1,), timedelta(minutes=10))
    assert ReceiptState.SEEN in room.states().values()
    assert not room.links.stands(token)
    with pytest.raises(RefusedError, match="used, or its time is over"):
        room.links.use(token)
    asked = room.desk.orders.prompt(P1)
    assert asked is not None
    assert asked == prompt(), "a link answers nothing"


async def test_a_link_expires_and_cannot_be_made_up(room: Room) -> None:
    """Another mark, another id, an odd spelling and a late use are refused with the same words."""
    await room.notifying.run_once()
    token = room.token()
    forged = [
        token[:-1] + ("0" if token[-1] != "0" else "1"),
        "f" * 32 + token[32:],
        token.upper(),
        token + "\n",
        "",
        ".",
    ]
    said = set()
    for each in forged:
        with pytest.raises(RefusedError) as refused:
            room.links.use(each)
        said.add(str(refused.value))
    room.desk.clock.advance(hours=25)
    assert not room.links.stands(token)
    with pytest.raises(RefusedError) as refused:
        room.links.use(token)
    assert said == {str(refused.value)}


async def test_a_link_that_was_edited_in_the_store_opens_nothing(room: Room) -> None:
    """The seal covers whom and what it opens."""
    await room.notifying.run_once()
    room.desk.connection.db.execute("UPDATE notice_link SET prompts = '[\"p2\"]'")
    assert not room.links.stands(room.token())


async def test_a_removed_channel_takes_its_links_along(room: Room) -> None:
    """A lost phone's link opens nothing any more."""
    await room.notifying.run_once()
    for row in room.notices.channels():
        room.notices.remove_channel(row.id)
    assert not room.links.stands(room.token())


def test_nobody_has_more_channels_than_that(room: Room) -> None:
    """The ninth is refused."""
    rows = [
        ChannelRow(ChannelId(f"ben-{n}"), "ben", ChannelKind.APPRISE, n, "a://b", True, NOW)
        for n in range(CHANNELS_A_PERSON_MAX)
    ]
    for row in rows[:-1]:
        room.notices.put_channel(row)
    with pytest.raises(RefusedError):
        room.notices.put_channel(rows[-1])


async def test_the_store_itself_lets_a_link_be_used_once(room: Room) -> None:
    """Two who use it at once: the row decides, and a late one is refused there too."""
    await room.notifying.run_once()
    now, (first, second) = (
        room.desk.clock.now(),
        (words.link[len(f"{HOME}/n/") :][:32] for _, words in room.phones.heard),
    )
    assert [room.notices.use_link(first, at=now) for _ in range(2)] == [True, False]
    assert not room.notices.use_link(second, at=now + timedelta(hours=25))
