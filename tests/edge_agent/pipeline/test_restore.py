"""A restored hub, a copied hub and a restored bridge, found before the first order is sent."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud_bridge.wire import EventPage, OrderEvent, OrderState
from edge_agent.adapters.store.handover import SqliteHandovers
from edge_agent.adapters.store.mandates import Mandates
from edge_agent.commands.commission import report
from edge_agent.config import HomeConfig, HubConfig
from edge_agent.core.catalogue import Household
from edge_agent.core.handover import CLOSED_SINCE_BACKUP, OVERTAKEN, TAKEN_OVER, TakenOver, taken_over
from edge_agent.core.intent import IntentState, arrived, step
from edge_agent.core.leave.mandate import canonical_mandate
from edge_agent.core.messages import IntentId, ItemId
from edge_agent.core.safety import SafetyCode
from edge_agent.errors import (
    AuthorityTamperedError,
    BridgeUnreachableError,
    HubForkedError,
    RefusedError,
    SendsStoppedError,
)
from edge_agent.pipeline.status import StatusRecorder
from tests.edge_agent.leave import mandate
from tests.edge_agent.outgoing_home import FakeBridge, OutgoingHome, Wall, known, outgoing_home, refused
from tests.edge_agent.samples import MILK, NOW


def codes(problems: tuple[object, ...]) -> list[SafetyCode]:
    """What stands against sending."""
    return [problem.code for problem in problems]  # type: ignore[attr-defined]


async def test_the_bridge_is_asked_before_the_first_order(tmp_path: Path) -> None:
    """Nothing leaves before the bridge has said how far it has come, and it is not asked again without a reason."""
    async with outgoing_home(tmp_path) as home:
        first = home.approve()
        with pytest.raises(SendsStoppedError):
            await home.client.drain(check=home.guard.check)
        assert await home.turn() == 1
        home.approve("oats")
        assert await home.turn() == 1
    assert home.bridge.paths() == ["/v1/head", "/v1/intents", "/v1/intents"]
    assert home.sent()[0] == first


async def test_a_restored_hub_takes_over_what_only_the_bridge_knows(tmp_path: Path) -> None:
    """Backup, order, backup put back: the order is there again, live, and is not made a second time."""
    live, backup = tmp_path / "live", tmp_path / "backup"
    live.mkdir()
    wall = Wall()
    bridge = FakeBridge(wall)
    async with outgoing_home(live, wall=wall, bridge=bridge):
        pass
    shutil.copytree(live, backup)
    async with outgoing_home(live, wall=wall, bridge=bridge) as home:
        forgotten = home.approve()
        await home.turn()
    async with outgoing_home(backup, wall=wall, bridge=bridge) as home:
        await home.restore.run_once()
        taken = home.intent(forgotten)
        assert (taken.state, taken.item, taken.detail, taken.amount) == (
            IntentState.HELD, "milk", TAKEN_OVER, 4 * 1035.0
        )  # fmt: skip
        assert home.orders.live_intent(taken.item) == taken
        assert home.orders.next_handover() == 2
        with pytest.raises(RefusedError, match="under way"):
            home.approve()
        assert home.guard.problems() == ()
    assert home.sent() == [forgotten]


async def test_what_ended_since_the_backup_does_not_keep_its_item(tmp_path: Path) -> None:
    """The backup says that milk is on its way; that came, and more was ordered: the new order closes the need."""
    live, backup = tmp_path / "live", tmp_path / "backup"
    live.mkdir()
    wall = Wall()
    bridge = FakeBridge(wall)
    async with outgoing_home(live, wall=wall, bridge=bridge) as home:
        first = home.approve()
        await home.turn()
    shutil.copytree(live, backup)
    bridge.news = [OrderEvent(seq=1, intent_id=first, state=OrderState.CANCELLED, at=NOW)]
    bridge.known.append(known("second", number=2).model_copy(update={"merchant_order_id": "o-2"}))
    async with outgoing_home(backup, wall=wall, bridge=bridge) as home:
        await home.restore.run_once()
        taken = home.intent("second")
        assert (taken.item, taken.merchant_order_id) == ("milk", "o-2")
        assert home.orders.live_intent(taken.item) == taken
        assert home.intent(first).state is IntentState.CANCELLED


async def test_what_the_hub_itself_had_closed_does_not_keep_its_item(tmp_path: Path) -> None:
    """A sensor saw the first order arrive, and the bridge never heard of it: the newer one is what is on its way."""
    live, backup = tmp_path / "live", tmp_path / "backup"
    live.mkdir()
    wall = Wall()
    bridge = FakeBridge(wall)
    async with outgoing_home(live, wall=wall, bridge=bridge) as home:
        first = home.approve()
        await home.turn()
        bridge.news = [OrderEvent(seq=1, intent_id=first, state=OrderState.PLACED, at=NOW)]
        await StatusRecorder(bridge=home.client, orders=home.orders).run_once()
    shutil.copytree(live, backup)
    async with outgoing_home(live, wall=wall, bridge=bridge) as home:
        home.numbers = iter(range(10, 20))
        home.orders.change_intents([arrived(home.intent(first), now=NOW)], cursor=None)
        second = home.approve()
        await home.turn()
    async with outgoing_home(backup, wall=wall, bridge=bridge) as home:
        await home.restore.run_once()
        assert (home.state(first), home.intent(first).detail) == (IntentState.DELIVERED, CLOSED_SINCE_BACKUP)
        under_way = home.orders.live_intent(ItemId("milk"))
        assert under_way is not None
        assert under_way.id == second
        with pytest.raises(RefusedError, match="under way"):
            home.approve()
        assert home.store.chain.check() is None


@pytest.mark.parametrize("state", [OrderState.PLACED, OrderState.SHIPPED, OrderState.PARTLY_DELIVERED])
async def test_of_forgotten_orders_of_one_item_the_newest_is_on_its_way(tmp_path: Path, state: OrderState) -> None:
    """The hub has forgotten both, and had closed the older one before it made the newer."""
    async with outgoing_home(tmp_path) as home:
        older, newer = known("older", number=1), known("newer", number=2)
        home.bridge.known = [older.model_copy(update={"state": state}), newer]
        await home.restore.run_once()
        assert (home.state("older"), home.intent("older").item) == (IntentState.DELIVERED, "milk")
        assert (home.state("newer"), home.intent("newer").item) == (IntentState.HELD, "milk")


@pytest.mark.parametrize("newest", [OrderState.REJECTED, OrderState.DELIVERED])
async def test_an_older_order_was_closed_whatever_became_of_the_newest(tmp_path: Path, newest: OrderState) -> None:
    """Otherwise the item would wait for goods that came long ago."""
    async with outgoing_home(tmp_path) as home:
        older, newer = known("older", number=1), known("newer", number=2)
        home.bridge.known = [
            older.model_copy(update={"state": OrderState.PLACED}), newer.model_copy(update={"state": newest})
        ]  # fmt: skip
        await home.restore.run_once()
        assert home.state("older") is IntentState.DELIVERED
        assert home.orders.live_intent(ItemId("milk")) is None


@pytest.mark.parametrize("state", [OrderState.PARKED, OrderState.UNKNOWN, OrderState.HELD, OrderState.NEEDS_BUYER])
async def test_an_older_order_that_the_hub_cannot_have_closed_stays_as_it_is(tmp_path: Path, state: OrderState) -> None:
    """Nobody has said how it ended, so it is shown under a name of its own, and the newest keeps the item."""
    async with outgoing_home(tmp_path) as home:
        older, newer = known("older", number=1), known("newer", number=2)
        home.bridge.known = [older.model_copy(update={"state": state}), newer]
        await home.restore.run_once()
        assert (home.state("older"), home.intent("older").item) == (IntentState(state.value), "bridge-older")
        assert home.intent("newer").item == "milk"


async def test_an_order_that_left_and_was_not_answered_for_is_wanted_back(tmp_path: Path) -> None:
    """Nobody knows whether it arrived, and the bridge has another one of the need: this one does not leave again."""
    async with outgoing_home(tmp_path) as home:
        await home.turn()
        other = home.approve("oats")
        home.bridge.answer = refused(503, "away")
        mine = home.approve()
        with pytest.raises(BridgeUnreachableError):
            await home.turn()
        home.bridge.answer = None
        home.bridge.known = [known("theirs", number=1)]
        home.restore.doubt()
        await home.turn()
        assert (home.state(other), home.state(mine)) == (IntentState.CANCELLED, IntentState.APPROVED)
        assert home.intent("theirs").item == "milk"
        assert home.orders.cancel_wishes(limit=5) == [mine]
        assert home.sent() == [other, mine]
        home.orders.answer_cancel(mine, step(home.intent(mine), IntentState.CANCELLED, at=NOW))
        assert home.state(mine) is IntentState.CANCELLED
        under_way = home.orders.live_intent(ItemId("milk"))
        assert under_way is not None
        assert under_way.id == "theirs"


async def test_a_draw_that_left_after_the_backup_was_made_is_not_dropped(tmp_path: Path) -> None:
    """The bridge holds it and has told nothing of it yet: it stands in the list, and that counts."""
    async with outgoing_home(tmp_path) as home:
        drawn = home.approve()
        home.store.connection.db.execute("UPDATE authority SET kind = 'draw'")
        home.bridge.known = [known(drawn, number=1), known("theirs", number=2, sku="gone")]
        await home.restore.run_once()
        assert home.state(drawn) is IntentState.HELD
        home.store.connection.db.execute("UPDATE authority SET kind = 'approval'")  # as it was signed
        await home.turn()
        assert (home.state(drawn), home.orders.outbox(limit=5)) == (IntentState.HELD, [])


async def test_an_order_that_never_left_is_not_the_newest_of_its_item(tmp_path: Path) -> None:
    """It was approved after the backup was put back and gave way: the arrival of the other one is still waited for."""
    async with outgoing_home(tmp_path) as home:
        mine = home.approve()
        theirs = known("theirs", number=1).model_copy(update={"accepted_at": NOW - timedelta(days=1)})
        home.bridge.known = [theirs]
        await home.restore.run_once()
        assert home.state(mine) is IntentState.CANCELLED
        last = home.orders.last_intent(ItemId("milk"))
        assert last is not None
        assert last.id == "theirs"


async def test_an_approval_while_the_bridge_is_asked_does_not_take_a_number_that_is_gone(tmp_path: Path) -> None:
    """It was given the number of an intent that only the bridge knew: it is never sent, and nothing freezes."""
    async with outgoing_home(tmp_path) as home:
        home.bridge.known = [known("theirs", number=1, sku="oats-1kg")]

        def approved_meanwhile(request: httpx.Request) -> httpx.Response:
            home.bridge.answer = None
            home.approve()
            return home.bridge.reply(request)

        home.bridge.answer = approved_meanwhile
        await home.restore.run_once()
        [mine] = [each for each in home.orders.intents(live=False, limit=5) if each.id != "theirs"]
        assert (mine.state, mine.detail) == (IntentState.CANCELLED, OVERTAKEN)
        await home.turn()
        assert home.sent() == []
        assert not home.bridge.frozen


@pytest.mark.parametrize("accepted", [timedelta(hours=1), timedelta(minutes=-5)])
async def test_an_answer_to_a_question_that_another_order_has_met_never_leaves(
    tmp_path: Path, accepted: timedelta
) -> None:
    """The bridge's order came of the same question, or of one for the same need: its clock may be behind."""
    async with outgoing_home(tmp_path) as home:
        mine = home.approve()
        met = known("theirs", number=7).model_copy(
            update={"state": OrderState.DELIVERED, "accepted_at": NOW + accepted}
        )
        home.bridge.known = [met]
        await home.restore.run_once()
        assert (home.state(mine), home.intent(mine).detail) == (IntentState.CANCELLED, OVERTAKEN)
        await home.turn()
        assert home.sent() == []


async def test_an_answer_to_a_question_of_after_the_delivery_is_sent(tmp_path: Path) -> None:
    """The goods came, and then it was asked: that need is another one."""
    async with outgoing_home(tmp_path) as home:
        home.approve("oats")
        home.store.connection.db.execute("DELETE FROM outbox")
        mine = home.approve()
        met = known("theirs", number=1).model_copy(
            update={"state": OrderState.DELIVERED, "accepted_at": NOW - timedelta(days=9)}
        )
        home.bridge.known = [met]
        await home.restore.run_once()
        await home.turn()
        assert home.state(mine) is IntentState.HELD


async def test_what_waits_below_the_number_of_a_forgotten_order_is_not_sent(tmp_path: Path) -> None:
    """Whoever made the newer order looks for others above it only, and would not hear of this one."""
    async with outgoing_home(tmp_path) as home:
        mine = home.approve("oats")
        left = home.approve("bread")
        [_, row] = home.orders.outbox(limit=5)
        assert home.orders.claim(row, at=NOW)
        home.bridge.known = [known("theirs", number=7)]
        await home.restore.run_once()
        assert (home.state(mine), home.intent(mine).detail) == (IntentState.CANCELLED, OVERTAKEN)
        assert home.orders.cancel_wishes(limit=5) == [left]
        await home.turn()
        assert home.sent() == []


@pytest.mark.parametrize(
    ("accepted", "left"),
    [(timedelta(hours=1), False), (-timedelta(minutes=5), False), (-timedelta(minutes=11), True)],
)
async def test_an_open_question_from_before_a_taken_over_order_is_withdrawn(
    tmp_path: Path, accepted: timedelta, *, left: bool
) -> None:
    """It may be the very question that the order came of, by clocks that are apart; a later one stands."""
    async with outgoing_home(tmp_path) as home:
        asked = home.ask("milk")
        home.bridge.known = [
            known("theirs", number=1).model_copy(update={"state": OrderState.DELIVERED, "accepted_at": NOW + accepted})
        ]
        await home.restore.run_once()
        live = home.orders.live_prompt(ItemId("milk"))
        assert (live is not None and live.id == asked) is left


async def test_a_number_that_a_copy_has_used_is_looked_up_again(tmp_path: Path) -> None:
    """The bridge holds another order under the number of one that waits here, below what both were sure of."""
    async with outgoing_home(tmp_path) as home:
        first = home.approve()
        await home.turn()
        mine = home.approve("oats")
        number = home.orders.next_handover() - 1
        home.store.connection.db.execute("UPDATE handover SET acknowledged = ?", (number + 3,))
        home.bridge.known = [known(first, number=1), known("theirs", number=number, sku="gone")]
        home.restore.doubt()
        await home.restore.run_once()
        assert (home.state(mine), home.intent(mine).detail) == (IntentState.CANCELLED, OVERTAKEN)


async def test_what_was_taken_over_is_counted_too(tmp_path: Path) -> None:
    """Whose leave it was is not known here, and the report says so."""
    async with outgoing_home(tmp_path) as home:
        home.bridge.known = [known("theirs", number=1)]
        await home.restore.run_once()
    told: Any = report(HubConfig(home=HomeConfig(data_dir=str(tmp_path))))
    [order] = told["intents"]
    assert (order["id"], order["approved_by"], order["total_max_minor"]) == ("theirs", None, None)


async def test_news_that_came_before_the_take_over_is_not_lost(tmp_path: Path) -> None:
    """The hub heard of an order that it did not know, and only then took it over: what was told is heard again."""
    async with outgoing_home(tmp_path) as home:
        news = OrderEvent(
            seq=5, intent_id="theirs", state=OrderState.NEEDS_BUYER, at=NOW, handoff_url="https://grocer.example/finish"
        )
        status = StatusRecorder(bridge=home.client, orders=home.orders)
        home.bridge.answer = lambda request: _page(request, news)
        assert await status.run_once() == 0
        home.bridge.answer = None
        home.bridge.known = [known("theirs", number=1).model_copy(update={"state": OrderState.NEEDS_BUYER})]
        await home.restore.run_once()
        home.bridge.answer = lambda request: _page(request, news)
        assert await status.run_once() == 1
        taken = home.intent("theirs")
        assert (taken.state, taken.handoff_url) == (IntentState.NEEDS_BUYER, "https://grocer.example/finish")
        assert await status.run_once() == 0


async def test_news_under_way_during_a_take_over_does_not_skip_any(tmp_path: Path) -> None:
    """The page was asked for with a cursor that the take-over has set back meanwhile."""
    async with outgoing_home(tmp_path) as home:
        first = OrderEvent(seq=5, intent_id="theirs", state=OrderState.SENDING, at=NOW)
        later = OrderEvent(seq=6, intent_id="theirs", state=OrderState.PLACED, at=NOW, merchant_order_id="o-1")
        home.orders.change_intents([], cursor=5)

        def takes_over_meanwhile(request: httpx.Request) -> httpx.Response:
            if home.orders.intent(IntentId("theirs")) is None:
                record = taken_over(known("theirs", number=1), household=Household(items=(MILK,)))
                taken = TakenOver(handover=1, record=record, total_max_minor=1066)
                SqliteHandovers(home.store.connection).reconcile([taken], overtaken=[], handover=1, at=NOW)
            return _page(request, first, later)

        home.bridge.answer = takes_over_meanwhile
        assert await StatusRecorder(bridge=home.client, orders=home.orders).run_once() == 2
        assert home.state("theirs") is IntentState.PLACED
        assert home.orders.status_cursor() == 6


def _page(request: httpx.Request, *news: OrderEvent) -> httpx.Response:
    """The bridge's events after the cursor of the request."""
    after = int(request.url.params["after"])
    told = tuple(event for event in news if event.seq > after)
    page = EventPage(events=told, next_after=told[-1].seq if told else after)
    return httpx.Response(200, content=page.model_dump_json())


async def test_what_a_restored_hub_approved_under_a_used_number_is_never_sent(tmp_path: Path) -> None:
    """A person approved before the bridge could be asked: the older order stands, the newer one is taken back."""
    async with outgoing_home(tmp_path) as home:
        mine = home.approve()
        home.bridge.known = [known("theirs", number=1)]
        assert await home.turn() == 0
        assert (home.state(mine), home.intent(mine).detail) == (IntentState.CANCELLED, OVERTAKEN)
        assert home.state("theirs") is IntentState.HELD
        assert home.orders.outbox(limit=5) == []
        assert home.sent() == []
        assert home.store.chain.check() is None


async def test_an_unsent_order_gives_way_to_the_same_need_at_the_bridge(tmp_path: Path) -> None:
    """The restored hub asked again and a person approved: its number is free, but the need is met already."""
    async with outgoing_home(tmp_path) as home:
        mine = home.approve()
        home.bridge.known = [known("theirs", number=7)]
        await home.restore.run_once()
        assert (home.state(mine), home.intent(mine).detail) == (IntentState.CANCELLED, OVERTAKEN)
        assert home.intent("theirs").item == "milk"


async def test_an_order_of_a_product_that_is_not_kept_is_taken_over_too(tmp_path: Path) -> None:
    """The household no longer keeps it, or the item has a newer order: the order is shown under a name of its own."""
    async with outgoing_home(tmp_path) as home:
        home.bridge.known = [known("first", number=1), known("second", number=2), known("odd", number=3, sku="gone")]
        await home.restore.run_once()
        assert [home.intent(ident).item for ident in ("first", "second", "odd")] == [
            "bridge-first", "milk", "bridge-odd"
        ]  # fmt: skip
        assert home.orders.next_handover() == 4


async def test_two_items_that_buy_one_product_get_an_order_each(tmp_path: Path) -> None:
    """Two refrigerators with the same milk: neither order is taken for a newer one of the other's item."""
    async with outgoing_home(tmp_path) as home:
        below = MILK.model_copy(update={"id": "milk-below"})
        home.household.household = Household(items=(MILK, below))
        home.bridge.known = [known("first", number=1), known("second", number=2)]
        await home.restore.run_once()
        assert [home.intent(ident).item for ident in ("first", "second")] == ["milk", "milk-below"]


async def test_many_are_taken_over_page_by_page(tmp_path: Path) -> None:
    """More than one page of unknown intents; those of another hub are not taken."""
    async with outgoing_home(tmp_path) as home:
        others = [known("other", number=300, hub="hub-2")]
        home.bridge.known = [known(f"i{n}", number=n, sku="gone") for n in range(1, 251)] + others
        await home.restore.run_once()
        assert len(home.orders.intents(live=True, limit=1_000)) == 250
        assert home.orders.intent("other") is None  # type: ignore[arg-type]


async def test_a_bridge_that_has_forgotten_stops_the_sends_until_an_owner_accepts(tmp_path: Path) -> None:
    """What was handed over stays as it is; after the owner's word the next order goes out, with a number of its own."""
    async with outgoing_home(tmp_path) as home:
        before = home.approve()
        await home.turn()
        home.bridge.known = []
        home.restore.doubt()
        home.approve("oats")
        with pytest.raises(SendsStoppedError, match="restored from a backup"):
            await home.turn()
        home.restore.doubt()  # as the drain does after every failure: it must not take the owner's word away
        assert codes(home.guard.problems()) == [SafetyCode.BRIDGE_RESTORED]
        home.guard.accept_bridge("anna")
        assert home.guard.problems() == ()
        assert await home.turn() == 1
        assert home.state(before) is IntentState.HELD
        assert [each.handover for each in home.bridge.known] == [2]
        assert home.store.chain.event_counts()["bridge_accepted"] == 1


async def test_nothing_is_accepted_that_did_not_happen(tmp_path: Path) -> None:
    """An owner's word counts for a bridge that has forgotten, and for nothing else."""
    async with outgoing_home(tmp_path) as home:
        with pytest.raises(RefusedError):
            home.guard.accept_bridge("anna")


async def test_a_copied_hub_stops_when_the_bridge_says_so(tmp_path: Path) -> None:
    """Two hubs with one identity: the bridge freezes the home, and this hub shows it until its operator lets go."""
    async with outgoing_home(tmp_path) as home:
        await home.restore.run_once()
        home.approve()
        home.bridge.known = [known("the-copys", number=1)]
        with pytest.raises(HubForkedError):
            await home.turn()
        home.restore.doubt()
        home.approve("oats")
        with pytest.raises(SendsStoppedError):
            await home.turn()
        assert codes(home.guard.problems()) == [SafetyCode.HUB_FORKED]
        home.bridge.frozen = False
        assert await home.turn() == 1
        assert home.guard.problems() == ()


async def test_a_copy_that_was_compared_too_early_does_not_send_what_was_settled(tmp_path: Path) -> None:
    """Nothing was due yet when it compared; then the other one ordered, and what waits here is that same need."""
    async with outgoing_home(tmp_path) as home:
        await home.restore.run_once()
        waiting = home.approve()
        home.bridge.known = [known("the-others", number=4)]
        with pytest.raises(BridgeUnreachableError, match="behind"):
            await home.turn()
        home.restore.doubt()  # as the drain does after every failure
        await home.turn()
        assert home.intent("the-others").state is IntentState.HELD
        assert home.orders.cancel_wishes(limit=5) == [waiting]  # it may have left once: the bridge is told, too
        assert [each.intent_id for each in home.bridge.known] == ["the-others"]
        assert home.orders.acknowledged() == 4


async def test_a_hub_that_missed_an_answer_goes_on_after_it_has_compared(tmp_path: Path) -> None:
    """The bridge has an order of this hub whose receipt never came: it is no stranger's, and nothing is dropped."""
    async with outgoing_home(tmp_path) as home:
        await home.restore.run_once()
        first = home.approve()
        home.store.connection.db.execute("DELETE FROM outbox")
        home.bridge.known = [known(first, number=1)]
        home.approve("oats")
        with pytest.raises(BridgeUnreachableError, match="behind"):
            await home.turn()
        home.restore.doubt()
        assert await home.turn() == 1
        assert home.guard.problems() == ()
        assert [request.url.query for request in home.bridge.asked][-1] == b"head=1"


async def test_what_was_not_taken_over_whole_is_not_compared(tmp_path: Path) -> None:
    """The need of an order that is still to be taken over must not be asked about meanwhile."""
    async with outgoing_home(tmp_path, pages_max=1) as home:
        home.bridge.known = [known(f"i{n}", number=n, sku="gone") for n in range(1, 151)]
        await home.restore.run_once()
        assert (codes(home.guard.problems()), home.restore.has_compared) == ([SafetyCode.HUB_RESTORED], False)
        await home.restore.run_once()
        assert not home.restore.has_compared
        await home.restore.run_once()
        assert (home.guard.problems(), home.restore.has_compared) == ((), True)
        home.bridge.known.append(known("copied", number=151, sku="gone"))
        await home.restore.run_once()
        assert home.restore.has_compared, "it was compared once since the start"


@dataclass
class Parked:
    """The first answer on the wire is late: it says how things stood when it was asked for."""

    home: OutgoingHome
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.home.bridge.answer = self.park  # type: ignore[assignment]

    async def park(self, request: httpx.Request) -> httpx.Response:
        """Answer when the test says so; what comes after it is answered at once."""
        self.home.bridge.answer = None
        told = self.home.bridge.reply(request)
        self.arrived.set()
        await self.go.wait()
        return told


async def idle() -> None:
    """Let every other task go as far as it can."""
    for _ in range(500):
        await asyncio.sleep(0)


async def test_two_tasks_do_not_compare_side_by_side(tmp_path: Path) -> None:
    """Review and drain both ask at start: an answer from before the first order is not held against it."""
    async with outgoing_home(tmp_path) as home:
        home.approve()
        parked = Parked(home)
        review = asyncio.create_task(home.restore.run_once())
        await parked.arrived.wait()
        drain = asyncio.create_task(home.turn())
        await idle()
        parked.go.set()
        await review
        assert await drain == 1
        assert home.guard.problems() == ()


async def test_what_another_task_has_compared_is_not_compared_again(tmp_path: Path) -> None:
    """Who waited for its turn looks first whether there is anything left to do."""
    async with outgoing_home(tmp_path) as home:
        parked = Parked(home)
        drain = asyncio.create_task(home.restore.run_once())
        await parked.arrived.wait()
        review = asyncio.create_task(home.restore.run_first())
        await idle()
        parked.go.set()
        await asyncio.gather(drain, review)
        asked = len(home.bridge.asked)
        await home.restore.run_first()
        assert len(home.bridge.asked) == asked == 2  # the fake counts what it has parked twice


async def test_a_doubt_outlives_an_answer_that_was_asked_for_before_it(tmp_path: Path) -> None:
    """Something failed while the bridge was asked: what it then says is older than that."""
    async with outgoing_home(tmp_path) as home:
        parked = Parked(home)
        drain = asyncio.create_task(home.restore.run_once())
        await parked.arrived.wait()
        home.restore.doubt()
        parked.go.set()
        await drain
        assert home.restore.is_due
        await home.restore.run_once()
        assert not home.restore.is_due


async def test_a_take_over_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    """A mandate that cannot be read cannot be paused: nothing is sent, and the page says why until it is mended."""
    async with outgoing_home(tmp_path) as home:
        mandates, made = Mandates(home.store.connection), mandate()
        mandates.add_mandate(made)
        home.store.connection.db.execute("UPDATE mandate SET terms = x'7b7d'")
        home.bridge.known = [known("theirs", number=1)]
        with pytest.raises(AuthorityTamperedError):
            await home.restore.run_once()
        [problem] = home.guard.problems()
        assert (problem.code, problem.text) == (
            SafetyCode.AUTHORITY_TAMPERED, "The terms of a mandate cannot be read: restore a backup."
        )  # fmt: skip
        assert home.restore.is_due
        assert not home.restore.has_compared
        home.store.connection.db.execute("UPDATE mandate SET terms = ?", (canonical_mandate(made.terms),))
        await home.restore.run_once()
        assert home.guard.problems() == ()
        assert home.intent("theirs").item == "milk"


@pytest.mark.parametrize(
    ("state", "charged_minor", "counted_minor"),
    [
        (OrderState.HELD, None, 1066),
        (OrderState.PLACED, None, 1066),
        (OrderState.PLACED, 1020, 1020),
        (OrderState.CANCELLED, None, 0),
    ],
)
async def test_what_was_taken_over_counts_its_ceiling_in_every_budget(
    tmp_path: Path, state: OrderState, charged_minor: int | None, counted_minor: int
) -> None:
    """Until the merchant has charged it may cost all that was approved, the price tolerance included."""
    async with outgoing_home(tmp_path) as home:
        mandates, made = Mandates(home.store.connection), mandate()
        mandates.add_mandate(made)
        home.bridge.known = [known("theirs", number=1)]
        if state is not OrderState.HELD:
            home.bridge.news = [
                OrderEvent(seq=1, intent_id="theirs", state=state, at=NOW, total_minor=charged_minor, currency="USD")
            ]
        await home.restore.run_once()
        await StatusRecorder(bridge=home.client, orders=home.orders).run_once()
        assert home.state("theirs") is IntentState(state.value)
        assert mandates.usage(made.id, 0).unclear_minor == counted_minor
        assert mandates.draws(made.id, limit=5) == []


async def test_an_order_from_just_before_a_mandate_by_the_bridges_clock_counts(tmp_path: Path) -> None:
    """The bridge's clock may be behind: it can have been drawn on that mandate."""
    async with outgoing_home(tmp_path) as home:
        mandates, made = Mandates(home.store.connection), mandate()
        mandates.add_mandate(made)
        just_before = made.terms.created_at - timedelta(minutes=5)
        home.bridge.known = [known("theirs", number=1).model_copy(update={"accepted_at": just_before})]
        await home.restore.run_once()
        assert mandates.usage(made.id, 0).occurrences == 1
