"""Signing in and out: guesses are limited, sessions cannot be planted, kept or guessed."""

from __future__ import annotations

import asyncio
import hashlib
import html
import re
from dataclasses import replace
from datetime import timedelta
from http.cookies import SimpleCookie

import httpx
import pytest

from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.config import HomeConfig, WebConfig
from edge_agent.core.people import Account, Role
from edge_agent.errors import RetryLaterError
from edge_agent.web.cookies import Cookies
from edge_agent.web.factory import create_app
from edge_agent.web.proof import Proof, Proofs
from edge_agent.web.sign_in import (
    FAILURES_MAX,
    FAILURES_OF_ADDRESS_MAX,
    FAILURES_OF_ALL_MAX,
    FORM_COOKIE,
    SESSION_COOKIE,
    Refusal,
    SignedIn,
    SignIn,
)
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import ORIGIN, PASSWORD, House, field, sign_in


async def attempt(client: httpx.AsyncClient, name: str, password: str) -> httpx.Response:
    """One try by the form."""
    csrf = field((await client.get("/login")).text, "csrf")
    return await client.post("/login", data={"name": name, "password": password, "csrf": csrf})


async def test_the_cookie_is_out_of_reach_and_only_its_hash_is_kept(anyone: httpx.AsyncClient, house: House) -> None:
    """HttpOnly, SameSite=Strict, 256 bits; the store knows the SHA-256."""
    answer = await sign_in(anyone)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookies = SimpleCookie("\r\n".join(answer.headers.get_list("set-cookie")))
    morsel = cookies[SESSION_COOKIE]
    assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["secure"]) == (True, "strict", "/", "")
    assert len(morsel.value) == 43
    now = house.home.clock.now()
    assert house.accounts.session(morsel.value, now=now) is None
    assert house.accounts.session(hashlib.sha256(morsel.value.encode()).hexdigest(), now=now) is not None


async def test_the_cookie_is_secure_over_https(house: House) -> None:
    """A browser then never sends it in clear."""
    transport = httpx.ASGITransport(app=house.app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN.replace("http", "https")) as client:
        answer = await sign_in(client)
    assert all("; Secure" in cookie for cookie in answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize(
    ("said", "is_secure"), [(["https"], True), (["http"], False), (["https, http"], False), (["https", "http"], False)]
)
async def test_the_cookie_is_secure_where_a_proxy_says_https(
    anyone: httpx.AsyncClient, said: list[str], is_secure: bool
) -> None:
    """Only the one plain answer counts; whoever makes it up restricts nothing but a cookie of his own."""
    answer = await anyone.get("/login", headers=[("x-forwarded-proto", proto) for proto in said])
    assert ("; Secure" in answer.headers["set-cookie"]) is is_secure


async def test_two_hubs_on_one_machine_leave_each_other_signed_in(house: House) -> None:
    """A browser keeps cookies by host and not by port: each hub's bear its own mark."""
    signed_in = httpx.Cookies()
    apps = [create_app(house.parts, web=WebConfig(), home=HomeConfig(), cookies=Cookies(mark)) for mark in ("11", "22")]
    for app in apps:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url=ORIGIN, cookies=signed_in
        ) as client:
            await sign_in(client)
            signed_in.update(client.cookies)
    assert set(signed_in) == {f"{SESSION_COOKIE}_11", f"{SESSION_COOKIE}_22"}
    for app in apps:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, cookies=signed_in) as client:
            assert (await client.get("/")).status_code == 200


async def test_an_unknown_name_and_a_wrong_password_look_the_same(anyone: httpx.AsyncClient) -> None:
    """Same status, same words."""
    answers = [await attempt(anyone, name, "wrong") for name in ("the-owner", "nobody")]
    assert [answer.status_code for answer in answers] == [401, 401]
    first, second = (re.sub(r'value="[^"]*"', "", answer.text) for answer in answers)
    assert "Name or password is wrong." in first
    assert first == second


@pytest.mark.parametrize(
    ("name", "password"), [("", "x"), ("the-owner", ""), ("a" * 65, "x"), ("the-owner", "x" * 1_025), ("  ", "x")]
)
async def test_an_impossible_name_or_password_is_not_checked(
    anyone: httpx.AsyncClient, name: str, password: str
) -> None:
    """It counts as nothing, so the limit cannot be used up with it."""
    assert (await attempt(anyone, name, password)).status_code == 401


async def test_what_is_missing_is_named_beside_its_field(anyone: httpx.AsyncClient) -> None:
    """And nothing of who lives here."""
    page = (await attempt(anyone, "", "x")).text
    assert ('id="name-error"' in page, 'id="password-error"' in page) == (True, False)
    page = (await attempt(anyone, "the-owner", "")).text
    assert ('id="name-error"' in page, 'id="password-error"' in page) == (False, True)


@pytest.mark.parametrize("name", ["the-owner", "nobody"])
async def test_the_sixth_guess_is_not_checked(
    anyone: httpx.AsyncClient, clock: ManualClock, house: House, name: str
) -> None:
    """Even with the right password, until a quarter of an hour has gone by the hub's clock."""
    for _ in range(FAILURES_MAX):
        assert (await attempt(anyone, name, "wrong")).status_code == 401
    refused = await attempt(anyone, name, PASSWORD)
    assert refused.status_code == 429
    assert "Wait 15 minutes" in refused.text
    assert SESSION_COOKIE not in refused.cookies
    clock.advance(minutes=15, seconds=1)
    assert (await attempt(anyone, name, PASSWORD)).status_code == (303 if name == "the-owner" else 401)


async def test_one_name_does_not_lock_another(anyone: httpx.AsyncClient) -> None:
    """A person is not kept out by guesses on somebody else."""
    for _ in range(FAILURES_MAX):
        await attempt(anyone, "nobody", "wrong")
    assert (await attempt(anyone, "the-member", PASSWORD)).status_code == 303


async def test_guesses_on_many_names_are_limited_together(anyone: httpx.AsyncClient) -> None:
    """One password tried on everybody."""
    for number in range(FAILURES_OF_ADDRESS_MAX):
        assert (await attempt(anyone, f"person-{number}", "wrong")).status_code == 401
    assert (await attempt(anyone, "the-owner", PASSWORD)).status_code == 429


async def test_guesses_at_the_same_time_count_too(anyone: httpx.AsyncClient) -> None:
    """Twenty at once get no more tries than twenty in a row."""
    csrf = field((await anyone.get("/login")).text, "csrf")
    guess = {"name": "the-owner", "password": "wrong", "csrf": csrf}
    answers = await asyncio.gather(*(anyone.post("/login", data=guess) for _ in range(12)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(401), statuses.count(429)) == (FAILURES_MAX, 12 - FAILURES_MAX)


async def test_a_success_clears_the_failures(anyone: httpx.AsyncClient) -> None:
    """Somebody who mistypes now and then is never locked out."""
    for _ in range(3):
        for _ in range(FAILURES_MAX - 1):
            await attempt(anyone, "the-owner", "wrong")
        assert (await attempt(anyone, "the-owner", PASSWORD)).status_code == 303


async def test_a_planted_session_is_not_taken_over(house: House) -> None:
    """Fixation: the token that the browser had before signing in opens nothing afterwards."""
    async with house.client() as client:
        client.cookies.set(SESSION_COOKIE, "A" * 43, domain="127.0.0.1")
        assert (await client.get("/")).status_code == 303
        await sign_in(client)
        assert "A" * 43 not in {cookie.value for cookie in client.cookies.jar}


async def test_signing_in_again_ends_the_session_before(owner: httpx.AsyncClient, house: House) -> None:
    """Rotation: an old token that leaked is worth nothing."""
    old = owner.cookies[SESSION_COOKIE]
    await sign_in(owner)
    assert owner.cookies[SESSION_COOKIE] != old
    async with house.client() as thief:
        thief.cookies.set(SESSION_COOKIE, old, domain="127.0.0.1")
        assert (await thief.get("/orders")).headers["location"] == "/login"


async def test_signing_out_revokes_at_the_server(owner: httpx.AsyncClient, house: House) -> None:
    """A copy of the cookie made before is worth nothing."""
    token = owner.cookies[SESSION_COOKIE]
    csrf = field((await owner.get("/")).text, "csrf")
    answer = await owner.post("/logout", data={"csrf": csrf})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    async with house.client() as thief:
        thief.cookies.set(SESSION_COOKIE, token, domain="127.0.0.1")
        assert (await thief.get("/orders")).status_code == 303


async def test_a_session_ends_by_the_hubs_clock(owner: httpx.AsyncClient, clock: ManualClock) -> None:
    """Fourteen days by default."""
    clock.advance(days=13, hours=23)
    assert (await owner.get("/")).status_code == 200
    clock.advance(hours=1)
    assert (await owner.get("/")).status_code == 303


@pytest.mark.parametrize("token", ["", "x", "A" * 42, "A" * 44, "é" * 43, "A" * 42 + "'", "A" * 5_000])
async def test_a_token_that_cannot_be_one_opens_nothing(house: House, token: str) -> None:
    """Wrong lengths, quotes, other scripts."""
    async with house.client() as client:
        answer = await client.get("/", headers=[(b"cookie", f"{SESSION_COOKIE}={token}".encode())])
    assert answer.status_code == 303


@pytest.mark.parametrize("broken", ["no cookie", "no token", "another browser's token"])
async def test_the_sign_in_form_is_bound_to_its_browser(house: House, broken: str) -> None:
    """Nobody can be signed in as somebody else by another site's form."""
    async with house.client() as client, house.client() as other:
        form = {"name": "the-owner", "password": PASSWORD, "csrf": field((await client.get("/login")).text, "csrf")}
        if broken == "no cookie":
            client.cookies.delete(FORM_COOKIE)
        elif broken == "no token":
            del form["csrf"]
        else:
            form["csrf"] = field((await other.get("/login")).text, "csrf")
        answer = await client.post("/login", data=form)
    assert answer.status_code == 403
    assert SESSION_COOKIE not in answer.cookies


async def test_a_weak_hash_is_renewed_at_sign_in(anyone: httpx.AsyncClient, house: House) -> None:
    """The stored hash follows today's rule without anybody noticing."""
    weaker = Argon2Passwords(memory_kib=16, passes=2).hash(PASSWORD)
    house.accounts.put_account(Account("the-owner", Role.OWNER, weaker))
    assert (await sign_in(anyone)).status_code == 303
    kept = house.accounts.account("the-owner")
    assert kept is not None
    assert kept.password_hash != weaker
    assert (await anyone.get("/")).status_code == 200
    assert (await sign_in(anyone)).status_code == 303


async def test_a_taken_role_is_gone_at_once(house: House) -> None:
    """The session carries the account's role of now, not of the sign-in."""
    async with house.client() as client:
        await sign_in(client, role=Role.MEMBER)
        kept = house.accounts.account("the-member")
        assert kept is not None
        house.accounts.put_account(Account(kept.name, Role.GUEST, kept.password_hash))
        page = await client.get("/prompts/p-milk")
        csrf = field(page.text, "csrf")
        answer = await client.post("/prompts/p-milk/decline", data={"csrf": csrf, "reason": "not_now"})
    assert "terms_hash" not in page.text
    assert answer.status_code == 403


async def test_the_name_is_kept_and_escaped_after_a_mistake(anyone: httpx.AsyncClient) -> None:
    """Nobody types it twice, and nothing in it runs."""
    name = '"><script>alert(1)</script>'
    answer = await attempt(anyone, name, "wrong")
    assert f'value="{html.escape(name).replace("&quot;", "&#34;")}"' in answer.text
    assert "<script" not in answer.text


HERE = "192.0.2.7"


class Busy(Argon2Passwords):
    """Refuses to check until told otherwise."""

    def __init__(self, real: Argon2Passwords) -> None:
        self.real = real
        self.is_busy = True

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """As the real one, when it is not busy."""
        if self.is_busy:
            raise RetryLaterError("16 sign-ins are being checked already")
        return await self.real.verify(password_hash, password)

    async def renew(self, password_hash: str, password: str) -> str | None:
        """As the real one."""
        return await self.real.renew(password_hash, password)


async def test_a_password_that_was_not_checked_counts_as_no_failure(house: House, clock: ManualClock) -> None:
    """However often a busy or throttled hub is asked: only what was checked and wrong locks anybody out."""
    busy = Busy(house.passwords)
    parts = replace(house.parts, passwords=busy)
    guard = SignIn(parts, session_days=1, form_key=b"k")
    since = clock.now() - timedelta(hours=1)
    for _ in range(FAILURES_OF_ALL_MAX + 1):
        with pytest.raises(RetryLaterError):
            await guard.sign_in("the-owner", "wrong", address=HERE)
    assert house.accounts.failed_logins(f"the-owner@{HERE}", since=since) == 0
    busy.is_busy = False
    for _ in range(FAILURES_MAX):
        assert await guard.sign_in("the-owner", "wrong", address=HERE) is Refusal.WRONG
    clock.advance(minutes=10)
    for _ in range(50):
        assert await guard.sign_in("the-owner", PASSWORD, address=HERE) is Refusal.TOO_MANY_FAILURES
    clock.advance(minutes=6)  # from the last real check, not from the last try
    assert isinstance(await guard.sign_in("the-owner", PASSWORD, address=HERE), SignedIn)


async def test_what_was_not_checked_takes_no_earlier_failure_back(house: House, clock: ManualClock) -> None:
    """Else a guesser could make the hub busy, and begin again."""
    busy = Busy(house.passwords)
    guard = SignIn(replace(house.parts, passwords=busy), session_days=1, form_key=b"k")
    busy.is_busy = False
    for _ in range(3):
        await guard.sign_in("the-owner", "wrong", address=HERE)
    busy.is_busy = True
    with pytest.raises(RetryLaterError):
        await guard.sign_in("the-owner", "wrong", address=HERE)
    assert house.accounts.failed_logins(f"the-owner@{HERE}", since=clock.now() - timedelta(hours=1)) == 3


@pytest.mark.parametrize("what", ["pin", "password"])
async def test_a_proof_that_was_not_checked_counts_as_no_failure(house: House, clock: ManualClock, what: str) -> None:
    """A PIN is not locked by a hub that was too busy to look at it."""
    house.give_pin("the-owner", "123456")
    busy = Busy(house.passwords)
    proofs = Proofs(replace(house.parts, passwords=busy))
    ask, right = (proofs.pin, "123456") if what == "pin" else (proofs.password, PASSWORD)
    for _ in range(FAILURES_MAX + 1):
        with pytest.raises(RetryLaterError):
            await ask("the-owner", "000000")
    busy.is_busy = False
    for _ in range(FAILURES_MAX):
        assert await ask("the-owner", "000000") is Proof.WRONG
    clock.advance(minutes=10)
    for _ in range(50):
        assert await ask("the-owner", right) is Proof.LOCKED
    clock.advance(minutes=6)
    assert await ask("the-owner", right) is Proof.RIGHT


async def test_a_guesser_elsewhere_keeps_nobody_out(house: House) -> None:
    """A robot in the network may try for ever: who sits at another address signs in."""
    guard = SignIn(house.parts, session_days=1, form_key=b"k")
    for number in range(FAILURES_OF_ADDRESS_MAX):
        assert await guard.sign_in(f"somebody{number % 9}", "wrong", address="192.0.2.66") is Refusal.WRONG
    assert await guard.sign_in("the-owner", PASSWORD, address="192.0.2.66") is Refusal.TOO_MANY_FAILURES
    assert isinstance(await guard.sign_in("the-owner", PASSWORD, address=HERE), SignedIn)


async def test_all_guessers_together_have_a_limit(house: House, clock: ManualClock) -> None:
    """However many addresses somebody has: so many guesses and no more in a quarter of an hour."""
    guard = SignIn(house.parts, session_days=1, form_key=b"k")
    for _ in range(FAILURES_OF_ALL_MAX):
        house.accounts.record_login("", at=clock.now(), succeeded=False)
    assert await guard.sign_in("the-owner", PASSWORD, address=HERE) is Refusal.TOO_MANY_FAILURES
