"""Webhooks and our profile: who is believed, how often, and how little a webhook can do."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from cloud_bridge.api import problems
from cloud_bridge.api.webhooks import MerchantDoor
from cloud_bridge.app import Profiles
from cloud_bridge.core.outcome import Hint
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.profile_source import ProfileSource
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.merchants.ucp_versions import DIALECTS
from cloud_bridge.merchants.webhook_verifiers import PublishedKeys, SharedSecret, UnsignedHints
from cloud_bridge.ports import CrashHook, CrashPoint, WebhookVerifier, no_crash
from tests.cloud_bridge.merchants import test_shared_secret as shared
from tests.cloud_bridge.rig import MERCHANT, HandClock, Killed, Rig, accept
from tests.cloud_bridge.sample_merchant import AGENT_KEY
from tests.cloud_bridge.spck import crypto
from tests.cloud_bridge.versioned_shop import KID, ORIGIN, VersionedShop

OWN = "https://bridge.example"
URL = f"{OWN}/webhooks/{MERCHANT}"
ORDER = "order-1"


@dataclass
class Inbox:
    """Stands for the store where only what reaches it matters."""

    taken: list[tuple[str, Hint, str]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    async def take_hint(
        self, merchant: str, hint: Hint, *, digest: str, now: datetime, delivery: str | None = None
    ) -> bool:
        """Keep it, unless that body or that id was kept before."""
        if delivery in self.ids or any(digest == each[2] for each in self.taken):
            return False
        self.taken.append((merchant, hint, digest))
        self.ids |= set() if delivery is None else {delivery}
        return True


class Reader:
    """Reads the id of an order from a webhook, and nothing else of a merchant."""

    def hint(self, body: bytes) -> Hint:
        """The order that the body names."""
        return Hint(None, json.loads(body)["id"])


@dataclass
class Place:
    """A bridge's door, and the shop whose webhooks come in there."""

    client: httpx.AsyncClient
    shop: VersionedShop
    inbox: Inbox
    now: list[datetime]
    followed: asyncio.Event

    async def deliver(self, body: bytes, headers: dict[str, str], *, url: str = URL) -> int:
        """Post a webhook; its answer's status."""
        return (await self.client.post(url, content=body, headers=headers)).status_code

    def webhook(self) -> tuple[bytes, dict[str, str]]:
        """A good one."""
        return self.shop.webhook(ORDER, URL)


def _door(inbox: Any, verifier: WebhookVerifier, **more: Any) -> MerchantDoor:  # noqa: ANN401  stands for a store
    reader: Any = Reader()
    return MerchantDoor(
        store=inbox,
        public_url=OWN,
        **{
            "verifiers": {MERCHANT: verifier},
            "merchants": {MERCHANT: reader, "other": reader},
            "clock": HandClock(),
            "followed": asyncio.Event(),
            "profile": Profiles(OWN, key=AGENT_KEY, ap2={MERCHANT: False, "wary": True}),
            **more,
        },
    )


def _client(door: MerchantDoor) -> httpx.AsyncClient:
    app = Starlette(routes=door.routes())
    problems.install(app, counted=Counter())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=OWN)


@asynccontextmanager
async def place(version: str = "2026-04-08", *, unsigned: bool = False) -> AsyncIterator[Place]:
    """A door with the verifier that the shop's version wants."""
    shop = VersionedShop(version, [])
    shop.orders[ORDER] = {"id": ORDER, "line_items": []}
    inbox, now, ticks, followed = Inbox(), [datetime.now(UTC)], [0.0], asyncio.Event()
    async with MerchantHttp(ORIGIN, deadline_s=1, transport=shop.transport()) as http:
        profiles = ProfileSource(http, origin=ORIGIN, ticks=lambda: ticks[0])
        verifier = UnsignedHints() if unsigned else PublishedKeys(profiles, now=lambda: now[0])
        async with _client(_door(inbox, verifier, followed=followed)) as client:
            yield Place(client, shop, inbox, now, followed)


@pytest.mark.parametrize("version", DIALECTS)
async def test_a_webhook_that_the_merchant_signed_is_taken_and_wakes_the_tracker(version: str) -> None:
    """SIG-027, ORD-027: RFC 9421 in the later versions, a detached JWS in the first."""
    async with place(version) as at:
        assert await at.deliver(*at.webhook()) == 202
        assert [(merchant, hint) for merchant, hint, _ in at.inbox.taken] == [(MERCHANT, Hint(None, ORDER))]
        assert at.followed.is_set()


Spoil = Callable[[bytes, dict[str, str]], tuple[bytes, dict[str, str]]]


def _drop(name: str) -> Spoil:
    return lambda body, headers: (body, {key: value for key, value in headers.items() if key != name})


def _put(name: str, value: str) -> Spoil:
    return lambda body, headers: (body, {**headers, name: value})


def _by_another_key(body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    private, _ = crypto().keypair(b"somebody else")
    forged = crypto().sign_request_headers("POST", "bridge.example", f"/webhooks/{MERCHANT}", body, private, KID)
    return body, {**headers, **forged}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body, headers: (body + b" ", headers),
        lambda body, headers: (json.dumps(json.loads(body), indent=1).encode(), headers),
        lambda _, headers: (b'{"id": "order-2"}', headers),
        lambda _, headers: (b"", headers),
        _drop("Signature"),
        _drop("Signature-Input"),
        _drop("Content-Digest"),
        _drop("UCP-Agent"),
        _put("Content-Type", "text/plain"),
        _by_another_key,
        lambda body, headers: (
            body,
            {**headers, "Signature-Input": headers["Signature-Input"].replace(KID, "made-up")},
        ),
    ],
)
async def test_a_webhook_that_was_touched_is_refused(spoil: Spoil) -> None:
    """RELIABILITY F2: another body, a body written anew, a header less, another sender, another key."""
    async with place() as at:
        assert await at.deliver(*spoil(*at.webhook())) == 401
        assert at.inbox.taken == []
        assert not at.followed.is_set()


@pytest.mark.parametrize(
    ("agent", "status"),
    [
        (f'profile="{ORIGIN}/.well-known/ucp"', 202),
        (f'profile="{ORIGIN}/.well-known/ucp", more=1', 202),
        ('profile="https://evil.example/.well-known/ucp"', 401),
        (f'profile="{ORIGIN}:8443/.well-known/ucp"', 401),
        (f'profile="{ORIGIN}/elsewhere"', 401),
        (f'other="{ORIGIN}/.well-known/ucp"', 401),
        ("profile", 401),
        ("\x7f", 401),
        ("", 401),
    ],
)
async def test_the_sender_must_call_itself_by_the_profile_that_its_keys_are_in(agent: str, status: int) -> None:
    """SIG-039, SIG-041 and ORD-028: also where the signature is good and leaves the name out."""
    async with place() as at:
        body, _ = at.webhook()
        path = f"/webhooks/{MERCHANT}"
        signed = crypto().sign_request_headers("POST", "bridge.example", path, body, at.shop.private, KID)
        headers = {**signed, "Content-Type": "application/json", "UCP-Agent": agent}
        assert await at.deliver(body, headers) == status


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body, headers: (body + b" ", headers),
        _drop("Request-Signature"),
        _put("Request-Signature", ".."),
        _put("Request-Signature", "unsigned"),
    ],
)
async def test_a_webhook_of_the_first_version_is_refused_without_its_signature(spoil: Spoil) -> None:
    """The header alone is nothing."""
    async with place("2026-01-11") as at:
        assert await at.deliver(*spoil(*at.webhook())) == 401
        assert at.inbox.taken == []


async def test_a_webhook_counts_only_at_the_path_of_the_merchant_that_signed_it() -> None:
    """ORD-033: a merchant cannot speak for another one, however well it signs."""
    async with place() as at:
        body, headers = at.webhook()
        assert await at.deliver(body, headers, url=f"{OWN}/webhooks/other") == 404
        assert await at.deliver(body, headers, url=f"{OWN}/webhooks/nobody") == 404
        assert await at.deliver(body, headers, url=f"{URL}?page=2") == 401
        elsewhere = at.shop.webhook(ORDER, f"https://other-bridge.example/webhooks/{MERCHANT}")
        assert await at.deliver(*elsewhere) == 401
        assert at.inbox.taken == []


async def test_the_host_header_counts_for_nothing() -> None:
    """The signed authority is compared with our own address, not with what a caller writes."""
    async with place() as at:
        body, headers = at.shop.webhook(ORDER, f"https://evil.example/webhooks/{MERCHANT}")
        assert await at.deliver(body, {**headers, "Host": "evil.example"}) == 401
        assert await at.deliver(*_put("Host", "evil.example")(*at.webhook())) == 202


async def test_a_signed_time_must_be_of_these_minutes() -> None:
    """A created parameter, and a timestamp where the signature covers it; one that it does not cover says nothing."""
    async with place() as at:
        body, _ = at.webhook()
        agent = f'profile="{ORIGIN}/.well-known/ucp"'
        for name, moved_s, status in [("created", 299, 202), ("created", 301, 401), ("covered", 301, 401)]:
            stamp = str(int(at.now[0].timestamp()) - moved_s)
            headers = _timed(at.shop, body, stamp, covered=name == "covered")
            got = await at.deliver(body, {**headers, "UCP-Agent": agent})
            assert (name, moved_s, got) == (name, moved_s, status)
        unsigned_stamp = _put("Webhook-Timestamp", "1")(*at.webhook())
        assert await at.deliver(*unsigned_stamp) == 202


@pytest.mark.parametrize("stamp", ["", "-1", "1.5", "1e9", "nan", "0x1", "9" * 13, "9" * 400, "9" * 5_000])
async def test_a_signed_time_that_is_no_time_is_refused(stamp: str) -> None:
    """However long the number: a merchant must not be able to make the bridge fail."""
    async with place() as at:
        body, _ = at.webhook()
        headers = _timed(at.shop, body, stamp, covered=True)
        assert await at.deliver(body, {**headers, "UCP-Agent": f'profile="{ORIGIN}/.well-known/ucp"'}) == 401
        assert at.inbox.taken == []


def _timed(shop: VersionedShop, body: bytes, stamp: str, *, covered: bool) -> dict[str, str]:
    """Headers whose signature carries a time, as a parameter or as a covered header."""
    names = ["@method", "@authority", "@path", "content-digest", "content-type"]
    names += ["webhook-timestamp"] if covered else []
    headers = {"content-digest": crypto().content_digest(body), "content-type": "application/json"}
    headers["webhook-timestamp"] = stamp
    listed = " ".join(f'"{name}"' for name in names)
    parameters = f"({listed})" + ("" if covered else f";created={stamp}") + f';keyid="{KID}"'
    derived = {"@method": "POST", "@authority": "bridge.example", "@path": f"/webhooks/{MERCHANT}"}
    base = crypto()._sig_base(names, parameters, derived, headers)
    signature = crypto().ecdsa_p256_sign(base, shop.private)
    encoded = base64.b64encode(signature).decode()
    return {**headers, "signature-input": f"sig1={parameters}", "signature": f"sig1=:{encoded}:"}


async def test_a_captured_webhook_is_worth_one_look_however_often_it_comes() -> None:
    """RELIABILITY F1: the id is not signed, so the body's digest counts; and an id counts once, too."""
    async with place() as at:
        body, headers = at.webhook()
        for n in range(20):
            assert await at.deliver(body, {**headers, "Webhook-Id": f"made-up-{n}"}) == 202
        assert len(at.inbox.taken) == 1
        at.shop.orders[ORDER]["line_items"] = [{"id": "l"}]
        assert await at.deliver(*_put("Webhook-Id", "made-up-0")(*at.webhook())) == 202
        assert len(at.inbox.taken) == 1
        assert await at.deliver(*_put("Webhook-Id", "another")(*at.webhook())) == 202
        assert len(at.inbox.taken) == 2


async def test_a_key_that_was_changed_since_is_fetched_once() -> None:
    """A merchant that changed its key is believed again; made-up keys do not make us ask again and again."""
    async with place() as at:
        assert await at.deliver(*at.webhook()) == 202
        asked = 0
        answer = at.shop.answer

        def counted(request: httpx.Request) -> httpx.Response:
            nonlocal asked
            asked += 1
            return answer(request)

        at.shop.answer = counted  # type: ignore[method-assign]
        body, headers = at.webhook()
        for n in range(5):
            forged = {**headers, "Signature-Input": headers["Signature-Input"].replace(KID, f"made-up-{n}")}
            assert await at.deliver(body, forged) == 401
        assert asked == 0  # it was fetched less than a minute ago


async def test_a_merchant_without_keys_is_heard_only_where_the_operator_says_so() -> None:
    """The sample server signs nothing: refused as signed, a hint as unsigned."""
    async with place("2026-01-11") as at:
        profile = at.shop.profile()
        at.shop.profile = lambda: {**profile, "signing_keys": None}  # type: ignore[method-assign]
        assert await at.deliver(*at.webhook()) == 401
    async with place(unsigned=True) as at:
        assert await at.deliver(b'{"id": "order-9"}', {}) == 202
        assert at.inbox.taken[0][1] == Hint(None, "order-9")


async def test_a_replay_of_a_webhook_with_a_shared_secret_does_nothing() -> None:
    """Its id is signed, so the same one within its minutes is known, and whoever sends it again learns nothing."""
    inbox, followed = Inbox(), asyncio.Event()
    secret = base64.b64encode(shared.KEY).decode()
    async with _client(_door(inbox, SharedSecret(SecretStr(secret)), followed=followed)) as client:
        for body, again in ((b'{"id": "order-1"}', False), (b'{"id": "order-1"}', True), (b'{"id":"order-1"}', True)):
            assert (await client.post(URL, content=body, headers=shared.signed(body))).status_code == 202
            assert followed.is_set() is not again
            followed.clear()
        assert (
            await client.post(f"{OWN}/webhooks/other", content=body, headers=shared.signed(body))
        ).status_code == 404
        assert (await client.post(URL, content=b"{}", headers=shared.signed(body))).status_code == 401
    assert len(inbox.taken) == 1


async def test_a_body_without_end_is_not_read() -> None:
    """Nothing is verified that is larger than any order event may be."""
    async with place() as at:
        assert await at.deliver(b"x" * 20_000, {}) == 413


@pytest.fixture
async def rig(make_rig: Callable[..., Rig], simulated: SimulatedMerchant) -> Rig:
    """A bridge that follows one placed order, `order-1` at the merchant."""
    made = make_rig(simulated)
    await accept(made, made.signer.intent())
    await made.place()
    await made.follow()
    assert await made.following.run_once() == 0
    return made


def _real_door(rig: Rig, simulated: SimulatedMerchant, *, crash: CrashHook = no_crash) -> MerchantDoor:
    more: dict[str, Any] = {"clock": rig.clock, "merchants": {MERCHANT: simulated}, "crash": crash}
    return _door(rig.store, UnsignedHints(), **more)


async def test_a_webhook_only_makes_the_order_due(rig: Rig, simulated: SimulatedMerchant) -> None:
    """Forged, doubled or for an unknown order: no state changes by it, and one hint is one look."""
    told = await rig.states()
    async with _client(_real_door(rig, simulated)) as client:
        for body in (b"order-1", b"order-1", b"order-99", b""):
            assert (await client.post(URL, content=body)).status_code == 202
    assert await rig.following.run_once() == 1
    assert await rig.following.run_once() == 0
    assert await rig.states() == told


async def test_a_merchant_cannot_speak_of_another_ones_orders(rig: Rig, simulated: SimulatedMerchant) -> None:
    """ORD-033: however it is verified, a webhook reaches the orders of the merchant of its path and no others."""
    more: dict[str, Any] = {
        "clock": rig.clock,
        "merchants": {MERCHANT: simulated, "other": simulated},
        "verifiers": {MERCHANT: UnsignedHints(), "other": UnsignedHints()},
    }
    async with _client(_door(rig.store, UnsignedHints(), **more)) as client:
        assert (await client.post(f"{OWN}/webhooks/other", content=b"order-1")).status_code == 202
        assert await rig.following.run_once() == 0
        assert (await client.post(URL, content=b"order-1")).status_code == 202
        assert await rig.following.run_once() == 1


@pytest.mark.parametrize("point", [CrashPoint.WEBHOOK_READ, CrashPoint.WEBHOOK_KEPT])
async def test_a_death_around_the_inbox_leaves_one_effect(
    point: CrashPoint, rig: Rig, simulated: SimulatedMerchant
) -> None:
    """CP16 and CP17: the merchant sends again to the restarted bridge, and the order is looked at once."""

    def die(reached: CrashPoint) -> None:
        if reached is point:
            raise Killed

    async with _client(_real_door(rig, simulated, crash=die)) as client:
        with pytest.raises(Killed):
            await client.post(URL, content=b"order-1")
    for _ in range(2):
        async with _client(_real_door(rig, simulated)) as client:
            assert (await client.post(URL, content=b"order-1")).status_code == 202
    assert await rig.following.run_once() == 1
    assert await rig.following.run_once() == 0


async def test_our_profile_is_shown_as_each_merchant_reads_it() -> None:
    """In its version, with its webhook's address and our key; cacheable; and nothing about others."""
    async with place() as at:
        for version, dialect in DIALECTS.items():
            answer = await at.client.get(f"/.well-known/ucp?merchant={MERCHANT}&version={version}")
            document = answer.json()
            assert document["ucp"]["version"] == version
            assert document[dialect.keys_at] == [dict(AGENT_KEY.public_jwk)]
            assert URL in answer.text
            assert "ap2" not in answer.text
            assert answer.headers["cache-control"] == "public, max-age=300"
        assert "ap2_mandate" in (await at.client.get("/.well-known/ucp?merchant=wary&version=2026-08-25")).text
        plain = await at.client.get("/.well-known/ucp")
        assert "webhook" not in plain.text
        assert (await at.client.get("/.well-known/ucp?merchant=nobody")).status_code == 404
        assert (await at.client.get("/.well-known/ucp?version=2031-01-01")).status_code == 404
        assert (await at.client.head("/.well-known/ucp")).status_code == 405
