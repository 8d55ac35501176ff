"""Requests and answers of one merchant: what a signature must say before an answer counts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Placed, Unknown
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantUnclearError
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.profile_source import KEPT_MIN_S
from cloud_bridge.merchants.ucp import UcpMerchant
from tests.cloud_bridge.rig import MILK
from tests.cloud_bridge.sample_merchant import AGENT_KEY, connector
from tests.cloud_bridge.spck import crypto
from tests.cloud_bridge.versioned_shop import ORIGIN, VersionedShop, shop_config

WANTED = Wanted(MILK, 2, "home")
Spoil = Callable[[httpx.Response], httpx.Response]


@dataclass
class Wire:
    """A shop behind a wire that can change what it says."""

    merchant: UcpMerchant
    shop: VersionedShop
    clock: list[float] = field(default_factory=lambda: [0.0])
    profiles: list[str] = field(default_factory=list)
    spoil: Spoil | None = None


@asynccontextmanager
async def wire(version: str = "2026-04-08", **config: object) -> AsyncIterator[Wire]:
    """A connector whose answers pass through the wire; profiles come through untouched."""
    shop = VersionedShop(version, [dict(AGENT_KEY.public_jwk)], prices={MILK: 179}, stock={MILK: 50})

    def answer(request: httpx.Request) -> httpx.Response:
        good = shop.answer(request)
        if request.url.path == "/.well-known/ucp":
            made.profiles.append(str(request.url))
            return good
        return made.spoil(good) if made.spoil else good

    async with MerchantHttp(ORIGIN, deadline_s=1, transport=httpx.MockTransport(answer)) as http:
        clock = [0.0]
        made = Wire(connector(shop_config(**config), http=http, ticks=lambda: clock[0]), shop, clock)
        yield made


async def _quote(at: Wire) -> Quote:
    return await at.merchant.quote(WANTED, key=str(uuid4()))


def _without(*names: str) -> Spoil:
    def spoil(response: httpx.Response) -> httpx.Response:
        for name in names:
            del response.headers[name]
        return response

    return spoil


def _tampered(response: httpx.Response) -> httpx.Response:
    response.headers["signature"] = "sig1=:" + "A" * 86 + "==:"
    return response


def _dearer(response: httpx.Response) -> httpx.Response:
    body = b"".join(response.stream).replace(b'"amount": 358', b'"amount": 359')  # type: ignore[arg-type]
    return httpx.Response(response.status_code, stream=httpx.ByteStream(body), headers=response.headers)


@pytest.mark.parametrize("spoil", [_tampered, _dearer, _without("signature"), _without("signature-input")])
async def test_an_answer_under_a_bad_signature_buys_nothing(spoil: Spoil) -> None:
    """A quote is none; an order may exist and is looked up; a look-up says nothing. Never `Placed`."""
    async with wire() as at:
        quote = await _quote(at)
        at.spoil = spoil
        with pytest.raises(MerchantAwayError):
            await _quote(at)
        with pytest.raises(MerchantUnclearError):
            await at.merchant.get(quote.session_id)
        assert await at.merchant.place(quote.session_id, key=str(uuid4())) == Unknown(Detail.NO_ANSWER)
        assert len(at.shop.orders) == 1
        at.spoil = None
        assert isinstance(await at.merchant.get(quote.session_id), Placed)


async def test_an_answer_without_a_signature_counts_unless_all_must_be_signed() -> None:
    """In UCP most answers need not be signed; an operator may want them to be."""
    bare = _without("signature", "signature-input")
    async with wire() as at:
        at.spoil = bare
        assert (await _quote(at)).total_minor == 858
    async with wire(signed_answers=True) as at:
        quote = await _quote(at)
        at.spoil = bare
        with pytest.raises(MerchantAwayError):
            await _quote(at)
        assert await at.merchant.place(quote.session_id, key=str(uuid4())) == Unknown(Detail.NO_ANSWER)


async def test_a_merchant_that_changes_its_key_is_believed_after_one_more_look_at_its_profile() -> None:
    """The old key may stay listed for days; the new one is found the first time that it is used."""
    async with wire() as at:
        await _quote(at)
        at.shop.private, at.shop.public = crypto().keypair(b"the next key")
        at.shop.kid = "shop-key-2"
        with pytest.raises(MerchantAwayError):
            await _quote(at)  # the profile was fetched a moment ago
        at.clock[0] += KEPT_MIN_S - 1
        with pytest.raises(MerchantAwayError):
            await _quote(at)
        assert len(at.profiles) == 1
        at.clock[0] += 1
        assert (await _quote(at)).total_minor == 858
        assert len(at.profiles) == 2


async def test_a_key_that_is_not_listed_any_more_counts_for_nothing() -> None:
    """A withdrawn key is withdrawn, once the profile's time is over."""
    async with wire() as at:
        await _quote(at)
        others = {**at.shop.profile(), "signing_keys": [crypto().jwk_from_pub("other", crypto().keypair(b"o")[1])]}
        at.shop.profile = lambda: others  # type: ignore[method-assign]
        at.clock[0] += KEPT_MIN_S
        with pytest.raises(MerchantAwayError):
            await _quote(at)


async def test_our_name_in_a_request_leads_to_our_profile_in_the_merchants_version() -> None:
    """The merchant fetches it from there; SIG-018 puts it under our signature."""
    seen: list[str] = []
    async with wire("2026-08-25") as at:
        answer = at.shop.answer

        def watched(request: httpx.Request) -> httpx.Response:
            seen.append(request.headers.get("ucp-agent", ""))
            return answer(request)

        at.shop.answer = watched  # type: ignore[method-assign]
        await _quote(at)
    assert set(seen[1:]) == {'profile="http://127.0.0.1:9/.well-known/ucp?merchant=grocer&version=2026-08-25"'}
