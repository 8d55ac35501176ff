"""A form counts only from our own page, with its token, in one plain encoding, within its size."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.edge_agent.web.house import ORIGIN, House, field, sign_in

APPROVE = "/prompts/p-milk/approve"


async def filled_in(client: httpx.AsyncClient) -> dict[str, str]:
    """The approve form as its page holds it."""
    page = (await client.get("/prompts/p-milk")).text
    return {name: field(page, name) for name in ("csrf", "terms_hash")}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": ORIGIN},
        {"origin": ORIGIN, "sec-fetch-site": "same-origin"},
        {"origin": "https://127.0.0.1:8480"},
        {"origin": "https://127.0.0.1:8480", "sec-fetch-site": "same-origin"},
        {"origin": "https://localhost", "host": "localhost"},
        {"origin": "https://localhost:8443", "host": "localhost:8443"},
        {"sec-fetch-site": "same-origin"},
    ],
)
async def test_our_own_page_may_post(owner: httpx.AsyncClient, house: House, headers: dict[str, str]) -> None:
    """A browser on our page, directly or through a TLS proxy that passes `Host` on, and a client that is no browser."""
    answer = await owner.post(APPROVE, data=await filled_in(owner), headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, "/prompts/p-milk")
    assert len(house.answers.calls) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "null", "sec-fetch-site": "same-origin"},
        {"origin": ""},
        {"origin": "http://127.0.0.1"},
        {"origin": "http://127.0.0.1:8481"},
        {"origin": "ftp://127.0.0.1:8480"},
        {"origin": "127.0.0.1:8480"},
        {"origin": "https://127.0.0.1:8480/"},
        {"origin": "https://me@127.0.0.1:8480"},
        {"origin": f"{ORIGIN}, {ORIGIN}"},
        {"origin": "https://localhost:8443", "host": "localhost"},
        {"origin": "https://localhost", "host": "localhost:8443"},
        {"origin": "https://127.0.0.1:8480", "sec-fetch-site": "cross-site"},
        {"origin": "http://localhost:8480"},
        {"origin": ORIGIN + ".evil.example"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
        {"origin": ORIGIN, "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
    ],
)
async def test_another_site_may_not(owner: httpx.AsyncClient, house: House, headers: dict[str, str]) -> None:
    """Even with the right token."""
    answer = await owner.post(APPROVE, data=await filled_in(owner), headers=headers)
    assert answer.status_code == 403
    assert house.answers.calls == []


async def test_two_origins_are_one_too_many(owner: httpx.AsyncClient, house: House) -> None:
    """Even when both are ours."""
    headers = [("origin", ORIGIN), ("origin", ORIGIN)]
    answer = await owner.post(APPROVE, data=await filled_in(owner), headers=headers)
    assert answer.status_code == 403
    assert house.answers.calls == []


@pytest.mark.parametrize("token", [None, "", "x", "é", "0" * 43])
async def test_a_form_without_its_token_does_nothing(owner: httpx.AsyncClient, house: House, token: str | None) -> None:
    """Missing, empty, wrong, not ASCII, of the right length."""
    form = await filled_in(owner)
    del form["csrf"]
    answer = await owner.post(APPROVE, data=form if token is None else {**form, "csrf": token})
    assert answer.status_code == 403
    assert house.answers.calls == []


async def test_the_token_of_another_session_does_nothing(owner: httpx.AsyncClient, house: House) -> None:
    """Tokens belong to one session each."""
    form = await filled_in(owner)
    async with house.client() as other:
        await sign_in(other)
        answer = await other.post(APPROVE, data=form)
    assert answer.status_code == 403
    assert house.answers.calls == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ('{"csrf":"CSRF","terms_hash":"HASH"}', "text/plain", 415),
        ('{"csrf":"CSRF","terms_hash":"HASH"}', "application/json", 415),
        ("csrf=CSRF&terms_hash=HASH", "", 415),
        ("csrf=CSRF&terms_hash=HASH", "multipart/form-data; boundary=x", 415),
        ("csrf=CSRF&csrf=CSRF&terms_hash=HASH", "application/x-www-form-urlencoded", 400),
        ("csrf=CSRF&terms_hash=%FF", "application/x-www-form-urlencoded", 400),
        ("csrf=CSRF&" + "&".join(f"f{i}=1" for i in range(20)), "application/x-www-form-urlencoded", 400),
        ("csrf", "application/x-www-form-urlencoded", 400),
        ("csrf=CSRF&terms_hash=" + "a" * 17_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_other_bodies_are_refused(
    owner: httpx.AsyncClient, house: House, body: str, content_type: str, status: int
) -> None:
    """Each with its status, none with an effect."""
    form = await filled_in(owner)
    filled = body.replace("CSRF", form["csrf"]).replace("HASH", form["terms_hash"])
    answer = await owner.post(APPROVE, content=filled, headers={"content-type": content_type})
    assert answer.status_code == status
    assert house.answers.calls == []


async def test_a_body_without_a_length_is_cut_off_at_the_limit(owner: httpx.AsyncClient, house: House) -> None:
    """An endless chunked body is read no further than the limit."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 1_024
            yield b"a" * 1_024

    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await owner.post(APPROVE, content=endless(), headers=headers)
    assert answer.status_code == 413
    assert sent < 20_000
    assert house.answers.calls == []
