"""The tasks of the composition root: what one of them does when what it needs is not there."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from edge_agent import household_side
from edge_agent.adapters.egress import Egress
from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.keys import load_or_create
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.mandates import Mandates
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.config import HomeConfig, HubConfig, ModelConfig
from edge_agent.core.catalogue import Household
from edge_agent.core.messages import ItemId
from edge_agent.core.safety import SafetyCode
from edge_agent.errors import AuthorityTamperedError
from edge_agent.folder import HOUSEHOLD_FILE
from tests.edge_agent.leave import mandate
from tests.edge_agent.outgoing_home import URL, FakeBridge, Wall, known, opened
from tests.edge_agent.samples import MILK


async def test_an_edit_of_the_household_is_looked_at_soon(tmp_path: Path) -> None:
    """Once for each edit, whether or not the bridge was ever asked; without one nothing is looked at again."""
    file = HouseholdFile(tmp_path / HOUSEHOLD_FILE)
    file.save(Household(items=(MILK,)))
    bridge, key = FakeBridge(Wall()), load_or_create(tmp_path)
    config = HubConfig(
        home=HomeConfig(id="home-1", hub="hub-1", data_dir=str(tmp_path)),
        model=ModelConfig(artefact_dir=str(tmp_path / "none")),
    )
    with opened(tmp_path, bridge.wall) as store:
        ledger = EgressLedger(store.connection, clock=store.clock)
        transport = httpx.MockTransport(bridge.reply)
        async with Egress(
            ledger=ledger, key=key, household="home-1", url=URL, timeout_s=5, transport=transport
        ) as egress:
            readings = SqliteReadings(store.connection)
            tasks = household_side._wire(config, store, readings, key=key, egress=egress, ledger=ledger)
            oats = MILK.model_copy(update={"id": "oats", "name": "Oats"})
            file.save(Household(items=(MILK, oats)))
            await tasks._look_if_edited()
            assert not tasks.restore.has_compared
            assert set(tasks.review.latest) == {"milk", "oats"}
            file.save(Household(items=(oats,)))
            await tasks._look_if_edited()
            assert set(tasks.review.latest) == {"oats"}
            before = tasks.review.latest["oats"]
            await tasks._look_if_edited()
            assert tasks.review.latest["oats"] is before


async def test_the_review_goes_on_where_the_bridge_cannot_be_compared_with(tmp_path: Path) -> None:
    """A restored hub holds a mandate that cannot be read: stocks are estimated, nothing is asked, and a page says why.

    The end of such a mandate cannot be told either: that fails after the review, and is said each time.
    """
    HouseholdFile(tmp_path / HOUSEHOLD_FILE).save(Household(items=(MILK,)))
    bridge, key = FakeBridge(Wall(), known=[known("theirs", number=1)]), load_or_create(tmp_path)
    config = HubConfig(
        home=HomeConfig(id="home-1", hub="hub-1", data_dir=str(tmp_path)),
        model=ModelConfig(artefact_dir=str(tmp_path / "none")),
    )
    with opened(tmp_path, bridge.wall) as store:
        Mandates(store.connection).add_mandate(mandate())
        store.connection.db.execute("UPDATE mandate SET terms = x'7b7d'")
        ledger = EgressLedger(store.connection, clock=store.clock)
        transport = httpx.MockTransport(bridge.reply)
        async with Egress(
            ledger=ledger, key=key, household="home-1", url=URL, timeout_s=5, transport=transport
        ) as egress:
            readings = SqliteReadings(store.connection)
            tasks = household_side._wire(config, store, readings, key=key, egress=egress, ledger=ledger)
            with pytest.raises(AuthorityTamperedError):
                await tasks._look()
            assert ItemId("milk") in tasks.review.latest
            assert [each.code for each in tasks.guard.problems()] == [SafetyCode.AUTHORITY_TAMPERED]
            assert not tasks.restore.has_compared
