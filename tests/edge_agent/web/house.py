"""A running site for tests: the real account store and password hash on a home in memory, and a browser without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

import httpx
from jinja2.bccache import Bucket, BytecodeCache
from starlette.types import ASGIApp, Message

from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.connection import Connection
from edge_agent.config import HomeConfig, WebConfig
from edge_agent.core.people import Account, Role
from edge_agent.ports import Clock
from edge_agent.web.factory import create_app
from edge_agent.web.language import Languages
from edge_agent.web.parts import WebParts
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.web.fake_channels import DeskRecorded, LinksRecorded, Phones, furnish
from tests.edge_agent.web.fake_household import (
    DecisionsInMemory,
    LedgerInMemory,
    MandatesInMemory,
    MerchantsInMemory,
    PeopleRecorded,
    PoliciesInMemory,
    SafetyInMemory,
    StockRecorded,
)
from tests.edge_agent.web.fake_keeping import KeepingInMemory
from tests.edge_agent.web.fake_products import ProductsInMemory
from tests.edge_agent.web.fake_road import RoadInMemory
from tests.edge_agent.web.fake_settings import ForgettingRecorded, HoldingsInMemory, ReportInMemory, SettingsInMemory
from tests.edge_agent.web.fake_tokens import TokensRecorded, sample_token
from tests.edge_agent.web.fakes import AfterAllInMemory, AnswersInMemory, HomeInMemory, RecallsInMemory, RecordsInMemory
from tests.edge_agent.web.sample_home import sample_home
from tests.edge_agent.web.sample_household import sample_mandates, sample_sent

ORIGIN = "http://127.0.0.1:8480"
PASSWORD = "correct horse battery"
HOME = HomeConfig(name="Elm Street", timezone="Europe/Berlin")  # once: it reads the whole list of time zones


class _Compiled(BytecodeCache):
    """Templates that an earlier test has compiled: the most that a test of a page would wait for."""

    def __init__(self) -> None:
        self._by_key: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take it from before, if it is the same source."""
        if bucket.key in self._by_key:
            bucket.bytecode_from_string(self._by_key[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it."""
        self._by_key[bucket.key] = bucket.bytecode_to_string()


COMPILED = _Compiled()


@dataclass
class House:
    """Everything that a test of the pages touches."""

    parts: WebParts
    home: HomeInMemory
    answers: AnswersInMemory
    accounts: Accounts
    mandates: MandatesInMemory
    people: PeopleRecorded
    policies: PoliciesInMemory
    ledger: LedgerInMemory
    safety: SafetyInMemory
    merchants: MerchantsInMemory
    decisions: DecisionsInMemory
    stock: StockRecorded
    recalls: RecallsInMemory
    after_all: AfterAllInMemory
    keeping: KeepingInMemory
    products: ProductsInMemory
    settings: SettingsInMemory
    holdings: HoldingsInMemory
    forgetting: ForgettingRecorded
    reporting: ReportInMemory
    tokens: TokensRecorded
    channels: DeskRecorded
    links: LinksRecorded
    road: RoadInMemory
    passwords: Argon2Passwords
    connection: Connection
    app: ASGIApp

    @property
    def calls(self) -> list[tuple[object, ...]]:
        """Everything that was set off, of whatever kind."""
        parts = (
            self.answers,
            self.mandates,
            self.people,
            self.policies,
            self.safety,
            self.decisions,
            self.stock,
            self.recalls,
            self.after_all,
        )
        return [
            call
            for part in (
                *parts,
                self.tokens,
                self.channels,
                self.links,
                self.settings,
                self.forgetting,
                self.keeping,
                self.products,
                self.road,
            )
            for call in part.calls
        ]

    def give_pin(self, name: str, pin: str) -> None:
        """Set somebody's PIN."""
        account = self.accounts.account(name)
        assert account is not None
        self.accounts.put_account(replace(account, pin_hash=self.passwords.hash(pin)))

    def client(self, *, raise_faults: bool = True) -> httpx.AsyncClient:
        """A client of its own, with its own cookies."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=raise_faults)
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN)


@contextmanager
def opened(
    folder: Path, clock: Clock, *, web: WebConfig | None = None, languages: Languages | None = None
) -> Iterator[House]:
    """A house with a person of each role, who share one password."""
    with Connection(fresh_store(folder / "hub.sqlite3")) as connection:
        house = _furnished(connection, clock, web=web or WebConfig(), languages=languages)
        for role in Role:
            house.accounts.put_account(Account(f"the-{role}", role, house.passwords.hash(PASSWORD)))
        house.tokens.put(sample_token(clock.now()))
        furnish(house.channels, clock)
        yield house


def _furnished(connection: Connection, clock: Clock, *, web: WebConfig, languages: Languages | None) -> House:
    home, accounts, policies = sample_home(clock), Accounts(connection), PoliciesInMemory()
    road = RoadInMemory(home, clock)
    parts = WebParts(
        clock=clock,
        accounts=accounts,
        passwords=(passwords := Argon2Passwords(memory_kib=8, passes=1)),
        overview=home,
        answers=(answers := AnswersInMemory(home, accounts=accounts, policies=policies)),
        mandates=(mandates := sample_mandates(clock, policies)),
        people=(people := PeopleRecorded(accounts)),
        policies=policies,
        ledger=(ledger := LedgerInMemory(sample_sent())),
        safety=(safety := SafetyInMemory()),
        merchants=(merchants := MerchantsInMemory()),
        inventory=lambda: home.inventory,
        decisions=(decisions := DecisionsInMemory()),
        stock=(stock := StockRecorded()),
        after_all=(after_all := AfterAllInMemory(home)),
        records=RecordsInMemory(home),
        recalls=(recalls := RecallsInMemory()),
        keeping=(keeping := KeepingInMemory(home)),
        products=(products := ProductsInMemory(clock)),
        tokens=(tokens := TokensRecorded(connection)),
        channels=(channels := DeskRecorded(connection, clock, Phones())),
        links=(links := LinksRecorded(channels.notices, clock)),
        changes=lambda: connection.db.total_changes() + road.turns,
        settings=(settings := SettingsInMemory()),
        holdings=(holdings := HoldingsInMemory()),
        forgetting=(forgetting := ForgettingRecorded()),
        reporting=(reporting := ReportInMemory()),
        road=road,
    )
    return House(
        parts=parts,
        home=home,
        answers=answers,
        accounts=accounts,
        mandates=mandates,
        people=people,
        policies=policies,
        ledger=ledger,
        safety=safety,
        merchants=merchants,
        decisions=decisions,
        stock=stock,
        recalls=recalls,
        after_all=after_all,
        keeping=keeping,
        products=products,
        settings=settings,
        holdings=holdings,
        forgetting=forgetting,
        reporting=reporting,
        tokens=tokens,
        channels=channels,
        links=links,
        road=road,
        passwords=passwords,
        connection=connection,
        app=create_app(parts, web=web, home=HOME, compiled=COMPILED, languages=languages),
    )


def field(html: str, name: str) -> str:
    """The value of a hidden input."""
    found = re.search(rf'name="{name}" value="([^"]+)"', html)
    assert found is not None, f"no field {name}"
    return found[1]


async def sign_in(client: httpx.AsyncClient, *, role: Role = Role.OWNER, password: str = PASSWORD) -> httpx.Response:
    """Sign in by the form."""
    form = await client.get("/login")
    values = {"name": f"the-{role}", "password": password, "csrf": field(form.text, "csrf")}
    return await client.post("/login", data=values)


async def ask(house: House, *, path: str = "/healthz", headers: list[tuple[bytes, bytes]] | None = None) -> int:
    """The status of a GET with exactly this path and these headers, which a polite client would not send."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "headers": [(b"host", b"127.0.0.1:8480")] if headers is None else headers,
        "server": ("127.0.0.1", 8480),
        "client": ("127.0.0.1", 50_000),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await house.app(scope, receive, send)
    status: int = sent[0]["status"]
    return status
