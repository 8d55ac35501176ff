"""What a merchant can do about an answer that got lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType


class MerchantClass(StrEnum):
    """A: knows an idempotency key. B: an order can be looked up by our reference. C: neither."""

    A = "A"
    B = "B"
    C = "C"


_CARE = MappingProxyType({MerchantClass.A: 0, MerchantClass.B: 1, MerchantClass.C: 2})


@dataclass(frozen=True, slots=True)
class Capability:
    """`key_life` is how long the merchant keeps a key at the least; nothing is sent once half of that is over.

    `lookup_lag` is how late an order may show up in a look-up: "not there" proves nothing before twice that.
    """

    merchant_class: MerchantClass
    key_life: timedelta
    lookup_lag: timedelta

    def is_as_careful_as(self, other: Capability) -> bool:
        """Whether this trusts the merchant with nothing that `other` does not trust it with."""
        return (
            _CARE[self.merchant_class] >= _CARE[other.merchant_class]
            and self.key_life <= other.key_life
            and self.lookup_lag >= other.lookup_lag
        )
