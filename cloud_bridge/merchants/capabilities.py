"""What each kind of merchant can do about a lost answer: the table that the worker's rules read.

Source: UCP and ACP keep an idempotency key for 24 h at the least, and a session can be read back at once.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from cloud_bridge.core.capability import Capability, MerchantClass
from cloud_bridge.errors import ConfigurationError
from cloud_bridge.merchant_config import MerchantConfig

UCP = Capability(MerchantClass.A, key_life=timedelta(hours=24), lookup_lag=timedelta(seconds=90))
ACP = Capability(MerchantClass.A, key_life=timedelta(hours=24), lookup_lag=timedelta(seconds=90))
SIMULATED = Capability(MerchantClass.A, key_life=timedelta(hours=24), lookup_lag=timedelta(seconds=90))

CAPABILITIES = MappingProxyType({"ucp": UCP, "acp": ACP, "simulated": SIMULATED})


def capability_of(config: MerchantConfig) -> Capability:
    """What this merchant is trusted with: its kind's row of the table, or less where its configuration says so.

    Raises: ConfigurationError when the configuration would trust it with more.
    """
    known = CAPABILITIES[config.kind]
    stated = Capability(
        merchant_class=known.merchant_class if config.merchant_class is None else MerchantClass(config.merchant_class),
        key_life=known.key_life if config.key_life_s is None else timedelta(seconds=config.key_life_s),
        lookup_lag=known.lookup_lag if config.lookup_lag_s is None else timedelta(seconds=config.lookup_lag_s),
    )
    if not stated.is_as_careful_as(known):
        limits = (
            f"class {known.merchant_class} or a later one, key_life_s up to {known.key_life.total_seconds():g}, "
            f"lookup_lag_s from {known.lookup_lag.total_seconds():g}"
        )
        raise ConfigurationError(f"merchants.{config.id}: a {config.kind} merchant can have {limits}")
    return stated
