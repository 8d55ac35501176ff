"""A hub whose store was lost: it takes over from the bridge, and sends nothing before an owner has decided."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.adapters.store.set_aside import forget, open_for_service
from edge_agent.config import HubConfig
from edge_agent.core.intent import IntentState
from edge_agent.core.safety import SafetyCode
from edge_agent.errors import RefusedError, SendsStoppedError
from edge_agent.folder import STORE_FILE
from tests.edge_agent.outgoing_home import FakeBridge, Wall, outgoing_home


async def test_a_lost_store_orders_nothing_again(tmp_path: Path) -> None:
    """What the bridge has is taken over; the sends stay stopped, over a restart too, and go on once it was decided."""
    wall = Wall()
    bridge = FakeBridge(wall)
    async with outgoing_home(tmp_path, wall=wall, bridge=bridge) as home:
        sent = home.approve()
        await home.turn()
    (tmp_path / STORE_FILE).write_bytes(b"no store any more" * 300)
    with open_for_service(tmp_path, HubConfig(), wall=wall):
        pass
    for _ in range(2):
        async with outgoing_home(tmp_path, wall=wall, bridge=bridge) as home:
            await home.restore.run_once()
            assert home.state(sent) is IntentState.HELD
            assert SafetyCode.STORE_SET_ASIDE in [each.code for each in home.guard.problems()]
            with pytest.raises(RefusedError, match="under way"):
                home.approve()
            with pytest.raises(SendsStoppedError):
                home.guard.check()
    forget(tmp_path)
    async with outgoing_home(tmp_path, wall=wall, bridge=bridge) as home:
        assert home.guard.problems() == ()
        with pytest.raises(SendsStoppedError):
            home.guard.check()  # the bridge is asked before the first order all the same
        home.numbers = iter(range(50, 60))
        later = home.approve("oats")
        await home.turn()
    assert home.sent() == [sent, later]
    assert [each.handover for each in bridge.known] == [1, 2]
    assert not bridge.frozen


async def test_what_was_approved_blindly_gives_way_to_what_had_left(tmp_path: Path) -> None:
    """An approval on the fresh store, before the bridge was heard, carries a number that is taken: it is never sent."""
    wall = Wall()
    bridge = FakeBridge(wall)
    async with outgoing_home(tmp_path, wall=wall, bridge=bridge) as home:
        sent = home.approve()
        await home.turn()
    (tmp_path / STORE_FILE).write_bytes(b"no store any more" * 300)
    with open_for_service(tmp_path, HubConfig(), wall=wall):
        pass
    async with outgoing_home(tmp_path, wall=wall, bridge=bridge) as home:
        home.numbers = iter(range(50, 60))
        blind = home.approve()
        await home.restore.run_once()
        assert home.state(blind) is IntentState.CANCELLED
        assert home.state(sent) is IntentState.HELD
    assert not bridge.frozen
