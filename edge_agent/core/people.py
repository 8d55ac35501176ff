"""Who may do what on the page: accounts, roles, sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a person may do. How much each may approve is the household's own policy (`core.leave.policy`)."""

    OWNER = "owner"
    MEMBER = "member"
    GUEST = "guest"
    CHILD = "child"


# Who runs the home: they answer questions, stop what was started and confirm each other. The others approve up to the
# limit that the policy gives them, and nothing else.
MAY_APPROVE = frozenset({Role.OWNER, Role.MEMBER})


# Stands before the password hash of an account that is disabled, where no hash begins with it.
DISABLED_MARK = "!"


@dataclass(frozen=True, slots=True)
class Account:
    """A person of the household. The hashes are argon2id in their own encoded form; `pin_hash` None: no PIN is set.

    `language` is the BCP 47 tag of the language that this person chose; None: none, the browser's counts.
    """

    name: str
    role: Role
    password_hash: str
    pin_hash: str | None = None
    language: str | None = None

    @property
    def is_disabled(self) -> bool:
        """Whether nobody can sign in with it until it gets another password."""
        return self.password_hash.startswith(DISABLED_MARK)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. Only the SHA-256 of its token is kept; `csrf` is the token that its forms carry.

    `language` is the account's.
    """

    token_hash: str
    account: str
    role: Role
    csrf: str
    created_at: datetime
    expires_at: datetime
    language: str | None = None
