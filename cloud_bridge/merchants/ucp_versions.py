"""The one place that knows how versions of UCP differ: what one signs, and how bodies and profiles are shaped.

Each version is one row of `DIALECTS`; everything else asks the row. A version that is not listed is not spoken.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import urlsplit

SHOPPING = "dev.ucp.shopping"
CHECKOUT = f"{SHOPPING}.checkout"
FULFILLMENT = f"{SHOPPING}.fulfillment"
ORDER = f"{SHOPPING}.order"
AP2 = f"{SHOPPING}.ap2_mandate"


class Signing(StrEnum):
    """How a version signs: a detached JWS in a header of its own, or HTTP Message Signatures."""

    DETACHED = "detached"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one version is spoken.

    `listed_capabilities`: capabilities are a list of names, else a registry keyed by name. `keys_at` is where a
    profile shows its keys. `full_bodies`: an update names its session, goods carry a title, and the currency and an
    empty payment are sent along; else these are the merchant's, and a `context` says which market we are in.
    `payment_data`: one instrument completes a session, else a list of them. `steps`: a quantity may count steps of a
    unit that the merchant states.
    """

    version: str
    signing: Signing
    listed_capabilities: bool
    keys_at: str
    full_bodies: bool
    payment_data: bool
    steps: bool


DIALECTS = MappingProxyType(
    {
        dialect.version: dialect
        for dialect in (
            Dialect(
                "2026-01-11",
                signing=Signing.DETACHED,
                listed_capabilities=True,
                keys_at="signing_keys",
                full_bodies=True,
                payment_data=True,
                steps=False,
            ),
            Dialect(
                "2026-04-08",
                signing=Signing.MESSAGE,
                listed_capabilities=False,
                keys_at="signing_keys",
                full_bodies=False,
                payment_data=False,
                steps=False,
            ),
            Dialect(
                "2026-08-25",
                signing=Signing.MESSAGE,
                listed_capabilities=False,
                keys_at="keys",
                full_bodies=False,
                payment_data=False,
                steps=True,
            ),
        )
    }
)
OLDEST = "2026-01-11"


def same_origin(url: str, origin: str) -> bool:
    """Whether both have the same scheme, host and port, and `url` hides no user name."""
    try:
        one, other = ((parts.scheme, parts.hostname, parts.port) for parts in (urlsplit(url), urlsplit(origin)))
    except ValueError:
        return False
    return one == other and "@" not in urlsplit(url).netloc
