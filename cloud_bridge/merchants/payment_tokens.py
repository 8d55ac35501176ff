"""Where a payment token comes from. A token is opaque: it stands for a way to pay that the merchant's side keeps.

Card numbers never pass through here, and no token is ever logged. Another source (one that asks a payment service for
a token of each order) is another class with this one method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr


class PaymentTokens(Protocol):
    """Gives the token that pays for a session."""

    def token_for(self, session_id: str) -> SecretStr:
        """The session's token: the same one whenever it is asked, since a repeated order must have the same body."""


@dataclass(frozen=True, slots=True)
class StandingToken:
    """One token for every order, as the operator set it in the environment."""

    token: SecretStr

    def token_for(self, session_id: str) -> SecretStr:  # noqa: ARG002  one for all
        """The one token."""
        return self.token
