"""The hub's configuration: one TOML file, secrets from the environment, read once at start.

Every field has a default, a unit and bounds. Nobody else reads this file, and only `__main__` looks at the environment;
each part of the hub gets only its own section. (pydantic-settings would do the same for 9 MB of resident memory.)
"""

from __future__ import annotations

import json
import tomllib
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from edge_agent.core.tracing import is_at_home
from edge_agent.errors import ConfigurationError

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
_TRACES_BEYOND_EVERY_S = 300.0


def _known_timezone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        raise ValueError("not a time zone; it is a name such as Europe/Berlin")
    return name


def _safe_url(url: str) -> str:
    """Plain http reaches this machine only: answers are not signed, so the wire must be."""
    address = urlsplit(url)
    if address.scheme == "http" and address.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise ValueError("plain http is for this machine only: use https")
    return url


class Section(BaseModel):
    """Strict and closed: an unknown field is an error, not a surprise."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class HomeConfig(Section):
    """Who this hub is, and where it keeps its files."""

    id: Id = "home"
    hub: Id = "hub"
    name: Annotated[str, StringConstraints(min_length=1, max_length=80)] = "Our home"
    timezone: Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_timezone)] = "UTC"
    data_dir: str = "restock-data"


class MqttConfig(Section):
    """The broker. User and password come from the environment: see `Secrets`. A certificate may stand for them.

    While nobody looks at a page, readings that keep coming are stored every `group_rest_s`, each with what else came by
    then. It must be shorter than the time after which the broker sends again what was not acknowledged.
    """

    url: Annotated[str, StringConstraints(pattern=r"^mqtts?://[^/@\s]+:[0-9]{1,5}$")] = "mqtt://127.0.0.1:1883"
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    client_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = ""
    keepalive_s: Annotated[int, Field(ge=5, le=600)] = 30
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    queue_max: Annotated[int, Field(ge=16, le=10_000)] = 1_000
    group_max: Annotated[int, Field(ge=1, le=1_000)] = 512
    group_wait_s: Annotated[float, Field(ge=0, le=5)] = 0.05
    group_rest_s: Annotated[float, Field(ge=0, le=30)] = 2.0
    payload_bytes_max: Annotated[int, Field(ge=1_024, le=1_048_576)] = 65_536
    device_messages_per_min: Annotated[int, Field(ge=1, le=60_000)] = 600
    device_burst_max: Annotated[int, Field(ge=10, le=1_000_000)] = 3_000


class BrokerConfig(Section):
    """The broker that `restock-hub enroll` writes the configuration for. The hub itself connects to `mqtt.url`.

    Beyond this machine it listens with TLS only; `names` are those by which devices call it.
    """

    kind: Literal["mosquitto", "nats"] = "mosquitto"
    host: Annotated[str, StringConstraints(min_length=2, max_length=45)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 1883
    tls_port: Annotated[int, Field(ge=1, le=65_535)] = 8883
    certificates: bool = False
    certificate_port: Annotated[int, Field(ge=1, le=65_535)] = 8884
    names: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]+$", max_length=253)], ...],
        Field(max_length=16),
    ] = ()


class WebConfig(Section):
    """The household's page. `allowed_hosts` lists the names by which it may be called, without port.

    `local_metrics` lets programs on this machine read /metrics and /health without a token.
    """

    host: Annotated[str, StringConstraints(min_length=1, max_length=253)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8480
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    session_days: Annotated[int, Field(ge=1, le=90)] = 14
    refresh_s: Annotated[int, Field(ge=0, le=3_600)] = 0
    local_metrics: bool = False


class StoreConfig(Section):
    """Room on the disk. While less than `reserve_mib` is left, readings wait and only orders are written.

    The newest `messages_max` messages are kept as they came; older ones are summed up by day.
    """

    reserve_mib: Annotated[int, Field(ge=0, le=65_536)] = 32
    size_max_mib: Annotated[int, Field(ge=64, le=1_048_576)] = 4_096
    messages_max: Annotated[int, Field(ge=1_000, le=100_000_000)] = 500_000


class BridgeConfig(Section):
    """The cloud bridge that places orders."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+$"), AfterValidator(_safe_url)] = (
        "http://127.0.0.1:8490"
    )
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    poll_every_s: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    drain_every_s: Annotated[float, Field(ge=1, le=86_400)] = 30.0
    prices_every_s: Annotated[float, Field(ge=60, le=604_800)] = 86_400.0

    @property
    def is_chosen(self) -> bool:
        """Whether somebody gave its address: the default is only where one on this machine would be."""
        return bool(self.url != type(self).model_fields["url"].default)


class ReviewConfig(Section):
    """How often the hub thinks, and what it takes for fresh."""

    every_s: Annotated[float, Field(ge=1, le=86_400)] = 900.0
    clock_skew_max_s: Annotated[float, Field(ge=1, le=604_800)] = 86_400.0
    stale_after_s: Annotated[float, Field(ge=60, le=2_592_000)] = 172_800.0


class ModelConfig(Section):
    """Which consumption model to load (empty: the one that ships with the hub), and where.

    A process of its own lives for about a minute after each time that the model is asked, in a home once or twice a
    day; the hub is 45 MB smaller for it.
    """

    artefact_dir: str = ""
    own_process: bool = True


class ClockConfig(Section):
    """Virtual time for simulations; leave it out in a real home."""

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


class HomeAssistantConfig(Section):
    """What Home Assistant is told, and what may be answered from there. Off by default, and its buttons once more.

    An answer is made in the name of `account`. Amounts are in minor units of the currency of the household's policy:
    up to `order_max_minor` an order, and `day_max_minor` in any 24 hours; at 0 nothing can be approved from there. The
    code, where one is wanted, is RESTOCK_HOME_ASSISTANT_CODE. `page` is the hub's address as people call it.
    """

    enabled: bool = False
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "homeassistant"
    refresh_s: Annotated[float, Field(ge=1, le=3_600)] = 15.0
    page: Annotated[str, StringConstraints(pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+)?$", max_length=261)] = ""
    buttons: bool = False
    account: Annotated[str, StringConstraints(max_length=64)] = ""
    order_max_minor: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    day_max_minor: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    snooze_h: Annotated[int, Field(ge=1, le=72)] = 24

    @model_validator(mode="after")
    def _somebody_answers(self) -> HomeAssistantConfig:
        if self.buttons and not self.account:
            raise ValueError("buttons need an account: name the one in whose name Home Assistant answers")
        if self.day_max_minor < self.order_max_minor:
            raise ValueError("day_max_minor is below order_max_minor: no order could be that large")
        return self


class NotifyConfig(Section):
    """Messages to people, besides the page.

    Nothing leaves until an origin is listed, such as `https://ntfy.sh`, `smtps://mail.example.org:465`, or
    `smtp://mail.example.org:587` (with STARTTLS). `home_url` is the page's address as phones at home know it; without
    one, messages hold no link. `later` names people who are told only when the others do not answer for
    `tier_wait_min`. With `tell_names` a message says what a question is about, which whoever carries it can read, Web
    Push apart.
    """

    origins: Annotated[
        tuple[
            Annotated[str, StringConstraints(pattern=r"^(https?|smtps?)://[A-Za-z0-9.\[\]:-]+$", max_length=267)], ...
        ],
        Field(max_length=16),
    ] = ()
    web_push: bool = False
    contact: Annotated[str, StringConstraints(pattern=r"^(mailto:[^\s@]+@[^\s@]+|https://\S+)?$", max_length=262)] = ""
    home_url: Annotated[str, StringConstraints(pattern=r"^(https?://[^/\s@]+)?$", max_length=261)] = ""
    tell_names: bool = False
    later: Annotated[tuple[str, ...], Field(max_length=16)] = ()
    every_s: Annotated[float, Field(ge=1, le=3_600)] = 15.0
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    batch_wait_s: Annotated[int, Field(ge=0, le=3_600)] = 120
    rank_wait_min: Annotated[int, Field(ge=1, le=1_440)] = 30
    tier_wait_min: Annotated[int, Field(ge=1, le=2_880)] = 120
    gap_min: Annotated[int, Field(ge=1, le=1_440)] = 10
    daily_max: Annotated[int, Field(ge=1, le=50)] = 6
    link_life_h: Annotated[int, Field(ge=1, le=168)] = 24


class ProductsConfig(Section):
    """Open Food Facts, asked for one product when a person says so. Off by default: the number would leave the home.

    `contact` is a mail address or a page of whoever runs this hub: it asks every program for one, and is told it.
    """

    ask_online: bool = False
    url: Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?$", max_length=261)] = (
        "https://world.openfoodfacts.org"
    )
    contact: Annotated[
        str, StringConstraints(pattern=r"^([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+|https://[!-'*-~]+)?$", max_length=254)
    ] = ""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0

    @model_validator(mode="after")
    def _says_who_asks(self) -> ProductsConfig:
        if self.ask_online and not self.contact:
            raise ValueError("ask_online needs a contact: Open Food Facts wants to know whom to write to")
        return self


class TracingConfig(Section):
    """Traces of the hub's own work, for a collector that takes OTLP over HTTP. Off until `endpoint` names one.

    It must be an address of this machine or of the home's network. With `beyond_home` it may be any, by https; then
    only spans of orders go there, each batch is a row of the ledger, and the rows must not crowd out others. With
    `tell_bridge` an order carries the id of its trace to the bridge, which is made of the order's own id.
    """

    endpoint: Annotated[str, StringConstraints(pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+)?$", max_length=261)] = ""
    beyond_home: bool = False
    tell_bridge: bool = False
    every_s: Annotated[float, Field(ge=1, le=3_600)] = 5.0
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0

    @model_validator(mode="after")
    def _stays_where_it_may(self) -> TracingConfig:
        address = urlsplit(self.endpoint)
        if not self.endpoint or is_at_home(address.hostname or ""):
            return self
        if not self.beyond_home:
            raise ValueError("an address of this machine or of the home's network is wanted, or beyond_home = true")
        if address.scheme != "https":
            raise ValueError("beyond the home traces go by https only")
        if self.every_s < _TRACES_BEYOND_EVERY_S:
            raise ValueError(
                f"beyond_home needs every_s = {_TRACES_BEYOND_EVERY_S:g} or more: each batch is a ledger row"
            )
        return self

    @property
    def goes_beyond(self) -> bool:
        """Whether the collector is not at home."""
        return bool(self.endpoint) and not is_at_home(urlsplit(self.endpoint).hostname or "")


class HubConfig(Section):
    """The whole file."""

    home: HomeConfig = HomeConfig()
    mqtt: MqttConfig = MqttConfig()
    broker: BrokerConfig = BrokerConfig()
    web: WebConfig = WebConfig()
    store: StoreConfig = StoreConfig()
    bridge: BridgeConfig = BridgeConfig()
    review: ReviewConfig = ReviewConfig()
    model: ModelConfig = ModelConfig()
    notify: NotifyConfig = NotifyConfig()
    products: ProductsConfig = ProductsConfig()
    clock: ClockConfig = ClockConfig()
    home_assistant: HomeAssistantConfig = HomeAssistantConfig()
    tracing: TracingConfig = TracingConfig()
    profiles: tuple[str, ...] = ()


_User = Annotated[str, StringConstraints(max_length=256)]


class Secrets(Section):
    """What may not stand in a file: never printed.

    Where the broker takes a user's name for its client id, each connection of the hub needs a login of its own: one
    that reads, one that speaks (`out`), one for who looks at the broker meanwhile (`look`), and one for Home Assistant.
    """

    mqtt_user: _User = ""
    mqtt_password: SecretStr = SecretStr("")
    mqtt_out_user: _User = ""
    mqtt_out_password: SecretStr = SecretStr("")
    mqtt_look_user: _User = ""
    mqtt_look_password: SecretStr = SecretStr("")
    mqtt_ha_user: _User = ""
    mqtt_ha_password: SecretStr = SecretStr("")
    home_assistant_code: SecretStr = SecretStr("")

    @property
    def reading(self) -> tuple[str, str]:
        """User and password of the connection that receives readings."""
        return self.mqtt_user, self.mqtt_password.get_secret_value()

    @property
    def speaking(self) -> tuple[str, str]:
        """Those of the connection that speaks to devices; the first ones where it has none of its own."""
        return (self.mqtt_out_user, self.mqtt_out_password.get_secret_value()) if self.mqtt_out_user else self.reading

    @property
    def looking(self) -> tuple[str, str]:
        """Those of a passing look at the broker; the first ones where it has none of its own."""
        has_own = bool(self.mqtt_look_user)
        return (self.mqtt_look_user, self.mqtt_look_password.get_secret_value()) if has_own else self.reading

    @property
    def home_assistant(self) -> tuple[str, str]:
        """Those of the connection that speaks to Home Assistant; the first ones where it has none of its own."""
        return (self.mqtt_ha_user, self.mqtt_ha_password.get_secret_value()) if self.mqtt_ha_user else self.reading


def secrets_from(environment: Mapping[str, str]) -> Secrets:
    """The secrets: RESTOCK_MQTT_USER, RESTOCK_MQTT_PASSWORD and so on, one for each field.

    Raises: ConfigurationError.
    """
    known = {name: environment.get(f"RESTOCK_{name.upper()}", "") for name in Secrets.model_fields}
    try:
        return Secrets.model_validate_json(json.dumps(known))
    except ValidationError as exc:
        field = ".".join(str(part) for part in exc.errors()[0]["loc"])
        raise ConfigurationError(f"environment: RESTOCK_{field.upper()} is not usable") from exc


def load(path: Path | None) -> HubConfig:
    """The configuration in `path`, or the defaults.

    Raises: ConfigurationError naming the file, the field, the value and what is allowed.
    """
    if path is None:
        return HubConfig()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read ({exc.strerror})") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{path}: not valid TOML: {exc}") from exc
    try:
        # By way of JSON, where strict models take arrays for tuples and text for times.
        return HubConfig.model_validate_json(json.dumps(document, default=str))
    except ValidationError as exc:
        raise ConfigurationError(f"{path}: {_first_error(exc)}") from exc


def _first_error(exc: ValidationError) -> str:
    """One line: field, value, what is allowed."""
    first = exc.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "(whole file)"
    return f"{field} = {first['input']!r}: {first['msg']}"
