"""What a merchant can do about an answer that got lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType


class MerchantClass(StrEnum):
    """A: knows an idempotency key. B: an order can be looked up by our reference. C: neither, or it may have gone."""

    A = "A"
    B = "B"
    C = "C"


SILENCE_MAX = timedelta(days=30)

_CARE = MappingProxyType({MerchantClass.A: 0, MerchantClass.B: 1, MerchantClass.C: 2})


@dataclass(frozen=True, slots=True)
class Capability:
    """`key_life` is how long the merchant keeps a key at the least; nothing is sent once half of that is over.

    `lookup_lag` is how late an order may show up in a look-up: "not there" proves nothing before twice that.

    `charges` False: nothing is paid there, and no price is known. `keeps_sessions` False: a quote leaves nothing behind
    at the merchant, so one that nobody asked to place need not be closed. `silence_max` is how long after the day it
    was due an order counts as lost without a word; None: never, its end is a person's to say. `shows_orders`, of class
    C: a look-up may find an order by our reference, but that it finds none proves nothing, however late.
    """

    merchant_class: MerchantClass
    key_life: timedelta
    lookup_lag: timedelta
    charges: bool = True
    keeps_sessions: bool = True
    silence_max: timedelta | None = SILENCE_MAX
    shows_orders: bool = False

    @property
    def can_be_asked(self) -> bool:
        """Whether a look-up may say anything about an order."""
        return self.merchant_class is not MerchantClass.C or self.shows_orders

    def is_as_careful_as(self, other: Capability) -> bool:
        """Whether this trusts the merchant with nothing that `other` does not trust it with."""
        return (
            _CARE[self.merchant_class] >= _CARE[other.merchant_class]
            and self.key_life <= other.key_life
            and self.lookup_lag >= other.lookup_lag
            and self.shows_orders <= other.shows_orders
        )
