"""Forged approvals at the hub's page: through the whole ASGI application, to the real rules and the real store."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import httpx

from edge_agent.config import HomeConfig, WebConfig
from edge_agent.core.leave.policy import Policy
from edge_agent.core.people import Role
from edge_agent.core.prompt import PromptRecord
from edge_agent.web.factory import create_app
from edge_agent.web.parts import WebParts
from tests.campaign.approvals.home import PASSWORD, PIN, LeaveHome
from tests.campaign.approvals.tally import Tally
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.fake_household import LedgerInMemory, MerchantsInMemory, SafetyInMemory

ORIGIN = "http://127.0.0.1:8480"
PARALLEL = 50
_HASH = re.compile(r'name="terms_hash" value="([0-9a-f]{64})"')
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_WEB = WebConfig()
Form = dict[str, str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that must not approve; `who` names the browser that sends it."""

    kind: str
    who: str = "owner"
    method: str = "POST"
    path: str | None = None
    form: Form | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(slots=True)
class HubSide:
    """A site over a real home, and browsers of everybody who might try."""

    home: LeaveHome
    clock: ManualClock
    tally: Tally
    browsers: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    csrf: dict[str, str] = field(default_factory=dict)
    rounds: int = 0

    async def open(self) -> None:
        """Build the site, and sign everybody in."""
        leave = self.home.leave
        parts = WebParts(
            clock=self.clock,
            accounts=leave.accounts,
            passwords=self.home.passwords,
            overview=self.home.overview,
            answers=leave.answering,
            mandates=leave.mandates,
            people=leave.people,
            policies=leave.policies,
            ledger=LedgerInMemory([]),
            safety=SafetyInMemory(),
            merchants=MerchantsInMemory(),
        )
        app = create_app(parts, web=_WEB, home=HomeConfig(name="Elm Street", timezone="Europe/Berlin"))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        limits = dict.fromkeys((Role.GUEST, Role.CHILD), 0)
        leave.policies.set(Policy(limit_minor={**Policy().limit_minor, **limits}), by="the-owner")
        for name in ("anyone", "signed_out", *Role):
            self.browsers[name] = httpx.AsyncClient(transport=transport, base_url=ORIGIN)
        for role in Role:
            await self._sign_in(role, role)
        csrf = await self._sign_in("signed_out", Role.OWNER)
        session = dict(self.browsers["signed_out"].cookies)
        await self.browsers["signed_out"].post("/logout", data={"csrf": csrf})
        self.browsers["signed_out"].cookies.update(session)
        self.csrf["anyone"] = csrf

    async def close(self) -> None:
        """Close all browsers."""
        for browser in self.browsers.values():
            await browser.aclose()

    async def attack(self) -> None:
        """One prompt: approved by everybody who may not, then by its owner, then again and again."""
        self.rounds += 1
        asked, other = self._ask(), self._ask()
        for attempt in self._attempts(asked, other):
            if await self._try(attempt, asked, other):
                return  # told as a fault; this prompt proves nothing more
        await self._control(asked)
        await self._after_the_end(other)
        if self.rounds % 8 == 0:
            await self._pin()
        self.clock.advance(seconds=30)

    def _ask(self) -> PromptRecord:
        price_minor = self.home.rng.randint(50, 5_000)
        asked = self.home.ask(f"item-{self.home.rng.getrandbits(48):012x}", price_minor=price_minor)
        self.home.orders.add_prompt(asked)
        return asked

    def _attempts(self, asked: PromptRecord, other: PromptRecord) -> Iterator[Attempt]:
        """Every request that is wrong in one thing."""
        good = self._form(asked, "owner")
        yield from self._wrong_words(asked, other, good)
        yield from self._wrong_ways(asked, good)
        yield from self._wrong_people(asked, good)
        yield from self._wrong_places(asked, other, good)

    def _wrong_words(self, asked: PromptRecord, other: PromptRecord, good: Form) -> Iterator[Attempt]:
        hashes = {
            "other_prompt": other.terms_hash,
            "upper": asked.terms_hash.upper(),
            "empty": "",
            "cut": asked.terms_hash[:-1],
            "longer": asked.terms_hash + "0",
            "spaced": f" {asked.terms_hash}",
            "zero": "0" * 64,
            "one_more": f"{(int(asked.terms_hash, 16) + 1) % 16**64:064x}",
            "unicode": asked.terms_hash.translate({ord("0"): "０", ord("a"): "а"}) + "\u200b",  # noqa: RUF001
        }
        for name, value in hashes.items():
            yield Attempt(f"hash:{name}", form={**good, "terms_hash": value})
        yield Attempt("hash:missing", form={"csrf": good["csrf"]})
        twice = f"csrf={good['csrf']}&terms_hash={'0' * 64}&terms_hash={asked.terms_hash}".encode()
        yield Attempt("hash:twice", body=twice, headers={"content-type": "application/x-www-form-urlencoded"})
        for value in ("", "x" * 43, good["csrf"][::-1], self._csrf("member"), self._csrf("signed_out")):
            yield Attempt("csrf:wrong", form={**good, "csrf": value})
        yield Attempt("csrf:missing", form={"terms_hash": asked.terms_hash})

    def _wrong_ways(self, asked: PromptRecord, good: Form) -> Iterator[Attempt]:
        path = f"/prompts/{asked.id}/approve"
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"):
            yield Attempt(f"method:{method}", method=method, form=None if method in {"GET", "HEAD"} else good)
        query = f"{path}?terms_hash={asked.terms_hash}&csrf={good['csrf']}"
        for method in ("GET", "HEAD"):
            yield Attempt("method:query", method=method, path=query)
            for name in ("x-http-method-override", "x-http-method", "x-method-override"):
                yield Attempt("method:override", method=method, path=query, headers={name: "POST"})
        yield Attempt("method:query_post", path=query, form={})

    def _wrong_people(self, asked: PromptRecord, good: Form) -> Iterator[Attempt]:
        for name in ("guest", "child", "anyone", "signed_out"):
            yield Attempt(f"who:{name}", who=name, form=self._form(asked, name))
            yield Attempt(f"who:{name}_with_owners_token", who=name, form=good)
        for origin in ("http://evil.example", "null", "http://127.0.0.1:8481", f"{ORIGIN}.evil.example"):
            yield Attempt("origin:alien", form=good, headers={"origin": origin})
        for site in ("cross-site", "same-site", "none"):
            yield Attempt("origin:fetch_site", form=good, headers={"sec-fetch-site": site})
        for host in ("evil.example", "127.0.0.1.evil.example", "", "127.0.0.1 evil"):
            yield Attempt("host:alien", form=good, headers={"host": host})

    def _wrong_places(self, asked: PromptRecord, other: PromptRecord, good: Form) -> Iterator[Attempt]:
        path = f"/prompts/{asked.id}/approve"
        for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x", ""):
            body = f"csrf={good['csrf']}&terms_hash={asked.terms_hash}".encode()
            yield Attempt("type:other", body=body, headers={"content-type": kind})
        roundabout = f"/prompts/../prompts/{asked.id}/approve/."
        for spelling in (f"{path}/", f"/{path}", path.upper(), roundabout, f"{path};x"):
            yield Attempt("path:spelling", who="guest", path=spelling, form=self._form(asked, "guest"))
        for name in (f"{asked.id}%00", f"{asked.id}%2e", asked.id.upper(), f"%20{asked.id}", f"{other.id},{asked.id}"):
            yield Attempt("path:name", path=f"/prompts/{name}/approve", form=good)
        yield Attempt("prompt:other", path=f"/prompts/{other.id}/approve", form=good)
        yield Attempt("prompt:unknown", path="/prompts/p-0/approve", form=good)

    async def _try(self, attempt: Attempt, *asked: PromptRecord) -> bool:
        await self._send(attempt, asked[0])
        taken = any(self.home.orders.intent_of(each.id) is not None for each in asked)
        self.tally.forged(attempt.kind, taken=taken)
        return taken

    async def _send(self, attempt: Attempt, asked: PromptRecord) -> httpx.Response:
        path = attempt.path or f"/prompts/{asked.id}/approve"
        browser = self.browsers[attempt.who]
        content = {"content": attempt.body} if attempt.body is not None else {"data": attempt.form}
        return await browser.request(attempt.method, path, headers=attempt.headers, **content)

    async def _control(self, asked: PromptRecord) -> None:
        """The owner approves what the page shows, from fifty tabs at once; then the old page is sent again."""
        shown = _HASH.search((await self.browsers["owner"].get(f"/prompts/{asked.id}")).text)
        form = {"csrf": self._csrf("owner"), "terms_hash": shown[1] if shown else ""}
        before = self._handed_over()
        genuine = Attempt("control", form=form)
        answers = await asyncio.gather(*(self._send(genuine, asked) for _ in range(PARALLEL)))
        good = sum(answer.status_code == 303 for answer in answers) == 1
        self.tally.control(self._handed_over() - before, good=good, what=f"prompt {asked.id}")
        self.tally.replayed(PARALLEL - 1)
        before = self._handed_over()
        for name in ("owner", "member"):
            await self._send(replace(genuine, who=name, form=self._form(asked, name)), asked)
            self.tally.forged("replay:later", taken=self._handed_over() != before)

    async def _after_the_end(self, asked: PromptRecord) -> None:
        """An offer that has ended is not approved, whatever the clock is set to before it is asked again."""
        if self.rounds % 4:
            return
        self.clock.advance(days=3, seconds=1)
        for role in Role:
            await self._sign_in(role, role)
        await self._try(Attempt("late:ended", form=self._form(asked, "owner")), asked)

    async def _pin(self) -> None:
        """Where the person has a PIN, it is asked for, and a wrong one locks the PIN for a while."""
        account = self.home.leave.accounts.account("the-member")
        assert account is not None
        self.home.leave.accounts.put_account(replace(account, pin_hash=self.home.passwords.hash(PIN)))
        await self._sign_in(Role.MEMBER, Role.MEMBER)
        asked = self._ask()
        form = self._form(asked, "member")
        for pin in ("", "0", "135792", PIN[:-1], PIN + "0", f" {PIN}"):
            await self._try(Attempt("pin:wrong", who="member", form={**form, "pin": pin}), asked)
        await self._try(Attempt("pin:missing", who="member", form=form), asked)
        await self._try(Attempt("pin:locked", who="member", form={**form, "pin": PIN}), asked)
        self.clock.advance(hours=1)
        before = self._handed_over()
        answer = await self._send(Attempt("pin:right", who="member", form={**form, "pin": PIN}), asked)
        self.tally.control(self._handed_over() - before, good=answer.status_code == 303, what=f"PIN, {asked.id}")
        self.home.leave.accounts.put_account(replace(account, pin_hash=None))
        await self._sign_in(Role.MEMBER, Role.MEMBER)

    def _handed_over(self) -> int:
        return self.home.orders.next_handover()

    def _form(self, asked: PromptRecord, who: str) -> dict[str, str]:
        return {"csrf": self._csrf(who), "terms_hash": asked.terms_hash}

    def _csrf(self, who: str) -> str:
        return self.csrf[who]

    async def _sign_in(self, name: str, role: Role) -> str:
        """Sign a browser in; its form token."""
        browser = self.browsers[name]
        browser.cookies.clear()
        form = {"name": f"the-{role}", "password": PASSWORD, "csrf": _found(_CSRF, await browser.get("/login"))}
        assert (await browser.post("/login", data=form)).status_code == 303
        self.csrf[name] = _found(_CSRF, await browser.get("/account"))
        return self.csrf[name]


def _found(wanted: re.Pattern[str], page: httpx.Response) -> str:
    found = wanted.search(page.text)
    assert found is not None, f"{page.url} has no {wanted.pattern}"
    return found[1]
