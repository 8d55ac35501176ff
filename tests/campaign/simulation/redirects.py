"""An order that is answered with a redirect: through the bridge's real HTTP client, over a wire that is written down.

The simulated merchants are called and have no addresses, so this one thing is tried once at the beginning of a run.
"""

from __future__ import annotations

import httpx

from cloud_bridge.errors import MerchantError
from cloud_bridge.merchants.http import MerchantHttp

_OWN = "merchant.example"
_AWAY = {"location": "https://elsewhere.example/orders"}
_STATUSES = (301, 302, 303, 307, 308)


async def hosts_reached() -> list[str]:
    """The hosts, other than the merchant's own, to which an order was sent on."""
    strangers: list[str] = []
    for status in _STATUSES:

        def answer(request: httpx.Request, status: int = status) -> httpx.Response:
            if request.url.host == _OWN:
                return httpx.Response(status, headers=_AWAY, stream=httpx.ByteStream(b""))
            strangers.append(request.url.host)
            return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

        client = MerchantHttp(f"https://{_OWN}", deadline_s=5.0, transport=httpx.MockTransport(answer))
        async with client:
            try:
                await client.ask("POST", "/orders", headers={}, body=b'{"order": 1}')
            except MerchantError:
                continue
    return strangers
