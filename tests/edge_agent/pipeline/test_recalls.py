"""Recalls on a real store: filed once, found in stock and orders, told once, dealt with by a stock event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.adapters.store.notices import Notices
from edge_agent.adapters.store.recalls import SqliteRecalls
from edge_agent.adapters.store.stock_events import SqliteStockEvents
from edge_agent.core.catalogue import Household, Item, Preferences, QuietHours
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import ItemId, PromptId
from edge_agent.core.notifying.plan import ChannelId
from edge_agent.core.overview import ItemOverview
from edge_agent.core.prompt import PromptRecord
from edge_agent.core.recall import Certainty, Notice
from edge_agent.core.stock_events import Label, SentBack, ThrownAway
from edge_agent.errors import RefusedError
from edge_agent.notify_ports import ChannelKind, ChannelRow, Outcome, Words
from edge_agent.pipeline.recall_telling import RecallTelling
from edge_agent.pipeline.recalls import RecallDesk
from edge_agent.pipeline.telling import Telling
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.samples import MILK, NOW, prompt

GTIN = "04006381333931"
ITEM = MILK.model_copy(update={"product": MILK.product.model_copy(update={"gtin14": GTIN})})
NOTICE = Notice(gtin=GTIN, batch="A1", text="Do not drink it.", source="the maker")
MILK_ID = ItemId("milk")


@dataclass
class Kept:
    """What is here and what was ordered."""

    desk: Desk
    item: Item = ITEM

    def items(self) -> Sequence[ItemOverview]:
        """Milk, of which nobody knows how much is left."""
        return [ItemOverview(self.item)]

    def intents(self, *, limit: int) -> Sequence[IntentRecord]:
        """Of the store."""
        return self.desk.orders.intents(live=False, limit=limit)

    def prompt(self, ident: PromptId) -> PromptRecord | None:
        """Of the store."""
        return self.desk.orders.prompt(ident)


@dataclass
class Phones:
    """Takes down what is sent."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    heard: list[tuple[str, Words]] = field(default_factory=list)

    async def carry(self, channel: ChannelRow, words: Words) -> Outcome:
        """As a test says; else it is taken."""
        self.heard.append((channel.id, words))
        return self.outcomes.get(channel.id, Outcome.TAKEN)

    async def origin(self, channel: ChannelRow) -> str | None:
        """Nobody asks."""
        return channel.origin


@dataclass
class Room:
    """A home with a desk for recalls."""

    desk: Desk
    recalls: RecallDesk
    telling: Telling
    events: SqliteStockEvents
    notices: Notices
    phones: Phones
    speaking: RecallTelling


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Anna has two channels, ben one, gus (a guest) one."""
    with open_desk(tmp_path) as desk:
        desk.household.household = Household(items=(ITEM,))
        events, store, notices = (
            SqliteStockEvents(desk.connection), SqliteRecalls(desk.connection), Notices(desk.connection),
        )  # fmt: skip
        telling = Telling(events=events, household=desk.household, clock=desk.clock)
        recalls = RecallDesk(store=store, home=Kept(desk), stock=telling, clock=desk.clock)
        for rank, (ident, person) in enumerate((("a1", "anna"), ("a2", "anna"), ("b1", "ben"), ("g1", "gus"))):
            notices.put_channel(
                ChannelRow(ChannelId(ident), person, ChannelKind.APPRISE, rank, f"ntfy://x/{ident}", True, NOW)
            )
        phones = Phones()
        speaking = RecallTelling(
            clock=desk.clock,
            zone=ZoneInfo("UTC"),
            matches=recalls.matches,
            store=store,
            household=desk.household,
            people=desk.leave.accounts,
            notices=notices,
            channels=phones,
        )
        yield Room(desk, recalls, telling, events, notices, phones, speaking)


def test_a_notice_is_filed_once_and_says_so_in_the_log(room: Room) -> None:
    """Twice the same is one."""
    first = room.recalls.file(NOTICE, by="anna")
    assert room.recalls.file(NOTICE, by="ben").id == first.id
    assert [each.filed_by for each in room.recalls.all()] == ["anna"]
    assert room.desk.events().count("recall_filed") == 1


def test_an_unknown_batch_may_be_affected_and_a_scanned_one_is(room: Room) -> None:
    """Until somebody reads the packs."""
    assert room.recalls.matches() == ()
    room.recalls.file(NOTICE, by="anna")
    [found] = room.recalls.matches()
    assert (found.certainty, found.orders) == (Certainty.MAY_BE, ())
    room.telling.tell(MILK_ID, what="labelled", packs=2.0, by="ben", label=Label(GTIN, "A1"))
    [found] = room.recalls.matches()
    assert (found.certainty, found.packs) == (Certainty.AFFECTED, 2.0)


def test_an_order_of_the_product_is_named(room: Room) -> None:
    """One that is under way: it may bring some."""
    room.desk.orders.add_prompt(prompt())
    order = room.desk.leave.answering.approve(
        PromptId("p1"), terms_hash=prompt().terms_hash, by="anna", pin_checked=False
    )
    assert order is not None
    room.recalls.file(NOTICE, by="anna")
    assert room.recalls.matches()[0].orders == (order.id,)


@pytest.mark.parametrize("what", ["thrown_away", "sent_back", "not_affected"])
def test_what_was_done_is_a_stock_event_and_ends_it(room: Room, what: str) -> None:
    """Packs leave the stock; that none are affected changes nothing; a second word is refused."""
    recall = room.recalls.file(NOTICE, by="anna")
    room.telling.tell(MILK_ID, what="labelled", packs=2.0, by="ben", label=Label(GTIN, "A1"))
    room.desk.clock.advance(minutes=1)
    room.recalls.settle(recall.id, MILK_ID, what=what, packs=2.0, by="ben")  # type: ignore[arg-type]
    assert room.recalls.matches() == []
    newest = room.events.newest(MILK_ID, limit=1)[0]
    at = room.desk.clock.now()
    wanted = {
        "thrown_away": ThrownAway(MILK_ID, at, "ben", 2 * ITEM.product.pack_amount),
        "sent_back": SentBack(MILK_ID, at, "ben", 2.0),
    }
    assert (newest == wanted.get(what)) is (what in wanted)
    assert "recall_done" in room.desk.events()
    with pytest.raises(RefusedError):
        room.recalls.settle(recall.id, MILK_ID, what="not_affected", packs=0.0, by="ben")


async def test_everybody_who_may_answer_is_told_once(room: Room) -> None:
    """Over the first channel, without a name; not again, and not a guest; a recall of nothing here tells nobody."""
    room.recalls.file(NOTICE.model_copy(update={"gtin": "96385074"}), by="anna")
    assert await room.speaking.run_once() == 0
    room.recalls.file(NOTICE, by="anna")
    assert await room.speaking.run_once() == 2
    assert [ident for ident, _ in room.phones.heard] == ["a1", "b1"]
    assert all("Milk" not in words.body + words.title for _, words in room.phones.heard)
    assert await room.speaking.run_once() == 0
    room.recalls.file(NOTICE.model_copy(update={"batch": "B7"}), by="anna")
    assert await room.speaking.run_once() == 2


async def test_a_channel_that_fails_gives_way_and_is_tried_again_later(room: Room) -> None:
    """The next one takes it; where none does, it is tried a quarter of an hour later."""
    room.recalls.file(NOTICE, by="anna")
    room.phones.outcomes = {"a1": Outcome.GONE, "b1": Outcome.FAILED}
    assert await room.speaking.run_once() == 1
    assert [ident for ident, _ in room.phones.heard] == ["a1", "a2", "b1"]
    assert not next(row for row in room.notices.channels() if row.id == "a1").is_on
    assert await room.speaking.run_once() == 0
    room.phones.outcomes = {}
    room.desk.clock.advance(minutes=16)
    assert await room.speaking.run_once() == 1
    assert room.phones.heard[-1][0] == "b1"


async def test_nobody_is_woken(room: Room) -> None:
    """It waits for the end of the quiet hours."""
    at = room.desk.clock.now()
    quiet = QuietHours(start=f"{at - timedelta(hours=1):%H:%M}", end=f"{at + timedelta(hours=1):%H:%M}")
    room.desk.household.household = replace_quiet(room.desk.household.household, quiet)
    room.recalls.file(NOTICE, by="anna")
    assert await room.speaking.run_once() == 0
    room.desk.clock.advance(hours=2)
    assert await room.speaking.run_once() == 2


def replace_quiet(household: Household, quiet: QuietHours) -> Household:
    """The same home with quiet hours."""
    return household.model_copy(update={"preferences": Preferences(quiet_hours=quiet)})
