"""What each kind of merchant can do about a lost answer: the table that the worker's rules read.

Source: UCP and ACP keep an idempotency key for 24 h at the least, and a session can be read back at once. A CalDAV
server refuses what is there already for as long as it is there, and its sync report tells for days what was removed
meanwhile (RFC 6578; Radicale: 30 of them); nothing was promised of how long, so a key's life is taken for a day.
Vendure knows no key: a basket is paid for once, and carries our reference (docs/merchants/vendure.md). Lists of Home
Assistant and of Grocy know no key either, and forget what was removed; an entry bears our mark for as long as it stands
there (docs/merchants/home-assistant-list.md, docs/merchants/grocy.md), and some are kept by a server further away.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from cloud_bridge.core.capability import Capability, MerchantClass
from cloud_bridge.errors import ConfigurationError
from cloud_bridge.merchant_config import MerchantConfig

UCP = Capability(MerchantClass.A, key_life=timedelta(hours=24), lookup_lag=timedelta(seconds=90))
VENDURE = Capability(MerchantClass.B, key_life=timedelta(hours=24), lookup_lag=timedelta(seconds=90))
ACP = Capability(MerchantClass.A, key_life=timedelta(hours=24), lookup_lag=timedelta(seconds=90))
SIMULATED = Capability(MerchantClass.A, key_life=timedelta(hours=24), lookup_lag=timedelta(seconds=90))
# A list charges nothing, a quote leaves nothing on it, and an entry stands there for as long as the household wants.
CALDAV = Capability(
    MerchantClass.A,
    key_life=timedelta(hours=24),
    lookup_lag=timedelta(seconds=90),
    charges=False,
    keeps_sessions=False,
    silence_max=None,
)

MARKED_LIST = replace(CALDAV, merchant_class=MerchantClass.C, shows_orders=True)

CAPABILITIES = MappingProxyType(
    {
        "ucp": UCP,
        "acp": ACP,
        "vendure": VENDURE,
        "caldav": CALDAV,
        "ha_todo": MARKED_LIST,
        "grocy": MARKED_LIST,
        "simulated": SIMULATED,
    }
)


def capability_of(config: MerchantConfig) -> Capability:
    """What this merchant is trusted with: its kind's row of the table, or less where its configuration says so.

    Raises: ConfigurationError when the configuration would trust it with more.
    """
    known = CAPABILITIES[config.kind]
    stated = replace(
        known,
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
