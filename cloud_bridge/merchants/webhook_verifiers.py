"""Who may send us webhooks: one verifier for each merchant, asked before anything of the body is read.

A verifier proves that the merchant whose path was called has sent exactly these bytes. Whether the order in them is
that merchant's is asked of the store; what became of it, of the merchant itself. So a webhook is a hint and no more.
Source: UCP 2026-04-08 ORD-027, ORD-033, SIG-027 and SIG-041; 2026-01-11, webhook signatures; Standard Webhooks 1.0;
ACP 2026-04-17, webhooks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import http_sf
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from cloud_bridge.errors import NotAuthenticError
from cloud_bridge.merchants.profile_source import PATH, ProfileSource
from cloud_bridge.merchants.signatures import Checker, UnknownKeyError
from cloud_bridge.merchants.ucp_profile import MerchantProfile
from cloud_bridge.merchants.ucp_versions import Signing, same_origin
from cloud_bridge.ports import Delivery

WINDOW = timedelta(seconds=300)
_TIMESTAMP = "webhook-timestamp"
_TIMED = re.compile(r"t=(?P<t>[0-9]{1,12}),v1=(?P<v1>[0-9a-fA-F]{64})", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)  # longer numbers are no time, and some cannot even be read


class PublishedKeys:
    """Checks against the keys in the merchant's own profile. `now` gives the real time."""

    def __init__(self, profiles: ProfileSource, *, now: Callable[[], datetime]) -> None:
        self._profiles = profiles
        self._now = now

    async def check(self, delivery: Delivery) -> None:
        """Accept what the merchant has signed.

        Raises: NotAuthenticError; MerchantAwayError when its keys cannot be fetched.
        """
        profile = await self._profiles.current()
        try:
            self._check(delivery, profile)
        except UnknownKeyError:
            self._check(delivery, await self._profiles.refreshed())

    def _check(self, delivery: Delivery, profile: MerchantProfile) -> None:
        if not profile.keys:
            raise NotAuthenticError("the merchant publishes no keys, so nothing can be told from its webhooks")
        checker = Checker(profile.keys, now=self._now(), window=WINDOW)
        if profile.dialect.signing is Signing.DETACHED:
            checker.detached(delivery.headers.get("request-signature", ""), delivery.body)
            return
        self._check_sender(delivery.headers.get("ucp-agent", ""))
        covered = checker.request(delivery.method, delivery.url, headers=delivery.headers, body=delivery.body)
        if _TIMESTAMP in covered:
            _check_time(delivery.headers[_TIMESTAMP], now=self._now())

    def _check_sender(self, agent: str) -> None:
        """The sender must call itself by the profile that we read its keys from."""
        try:
            profile_url, _ = cast("dict[str, Any]", http_sf.parse(agent.encode(), tltype="dictionary"))["profile"]
        except (ValueError, KeyError, TypeError) as exc:
            raise NotAuthenticError("a webhook must name its sender in UCP-Agent") from exc
        if not same_origin(str(profile_url), self._profiles.url) or urlsplit(str(profile_url)).path != PATH:
            raise NotAuthenticError("the webhook's sender is not the merchant of this address")


class SharedSecret:
    """Checks against a secret that the merchant shares with this bridge alone, as Standard Webhooks has it.

    The id, the time and the raw body are signed (HMAC-SHA256) and compared in constant time by the scheme's own
    library. It looks at the real clock itself and takes what is five minutes from now at the most; what is sent again
    within them has the same id, and an id counts once.
    """

    def __init__(self, secret: SecretStr) -> None:
        self._webhook = Webhook(secret.get_secret_value())

    async def check(self, delivery: Delivery) -> None:
        """Accept what was signed with the secret.

        Raises: NotAuthenticError.
        """
        try:
            self._webhook.verify(delivery.body, dict(delivery.headers), json_parse=False)
        except (WebhookVerificationError, ValueError) as exc:  # the latter for what is no text, or no base64
            raise NotAuthenticError("the webhook is not signed with the merchant's secret, or too old") from exc


class TimedSecret:
    """Checks against a secret that the merchant shares with this bridge alone, as ACP has it.

    The time and the raw body are signed (HMAC-SHA256) and compared in constant time by the library; what is older or
    newer than the window is refused. There is no id: what is sent again within it counts once, by the body's digest.
    `now` gives the real time. Source: ACP 2026-04-17, webhooks, `Merchant-Signature`.
    """

    def __init__(self, secret: SecretStr, *, now: Callable[[], datetime]) -> None:
        self._secret = secret
        self._now = now

    async def check(self, delivery: Delivery) -> None:
        """Accept what was signed with the secret.

        Raises: NotAuthenticError.
        """
        found = _TIMED.fullmatch(delivery.headers.get("merchant-signature", ""))
        if found is None:
            raise NotAuthenticError("a webhook must carry Merchant-Signature: t=<seconds>,v1=<64 hex digits>")
        mac = HMAC(self._secret.get_secret_value().encode(), SHA256())
        mac.update(found["t"].encode() + b"." + delivery.body)
        try:
            mac.verify(bytes.fromhex(found["v1"]))
        except InvalidSignature as exc:
            raise NotAuthenticError("the webhook is not signed with the merchant's secret") from exc
        _check_time(found["t"], now=self._now())


class UnsignedHints:
    """Takes anything: for a merchant without keys, on this very machine, by the operator's explicit choice."""

    async def check(self, delivery: Delivery) -> None:
        """Accept the delivery."""


def _check_time(stamp: str, *, now: datetime) -> None:
    is_time = _SECONDS.fullmatch(stamp) is not None
    if not is_time or abs(now.timestamp() - int(stamp)) > WINDOW.total_seconds():
        raise NotAuthenticError("the webhook is too old, or from the future")
