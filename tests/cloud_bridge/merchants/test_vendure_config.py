"""A Vendure shop's section: which secrets it wants, what it refuses, and how it is wired."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError

from cloud_bridge.config import BridgeConfig, merchant_secrets
from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.counterparts import Own, connect
from cloud_bridge.errors import ConfigurationError
from cloud_bridge.merchant_config import SecretKind
from cloud_bridge.merchants.vendure import VendureMerchant
from cloud_bridge.merchants.vendure_documents import Order
from cloud_bridge.merchants.vendure_orders import followed
from tests.cloud_bridge.sample_merchant import AGENT_KEY
from tests.cloud_bridge.vendure_shop import shop_config

URL = "https://shop.example"


def test_the_password_is_a_secret_and_a_token_where_it_has_a_name() -> None:
    """Both come from the environment."""
    assert shop_config(URL).secrets() == {SecretKind.PASSWORD}
    paying = shop_config(URL, payment_token_name="nonce")
    environment = {"RESTOCK_PASSWORD_GROCER": "p", "RESTOCK_PAYMENT_TOKEN_GROCER": "t"}
    config = BridgeConfig(merchants=(paying,))
    assert set(merchant_secrets(config, environment)["grocer"]) == {SecretKind.PASSWORD, SecretKind.PAYMENT_TOKEN}
    with pytest.raises(ConfigurationError, match="RESTOCK_PASSWORD_GROCER"):
        merchant_secrets(config, {})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"currency": "JPY"}, "counts in hundredths"),
        ({"shop_path": "https://elsewhere.example"}, "shop_path"),
        ({"shop_path": "/../admin-api"}, "shop_path"),
        ({"order_page": "http://shop.example/orders"}, "order_page"),
        ({"channel": "two\nlines"}, "channel"),
        ({"payment_metadata": {"card": ["4242"]}}, "payment_metadata"),
        ({"account": ""}, "account"),
    ],
)
def test_what_cannot_be_meant_is_refused(change: dict[str, object], says: str) -> None:
    """Currencies without hundredths, paths and pages elsewhere, values that are no plain ones."""
    with pytest.raises(ValidationError, match=says):
        shop_config(URL, **change)


def test_a_step_has_room_for_all_its_requests() -> None:
    """It asks more often than others do, so it needs a longer lease."""
    with pytest.raises(ValidationError, match="20 times as long: 400 or more"):
        BridgeConfig(merchants=(shop_config(URL, deadline_s=20.0),))


async def test_it_is_wired_without_webhooks_and_as_class_b() -> None:
    """Nobody may speak for it; what it is asked for pays with the token under its name."""
    config = shop_config(URL, payment_token_name="nonce", payment_metadata={"way": 1})
    secrets = {SecretKind.PASSWORD: SecretStr("p"), SecretKind.PAYMENT_TOKEN: SecretStr("t")}
    own = Own(AGENT_KEY, "https://bridge.example", lambda: datetime.now(UTC))
    async with AsyncExitStack() as stack:
        counterpart = await connect(stack, config, secrets=secrets, own=own)
    merchant = counterpart.merchant
    assert isinstance(merchant, VendureMerchant)
    assert counterpart.verifier is None
    assert (merchant.capability.merchant_class, merchant.capability.lookup_lag) == (
        MerchantClass.B,
        timedelta(seconds=90),
    )
    assert merchant._payment() == {"method": "standard-payment", "metadata": {"way": 1, "nonce": "t"}}
    assert merchant.order_digest("A.x") == merchant.order_digest("A.y") != merchant.order_digest("B.x")


def test_a_product_that_was_exchanged_is_told() -> None:
    """One taken off after the order was placed, and one put in: the shop's staff can do that."""

    def line(number: int, sku: str, *, placed: int, now: int) -> dict[str, object]:
        variant = {"sku": sku, "name": sku}
        counts = {"orderPlacedQuantity": placed, "quantity": now, "proratedLinePriceWithTax": 179 * now}
        return {"id": str(number), **counts, "productVariant": variant, "fulfillmentLines": []}

    order = Order.model_validate(
        {
            "code": "A",
            "state": "PaymentSettled",
            "active": False,
            "orderPlacedAt": "2026-03-01T08:00:00.000Z",
            "currencyCode": "USD",
            "subTotalWithTax": 179,
            "shippingWithTax": 0,
            "totalWithTax": 179,
            "lines": [line(1, "milk", placed=1, now=0), line(2, "oat-drink", placed=0, now=1)],
            "surcharges": [],
        }
    )
    assert followed(order, page=None).substitute_sku == "oat-drink"
