"""Ways of delivery as merchants tell them, in our words: strict in what is agreed to, and blank where nothing is said.

A kind is only taken from what a protocol has a member for, never from a title. A way that cannot be named in signed
terms is not offered to a household.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

from pydantic import ValidationError

from cloud_bridge.core.order import Detail
from cloud_bridge.errors import MerchantRefusedError
from cloud_bridge.wire import DELIVERY_OPTIONS_MAX, DeliveryChoice, DeliveryKind, DeliveryOption

_TEXT_CHARS_MAX = 120
TO_BE_FETCHED: frozenset[DeliveryKind | None] = frozenset({"pick_up_point", "nearest_store"})


def option(
    option_id: str,
    *,
    price_minor: int,
    kind: DeliveryKind | None = None,
    title: object = None,
    earliest: object = None,
    latest: object = None,
    place: object = None,
) -> DeliveryOption | None:
    """A way of delivery; None where its id or price cannot be agreed to. Of the rest, what cannot be read is not said.

    `earliest` and `latest` are moments or days in ISO 8601, each with the merchant's own offset.
    """
    first, last = _day(earliest), _day(latest)
    if first is not None and last is not None and last < first:
        first = last = None
    try:
        return DeliveryOption(
            id=option_id,
            kind=kind,
            price_minor=price_minor,
            title=_text(title),
            earliest_on=first,
            latest_on=last,
            place=_text(place),
        )
    except ValidationError:
        return None


def offered(options: Iterable[DeliveryOption | None]) -> tuple[DeliveryOption, ...]:
    """As many as can be told, the cheapest first; two of one name are none, since nobody could say which is meant."""
    told = [each for each in options if each is not None]
    names = Counter((each.id, each.kind) for each in told)
    alone = [each for each in told if names[each.id, each.kind] == 1]
    return tuple(sorted(alone, key=lambda each: (each.price_minor, each.id, each.kind or ""))[:DELIVERY_OPTIONS_MAX])


def choice(option_id: str | None, kind: DeliveryKind | None) -> DeliveryChoice | None:
    """The name of a way; None where it cannot be agreed to."""
    try:
        return DeliveryChoice(id=option_id or "", kind=kind)
    except ValidationError:
        return None


def gone(wanted: DeliveryChoice) -> MerchantRefusedError:
    """The refusal of an order that was to come by a way that is not on offer: another one was not agreed to."""
    return MerchantRefusedError(Detail.TERMS_CHANGED, f"the way of delivery {wanted.id} is not offered (any more)")


def _day(told: object) -> date | None:
    try:
        return datetime.fromisoformat(told).date() if isinstance(told, str) else None
    except ValueError:
        return None


def _text(told: object) -> str | None:
    """Some words for a person, cut to what can be told."""
    text = " ".join(told[: 2 * _TEXT_CHARS_MAX].split())[:_TEXT_CHARS_MAX] if isinstance(told, str) else ""
    return text if text and text.isprintable() else None
