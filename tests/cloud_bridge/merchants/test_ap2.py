"""AP2: the merchant's word under a price, ours under an order, and no way back once both were agreed on."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sd_jwt.verifier import SDJWTVerifier

from cloud_bridge.core.leave import body_sha256
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Placed, Rejected
from cloud_bridge.core.quote import Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantError, MerchantUnclearError, NotAuthenticError
from cloud_bridge.merchants.ap2 import Agent, Authorized, Charge, authorized, make_mandates
from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.merchants.published_keys import read_keys
from cloud_bridge.merchants.signatures import Checker
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, MILK, Rig, Signer, accept
from tests.cloud_bridge.sample_merchant import AGENT_KEY, connector
from tests.cloud_bridge.spck import crypto
from tests.cloud_bridge.versioned_shop import KID, ORIGIN, VersionedShop, shop_and_connector, shop_config

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
PRIVATE, PUBLIC = crypto().keypair(b"an ap2 merchant")
CHECKER = Checker(read_keys([crypto().jwk_from_pub(KID, PUBLIC)]), now=NOW)
SESSION: dict[str, Any] = {"id": "chk_1", "currency": "USD", "totals": [{"type": "total", "amount": 858}], "x": "é"}
WANTED = Wanted(MILK, 2, "home")
AGENT = Agent(AGENT_KEY, "https://bridge.example/.well-known/ucp", "grocer", ORIGIN)


def signed(session: dict[str, Any] = SESSION, *, kid: str = KID, **header: object) -> dict[str, Any]:
    """A session under its merchant's signature."""
    token = crypto().jws_detached_sign(header, session, PRIVATE, kid=kid)
    return {**session, "ap2": {"merchant_authorization": token}}


def believed(document: object) -> Authorized:
    """What we make of it."""
    return authorized(document if isinstance(document, bytes) else json.dumps(document).encode(), checker=CHECKER)


def test_a_session_under_its_merchants_signature_is_believed() -> None:
    """PAY-040 and PAY-043: header and canonical payload, however the answer was spaced."""
    document = signed()
    session = believed(json.dumps(document, indent=3).encode())
    assert session.document == document
    header, payload, signature = session.jwt.split(".")
    assert f"{header}..{signature}" == document["ap2"]["merchant_authorization"]
    assert json.loads(base64.urlsafe_b64decode(payload + "==")) == SESSION


def _dearer() -> dict[str, Any]:
    document = copy.deepcopy(signed())
    document["totals"][0]["amount"] = 859
    return document


@pytest.mark.parametrize(
    "document",
    [
        SESSION,
        {**SESSION, "ap2": {}},
        {**SESSION, "ap2": None},
        {**SESSION, "ap2": {"merchant_authorization": None}},
        {**SESSION, "ap2": {"merchant_authorization": ""}},
        {**SESSION, "ap2": {"merchant_authorization": "a..b"}},
        _dearer(),
        {**signed(), "currency": "EUR"},
        {**signed(), "more": 1},
        signed(kid="somebody-else"),
        signed(alg="none"),
        signed(b64=False, crit=["b64"]),
        [],
        b"\xff",
        b'{"id":"a","id":"b"}',
        b"[" * 100_000,
        b'{"amount":1e999,"ap2":{"merchant_authorization":"a..b"}}',
    ],
)
def test_a_session_that_its_merchant_did_not_sign_like_this_is_not_believed(document: object) -> None:
    """PAY-049: missing, of another price, of another key, of no algorithm, or no session at all."""
    with pytest.raises(NotAuthenticError):
        believed(document)


def _opened(mandate: str, nonce: str, *, audience: str = ORIGIN) -> dict[str, Any]:
    """A mandate as its reader checks it: signature, key binding, who it is for and what it is about."""

    def key_of(_issuer: str, header: dict[str, str]) -> object:
        assert (header["kid"], header["typ"]) == (AGENT_KEY.kid, "dc+sd-jwt")
        return AGENT_KEY.jwk

    return dict(SDJWTVerifier(mandate, key_of, audience, nonce).get_verified_payload())


def test_the_two_mandates_say_what_they_are_for() -> None:
    """PAY-041, PAY-042: two of them, over the whole signed session, for one amount, until the offer ends."""
    session, intent = believed(signed()), Signer().intent()
    charge = Charge(amount_minor=858, currency="USD", instrument_type="card", token="opaque-1")
    made = make_mandates(session, intent, charge=charge, agent=AGENT, now=NOW)
    checkout, payment = _opened(made.checkout, session.digest), _opened(made.payment, session.digest)
    digest = base64.urlsafe_b64encode(hashlib.sha256(session.jwt.encode()).digest()).rstrip(b"=").decode()
    assert checkout["checkout"] == session.document
    assert (checkout["checkout_jwt"], checkout["checkout_hash"], payment["transaction_id"]) == (
        session.jwt,
        digest,
        digest,
    )
    assert payment["payment_amount"] == {"amount": 858, "currency": "USD"}
    assert payment["payment_instrument"] == {"id": "opaque-1", "type": "card"}
    assert payment["payee"]["website"] == ORIGIN
    for mandate in (checkout, payment):
        assert (mandate["iat"], mandate["exp"]) == (NOW.timestamp(), intent.terms.offer_expires_at.timestamp())
        assert mandate["authority"] == {"leave": "approval", "terms_sha256": body_sha256(intent)}


def test_a_mandate_is_no_good_to_another_merchant_or_for_another_session() -> None:
    """Key binding names both, and neither can be changed."""
    session = believed(signed())
    charge = Charge(amount_minor=858, currency="USD", instrument_type="card", token="opaque-1")
    made = make_mandates(session, Signer().intent(), charge=charge, agent=AGENT, now=NOW)
    for audience, nonce in (("https://evil.example", session.digest), (ORIGIN, "another")):
        with pytest.raises(ValueError, match="Invalid"):
            _opened(made.checkout, nonce, audience=audience)


def test_a_mandate_does_not_tell_what_the_household_would_have_paid() -> None:
    """Ceiling, household, hub and address reference stay here; the hash opens only to who has the signed terms."""
    intent = Signer().intent(total_max_minor=123_457)
    charge = Charge(amount_minor=858, currency="USD", instrument_type="card", token="opaque-1")
    made = make_mandates(believed(signed()), intent, charge=charge, agent=AGENT, now=NOW)
    for mandate in (made.checkout, made.payment):
        told = json.dumps(_opened(mandate, believed(signed()).digest))
        for secret in ("123457", intent.terms.hub, intent.terms.customer_ref, intent.terms.consent_hash):
            assert secret not in told


def test_a_session_that_plays_with_a_credentials_own_names_is_not_signed() -> None:
    """`_sd` stands for hidden claims, and a merchant could hide its own terms behind it."""
    session = believed(signed({**SESSION, "_sd": ["AAAA"]}))
    charge = Charge(amount_minor=858, currency="USD", instrument_type="card", token="opaque-1")
    with pytest.raises(NotAuthenticError):
        make_mandates(session, Signer().intent(), charge=charge, agent=AGENT, now=NOW)


async def test_the_same_session_is_completed_with_the_same_bytes() -> None:
    """I11: what was recorded for the first attempt is what a repeated one sends, after a look-up, too."""
    leave = Signer().intent()
    async with shop_and_connector("2026-04-08", ap2=True) as (shop, merchant):
        quote = await merchant.quote(WANTED, key=str(uuid4()))
        recorded = merchant.order_digest(quote.session_id, leave=leave)
        await merchant.get(quote.session_id)
        assert merchant.order_digest(quote.session_id, leave=leave) == recorded
        key = str(uuid4())
        first = await merchant.place(quote.session_id, key=key, leave=leave)
        assert isinstance(first, Placed)
        assert await merchant.place(quote.session_id, key=key, leave=leave) == first
        assert len(shop.orders) == 1


async def test_a_new_price_makes_new_mandates() -> None:
    """The body for an older price is not sent any more."""
    leave = Signer().intent()
    async with shop_and_connector("2026-08-25", ap2=True) as (shop, merchant):
        quote = await merchant.quote(WANTED, key=str(uuid4()))
        before = merchant.order_digest(quote.session_id, leave=leave)
        shop.prices[MILK] = 200
        await merchant.quote(WANTED, key=str(uuid4()), session_id=quote.session_id)
        assert merchant.order_digest(quote.session_id, leave=leave) != before
        placed = await merchant.place(quote.session_id, key=str(uuid4()), leave=leave)
        assert isinstance(placed, Placed)
        assert placed.total_minor == 900


async def test_after_a_restart_the_body_is_another_one() -> None:
    """So the worker closes the session instead of asking twice under one key; and nothing is made up for an end."""
    leave = Signer().intent()
    async with shop_and_connector("2026-04-08", ap2=True) as (shop, merchant):
        quote = await merchant.quote(WANTED, key=str(uuid4()))
        recorded = merchant.order_digest(quote.session_id, leave=leave)
        async with MerchantHttp(ORIGIN, deadline_s=1, transport=shop.transport()) as http:
            restarted = connector(shop_config(ap2=True), http=http)
            await restarted.get(quote.session_id)
            assert restarted.order_digest(quote.session_id, leave=leave) != recorded
            assert restarted.order_digest("chk_unseen") != recorded


Downgrade = Callable[[VersionedShop], object]


def _without_ap2(shop: VersionedShop) -> None:
    shop.ap2 = False


def _older(shop: VersionedShop) -> None:
    shop.version = "2026-01-11"


@pytest.mark.parametrize("downgrade", [_without_ap2, _older])
async def test_there_is_no_way_back_from_mandates(downgrade: Downgrade) -> None:
    """A merchant that stops announcing them, or falls back to a version without, is not dealt with any more."""
    clock = [0.0]
    leave = Signer().intent()
    shop = VersionedShop("2026-04-08", [dict(AGENT_KEY.public_jwk)], ap2=True, prices={MILK: 179}, stock={MILK: 50})
    async with MerchantHttp(ORIGIN, deadline_s=1, transport=shop.transport()) as http:
        merchant = connector(shop_config(ap2=True), http=http, ticks=lambda: clock[0])
        quote = await merchant.quote(WANTED, key=str(uuid4()))
        downgrade(shop)
        with pytest.raises(MerchantError):
            await merchant.quote(WANTED, key=str(uuid4()))
        clock[0] += 3_600
        with pytest.raises(MerchantAwayError):
            await merchant.quote(WANTED, key=str(uuid4()))
        assert not isinstance(await merchant.place(quote.session_id, key=str(uuid4()), leave=leave), Placed)
        assert shop.orders == {}


async def test_without_leave_there_is_no_mandate_and_no_request() -> None:
    """The bridge cannot order on its own word."""
    async with shop_and_connector("2026-04-08", ap2=True) as (shop, merchant):
        quote = await merchant.quote(WANTED, key=str(uuid4()))
        assert await merchant.place(quote.session_id, key=str(uuid4())) == Rejected(Detail.LEAVE_INVALID)
        assert [each.operation for each in shop.kept] == ["create", "update", "update"]


async def test_an_operator_that_does_not_ask_for_mandates_gets_none() -> None:
    """And our profile does not offer them."""
    shop = VersionedShop("2026-04-08", [dict(AGENT_KEY.public_jwk)], ap2=True, prices={MILK: 179}, stock={MILK: 50})
    async with MerchantHttp(ORIGIN, deadline_s=1, transport=httpx.MockTransport(shop.answer)) as http:
        merchant = connector(shop_config(), http=http)
        quote = await merchant.quote(WANTED, key=str(uuid4()))
        assert quote.total_minor == 858


async def test_mandates_that_cannot_be_made_end_the_order_and_nothing_is_sent() -> None:
    """A session with a credential's own names in it is the merchant's fault, and no fault of the household's leave."""
    async with shop_and_connector("2026-08-25", ap2=True) as (shop, merchant):
        quote = await merchant.quote(WANTED, key=str(uuid4()))
        shop.sessions[quote.session_id]["_sd"] = ["AAAA"]
        await merchant.quote(WANTED, key=str(uuid4()), session_id=quote.session_id)
        leave = Signer().intent()
        assert merchant.order_digest(quote.session_id, leave=leave)
        placed = await merchant.place(quote.session_id, key=str(uuid4()), leave=leave)
        assert placed == Rejected(Detail.MERCHANT_REFUSED)
        assert "complete" not in {each.operation for each in shop.kept}


class NeverSent(MerchantHttp):
    """The first request for an order gets lost on its way."""

    lost = False

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Ask, unless it is that one."""
        if path.endswith("/complete") and not self.lost:
            self.lost = True
            raise MerchantUnclearError("lost")
        return await super().ask(method, path, headers=headers, body=body)


async def test_a_resend_never_puts_another_body_under_the_same_key(make_rig: Callable[..., Rig]) -> None:
    """Class B is priced again before it is sent again, and a new price makes new mandates: so it is given up."""
    shop = VersionedShop("2026-08-25", [dict(AGENT_KEY.public_jwk)], ap2=True, prices={MILK: 179}, stock={MILK: 50})
    async with NeverSent(ORIGIN, deadline_s=1, transport=shop.transport()) as http:
        rig = make_rig(connector(shop_config(ap2=True, merchant_class="B"), http=http))
        intent = await accept(rig, rig.signer.intent())
        await rig.place()
        order = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
    assert order is not None
    assert (order.state, order.detail) == (OrderState.REJECTED, Detail.NOT_PLACED)
    assert len({attempt.body_sha256 for attempt in await rig.store.attempts(order)}) == 1
    assert (shop.orders, {session["status"] for session in shop.sessions.values()}) == ({}, {"canceled"})
