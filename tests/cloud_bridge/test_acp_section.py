"""An ACP merchant from its section and its secrets to a connector, a verifier and a webhook that counts once."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from starlette.applications import Starlette

from cloud_bridge.api import problems
from cloud_bridge.api.webhooks import MerchantDoor
from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.counterparts import Own, Profiles, connect
from cloud_bridge.merchant_config import AcpConfig, SecretKind
from cloud_bridge.merchants.acp import AcpMerchant
from cloud_bridge.merchants.webhook_verifiers import TimedSecret
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.acp_shop import SECRET, acp_config, acp_shop_and_connector
from tests.cloud_bridge.rig import MERCHANT, Rig, accept
from tests.cloud_bridge.sample_merchant import AGENT_KEY

OWN = "https://bridge.example"


def _secrets(config: AcpConfig) -> dict[SecretKind, SecretStr]:
    return {kind: SecretStr("a-word-of-sixteen-or-more") for kind in config.secrets()}


def test_it_wants_a_key_a_token_and_where_there_are_webhooks_their_secret() -> None:
    """Each from a variable of its own, and none in the file."""
    assert acp_config().secrets() == {SecretKind.API_KEY, SecretKind.PAYMENT_TOKEN, SecretKind.WEBHOOK_SECRET}
    assert acp_config(webhooks="none").secrets() == {SecretKind.API_KEY, SecretKind.PAYMENT_TOKEN}


@pytest.mark.parametrize(
    ("kind", "secret", "good"),
    [
        (SecretKind.API_KEY, "sk_live-1.~+/==", True),
        (SecretKind.API_KEY, "two words", False),
        (SecretKind.API_KEY, "line\r\nX-More: 1", False),
        (SecretKind.API_KEY, "ä", False),
        (SecretKind.API_KEY, "", False),
        (SecretKind.WEBHOOK_SECRET, "x" * 16, True),
        (SecretKind.WEBHOOK_SECRET, "x" * 15, False),
        (SecretKind.PAYMENT_TOKEN, "anything at all", True),
        (SecretKind.PAYMENT_TOKEN, "", False),
    ],
)
def test_a_secret_that_cannot_be_one_is_refused_and_not_told(kind: SecretKind, secret: str, good: bool) -> None:
    """A key goes into a header as it is, so nothing may stand in it that ends a header."""
    fault = acp_config().secret_fault(kind, SecretStr(secret))
    assert (fault is None) == good
    assert not secret or fault is None or secret not in fault


@pytest.mark.parametrize("change", [{"api_version": "2025-09-29"}, {"webhooks": "unsigned_hints"}, {"ap2": "off"}])
def test_what_acp_does_not_have_is_an_error(change: dict[str, str]) -> None:
    """Another version, unsigned webhooks, another protocol's field."""
    with pytest.raises(ValidationError):
        acp_config(**change)


@pytest.mark.parametrize("webhooks", ["signed", "none"])
async def test_a_section_becomes_a_merchant_of_class_a(webhooks: str) -> None:
    """Without webhooks nobody is believed to send any."""
    config = acp_config(webhooks=webhooks)
    own = Own(AGENT_KEY, OWN, lambda: datetime.now(UTC))
    async with AsyncExitStack() as stack:
        wired = await connect(stack, config, secrets=_secrets(config), own=own)
        assert isinstance(wired.merchant, AcpMerchant)
        assert (wired.merchant.capability.merchant_class, wired.merchant.currency) == (MerchantClass.A, "USD")
        assert (wired.merchant.delivers_to("home"), wired.merchant.delivers_to("away")) == (True, False)
        assert isinstance(wired.verifier, TimedSecret) == (webhooks == "signed")


async def test_a_webhook_makes_its_order_due_once(make_rig: Any) -> None:  # noqa: ANN401  a fixture's function
    """Sent again within the window it has the same body, and does nothing; it is asked for in any case."""
    now = datetime.now(UTC)
    async with acp_shop_and_connector() as (shop, merchant):
        rig: Rig = make_rig(merchant)
        await accept(rig, rig.signer.intent())
        await rig.place()
        await rig.follow()
        followed = asyncio.Event()
        door = MerchantDoor(
            merchants={MERCHANT: merchant},
            verifiers={MERCHANT: TimedSecret(SecretStr(SECRET), now=lambda: now)},
            store=rig.store,
            clock=rig.clock,
            followed=followed,
            profile=Profiles(OWN, key=AGENT_KEY, ap2={}),
            public_url=OWN,
        )
        app = Starlette(routes=door.routes())
        problems.install(app, counted=Counter())
        shop.orders["ord_0"]["status"] = "shipped"
        body, headers = shop.webhook("ord_0", at=int(now.timestamp()))
        woken = []
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=OWN) as client:
            for sent in (headers, headers, {**headers, "merchant-signature": "t=1,v1=" + "0" * 64}):
                followed.clear()
                answer = await client.post(f"/webhooks/{MERCHANT}", content=body, headers=sent)
                woken.append((answer.status_code, followed.is_set()))
        assert woken == [(202, True), (202, False), (401, False)]
        await rig.follow()
        assert (await rig.states())[-1] is OrderState.SHIPPED
