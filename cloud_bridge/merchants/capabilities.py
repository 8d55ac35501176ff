"""What each kind of merchant can do about a lost answer: the table that the worker's rules read.

Source: UCP keeps an idempotency key for 24 h at the least, and a session can be read back at once.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from cloud_bridge.core.capability import Capability, MerchantClass

UCP = Capability(MerchantClass.A, key_life=timedelta(hours=24), lookup_lag=timedelta(seconds=90))
SIMULATED = Capability(MerchantClass.A, key_life=timedelta(hours=24), lookup_lag=timedelta(seconds=90))

CAPABILITIES = MappingProxyType({"ucp": UCP, "simulated": SIMULATED})
