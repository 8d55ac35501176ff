"""News of orders reaches people on a real store: once each, also when the hub was started anew in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.adapters.store.intents import insert_intent
from edge_agent.adapters.store.prompts import insert_prompt
from edge_agent.core.deciding.problem import Word
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import IntentId, PromptId
from edge_agent.core.notifying.plan import ChannelId
from edge_agent.core.prompt import DeclineReason, PromptState
from edge_agent.notify_ports import ChannelKind, ChannelRow, Outcome
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.pipeline.test_notifying import Phones, Room, build
from tests.edge_agent.samples import NOW, intent, prompt

S = IntentState


def stand(desk: Desk, state: IntentState, *, ident: str = "1", **changes: object) -> None:
    """An order that came to this state now."""
    asked = prompt(f"p{ident}", state=PromptState.APPROVED)
    now = desk.clock.now()
    told = replace(intent(f"i{ident}", of=f"p{ident}", state=state), changed_at=now, created_at=now, **changes)  # type: ignore[arg-type]
    with desk.connection.transaction() as db:
        insert_prompt(db, asked)
        insert_intent(db, told)


async def hours(room: Room, number: int) -> list[tuple[str, str]]:
    """What is heard within so many hours, a turn each ten minutes: the channel and the first words."""
    before = len(room.phones.heard)
    for _ in range(6 * number):
        await room.notifying.run_once()
        room.desk.clock.advance(minutes=10)
    return [(name, words.title) for name, words in room.phones.heard[before:]]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Anna with a push and a chat, Ben with a chat, and nothing to tell."""
    with open_desk(tmp_path) as desk:
        made = build(desk, Phones())
        for name, kind, rank in (("anna-push", "web_push", 0), ("anna-chat", "apprise", 1), ("ben-chat", "apprise", 0)):
            made.notices.put_channel(
                ChannelRow(ChannelId(name), name.split("-")[0], ChannelKind(kind), rank, "a://b", True, NOW)
            )
        yield made


async def test_a_problem_is_told_when_it_opens_and_before_it_ends(room: Room) -> None:
    """Twice each in its three days, and a hub that is started anew in between does not tell again."""
    stand(room.desk, S.REJECTED, detail="payment_failed")
    first = [("anna-push", "An order needs you"), ("ben-chat", "An order needs you")]
    assert sorted(await hours(room, 24)) == first
    restarted = build(room.desk, room.phones)
    assert await hours(restarted, 23) == []
    assert sorted(await hours(restarted, 40)) == first
    said = [words.body for name, words in room.phones.heard if name == "ben-chat"]
    assert ["was refused" in said[0], "waits to be mended until" in said[1]] == [True, True]


async def test_what_was_mended_is_not_told_again(room: Room) -> None:
    """Nor taken back from a screen: there is nothing that it would say instead."""
    stand(room.desk, S.REJECTED, detail="out_of_stock")
    await hours(room, 1)
    room.desk.leave.afterwards.see_to(IntentId("i1"), word=Word.MENDED, by="ben")
    assert await hours(room, 80) == []


async def test_what_was_taken_back_is_told_once_and_names_no_goods(room: Room) -> None:
    """Each in its own place; its link leads to the order; with leave, the message names the item."""
    stand(room.desk, S.CANCELLED, withdrawn_for="bought_elsewhere")
    assert sorted(await hours(room, 90)) == [("anna-push", "News of an order"), ("ben-chat", "News of an order")]
    said = " ".join(words.body for _, words in room.phones.heard)
    assert not any(word in said.lower() for word in ("milk", "grocer", "1016", "usd"))
    tags = {words.tag for _, words in room.phones.heard}
    assert len(tags) == 2, "no message takes another's place on a screen"
    assert all(tag.startswith("restock-news-") and len(tag) <= 32 for tag in tags)
    stand(room.desk, S.NEVER_ARRIVED, ident="2")
    open_hearted = build(room.desk, room.phones, tell_names=True)
    await hours(open_hearted, 1)
    assert "About: Milk." in room.phones.heard[-1][1].body
    assert open_hearted.links.use(open_hearted.token()).prompts == (PromptId("p2"),)


async def test_a_channel_that_fails_gives_way(room: Room) -> None:
    """Anna hears of it over the next one."""
    room.phones.outcomes["anna-push"] = Outcome.GONE
    stand(room.desk, S.PARKED)
    assert ("anna-chat", "An order needs you") in await hours(room, 1)


async def test_news_on_a_screen_keeps_no_question_there(room: Room) -> None:
    """When a question was answered its message is replaced, whatever else was told."""
    stand(room.desk, S.NEVER_ARRIVED)
    room.desk.orders.add_prompt(prompt("p9"))
    assert len(await hours(room, 2)) == 5, "two hear the news, and the question goes over all three channels"
    room.desk.leave.answering.decline(PromptId("p9"), reason=DeclineReason.NOT_NOW, by="ben")
    assert await hours(room, 1) == [("anna-push", "Nothing waits for you any more")]
