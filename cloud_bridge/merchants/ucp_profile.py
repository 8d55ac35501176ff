"""Profile documents: a merchant's, normalised whatever its version, and our own as each version wants to read it.

A merchant's profile is data from outside: it may name no other origin, and its keys are public ones or it is void.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cloud_bridge.errors import MerchantAwayError
from cloud_bridge.merchants.documents import read
from cloud_bridge.merchants.published_keys import PublicKeys, read_keys
from cloud_bridge.merchants.ucp_versions import (
    AP2,
    CHECKOUT,
    DIALECTS,
    FULFILLMENT,
    ORDER,
    SHOPPING,
    Dialect,
    same_origin,
)

# As RFC 3986 writes a path: what is anything else can be neither signed nor sent.
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*", re.ASCII)

Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Handlers = Mapping[str, frozenset[str] | None]
"""Ids of a merchant's ways to pay, with the instrument types that it takes there; None: it does not say."""


@dataclass(frozen=True, slots=True)
class MerchantProfile:
    """What a merchant's profile says that we use. `path` is where its REST endpoint begins on its own origin."""

    dialect: Dialect
    path: str
    keys: PublicKeys
    capabilities: frozenset[str]
    handlers: Handlers


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Rest(_Part):
    endpoint: Name


class _Transports(_Part):
    rest: _Rest


class _Binding(_Part):
    transport: Name
    endpoint: Name | None = None


class _Capability(_Part):
    name: Name


class Instrument(_Part):
    """One kind of instrument that a way to pay takes."""

    type: Name


class Handler(_Part):
    """One way to pay."""

    id: Name
    available_instruments: Annotated[list[Instrument], Field(max_length=50)] | None = None

    @property
    def types(self) -> frozenset[str] | None:
        """The instrument types that it takes; None where it does not say."""
        offered = self.available_instruments
        return None if offered is None else frozenset(each.type for each in offered)


HandlerRegistry = Annotated[dict[Name, Annotated[list[Handler], Field(max_length=20)]], Field(max_length=50)]
_Keys = Annotated[list[dict[str, Any]], Field(max_length=100)]


class _Ucp(_Part):
    version: Name
    services: dict[Name, _Transports | list[_Binding]]
    capabilities: Annotated[list[_Capability] | dict[Name, Any], Field(max_length=100)] | None = None
    payment_handlers: HandlerRegistry | None = None
    signing_keys: _Keys | None = None


class _Payment(_Part):
    handlers: Annotated[list[Handler], Field(max_length=100)] | None = None


class _Profile(_Part):
    ucp: _Ucp
    payment: _Payment | None = None
    keys: _Keys | None = None
    signing_keys: _Keys | None = None


def read_profile(body: bytes, *, origin: str) -> MerchantProfile:
    """A merchant's profile; its endpoint must lie on the origin that the operator configured.

    Raises: MerchantAwayError when it cannot be read, speaks another version or points elsewhere.
    """
    try:
        profile = read(_Profile, body)
    except ValueError as exc:
        raise MerchantAwayError("the merchant's profile cannot be read") from exc
    dialect = DIALECTS.get(profile.ucp.version)
    if dialect is None:
        raise MerchantAwayError(f"the merchant speaks UCP {profile.ucp.version[:20]!r}, this bridge {list(DIALECTS)}")
    endpoint = _endpoint(profile.ucp)
    if not same_origin(endpoint, origin):
        raise MerchantAwayError("the merchant's profile points to another origin")
    path = urlsplit(endpoint).path.rstrip("/")
    if _PATH.fullmatch(path) is None:
        raise MerchantAwayError("the merchant's profile has an endpoint that is no address")
    return MerchantProfile(
        dialect=dialect,
        path=path,
        # Merchants move their keys from one place to another between versions: a key id means one key anywhere.
        keys=read_keys([*(profile.keys or ()), *(profile.signing_keys or ()), *(profile.ucp.signing_keys or ())]),
        capabilities=_capabilities(profile.ucp),
        handlers=_handlers(profile),
    )


def _endpoint(ucp: _Ucp) -> str:
    match ucp.services.get(SHOPPING):
        case _Transports(rest=rest):
            return rest.endpoint
        case list(bindings):
            rest_only = [each.endpoint for each in bindings if each.transport == "rest" and each.endpoint]
            if rest_only:
                return rest_only[0]
    raise MerchantAwayError("the merchant's profile has no REST endpoint for shopping")


def _capabilities(ucp: _Ucp) -> frozenset[str]:
    if isinstance(ucp.capabilities, dict):
        return frozenset(ucp.capabilities)
    return frozenset(each.name for each in ucp.capabilities or ())


def _handlers(profile: _Profile) -> Handlers:
    listed = (profile.payment.handlers if profile.payment else None) or []
    return {**{each.id: each.types for each in listed}, **offered_handlers(profile.ucp.payment_handlers)}


def offered_handlers(registry: HandlerRegistry | None) -> Handlers:
    """The ways to pay of a registry keyed by reverse-domain name; empty where there is none."""
    return {each.id: each.types for group in (registry or {}).values() for each in group}


def agent_profile(
    *, version: str, webhook_url: str | None, public_jwk: Mapping[str, Any] | None, ap2: bool = False
) -> bytes:
    """Our own profile document for a merchant that speaks `version`: our key, and where order events go."""
    dialect = DIALECTS[version]
    wanted: list[tuple[str, dict[str, Any]]] = [
        (CHECKOUT, {}),
        (FULFILLMENT, {"extends": CHECKOUT}),
        (ORDER, {} if webhook_url is None else {"config": {"webhook_url": webhook_url}}),
    ]
    if ap2 and dialect.signing == "message":
        wanted.append((AP2, {"extends": CHECKOUT, "config": {"vp_formats_supported": {"dc+sd-jwt": {}}}}))
    document: dict[str, Any] = {"ucp": {"version": version, "capabilities": _announced(wanted, dialect)}}
    if not dialect.listed_capabilities:
        document["ucp"] |= {"services": {}, "payment_handlers": {}}
    if public_jwk is not None:
        document[dialect.keys_at] = [dict(public_jwk)]
    return json.dumps(document, sort_keys=True).encode()


def _announced(wanted: list[tuple[str, dict[str, Any]]], dialect: Dialect) -> object:
    if dialect.listed_capabilities:
        return [{"name": name, "version": dialect.version, **more} for name, more in wanted]
    return {name: [{"version": dialect.version, **more, **_sources(name, dialect.version)}] for name, more in wanted}


def _sources(name: str, version: str) -> dict[Literal["spec", "schema"], str]:
    """Where a registry entry says that its rules stand."""
    topic = name.removeprefix(f"{SHOPPING}.")
    base = f"https://ucp.dev/{version}"
    return {"spec": f"{base}/specification/{topic}", "schema": f"{base}/schemas/shopping/{topic}.json"}
