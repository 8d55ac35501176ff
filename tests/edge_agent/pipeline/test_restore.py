"""A restored hub, a copied hub and a restored bridge, found before the first order is sent."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud_bridge.wire import EventPage, OrderEvent, OrderState
from edge_agent.adapters.store.handover import SqliteHandovers
from edge_agent.commission import report
from edge_agent.config import HomeConfig, HubConfig
from edge_agent.core.catalogue import Household
from edge_agent.core.handover import OVERTAKEN, TAKEN_OVER, taken_over
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import IntentId
from edge_agent.core.safety import SafetyCode
from edge_agent.errors import HubForkedError, RefusedError, SendsStoppedError
from edge_agent.pipeline.status import StatusRecorder
from tests.edge_agent.outgoing_home import FakeBridge, Wall, known, outgoing_home
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
                taken = taken_over(known("theirs", number=1), household=Household(items=(MILK,)))
                SqliteHandovers(home.store.connection).reconcile([(1, taken)], overtaken=[], handover=1, at=NOW)
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
    """The household no longer keeps it, or has the item's order already: the order is shown under a name of its own."""
    async with outgoing_home(tmp_path) as home:
        home.bridge.known = [known("first", number=1), known("second", number=2), known("odd", number=3, sku="gone")]
        await home.restore.run_once()
        assert [home.intent(ident).item for ident in ("first", "second", "odd")] == [
            "milk", "bridge-second", "bridge-odd"
        ]  # fmt: skip
        assert home.orders.next_handover() == 4


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
