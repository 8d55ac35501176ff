"""A running site for tests: the real account store and password hash on a home in memory, and a browser without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import httpx
from starlette.types import ASGIApp, Message

from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.connection import Connection
from edge_agent.config import HomeConfig, WebConfig
from edge_agent.core.people import Account, Role
from edge_agent.ports import Clock
from edge_agent.web.factory import create_app
from edge_agent.web.parts import WebParts
from tests.edge_agent.web.fakes import AnswersInMemory, HomeInMemory
from tests.edge_agent.web.sample_home import sample_home

ORIGIN = "http://127.0.0.1:8480"
PASSWORD = "correct horse battery"


@dataclass
class House:
    """Everything that a test of the pages touches."""

    home: HomeInMemory
    answers: AnswersInMemory
    accounts: Accounts
    app: ASGIApp

    def client(self, *, raise_faults: bool = True) -> httpx.AsyncClient:
        """A client of its own, with its own cookies."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=raise_faults)
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN)


@contextmanager
def opened(folder: Path, clock: Clock, *, web: WebConfig | None = None) -> Iterator[House]:
    """A house with an owner, a member and a guest, who share one password."""
    home = sample_home(clock)
    answers = AnswersInMemory(home)
    passwords = Argon2Passwords(memory_kib=8, passes=1)
    with Connection(folder / "hub.sqlite3") as connection:
        accounts = Accounts(connection)
        for role in Role:
            accounts.put_account(Account(f"the-{role}", role, passwords.hash(PASSWORD)))
        parts = WebParts(clock=clock, accounts=accounts, passwords=passwords, overview=home, answers=answers)
        config = HomeConfig(name="Elm Street", timezone="Europe/Berlin")
        yield House(home, answers, accounts, create_app(parts, web=web or WebConfig(), home=config))


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
