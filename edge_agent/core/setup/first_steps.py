"""What a household has told so far at its first run, and what the hub can propose to it. Pure.

Nothing here is in force: the draft becomes a home in one step, when the person says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints, field_serializer

from edge_agent.core.catalogue import Document, Household, Item, Preferences
from edge_agent.core.inventory.devices import DeviceLine, Inventory, OfferLine
from edge_agent.core.profile import Profile
from edge_agent.core.quantity import countable

ITEMS_MAX = 20
ADDON = "Home Assistant"
_PERCENT = "%"
_PORT, _TLS_PORT = 1883, 8883
_GTIN_DIGITS = 14
_NUMBERED_KINDS = frozenset({"upc", "gtin8", "ean", "gtin14"})
# What shoppers call what a device names: the categories that the forecast knows.
_CATEGORIES = {"detergent": "laundry_detergent", "softener": "fabric_softener"}


class Broker(Document):
    """A broker and the login at it. `host` is a name or an address, without a scheme."""

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]+$", max_length=253)]
    port: Annotated[int, Field(ge=1, le=65_535)] = _PORT
    tls: bool = False
    user: Annotated[str, StringConstraints(max_length=256)] = ""
    password: SecretStr = SecretStr("")

    @property
    def url(self) -> str:
        """As `mqtt.url` holds it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"

    @field_serializer("password", when_used="json")
    def _in_the_clear(self, password: SecretStr) -> str:
        """Only for the file that keeps it; printing and logging show stars."""
        return password.get_secret_value()


class Owner(Document):
    """Who will own the home. `password_hash` is argon2id."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    password_hash: Annotated[str, StringConstraints(pattern=r"^\$argon2id\$", max_length=512)]


class Draft(Document):
    """What was told so far. `is_finished`: the person has said that this shall be the home."""

    owner: Owner | None = None
    broker: Broker | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    items: Annotated[tuple[Item, ...], Field(max_length=ITEMS_MAX, strict=False)] = ()
    is_finished: bool = False

    def household(self) -> Household:
        """The documents that it becomes."""
        return Household(items=self.items, preferences=Preferences(currency=self.currency))


@dataclass(frozen=True, slots=True)
class Offered:
    """A broker that somebody names: Home Assistant (`source` is `ADDON`), or itself on the home's network."""

    source: str
    broker: Broker


@dataclass(frozen=True, slots=True)
class Proposal:
    """A level that an item could be bound to, and what is known of the item already.

    `unit` is "" and `full_amount` None where only a person can say it; `gtins` are products that the device or its
    profile names, as 14 digits. `key` names it in a form. `value` is what the device told while somebody listened;
    `old_value` what a message said that the broker had kept, of unknown age, which is no evidence of a stock.
    """

    key: str
    device: str
    device_title: str
    signal: str
    means: str
    is_percent: bool
    name: str
    category: str
    unit: str
    value: float | None
    old_value: float | None
    full_amount: float | None
    gtins: tuple[str, ...]


def addon_broker(environment: Mapping[str, str]) -> Broker | None:
    """The broker that a Home Assistant add-on was given by its start script; None where it was given none.

    Source: the fields of the Supervisor's MQTT service (host, port, username, password, ssl).
    """
    host = environment.get("MQTT_HOST", "").strip()
    tls = environment.get("MQTT_SSL", "").strip().lower() in {"true", "1", "yes"}
    port = environment.get("MQTT_PORT", "").strip() or str(_TLS_PORT if tls else _PORT)
    user = environment.get("MQTT_USERNAME") or environment.get("MQTT_USER") or ""
    if not host or not port.isdecimal():
        return None
    try:
        password = SecretStr(environment.get("MQTT_PASSWORD", ""))
        return Broker(host=host, port=int(port), tls=tls, user=user, password=password)
    except ValueError:
        return None


def proposals(inventory: Inventory, *, profile_of: Callable[[str], Profile | None]) -> tuple[Proposal, ...]:
    """What the household could keep first: each level that falls with use and that no item is bound to."""
    by_name = {each.device: each for each in inventory.devices}
    return tuple(
        _proposal(offer, by_name[offer.device], profile_of)
        for offer in sorted(inventory.offers, key=lambda offer: (offer.device, offer.signal))
    )


def free_id(wanted: str, taken: Sequence[Item]) -> str:
    """An id for an item that no other has."""
    plain = "".join(char if char.isascii() and char.isalnum() else "_" for char in wanted.lower()).strip("_")[:50]
    plain, used = plain or "item", {item.id for item in taken}
    return next(name for name in (plain, *(f"{plain}_{n}" for n in range(2, len(used) + 3))) if name not in used)


def _proposal(offer: OfferLine, device: DeviceLine, profile_of: Callable[[str], Profile | None]) -> Proposal:
    subject = offer.signal.partition(".")[0]
    profile = profile_of(device.profile) if device.profile is not None else None
    full, unit = _capacity(profile, offer.signal) if offer.needs_full_amount else (None, offer.unit)
    line = next((each for each in device.signals if each.signal == offer.signal), None)
    value = line.value if line is not None and isinstance(line.value, float) else None
    is_old = line is not None and line.is_retained
    return Proposal(
        key=f"{offer.device}/{offer.signal}",
        device=offer.device,
        device_title=device.title or device.device,
        signal=offer.signal,
        means=offer.means or offer.signal,
        is_percent=offer.needs_full_amount,
        name=subject.replace("_", " ").capitalize(),
        category=_CATEGORIES.get(subject, subject)[:40],
        unit=unit,
        value=None if is_old else value,
        old_value=value if is_old else None,
        full_amount=full,
        gtins=_gtins(device, profile, subject=subject, signal=offer.signal),
    )


def _capacity(profile: Profile | None, signal: str) -> tuple[float | None, str]:
    """What 100 % are, where the profile says it in a unit that goods are counted in."""
    for each in () if profile is None else profile.consumables.values():
        amount = None if each.capacity is None else each.capacity.amount
        if each.signal == signal and amount is not None and countable(amount.unit):
            return amount.value, amount.unit
    return None, ""


def _gtins(device: DeviceLine, profile: Profile | None, *, subject: str, signal: str) -> tuple[str, ...]:
    """Products for this very consumable, the device's own first."""
    named = [(each.kind, each.code) for each in device.suggested if each.consumable == subject]
    consumables = () if profile is None else profile.consumables.values()
    named += [(each.type, each.value) for part in consumables if part.signal == signal for each in part.products]
    return tuple(dict.fromkeys(code.zfill(_GTIN_DIGITS) for kind, code in named if kind in _NUMBERED_KINDS))
