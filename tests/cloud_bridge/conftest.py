"""The bridge's fixtures: clock, household, store, merchants."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud_bridge.intake import Intake
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.ports import CrashHook, Merchant, no_crash
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from tests.cloud_bridge.rig import MERCHANT, MILK, HandClock, Rig, Signer
from tests.cloud_bridge.sample_merchant import SampleMerchant, free_port


@pytest.fixture
def clock() -> HandClock:
    """A clock at 2026-03-01."""
    return HandClock()


@pytest.fixture
def signer() -> Signer:
    """The household of most tests."""
    return Signer()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A real store in a file."""
    with Database(f"sqlite:///{tmp_path / 'bridge.sqlite3'}") as opened:
        yield opened


@pytest.fixture
def store(database: Database) -> SqlOrderStore:
    """Orders in it."""
    return SqlOrderStore(database)


@pytest.fixture
def simulated() -> SimulatedMerchant:
    """Our model merchant, with milk."""
    return SimulatedMerchant({MILK: Shelf("Whole milk 1 L", 179, 50)})


@pytest.fixture
def intake(store: SqlOrderStore, clock: HandClock, signer: Signer, simulated: SimulatedMerchant) -> Intake:
    """The door for intents, with the model merchant behind it."""
    keys = {signer.household: signer.public_key}
    return Intake(store, keys=keys, merchants={MERCHANT: simulated}, clock=clock, bell=asyncio.Event())


@pytest.fixture
def make_rig(store: SqlOrderStore, clock: HandClock, signer: Signer) -> Callable[..., Rig]:
    """Wire worker and tracker to a merchant; a second call stands for a restart."""

    def make(merchant: Merchant, crash: CrashHook = no_crash) -> Rig:
        return Rig(store, clock, signer, merchant, crash)

    return make


@pytest.fixture(scope="session")
def sample_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleMerchant]:
    """The sample server, one for the session."""
    spec = importlib.util.find_spec("ucp_client")
    if spec is None or spec.origin is None:
        reason = "the UCP sample merchant (ucp-client[server]) is not installed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    server_folder = Path(spec.origin).parent / "mockup_server"
    sample = SampleMerchant(tmp_path_factory.mktemp("merchant"), server_folder, free_port())
    sample.load()
    sample.start()
    yield sample
    sample.stop()


@pytest.fixture
def sample(sample_process: SampleMerchant) -> SampleMerchant:
    """The sample server, with its prices and stock as they were."""
    for sku, price_minor, stock in (
        (MILK, 179, 500),
        ("detergent-liquid-500ml", 899, 500),
        ("washer-fluid-2500ml", 649, 0),
    ):
        sample_process.set_price(sku, price_minor)
        sample_process.set_stock(sku, stock)
    return sample_process
