"""What a merchant can do about an answer that got lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class MerchantClass(StrEnum):
    """A: knows an idempotency key. B: an order can be looked up by our reference. C: neither."""

    A = "A"
    B = "B"
    C = "C"


@dataclass(frozen=True, slots=True)
class Capability:
    """`key_life` is how long the merchant keeps a key at the least; we use it for half of that.

    `lookup_lag` is how late an order may show up in a look-up: "not there" proves nothing before twice that.
    """

    merchant_class: MerchantClass
    key_life: timedelta
    lookup_lag: timedelta
