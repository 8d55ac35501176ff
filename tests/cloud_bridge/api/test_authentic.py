"""Whose request it is: the signature's own strictness, whatever the headers around it say."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.requests import Request

from cloud_bridge.api.authentic import Gatekeeper
from cloud_bridge.errors import NotAuthenticError
from tests.cloud_bridge.core.ed25519_forgeries import FORGERIES, Forgery, Make

_URL = "http://127.0.0.1:8490"
_FORGERIES = [each for each in FORGERIES if each.name != "key_missing"]
_HONEST = Forgery("honest", lambda key, message: (key.public_key().public_bytes_raw(), key.sign(message)))


def _request(make: Make, *, host: str = _URL.removeprefix("http://")) -> tuple[bytes, Request]:
    """A key, and GET /v1/head with a signature that was made with it."""
    parameters = f'("@method" "@target-uri");created={int(datetime.now(UTC).timestamp())};keyid="home-1";alg="ed25519"'
    base = f'"@method": GET\n"@target-uri": {_URL}/v1/head\n"@signature-params": {parameters}'
    public_key, signature = make(Ed25519PrivateKey.generate(), base.encode())
    headers = {
        "host": host,
        "signature-input": f"restock={parameters}",
        "signature": f"restock=:{base64.b64encode(signature).decode()}:",
    }
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/head",
        "raw_path": b"/v1/head",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    return public_key, Request(scope, _nothing_more)


async def _nothing_more() -> dict[str, object]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def test_an_honest_signature_names_its_household() -> None:
    """Which shows that the forgeries are refused for what they are."""
    key, request = _request(_HONEST.make)
    caller = await Gatekeeper({"home-1": key}, public_url=_URL, age_max_s=300)(request)
    assert (caller.household, caller.body) == ("home-1", b"")


@pytest.mark.parametrize(
    "forgery", [each for each in FORGERIES if each.name != "key_missing"], ids=lambda each: each.name
)
async def test_a_forged_signature_is_refused(forgery: Forgery) -> None:
    """As the household's leave is: other spellings, points and keys of small order, wrong lengths."""
    key, request = _request(forgery.make)
    with pytest.raises(NotAuthenticError):
        await Gatekeeper({"home-1": key}, public_url=_URL, age_max_s=300)(request)


@pytest.mark.parametrize("host", ["[", "]", "[::1", "::1]", "[v1.x]", "[127.0.0.1]", "a:b", ":99999", ""])
async def test_a_host_that_is_no_name_changes_nothing(host: str) -> None:
    """The signature is checked against the bridge's own address then, as for any other name that is not its own."""
    key, request = _request(_HONEST.make, host=host)
    assert (await Gatekeeper({"home-1": key}, public_url=_URL, age_max_s=300)(request)).household == "home-1"
    _, forged = _request(_HONEST.make, host=host)
    with pytest.raises(NotAuthenticError):
        await Gatekeeper({"home-1": key}, public_url=_URL, age_max_s=300)(forged)
