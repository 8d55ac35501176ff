"""The requests of the benchmark, signed ahead of time, and the configuration that accepts them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import ED25519

from cloud_bridge.wire import PATH_EVENTS, PATH_INTENTS
from tests.cloud_bridge.rig import MERCHANT, Signer

_BARE_BODY = (
    b'{"order_id":"o-000001","device_id":"dev-0042","home_id":"h004","sku":"milk-1l-organic","qty":2,"price_cents":149,'
    b'"currency":"EUR","address":"Some Street 12, 12345 Town"}'
)
BARE_REQUEST = (
    b"POST /orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(_BARE_BODY), _BARE_BODY)
)


def sign_intents(signers: Sequence[Signer], count: int, *, port: int) -> list[bytes]:
    """`count` new intents, one household after the other, as the bytes that go over the wire."""
    ends_at = datetime.now(UTC) + timedelta(days=3)
    return [_request(signers[n % len(signers)], port=port, ends_at=ends_at) for n in range(count)]


def sign_poll(signer: Signer, *, port: int, after: int) -> bytes:
    """A hub's question for news of its orders after a cursor, as the bytes that go over the wire."""
    return signed(signer, f"{PATH_EVENTS}?after={after}&limit=100", port=port)


def config_text(
    store_url: str,
    *,
    port: int,
    folder: Path,
    signers: Sequence[Signer],
    merchant_url: str = "http://127.0.0.1:9",
    more: str = "",
) -> str:
    """A bridge's configuration; `more` are sections besides.

    At the merchant that is written where no other is given nobody answers: the intents have to stay in their hold.
    """
    households = "".join(
        f'[[households]]\nid = "{each.household}"\npublic_key = "{base64.b64encode(each.public_key).decode()}"\n'
        for each in signers
    )
    return f"""
[server]
port = {port}
public_url = "http://127.0.0.1:{port}"
[store]
url = "{store_url}"
[signing]
key_file = "{folder / "signing.pem"}"
[[merchants]]
id = "{MERCHANT}"
kind = "ucp"
url = "{merchant_url}"
currency = "USD"
buyer_name = "A Buyer"
buyer_email = "buyer@example.org"
payment_handler = "mock_payment_handler"
[merchants.destinations.home]
street_address = "1 Street"
address_locality = "Town"
address_region = "CA"
postal_code = "12345"
address_country = "US"
{households}{more}"""


def signed(signer: Signer, target: str, *, port: int, body: bytes = b"") -> bytes:
    """A request of a household's hub as the bytes that go over the wire: a POST where it has a body, else a GET."""
    method = "POST" if body else "GET"
    request = httpx.Request(method, f"http://127.0.0.1:{port}{target}", content=body or None)
    keys = MappingKeyResolver(public_keys={}, private_keys={signer.household: signer.key})
    HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=keys).sign(
        request,
        key_id=signer.household,
        label="restock",
        covered_component_ids=("@method", "@target-uri"),
        body=body or None,
    )
    headers = b"".join(b"%b: %b\r\n" % pair for pair in request.headers.raw)
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method.encode(), target.encode(), headers, body)


def _request(signer: Signer, *, port: int, ends_at: datetime) -> bytes:
    body = signer.intent(offer_expires_at=ends_at, hold_s=3_600).model_dump_json().encode()
    return signed(signer, PATH_INTENTS, port=port, body=body)
