"""Messages to people after a backup was put back: who was told is not told again, and no old link opens."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from edge_agent.adapters.channels.push_key import load_push_key
from edge_agent.adapters.sealing import load_secret
from edge_agent.adapters.setup_files import BROKER_FILE, keep_broker
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.notices import Notices
from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.orders import Orders
from edge_agent.commands import keeping
from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import ChannelId, Rules
from edge_agent.core.setup.first_steps import Broker
from edge_agent.notify_ports import ChannelKind, ChannelRow
from edge_agent.pipeline.links import Links
from edge_agent.pipeline.notifying import Manner, Notifying
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.commands.keeping.home import PASSPHRASE, Hub
from tests.edge_agent.pipeline.desk import FixedHousehold
from tests.edge_agent.pipeline.test_notifying import HOME, Phones
from tests.edge_agent.samples import NOW, prompt


@dataclass
class Life:
    """A hub that runs: what it asks, whom it tells, and what its links open."""

    orders: Orders
    notices: Notices
    links: Links
    phones: Phones
    notifying: Notifying


@contextmanager
def running(hub: Hub, clock: ManualClock) -> Iterator[Life]:
    """The part of a hub that tells people, over the store of this folder."""
    with open_store(hub.folder, hub.config) as store:
        notices, numbers, phones = Notices(store.connection), count(1), Phones()
        links = Links(
            notices=notices,
            sealer=load_secret(hub.folder),
            clock=clock,
            new_id=lambda: f"{next(numbers):032x}",
            home_url=HOME,
        )
        notifying = Notifying(
            clock=clock,
            orders=Orders(store.connection),
            household=FixedHousehold(),
            people=Accounts(store.connection),
            notices=notices,
            channels=phones,
            links=links,
            manner=Manner(Rules(zone=ZoneInfo("UTC"))),
        )
        yield Life(Orders(store.connection), notices, links, phones, notifying)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The home that is backed up: anna owns it, and has a telephone."""
    made = Hub(tmp_path / "old", monkeypatch).set_up()
    with running(made, ManualClock()) as life:
        life.notices.put_channel(
            ChannelRow(ChannelId("anna-push"), "anna", ChannelKind.WEB_PUSH, 0, "https://push.test/a", True, NOW)
        )
        life.orders.add_prompt(prompt())
    return made


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A machine on which nothing is yet."""
    return Hub(tmp_path / "new", monkeypatch)


def moved(hub: Hub, other: Hub, file: Path) -> Hub:
    """The home on the other machine, as it was at the backup."""
    keeping.put_back(other.config, hub.back_up(file), passphrase=PASSPHRASE)
    return other


async def test_who_was_told_before_the_backup_is_not_told_again(hub: Hub, other: Hub, tmp_path: Path) -> None:
    """Receipts and what was sent come back with the store, so the same question is not sent twice."""
    clock = ManualClock()
    clock.advance(minutes=3)
    with running(hub, clock) as life:
        await life.notifying.run_once()
        assert [name for name, _ in life.phones.heard] == ["anna-push"]
    with running(moved(hub, other, tmp_path / "b"), clock) as life:
        clock.advance(minutes=2)
        await life.notifying.run_once()
        assert life.phones.heard == []
        assert len(life.notices.sent_since(NOW)) == 1


async def test_who_was_told_after_the_backup_is_told_once_more(hub: Hub, other: Hub, tmp_path: Path) -> None:
    """The hub cannot know of that message: twice is better than never, and the link of the first opens nothing."""
    file = hub.back_up(tmp_path / "b")
    clock = ManualClock()
    clock.advance(minutes=3)
    with running(hub, clock) as life:
        await life.notifying.run_once()
        old = life.phones.heard[0][1].link.removeprefix(f"{HOME}/n/")
        assert life.links.stands(old)
    keeping.put_back(other.config, file, passphrase=PASSPHRASE)
    with running(other, clock) as life:
        assert not life.links.stands(old)
        for _ in range(2):
            await life.notifying.run_once()
        assert [name for name, _ in life.phones.heard] == ["anna-push"]


async def test_a_link_that_was_used_after_the_backup_stays_used(hub: Hub, other: Hub, tmp_path: Path) -> None:
    """The store in the backup does not know of its use, so no link survives a restore."""
    clock = ManualClock()
    clock.advance(minutes=3)
    with running(hub, clock) as life:
        await life.notifying.run_once()
        link = life.phones.heard[0][1].link.removeprefix(f"{HOME}/n/")
    file = hub.back_up(tmp_path / "b")
    with running(hub, clock) as life:
        assert life.links.use(link).prompts == (PromptId("p1"),)
    keeping.put_back(other.config, file, passphrase=PASSPHRASE)
    with running(other, clock) as life:
        assert not life.links.stands(link)


def test_every_secret_of_the_folder_comes_back_closed_to_others(hub: Hub, other: Hub, tmp_path: Path) -> None:
    """The key of Web Push, by which browsers know the hub, and the broker's login among them."""
    key = load_push_key(hub.folder)
    keep_broker(hub.folder, Broker(host="broker.test", user="hub", password=SecretStr("s3cret")))
    moved(hub, other, tmp_path / "b")
    assert load_push_key(other.folder) == key
    assert (other.folder / BROKER_FILE).read_bytes() == (hub.folder / BROKER_FILE).read_bytes()
    for place in (hub.folder, other.folder):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.rglob("*") if path.is_file()}
        assert set(modes.values()) == {0o600}, modes
