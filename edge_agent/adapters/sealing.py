"""The household's secret: it marks what nobody else may have written, and gives the home another name at each merchant.

One file that never leaves the hub. It lies apart from `keys`, so that the half of the hub that takes messages need not
load the signature libraries.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from pathlib import Path

from edge_agent.adapters.secret_file import load_or_make
from edge_agent.errors import ConfigurationError

_SECRET_FILE = "household.secret"  # noqa: S105 - a file name
_SECRET_BYTES = 32
_SEAL_PREFIX = b"restock seal v1\0"  # a merchant's id holds no NUL, so no seal is ever somebody's name


class HouseholdSecret:
    """HMAC-SHA256 under the secret, in hex."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, message: bytes) -> str:
        """The household's mark on a message."""
        return self._mac(_SEAL_PREFIX + message)

    def customer_ref(self, merchant: str) -> str:
        """HMAC-SHA256(household secret, merchant) in hex: one household has another name at each merchant."""
        return self._mac(merchant.encode())

    def _mac(self, message: bytes) -> str:
        return hmac.new(self._secret, message, sha256).hexdigest()


def has_secret(folder: Path) -> bool:
    """Whether a store was ever opened in `folder`: the secret is made first."""
    return (folder / _SECRET_FILE).exists()


def load_secret(folder: Path) -> HouseholdSecret:
    """The secret in `folder`, made on first use.

    Raises: ConfigurationError when the file is there and cannot be used.
    """
    secret = load_or_make(folder / _SECRET_FILE, make=lambda: secrets.token_bytes(_SECRET_BYTES))
    if len(secret) != _SECRET_BYTES:
        raise ConfigurationError(f"{folder}: the household's key files are damaged; restore them from a backup")
    return HouseholdSecret(secret)
