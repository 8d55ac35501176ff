"""Tokens by which programs act for a person: what one may do, how long, and for whom.

A token never allows more than its account may at that moment. Only the SHA-256 of it is kept: whoever reads the store
cannot use what stands there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from edge_agent.core.people import Role

TOKENS_MAX = 50
LABEL_LENGTH_MAX = 60
LIFE_DAYS_MAX = 365

TokenId = NewType("TokenId", str)


class Scope(StrEnum):
    """What a token is for."""

    READ = "read"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One client's token. `label` is what the owner calls the client; `used_at` is None until it is first used."""

    id: TokenId
    token_hash: str
    label: str
    account: str
    scopes: frozenset[Scope]
    made_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that holds now, with the role that its account has now."""

    token: ApiToken
    role: Role
