"""One section of the configuration for each kind of merchant, and which secrets each wants from the environment.

A new kind is a section here, its row in `merchants.capabilities`, its connector in `merchants/` and the line in
`counterparts` that wires it.
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, model_validator

from cloud_bridge.sections import SafeUrl, Section, Text, is_loopback
from cloud_bridge.wire import Currency, DeliveryKind, Id, Sku

_WEBHOOK_SECRET_BYTES = range(24, 65)  # as Standard Webhooks has it
# Source: ISO 4217. The minor unit of these is the whole, or the thousandth.
_NOT_HUNDREDTHS = re.compile(
    "BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|UYI|VND|VUV|XAF|XOF|XPF|BHD|IQD|JOD|KWD|LYD|OMR|TND", re.ASCII
)
_HMAC_SECRET_MIN = 16
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # RFC 6750 section 2.1

Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]{1,189}$")]


class SecretKind(StrEnum):
    """What a merchant's secret is for. It comes from RESTOCK_<KIND>_<ID>, upper case, with _ for -."""

    PAYMENT_TOKEN = "payment_token"  # noqa: S105  a name, not a token
    WEBHOOK_SECRET = "webhook_secret"  # noqa: S105  a name, not a secret
    API_KEY = "api_key"
    PASSWORD = "password"  # noqa: S105  a name, not a password

    def variable(self, merchant: str) -> str:
        """The variable of the environment that holds it."""
        return f"RESTOCK_{self}_{merchant}".upper().replace("-", "_")


class DestinationConfig(Section):
    """A postal address that the hub only knows by its reference."""

    street_address: Text
    address_locality: Text
    address_region: Text
    postal_code: Text
    address_country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class MerchantSection(Section):
    """What every merchant has. Money is in `currency`; `deadline_s` bounds each request to it, in real seconds.

    `merchant_class`, `key_life_s` and `lookup_lag_s` may be more careful than what is known of its kind, never less.
    `requests_per_step` is how many requests to it, one after the other, a claimed order waits for at the most.
    """

    requests_per_step: ClassVar[int] = 8
    id: Id
    url: SafeUrl
    currency: Currency
    deadline_s: Annotated[float, Field(gt=0, le=30)] = 10.0
    merchant_class: Literal["A", "B", "C"] | None = None
    key_life_s: Annotated[float, Field(ge=600, le=2_592_000)] | None = None
    lookup_lag_s: Annotated[float, Field(ge=1, le=86_400)] | None = None

    def secrets(self) -> frozenset[SecretKind]:
        """Which secrets it wants."""
        return frozenset()

    def secret_fault(self, kind: SecretKind, secret: SecretStr) -> str | None:
        """What is wrong with a secret, without telling it; None where nothing is."""
        return None if secret.get_secret_value() else f"the {kind.value.replace('_', ' ')} of {self.id} must be set"


class ShopSection(MerchantSection):
    """A merchant that sells and delivers. `destinations` maps a hub's delivery_ref to an address."""

    buyer_name: Text
    buyer_email: Email
    destinations: dict[str, DestinationConfig] = Field(min_length=1)


class UcpConfig(ShopSection):
    """A shop that speaks UCP.

    `payment_instrument` is the kind of thing that the token stands for, in the merchant's words, and `token_in` the
    member of a credential that holds it. `address_in` is where goods go: the fulfilment extension, or a member of the
    session itself at shops that have it there. `ap2` says whether orders carry AP2 mandates. With `signed_answers`, an
    answer that the merchant did not sign is no answer. `webhooks` are signed by the keys in the merchant's profile, or
    by a secret of this merchant alone; without a signature they are taken as hints from a merchant on this very machine
    only.
    """

    kind: Literal["ucp"]
    payment_handler: Text
    payment_instrument: Text = "card"
    token_in: Literal["token", "authorization"] = "token"  # noqa: S105  a member's name, not a token
    address_in: Literal["fulfillment", "shipping_address"] = "fulfillment"
    ap2: Literal["off", "if_announced", "required"] = "off"
    signed_answers: bool = False
    webhooks: Literal["signed", "shared_secret", "unsigned_hints"] = "signed"

    @model_validator(mode="after")
    def _hints_from_here(self) -> UcpConfig:
        if self.webhooks == "unsigned_hints" and not is_loopback(urlsplit(self.url).hostname or ""):
            raise ValueError("webhooks without a signature are allowed on loopback only; use signed")
        return self

    def secrets(self) -> frozenset[SecretKind]:
        """The token that pays, and where webhooks are signed with a secret, that."""
        shared = {SecretKind.WEBHOOK_SECRET} if self.webhooks == "shared_secret" else set()
        return frozenset({SecretKind.PAYMENT_TOKEN} | shared)

    def secret_fault(self, kind: SecretKind, secret: SecretStr) -> str | None:
        """A webhook's secret is base64, as Standard Webhooks has it."""
        if kind is SecretKind.WEBHOOK_SECRET and not _is_standard(secret):
            return "base64 of 24 to 64 bytes is wanted"
        return super().secret_fault(kind, secret)


_UserName = Annotated[str, StringConstraints(pattern=r"^[^:\x00-\x1f\x7f]{1,200}$")]  # RFC 7617: no colon, no control
_ArticleText = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]


class ListSection(MerchantSection):
    """A list that the household shops from: orders become entries there, and nothing is paid.

    `currency` is the household's own: amounts at a list are zero, and zero has a currency, too. `articles` says what
    stands on the list for a sku, which stands there itself where it has no text.
    """

    articles: Annotated[dict[Sku, _ArticleText], Field(default_factory=dict, max_length=2_000)]


class CalDavConfig(ListSection):
    """A to-do list on a CalDAV server. `url` is the address of the list itself, a collection that takes VTODO."""

    kind: Literal["caldav"]
    user: _UserName

    def secrets(self) -> frozenset[SecretKind]:
        """The user's password."""
        return frozenset({SecretKind.PASSWORD})

    def secret_fault(self, kind: SecretKind, secret: SecretStr) -> str | None:
        """RFC 7617: no control characters."""
        if not secret.get_secret_value().isprintable():
            return "a password without control characters is wanted"
        return super().secret_fault(kind, secret)


class KeyedListSection(ListSection):
    """A list whose server knows us by a key that goes into a header as it is."""

    requests_per_step: ClassVar[int] = 12

    def secrets(self) -> frozenset[SecretKind]:
        """The key that we are known by."""
        return frozenset({SecretKind.API_KEY})

    def secret_fault(self, kind: SecretKind, secret: SecretStr) -> str | None:
        """As a bearer token."""
        return super().secret_fault(kind, secret) or _bearer_fault(secret)


class HaTodoConfig(KeyedListSection):
    """A to-do list of Home Assistant, which is at `url`; `entity` is the list. The key is a long-lived access token."""

    kind: Literal["ha_todo"]
    entity: Annotated[str, StringConstraints(pattern=r"^todo\.[a-z0-9_]{1,200}$")]


class GrocyConfig(KeyedListSection):
    """A shopping list of Grocy, which is at `url`; `shopping_list` is the list's number there."""

    kind: Literal["grocy"]
    shopping_list: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class VendureConfig(ShopSection):
    """A shop that runs Vendure, bought from as one customer: `account` is its user name there.

    `payment_method` is the shop's code of a way to pay that needs no person; what its handler wants to be told stands
    in `payment_metadata`, and a token that pays goes there under the name `payment_token_name`. `channel` is the token
    of a shop's channel other than the default one. `order_page` is where a person sees an order; its code is put
    behind. The shop does not say of what kind its ways of delivery are: `delivery_kinds` does, by their codes, and
    where goods are fetched it must, or they are bought as if they came to the door.
    """

    kind: Literal["vendure"]
    requests_per_step: ClassVar[int] = 20
    account: Text
    payment_method: Text
    payment_metadata: dict[Text, str | bool | int] = Field(default={}, max_length=20)
    payment_token_name: Text | None = None
    shop_path: Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_-]{1,50}){1,5}$")] = "/shop-api"
    channel: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None
    order_page: SafeUrl | None = None
    delivery_kinds: dict[Text, DeliveryKind] = Field(default={}, max_length=50)

    @model_validator(mode="after")
    def _in_hundredths(self) -> VendureConfig:
        if _NOT_HUNDREDTHS.fullmatch(self.currency):
            raise ValueError(f"Vendure counts in hundredths, and {self.currency} has none")
        return self

    def secrets(self) -> frozenset[SecretKind]:
        """The account's password, and the token that pays where one is used."""
        token = {SecretKind.PAYMENT_TOKEN} if self.payment_token_name is not None else set()
        return frozenset({SecretKind.PASSWORD} | token)


class AcpConfig(ShopSection):
    """A shop that speaks ACP, at `url` with its path.

    `payment_handler` is the shop's id of the way to pay, `payment_instrument` what the token stands for there, and
    `payment_credential` what kind of token it is. `webhooks` are signed with a secret of this merchant alone; without
    them, its orders are only asked about.
    """

    kind: Literal["acp"]
    api_version: Literal["2026-04-17", "2026-01-30"] = "2026-04-17"
    payment_handler: Text
    payment_instrument: Text = "card"
    payment_credential: Text = "spt"
    webhooks: Literal["signed", "none"] = "signed"

    def secrets(self) -> frozenset[SecretKind]:
        """The key that we are known by, the token that pays, and where there are webhooks, the secret of those."""
        shared = {SecretKind.WEBHOOK_SECRET} if self.webhooks == "signed" else set()
        return frozenset({SecretKind.API_KEY, SecretKind.PAYMENT_TOKEN} | shared)

    def secret_fault(self, kind: SecretKind, secret: SecretStr) -> str | None:
        """A key goes into a header as it is; a webhook's secret must not be one that can be guessed."""
        if kind is SecretKind.API_KEY and (fault := _bearer_fault(secret)) is not None:
            return fault
        if kind is SecretKind.WEBHOOK_SECRET and len(secret.get_secret_value()) < _HMAC_SECRET_MIN:
            return f"{_HMAC_SECRET_MIN} characters or more are wanted"
        return super().secret_fault(kind, secret)


MerchantConfig = Annotated[
    UcpConfig | AcpConfig | CalDavConfig | VendureConfig | HaTodoConfig | GrocyConfig, Field(discriminator="kind")
]


def _bearer_fault(secret: SecretStr) -> str | None:
    if _BEARER.fullmatch(secret.get_secret_value()):
        return None
    return "a bearer token is wanted: letters, digits and -._~+/ with = at the end"


def _is_standard(secret: SecretStr) -> bool:
    text = secret.get_secret_value().removeprefix("whsec_")
    try:
        return len(base64.b64decode(text, validate=True)) in _WEBHOOK_SECRET_BYTES
    except (binascii.Error, ValueError):
        return False
