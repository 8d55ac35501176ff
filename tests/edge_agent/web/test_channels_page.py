"""One's own channels: what is shown of them, what is refused beside its field, and that no key comes back."""

from __future__ import annotations

import re

import httpx
import pytest

from edge_agent.adapters.store.accounts import Accounts
from edge_agent.core.people import Role
from edge_agent.notify_ports import ChannelKind, Outcome
from edge_agent.web.guard import CONTENT_SECURITY_POLICY
from edge_agent.web.render import STATIC_FILES
from tests.edge_agent.web.fake_channels import PUSH_KEY, subscription
from tests.edge_agent.web.house import House, field, sign_in

SECRET = "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"


async def post(client: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    """A form of the channels page."""
    csrf = field((await client.get("/account")).text, "csrf")
    return await client.post(f"/channels{path}", data={"csrf": csrf, **form})


async def test_a_channel_is_shown_without_its_address(owner: httpx.AsyncClient) -> None:
    """How it speaks and where its messages go, and nothing that opens it."""
    page = (await owner.get("/channels")).text
    assert "<code>ntfys</code>" in page
    assert "<bdi>ntfy.example</bdi>" in page
    assert "a-secret-topic" not in page
    assert PUSH_KEY in page


async def test_a_new_channel_is_kept_with_where_it_leads(owner: httpx.AsyncClient, house: House) -> None:
    """After the one that was there; the audit log has no key either."""
    assert (await post(owner, "/add", address=f" ntfys://ntfy.example/{SECRET} ")).status_code == 303
    rows = [row for row in house.channels.notices.channels() if row.person == "the-owner"]
    assert [(row.rank, row.origin, row.is_on) for row in rows] == [
        (0, "https://ntfy.example", True),
        (1, "https://ntfy.example", True),
    ]
    assert SECRET not in (await owner.get("/channels")).text
    assert SECRET not in repr(house.channels.calls)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "Give the address"),
        ("not an address", "no address of a channel"),
        ("ntfys://ntfy.example/" + "x" * 600, "no address of a channel"),
        (f"ntfys://elsewhere.example/{SECRET}", "may not go to https://elsewhere.example"),
        (f"odd://{SECRET}", "No known service"),
        ("ntfys://ntfy.example/a-secret-topic", "have this channel already"),
    ],
)
async def test_what_cannot_be_used_is_told_beside_its_field(
    owner: httpx.AsyncClient, house: House, address: str, says: str
) -> None:
    """With the part that opens nothing kept in the field, and the key nowhere."""
    house.channels.phones.leads = lambda to: None if to.startswith("odd:") else f"https://{to.split('/')[2]}"
    answer = await post(owner, "/add", address=address)
    assert answer.status_code == 422
    error = re.search(r'<span class="error" id="address-error">([^<]*)</span>', answer.text)
    assert error is not None
    assert says in error[1]
    assert SECRET not in answer.text
    assert 'aria-describedby="address-error"' in answer.text
    if "://" in address and len(address) < 500:
        assert f'value="{address.split("://", maxsplit=1)[0]}://"' in answer.text
    assert len(house.channels.notices.channels()) == 2


async def test_a_browser_is_told_as_its_page_asked(owner: httpx.AsyncClient, house: House) -> None:
    """Twice from the same browser is one channel; what it is sealed with is kept and not shown."""
    for _ in range(2):
        assert (await post(owner, "/push", subscription=subscription())).status_code == 303
    browsers = [row for row in house.channels.notices.channels() if row.kind is ChannelKind.WEB_PUSH]
    assert [row.origin for row in browsers] == ["https://push.example"]
    page = (await owner.get("/channels")).text
    assert "A browser" in page
    assert "for/this-browser" not in page


@pytest.mark.parametrize(
    "told",
    [
        subscription("https://elsewhere.example/x"),
        subscription("http://push.example/x"),
        subscription("https://push.example@elsewhere.example/x"),
        subscription("https://127.0.0.1/x"),
        subscription().replace('"auth": "', '"auth": "AAAA'),
        "{}",
        "",
        "x" * 5_000,
    ],
)
async def test_a_browser_elsewhere_is_not_told(owner: httpx.AsyncClient, house: House, told: str) -> None:
    """An endpoint that a page makes up is an address that the hub would send to."""
    answer = await post(owner, "/push", subscription=told)
    assert answer.status_code == 422
    assert len(house.channels.notices.channels()) == 2


@pytest.mark.parametrize("act", ["test", "earlier", "pause", "resume", "remove"])
async def test_nobody_touches_the_channel_of_another(owner: httpx.AsyncClient, house: House, act: str) -> None:
    """Not even an owner, who sees only who has none."""
    before = house.channels.notices.channels()
    assert (await post(owner, f"/c-the-member/{act}")).status_code == 422
    assert house.channels.notices.channels() == before
    assert house.channels.phones.heard == []


async def test_a_test_message_says_how_it_went(owner: httpx.AsyncClient, house: House) -> None:
    """Beside the channel; a second one at once is not sent."""
    house.channels.phones.outcome = Outcome.FAILED
    assert (await post(owner, "/c-the-owner/test")).status_code == 303
    assert "It could not be sent" in (await owner.get("/channels")).text
    assert (await post(owner, "/c-the-owner/test")).status_code == 422
    assert len(house.channels.phones.heard) == 1


async def test_channels_are_ordered_paused_and_removed(owner: httpx.AsyncClient, house: House) -> None:
    """What is paused stands there as that."""
    await post(owner, "/add", address="ntfys://ntfy.example/second")
    second = [row.id for row in house.channels.notices.channels() if row.person == "the-owner"][1]
    await post(owner, f"/{second}/earlier")
    assert [view.id for view in house.channels.of("the-owner")] == [second, "c-the-owner"]
    await post(owner, f"/{second}/pause")
    assert [view.is_on for view in house.channels.of("the-owner")] == [False, True]
    assert "Paused" in (await owner.get("/channels")).text
    await post(owner, f"/{second}/resume")
    await post(owner, "/c-the-owner/remove")
    assert [(view.id, view.is_on) for view in house.channels.of("the-owner")] == [(second, True)]


async def test_owners_see_who_hears_nothing(house: House) -> None:
    """And a member does not."""
    house.channels.notices.remove_channel(house.channels.of("the-member")[0].id)
    async with house.client() as client:
        await sign_in(client)
        assert "data-without" in (await client.get("/channels")).text
    async with house.client() as client:
        await sign_in(client, role=Role.MEMBER)
        assert "data-without" not in (await client.get("/channels")).text


async def test_who_leaves_the_home_takes_the_channels_along(house: House) -> None:
    """Another person of the same name is not told over them."""
    accounts: Accounts = house.accounts
    accounts.remove_account("the-member", by="the-owner")
    assert [row.person for row in house.channels.notices.channels()] == ["the-owner"]


async def test_the_page_of_a_question_says_who_was_told(house: House) -> None:
    """Where and when, and what comes of silence; guests see nothing of it."""
    async with house.client() as client:
        await sign_in(client)
        page = (await client.get("/prompts/p-milk")).text
        assert 'data-receipt="sent"' in page
        assert "The service took it." in page
        assert "Without an answer nothing is bought." in page
    async with house.client() as client:
        await sign_in(client, role=Role.GUEST)
        assert "data-receipt" not in (await client.get("/prompts/p-milk")).text


async def test_the_worker_and_the_manifest_tell_nothing_of_the_home(anyone: httpx.AsyncClient) -> None:
    """Before any sign-in; the worker stands at the root, so that it may serve every page, and is never kept."""
    worker, manifest = await anyone.get("/sw.js"), await anyone.get("/static/app.webmanifest")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert worker.headers["cache-control"] == "no-cache"
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    assert "Elm Street" not in worker.text + manifest.text
    assert manifest.json()["start_url"] == "/"
    for icon in manifest.json()["icons"]:
        assert (await anyone.get(icon["src"])).headers["content-type"] == icon["type"]
    assert "worker-src 'self'" in CONTENT_SECURITY_POLICY
    assert "sw.js" in STATIC_FILES
