"""The one place that knows how versions of UCP differ: profiles in both directions, headers, and how one completes.

Proved against the sample merchant for 2026-01-11. A later version is added as one more `Dialect`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from cloud_bridge.errors import MerchantAwayError

_SHOPPING = "dev.ucp.shopping"
VERSION_WE_SPEAK = "2026-01-11"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one version is spoken. `completion` makes the body that asks for the order."""

    version: str
    headers: tuple[tuple[str, str], ...]
    completion: Callable[[dict[str, Any]], dict[str, Any]]


def _completion_2026_01_11(instrument: dict[str, Any]) -> dict[str, Any]:
    return {"payment_data": instrument, "risk_signals": {}}


DIALECTS = MappingProxyType(
    {
        # This version wants a Request-Signature header and leaves open what a merchant does with it.
        "2026-01-11": Dialect("2026-01-11", (("Request-Signature", "unsigned"),), _completion_2026_01_11),
    }
)


@dataclass(frozen=True, slots=True)
class MerchantProfile:
    """What a merchant's profile says that we use. `path` is where its REST endpoint begins on its own origin."""

    dialect: Dialect
    path: str


class _Rest(BaseModel):
    model_config = ConfigDict(strict=True)
    endpoint: str


class _Service(BaseModel):
    model_config = ConfigDict(strict=True)
    rest: _Rest


class _Ucp(BaseModel):
    model_config = ConfigDict(strict=True)
    version: str
    services: dict[str, _Service]


class _Profile(BaseModel):
    model_config = ConfigDict(strict=True)
    ucp: _Ucp


def read_profile(body: bytes, *, origin: str) -> MerchantProfile:
    """A merchant's profile; its endpoint must lie on the origin that the operator configured.

    Raises: MerchantAwayError when it cannot be read, speaks another version or points elsewhere.
    """
    try:
        ucp = _Profile.model_validate_json(body).ucp
        endpoint = ucp.services[_SHOPPING].rest.endpoint
    except (ValidationError, KeyError) as exc:
        raise MerchantAwayError("the merchant's profile cannot be read") from exc
    dialect = DIALECTS.get(ucp.version)
    if dialect is None:
        raise MerchantAwayError(f"the merchant speaks UCP {ucp.version[:20]!r}, this bridge {sorted(DIALECTS)}")
    if not same_origin(endpoint, origin):
        raise MerchantAwayError("the merchant's profile points to another origin")
    return MerchantProfile(dialect=dialect, path=urlsplit(endpoint).path.rstrip("/"))


def same_origin(url: str, origin: str) -> bool:
    """Whether both have the same scheme, host and port."""
    try:
        one, other = ((parts.scheme, parts.hostname, parts.port) for parts in (urlsplit(url), urlsplit(origin)))
    except ValueError:
        return False
    return one == other


def agent_profile(*, webhook_url: str | None) -> bytes:
    """Our own profile document, which merchants fetch to learn where to send order events."""
    order: dict[str, Any] = {"name": f"{_SHOPPING}.order", "version": VERSION_WE_SPEAK}
    if webhook_url is not None:
        order["config"] = {"webhook_url": webhook_url}
    capabilities = [
        {"name": f"{_SHOPPING}.checkout", "version": VERSION_WE_SPEAK},
        {"name": f"{_SHOPPING}.fulfillment", "version": VERSION_WE_SPEAK, "extends": f"{_SHOPPING}.checkout"},
        order,
    ]
    return json.dumps({"ucp": {"version": VERSION_WE_SPEAK, "capabilities": capabilities}}).encode()
