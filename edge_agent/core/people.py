"""Who may do what on the page: accounts, roles, sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a person may do; limits and two-person rules come with the mandates."""

    OWNER = "owner"
    MEMBER = "member"
    GUEST = "guest"


MAY_APPROVE = frozenset({Role.OWNER, Role.MEMBER})


@dataclass(frozen=True, slots=True)
class Account:
    """A person of the household. `password_hash` is argon2id in its own encoded form."""

    name: str
    role: Role
    password_hash: str


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. Only the SHA-256 of its token is kept; `csrf` is the token that its forms carry."""

    token_hash: str
    account: str
    role: Role
    csrf: str
    created_at: datetime
    expires_at: datetime
