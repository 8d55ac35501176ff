"""The bridge's configuration: one TOML file, secrets from the environment, read once at start.

Every field has a default or is required, with a unit and bounds. No other module reads the environment or this file;
each part of the bridge gets only its own section.
"""

from __future__ import annotations

import base64
import binascii
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from cloud_bridge.errors import ConfigurationError
from cloud_bridge.merchant_config import MerchantConfig, SecretKind
from cloud_bridge.sections import SafeUrl, Section, is_loopback
from cloud_bridge.wire import Id

_PASSWORD_VARIABLE = "RESTOCK_BRIDGE_DATABASE_PASSWORD"  # noqa: S105  the variable's name, not a password
_PUBLIC_KEY_BYTES = 32

_STORE_OPTIONS = frozenset({"host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey"})
_PASSWORD_IN_URL = re.compile(r"(://[^\s:/@]*:)[^\s@]*@")


def _public_key(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _PUBLIC_KEY_BYTES:
        raise ValueError("base64 of the 32 bytes of an Ed25519 public key is wanted")
    return text


class ServerConfig(Section):
    """Where hubs and merchants reach this bridge. `public_url` is its address from outside; empty: host and port.

    Port 0 takes any free one. Signatures are checked against the public address, not against what a caller claims.
    """

    host: Annotated[str, StringConstraints(min_length=1, max_length=253)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8490
    public_url: SafeUrl | Literal[""] = ""
    signature_age_max_s: Annotated[int, Field(ge=10, le=3_600)] = 300

    @model_validator(mode="after")
    def _reachable(self) -> ServerConfig:
        if not self.public_url and not is_loopback(self.host):
            raise ValueError("a bridge that listens beyond loopback needs public_url, the address that hubs sign")
        return self


def _store_url(url: str) -> str:
    try:
        parts = make_url(url)
    except ArgumentError:
        parts = None
    if parts is None or parts.drivername not in {"sqlite", "postgresql+psycopg"} or not parts.database:
        raise ValueError("sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE is wanted")
    if parts.password is not None:
        raise ValueError(f"a password does not belong into this file: set {_PASSWORD_VARIABLE}")
    if unknown := sorted(set(parts.query) - _STORE_OPTIONS):
        raise ValueError(f"{unknown[0]} is not among {', '.join(sorted(_STORE_OPTIONS))}")
    if not str(parts.query.get("host", "/")).startswith("/"):
        raise ValueError("the option host is for the folder of a unix socket; a name stands before the database")
    remote = parts.host is not None and not is_loopback(parts.host)
    if remote and parts.query.get("sslmode") != "verify-full":
        raise ValueError("a server beyond loopback needs ?sslmode=verify-full, so that it is known and nobody listens")
    return url


class StoreConfig(Section):
    """The database, as an SQLAlchemy URL: SQLite for one bridge, PostgreSQL for several that share it.

    A server's password comes from RESTOCK_BRIDGE_DATABASE_PASSWORD or from libpq's password file (PGPASSFILE).
    `connections` is the most that this bridge opens to a server.
    """

    url: Annotated[str, AfterValidator(_store_url)] = "sqlite:///restock-bridge.sqlite3"
    connections: Annotated[int, Field(ge=2, le=32)] = 8


class SigningConfig(Section):
    """Where the bridge keeps its own key; empty: beside a SQLite store. Bridges that share a server share the key."""

    key_file: Annotated[str, StringConstraints(max_length=4_096)] = ""


class HouseholdConfig(Section):
    """One household that may order through this bridge, known by its Ed25519 public key."""

    id: Id
    public_key: Annotated[str, AfterValidator(_public_key)]

    @property
    def public_key_bytes(self) -> bytes:
        """The 32 bytes of the key."""
        return base64.b64decode(self.public_key)


class WorkerConfig(Section):
    """Placing orders. `poll_s` and the retries are the clock's seconds; `lease_s` is real, like the requests.

    A lease must outlast a step, so it has room for all its requests to the slowest merchant: see `BridgeConfig`.
    `parallel` is how many orders are worked on at one merchant at a time.
    """

    poll_s: Annotated[float, Field(ge=1, le=3_600)] = 60.0
    retry_first_s: Annotated[float, Field(ge=1, le=3_600)] = 30.0
    retry_max_s: Annotated[float, Field(ge=1, le=86_400)] = 3_600.0
    parallel: Annotated[int, Field(ge=1, le=32)] = 4
    lease_s: Annotated[float, Field(ge=1, le=3_600)] = 300.0


class TrackingConfig(Section):
    """Following orders: each is looked at this often, webhooks or not. The clock's seconds."""

    poll_s: Annotated[float, Field(ge=60, le=86_400)] = 3_600.0


class ClockConfig(Section):
    """Virtual time for simulations; leave it out in a real installation."""

    speed: Annotated[float, Field(ge=1, le=1_000_000)] = 1.0
    real_epoch: AwareDatetime | None = None
    virtual_epoch: AwareDatetime | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> ClockConfig:
        if (self.real_epoch is None) != (self.virtual_epoch is None):
            raise ValueError("real_epoch and virtual_epoch belong together")
        if self.real_epoch is None and self.speed != 1.0:
            raise ValueError("a speed needs real_epoch and virtual_epoch")
        return self


class MetricsConfig(Section):
    """Figures for a monitoring system, on a port of this machine only: they ask for no login. Port 0: off."""

    host: Annotated[str, StringConstraints(min_length=1, max_length=253)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 0

    @model_validator(mode="after")
    def _stays_here(self) -> MetricsConfig:
        if not is_loopback(self.host):
            raise ValueError("an address of this machine is wanted (127.0.0.1, ::1): whoever reaches it reads it")
        return self


class TracingConfig(Section):
    """Traces of the bridge's own work, for a collector that takes OTLP over HTTP. Off until `endpoint` names one.

    With `from_hubs` the spans of an order go under the one that its hub tells of, where it tells.
    """

    endpoint: SafeUrl | Literal[""] = ""
    from_hubs: bool = False
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0


class BridgeConfig(Section):
    """The whole file."""

    server: ServerConfig = ServerConfig()
    store: StoreConfig = StoreConfig()
    signing: SigningConfig = SigningConfig()
    households: Annotated[tuple[HouseholdConfig, ...], Field(max_length=10_000)] = ()
    merchants: Annotated[tuple[MerchantConfig, ...], Field(max_length=100)] = ()
    worker: WorkerConfig = WorkerConfig()
    tracking: TrackingConfig = TrackingConfig()
    clock: ClockConfig = ClockConfig()
    metrics: MetricsConfig = MetricsConfig()
    tracing: TracingConfig = TracingConfig()

    @property
    def signing_key_file(self) -> Path:
        """Where the bridge's own key is."""
        if self.signing.key_file:
            return Path(self.signing.key_file)
        return Path(make_url(self.store.url).database or "").with_name("restock-bridge-key.pem")

    @model_validator(mode="after")
    def _key_has_a_place(self) -> BridgeConfig:
        if not self.signing.key_file and make_url(self.store.url).drivername != "sqlite":
            raise ValueError("signing.key_file is wanted: without a SQLite store there is no place beside it")
        return self

    @model_validator(mode="after")
    def _unique(self) -> BridgeConfig:
        _refuse_twice("households", (household.id for household in self.households))
        _refuse_twice("merchants", (merchant.id for merchant in self.merchants))
        return self

    @model_validator(mode="after")
    def _lease_outlasts_a_step(self) -> BridgeConfig:
        for merchant in self.merchants:
            wanted_s = merchant.requests_per_step * merchant.deadline_s
            if self.worker.lease_s < wanted_s:
                raise ValueError(
                    f"worker.lease_s is {self.worker.lease_s:g}, and deadline_s of merchant {merchant.id} asks for "
                    f"{merchant.requests_per_step} times as long: {wanted_s:g} or more"
                )
        return self


@dataclass(frozen=True, slots=True)
class Secrets:
    """What comes from the environment; `merchants` by merchant id and kind."""

    merchants: Mapping[str, Mapping[SecretKind, SecretStr]]
    database_password: SecretStr | None = None


def load(path: Path) -> BridgeConfig:
    """The configuration in `path`.

    Raises: ConfigurationError naming the file, the field, the value and what is allowed.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read ({exc.strerror})") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{path}: not valid TOML: {exc}") from exc
    try:
        return BridgeConfig.model_validate(_tuples(document))
    except ValidationError as exc:
        raise ConfigurationError(f"{path}: {_first_error(exc)}") from exc


def merchant_secrets(config: BridgeConfig, environment: Mapping[str, str]) -> dict[str, dict[SecretKind, SecretStr]]:
    """Each merchant's secrets, by merchant id and kind.

    Raises: ConfigurationError naming the variable that is not set, is no such secret, or holds another merchant's.
    """
    found: dict[str, dict[SecretKind, SecretStr]] = {}
    for merchant in config.merchants:
        found[merchant.id] = {}
        for kind in sorted(merchant.secrets()):
            secret = SecretStr(environment.get(kind.variable(merchant.id), ""))
            if fault := merchant.secret_fault(kind, secret):
                raise ConfigurationError(f"{kind.variable(merchant.id)}: {fault}")
            found[merchant.id][kind] = secret
    _refuse_shared(found)
    return found


def _refuse_shared(secrets: Mapping[str, Mapping[SecretKind, SecretStr]]) -> None:
    seen: set[str] = set()
    for merchant, kinds in secrets.items():
        text = kinds.get(SecretKind.WEBHOOK_SECRET, SecretStr("")).get_secret_value().removeprefix("whsec_")
        if text and text in seen:
            variable = SecretKind.WEBHOOK_SECRET.variable(merchant)
            raise ConfigurationError(f"{variable}: another merchant has the same secret, and could speak for this one")
        seen.add(text)


def database_password(environment: Mapping[str, str]) -> SecretStr | None:
    """The password of the database's server, if one is set here."""
    password = environment.get(_PASSWORD_VARIABLE, "")
    return SecretStr(password) if password else None


def secrets_of(config: BridgeConfig, environment: Mapping[str, str]) -> Secrets:
    """Everything that does not stand in the file.

    Raises: ConfigurationError naming the variable that is not set.
    """
    return Secrets(merchant_secrets(config, environment), database_password(environment))


def _refuse_twice(what: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for each in ids:
        if each in seen:
            raise ValueError(f"{what}: the id {each!r} stands there twice")
        seen.add(each)


def _tuples(value: object) -> object:
    """TOML arrays as tuples, which is what strict models take."""
    if isinstance(value, dict):
        return {key: _tuples(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return tuple(_tuples(inner) for inner in value)
    return value


def _first_error(exc: ValidationError) -> str:
    """One line: field, value, what is allowed."""
    first = exc.errors(include_url=False)[0]
    loc, value = first["loc"], first["input"]
    if first["type"] == "union_tag_invalid":  # a kind of merchant that there is not
        loc, value = (*loc, "kind"), first["ctx"]["tag"]
    elif loc[:1] == ("merchants",):  # merchants.0.ucp.url is merchants.0.url in the file
        loc = (*loc[:2], *loc[3:])
    field = ".".join(str(part) for part in loc) or "(whole file)"
    shown = _PASSWORD_IN_URL.sub(r"\1***@", repr(value))
    return f"{field} = {shown if len(shown) <= 80 else shown[:77] + '...'}: {first['msg']}"
