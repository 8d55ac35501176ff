"""Wires each configured merchant: its connector, and who says whether a webhook is its own.

One function for each kind; `connect` is the only place that tells kinds apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never
from uuid import uuid4

from pydantic import SecretStr

from cloud_bridge.api.webhooks import PATH_PROFILE, PATH_WEBHOOK
from cloud_bridge.merchant_config import (
    AcpConfig,
    CalDavConfig,
    GrocyConfig,
    HaTodoConfig,
    MerchantConfig,
    SecretKind,
    UcpConfig,
    VendureConfig,
)
from cloud_bridge.merchants.acp import AcpMerchant
from cloud_bridge.merchants.acp_channel import AcpChannel
from cloud_bridge.merchants.caldav import CalDavMerchant
from cloud_bridge.merchants.grocy import Grocy
from cloud_bridge.merchants.ha_todo import HaTodo
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.marked_list import MarkedListMerchant
from cloud_bridge.merchants.payment_tokens import StandingToken
from cloud_bridge.merchants.profile_source import ProfileSource
from cloud_bridge.merchants.signatures import RequestSigner
from cloud_bridge.merchants.ucp import UcpMerchant
from cloud_bridge.merchants.ucp_channel import Channel
from cloud_bridge.merchants.ucp_profile import agent_profile
from cloud_bridge.merchants.ucp_versions import DIALECTS, OLDEST
from cloud_bridge.merchants.vendure import VendureMerchant
from cloud_bridge.merchants.vendure_account import Account
from cloud_bridge.merchants.vendure_api import ShopApi
from cloud_bridge.merchants.vendure_baskets import Baskets
from cloud_bridge.merchants.webhook_verifiers import PublishedKeys, SharedSecret, TimedSecret, UnsignedHints
from cloud_bridge.ports import Merchant, WebhookVerifier
from cloud_bridge.signing_key import SigningKey

MerchantSecrets = Mapping[SecretKind, SecretStr]


@dataclass(frozen=True, slots=True)
class Own:
    """What is this bridge's own in a conversation with a merchant. `now` gives the bridge's time."""

    key: SigningKey
    public_url: str
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Counterpart:
    """A merchant to buy from, and who says whether a webhook is its own; None: it sends none."""

    merchant: Merchant
    verifier: WebhookVerifier | None


@dataclass(frozen=True, slots=True)
class Profiles:
    """Our profile documents: each merchant reads its own, in the version that it speaks. `ap2` by UCP merchant."""

    public_url: str
    key: SigningKey
    ap2: Mapping[str, bool]

    def __call__(self, merchant: str | None, version: str | None) -> bytes | None:
        """The document; None for a merchant or a version that we do not know."""
        if (merchant is not None and merchant not in self.ap2) or (version or OLDEST) not in DIALECTS:
            return None
        return agent_profile(
            version=version or OLDEST,
            webhook_url=None if merchant is None else self.public_url + PATH_WEBHOOK.format(merchant=merchant),
            public_jwk=self.key.public_jwk,
            ap2=merchant is not None and self.ap2[merchant],
        )


def ap2_by_merchant(merchants: Sequence[MerchantConfig]) -> dict[str, bool]:
    """Whether orders at each UCP merchant may carry AP2 mandates."""
    return {each.id: each.ap2 != "off" for each in merchants if isinstance(each, UcpConfig)}


async def connect(stack: AsyncExitStack, config: MerchantConfig, *, secrets: MerchantSecrets, own: Own) -> Counterpart:
    """Open the connection to one merchant; `stack` closes it."""
    http = await stack.enter_async_context(MerchantHttp(config.url, deadline_s=config.deadline_s))
    match config:
        case UcpConfig():
            return _ucp(config, http=http, secrets=secrets, own=own)
        case CalDavConfig():
            return _caldav(config, http=http, secrets=secrets, own=own)
        case VendureConfig():
            return Counterpart(vendure(config, http=http, secrets=secrets, key=own.key), verifier=None)
        case AcpConfig():
            return _acp(config, http=http, secrets=secrets)
        case HaTodoConfig():
            return _ha_todo(config, http=http, secrets=secrets)
        case GrocyConfig():
            return _grocy(config, http=http, secrets=secrets)
        case unforeseen:
            assert_never(unforeseen)


def _ucp(config: UcpConfig, *, http: MerchantHttp, secrets: MerchantSecrets, own: Own) -> Counterpart:
    profiles = ProfileSource(http, origin=config.url, ticks=time.monotonic)
    channel = Channel(
        http=http,
        profiles=profiles,
        signer=RequestSigner(own.key, now=_real_now),
        profile_url=lambda version: f"{own.public_url}{PATH_PROFILE}?merchant={config.id}&version={version}",
        new_key=new_key,
        now=_real_now,
        signed_answers=config.signed_answers,
    )
    tokens = StandingToken(secrets[SecretKind.PAYMENT_TOKEN])
    merchant = UcpMerchant(config, channel=channel, key=own.key, tokens=tokens, now=own.now)
    return Counterpart(merchant, _ucp_verifier(config, secrets=secrets, profiles=profiles))


def _ucp_verifier(config: UcpConfig, *, secrets: MerchantSecrets, profiles: ProfileSource) -> WebhookVerifier:
    match config.webhooks:
        case "signed":
            return PublishedKeys(profiles, now=_real_now)
        case "shared_secret":
            return SharedSecret(secrets[SecretKind.WEBHOOK_SECRET])
        case "unsigned_hints":
            return UnsignedHints()
        case unforeseen:
            assert_never(unforeseen)


def _caldav(config: CalDavConfig, *, http: MerchantHttp, secrets: MerchantSecrets, own: Own) -> Counterpart:
    merchant = CalDavMerchant(config, http=http, password=secrets[SecretKind.PASSWORD], now=own.now)
    return Counterpart(merchant, verifier=None)


def vendure(config: VendureConfig, *, http: MerchantHttp, secrets: MerchantSecrets, key: SigningKey) -> VendureMerchant:
    """A Vendure shop; it sends no webhooks."""
    api = ShopApi(http, config.shop_path, config.channel)
    account = Account(api, name=config.account, password=secrets[SecretKind.PASSWORD])
    token = secrets.get(SecretKind.PAYMENT_TOKEN)
    return VendureMerchant(config, api=api, account=account, baskets=Baskets(key), token=token)


def _acp(config: AcpConfig, *, http: MerchantHttp, secrets: MerchantSecrets) -> Counterpart:
    channel = AcpChannel(config, http=http, api_key=secrets[SecretKind.API_KEY], new_key=new_key)
    tokens = StandingToken(secrets[SecretKind.PAYMENT_TOKEN])
    secret = secrets.get(SecretKind.WEBHOOK_SECRET)
    verifier = None if secret is None else TimedSecret(secret, now=_real_now)
    return Counterpart(AcpMerchant(config, channel=channel, tokens=tokens), verifier)


def _ha_todo(config: HaTodoConfig, *, http: MerchantHttp, secrets: MerchantSecrets) -> Counterpart:
    entries = HaTodo(config, http=http, token=secrets[SecretKind.API_KEY])
    return Counterpart(MarkedListMerchant(config, entries=entries), verifier=None)


def _grocy(config: GrocyConfig, *, http: MerchantHttp, secrets: MerchantSecrets) -> Counterpart:
    entries = Grocy(config, http=http, key=secrets[SecretKind.API_KEY])
    return Counterpart(MarkedListMerchant(config, entries=entries), verifier=None)


def new_key() -> str:
    """A fresh idempotency key."""
    return str(uuid4())


def _real_now() -> datetime:
    return datetime.now(UTC)
