"""What the lives of one home have in common: its files, its settings, its clock, a person who is signed in."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloud_bridge.config import BridgeConfig, HouseholdConfig, StoreConfig, WorkerConfig
from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.store.database import Database
from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.keys import load_or_create
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.orders import Orders
from edge_agent.config import BridgeConfig as BridgeLink
from edge_agent.config import HomeConfig, HubConfig, ModelConfig, WebConfig
from edge_agent.core.catalogue import Binding, Household, Item, Preferences, Product
from edge_agent.core.messages import ItemId, Price
from edge_agent.core.people import Account, Role, Session
from edge_agent.folder import HOUSEHOLD_FILE
from tests.campaign.kills.world import HOME, PACK_G, Fridge

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
BRIDGE_STORE = "bridge.sqlite3"
MERCHANTS = {"alpha": MerchantClass.A, "beta": MerchantClass.B, "gamma": MerchantClass.C}
PAGE_URL, BRIDGE_URL = "http://127.0.0.1", "http://127.0.0.1:8490"
PRICE_MINOR, DELIVERY_MINOR, CURRENCY = 179, 500, "USD"
CSRF = "c" * 32
_TOKEN = "t" * 43
_MARK = "0" * 8
COOKIE = {f"restock_session_{_MARK}": _TOKEN}
_FOR_EVER = timedelta(days=3_650)


@dataclass(frozen=True, slots=True)
class Course:
    """How life goes in a home: how many appliances, how fast they run low, how long a process lives, how often it dies.

    Units: `use_packs` a turn, least and most; `turns` a life; `arrives_after_turns` from order to goods; `deaths` is
    the share of lives that are killed; with `all_die`, one that does not come to its point is killed at another.
    """

    name: str
    fridges: int
    use_packs: tuple[float, float]
    turns: int
    hours_a_turn: int
    arrives_after_turns: int
    deaths: float
    all_die: bool = False


@dataclass
class Clock:
    """Time that moves when the world says so; fulfils the clocks of hub and bridge. A wait ends at once."""

    at: datetime
    speed: float = 1.0

    def now(self) -> datetime:
        """The time now."""
        return self.at

    def shown(self, real: datetime) -> datetime:
        """Whatever the machine's clock says, it is now."""
        del real
        return self.at

    def ticks_s(self) -> float:
        """Seconds that nobody sets."""
        return self.at.timestamp()

    def after_real(self, duration_s: float) -> datetime:
        """Real seconds are this clock's."""
        return self.at + timedelta(seconds=duration_s)

    def pass_(self, **duration: float) -> None:
        """Let time pass."""
        self.at += timedelta(**duration)

    async def sleep(self, duration_s: float) -> None:
        """Jump."""
        self.pass_(seconds=duration_s)
        await asyncio.sleep(0)

    async def wait(self, bell: asyncio.Event, *, until: datetime) -> None:
        """Jump to the end of the wait."""
        if not bell.is_set():
            self.at = max(self.at, until)


def hub_config(folder: Path) -> HubConfig:
    """A hub with the built-in rule: the model is not what is tested here."""
    return HubConfig(
        home=HomeConfig(id=HOME, hub="hub", data_dir=str(folder)),
        web=WebConfig(port=0),
        bridge=BridgeLink(url=BRIDGE_URL, prices_every_s=604_800.0),
        model=ModelConfig(artefact_dir=str(folder / "none")),
    )


def set_up(folder: Path, fridges: list[Fridge]) -> BridgeConfig:
    """Make the key, both stores, the household's file and a person who is signed in; the bridge's settings."""
    key = load_or_create(folder)
    (folder / "page-mark").write_text(_MARK, encoding="ascii")
    HouseholdFile(folder / HOUSEHOLD_FILE).save(_household(fridges))
    with open_store(folder, hub_config(folder), wall=Clock(START)) as store:
        connection = store.connection
        accounts = Accounts(connection)
        accounts.put_account(Account(name="owner", role=Role.OWNER, password_hash="none"))
        accounts.add_session(
            Session(
                token_hash=hashlib.sha256(_TOKEN.encode()).hexdigest(),
                account="owner",
                role=Role.OWNER,
                csrf=CSRF,
                created_at=START,
                expires_at=START + _FOR_EVER,
            )
        )
        Orders(connection).save_prices([_price(fridge) for fridge in fridges])
    with Database(f"sqlite:///{folder / BRIDGE_STORE}"):
        pass  # migrated
    return BridgeConfig(
        households=(HouseholdConfig(id=HOME, public_key=key.public_key_base64()),),
        store=StoreConfig(url=f"sqlite:///{BRIDGE_STORE}"),  # of the folder in which a life is at home
        worker=WorkerConfig(parallel=16),
    )


def _household(fridges: list[Fridge]) -> Household:
    items = tuple(
        Item(
            id=fridge.item,
            name=f"Milk of {fridge.device}",
            category="milk",
            unit="g",
            product=Product(title="Milk", merchant=fridge.merchant, sku=fridge.sku, pack_amount=PACK_G),
            binding=Binding(device=fridge.device, signal="milk.amount"),
            room_packs=8,
            prior_use_per_day=PACK_G,
        )
        for fridge in fridges
    )
    return Household(items=items, preferences=Preferences(hold_s=120, lead_time_d=2))


def _price(fridge: Fridge) -> Price:
    return Price(
        item=ItemId(fridge.item),
        merchant=fridge.merchant,
        sku=fridge.sku,
        unit_price_minor=PRICE_MINOR,
        delivery_minor=DELIVERY_MINOR,
        currency=CURRENCY,
        available=True,
        fetched_at=START + _FOR_EVER / 10,
    )
