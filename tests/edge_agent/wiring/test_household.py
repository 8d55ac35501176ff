"""The tasks of the composition root: what one of them does when what it needs is not there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from edge_agent.adapters.egress import Egress
from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.keys import load_or_create
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.mandates import Mandates
from edge_agent.config import (
    HomeAssistantConfig,
    HomeConfig,
    HubConfig,
    ModelConfig,
    NotifyConfig,
    Secrets,
    TracingConfig,
)
from edge_agent.core.catalogue import Household
from edge_agent.core.messages import DeviceId, ItemId
from edge_agent.core.registry import Registry
from edge_agent.core.safety import SafetyCode
from edge_agent.errors import AuthorityTamperedError
from edge_agent.folder import HOUSEHOLD_FILE
from edge_agent.ports import no_crash
from edge_agent.wiring import household as wiring
from edge_agent.wiring.home_assistant import wire_voice
from edge_agent.wiring.orders import Gate
from edge_agent.wiring.readings import wire_readings
from tests.collector import Collector
from tests.edge_agent.leave import mandate
from tests.edge_agent.outgoing_home import URL, FakeBridge, Wall, known, opened
from tests.edge_agent.samples import MILK

if TYPE_CHECKING:
    from edge_agent.adapters.home_assistant import HomeAssistantVoice
    from edge_agent.wiring.tasks import Tasks


@asynccontextmanager
async def wired(
    folder: Path, config: HubConfig, *, bridge: FakeBridge | None = None, voice: HomeAssistantVoice | None = None
) -> AsyncIterator[Tasks]:
    """A hub of one item and without profiles, as it is wired."""
    HouseholdFile(folder / HOUSEHOLD_FILE).save(Household(items=(MILK,)))
    bridge, key = bridge or FakeBridge(Wall()), load_or_create(folder)
    with opened(folder, bridge.wall) as store:
        kept = wire_readings(config, store, registry=Registry(), crash_hook=no_crash)
        ledger = EgressLedger(store.connection, clock=store.clock)
        transport = httpx.MockTransport(bridge.reply)
        async with Egress(
            ledger=ledger, key=key, household="home-1", url=URL, timeout_s=5, transport=transport
        ) as egress:
            gate = Gate(egress, ledger, key)
            yield wiring.wire(config, kept, gate=gate, secret=Secrets(), voice=voice, crash_hook=no_crash)


def config_of(folder: Path, **sections: object) -> HubConfig:
    """A home in this folder, without a model."""
    home = HomeConfig(id="home-1", hub="hub-1", data_dir=str(folder))
    return HubConfig(home=home, model=ModelConfig(artefact_dir=str(folder / "none")), **sections)  # type: ignore[arg-type]


async def test_an_edit_of_the_household_is_looked_at_soon(tmp_path: Path) -> None:
    """Once for each edit, whether or not the bridge was ever asked; without one nothing is looked at again."""
    file = HouseholdFile(tmp_path / HOUSEHOLD_FILE)
    async with wired(tmp_path, config_of(tmp_path)) as tasks:
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
    wall = Wall()
    with opened(tmp_path, wall) as store:
        Mandates(store.connection).add_mandate(mandate())
        store.connection.db.execute("UPDATE mandate SET terms = x'7b7d'")
    bridge = FakeBridge(wall, known=[known("theirs", number=1)])
    async with wired(tmp_path, config_of(tmp_path), bridge=bridge) as tasks:
        with pytest.raises(AuthorityTamperedError):
            await tasks._look()
        assert ItemId("milk") in tasks.review.latest
        assert [each.code for each in tasks.guard.problems()] == [SafetyCode.AUTHORITY_TAMPERED]
        assert not tasks.restore.has_compared


def names_of(tasks: Tasks) -> set[str]:
    """What would run."""
    works = tasks._works()
    for work in works.values():
        work.close()
    return set(works)


async def test_nothing_is_said_outside_unless_the_configuration_asks_for_it(tmp_path: Path) -> None:
    """No message and no word to Home Assistant; the key for browsers is not even made."""
    async with wired(tmp_path, config_of(tmp_path)) as tasks:
        assert {"review", "fresh", "drain"} <= names_of(tasks)
        assert not names_of(tasks) & {"notify", "home_assistant", "home_assistant_heard"}
    assert not (tmp_path / "push.key").exists()


@pytest.mark.parametrize("said", [{"origins": ["https://ntfy.test"]}, {"web_push": True}])
async def test_people_are_told_where_messages_may_go(tmp_path: Path, said: dict[str, object]) -> None:
    """The notifier runs, and its channels are those of the pages."""
    config = config_of(tmp_path, notify=NotifyConfig.model_validate_json(json.dumps(said)))
    async with wired(tmp_path, config) as tasks:
        assert "notify" in names_of(tasks)
        assert tasks.notifying is not None
        assert (await tasks.notifying.run_once()).messages == ()
    assert (tmp_path / "push.key").exists() is ("web_push" in said)


async def test_home_assistant_is_told_where_it_is_asked_for(tmp_path: Path) -> None:
    """Both ways; what stands is said at the first turn."""
    config = config_of(tmp_path, home_assistant=HomeAssistantConfig(enabled=True))
    voice = wire_voice(config, Secrets(), client_id="hub")
    async with wired(tmp_path, config, voice=voice) as tasks:
        assert {"home_assistant", "home_assistant_heard"} <= names_of(tasks)
        await tasks._tell_home_assistant()
    assert any(topic.endswith("/config") for topic in voice._standing)


async def test_a_reading_is_on_the_pages_before_the_review_comes_round(tmp_path: Path) -> None:
    """What ingest notes is looked at at once; what was decided stays."""
    async with wired(tmp_path, config_of(tmp_path)) as tasks:
        tasks.review.run_once()
        before = tasks.review.latest[ItemId("milk")]
        tasks.fresh.note([DeviceId("fridge")])
        await tasks._freshen()
        after = tasks.review.latest[ItemId("milk")]
        assert after is not before
        assert after.decision is before.decision


async def test_traces_are_sent_where_a_collector_is_configured_and_nowhere_else(tmp_path: Path) -> None:
    """A review as it is wired shows at the collector; without one there is no such task."""
    async with wired(tmp_path, config_of(tmp_path)) as tasks:
        assert "traces" not in names_of(tasks)
    pytest.importorskip("opentelemetry.sdk")
    with Collector() as collector:
        config = config_of(tmp_path, tracing=TracingConfig(endpoint=collector.url))
        async with wired(tmp_path, config) as tasks:
            assert "traces" in names_of(tasks)
            assert tasks.traces is not None
            await tasks._look()
            await tasks.traces.run_once()
        assert "review" in [span.name for span in collector.spans()]
