"""Requests to one ACP merchant, with the headers that its version wants.

The API key goes into a header and nowhere else. A request of ours is not signed: ACP leaves the algorithm to an
agreement between the two sides. Source: ACP 2026-04-17, RFC "Agentic Checkout" 3.1 and 6.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from pydantic import SecretStr

from cloud_bridge.merchant_config import AcpConfig
from cloud_bridge.merchants.http import Answer, MerchantHttp


class AcpChannel:
    """`new_key` makes ids of requests, and keys where a request has none of its own."""

    def __init__(
        self, config: AcpConfig, *, http: MerchantHttp, api_key: SecretStr, new_key: Callable[[], str]
    ) -> None:
        self.origin = http.origin
        self._http = http
        self._path = urlsplit(config.url).path
        self._version = config.api_version
        self._api_key = api_key
        self._new_key = new_key

    async def read(self, path: str) -> Answer:
        """Ask for a document.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        return await self._http.ask("GET", self._path + path, headers=self._headers())

    async def post(self, path: str, *, body: bytes, key: str | None = None) -> Answer:
        """Send one request once, under an idempotency key: every POST has one.

        Raises: MerchantAwayError when it cannot have arrived; MerchantUnclearError when it may have.
        """
        headers = {**self._headers(), "Idempotency-Key": key or self._new_key()}
        return await self._http.ask("POST", self._path + path, headers=headers, body=body)

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._api_key.get_secret_value()}",
            "API-Version": self._version,
            "Request-Id": self._new_key(),
        }
