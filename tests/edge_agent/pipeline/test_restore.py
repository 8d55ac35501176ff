"""A restored hub, a copied hub and a restored bridge, found before the first order is sent."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge_agent.core.handover import OVERTAKEN, TAKEN_OVER
from edge_agent.core.intent import IntentState
from edge_agent.core.safety import SafetyCode
from edge_agent.errors import HubForkedError, RefusedError, SendsStoppedError
from tests.edge_agent.outgoing_home import FakeBridge, Wall, known, outgoing_home


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
