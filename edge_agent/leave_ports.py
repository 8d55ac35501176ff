"""What leave needs from outside: accounts, the policy, mandates with their ledger, and what is known of merchants.

Apart from `edge_agent.ports` for its size only; the same rules hold.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from edge_agent.core.leave.draw import LedgerRow, Usage
from edge_agent.core.leave.mandate import MandateChange, MandateRecord
from edge_agent.core.leave.policy import Policy
from edge_agent.core.messages import ItemId, MandateId
from edge_agent.core.people import Account, Session


class AccountStore(Protocol):
    """People and their sessions."""

    def account(self, name: str) -> Account | None:
        """One account by its name."""

    def add_session(self, session: Session) -> None:
        """Remember a session by the hash of its token."""

    def session(self, token_hash: str, *, now: datetime) -> Session | None:
        """The session, unless it has ended."""

    def end_session(self, token_hash: str) -> None:
        """Forget a session."""

    def failed_logins(self, name: str, *, since: datetime) -> int:
        """How often a wrong password was given for this name."""

    def record_login(self, name: str, *, at: datetime, succeeded: bool) -> None:
        """Count a login; a success clears the failures."""

    def take_failure_back(self, name: str, *, at: datetime) -> None:
        """One failure that was counted at this time was none: nothing was checked."""


class PeopleStore(AccountStore, Protocol):
    """Accounts that can be written. `by` names who did it, for the audit log; None for the hub itself."""

    def accounts(self) -> list[Account]:
        """Everybody, by name."""

    def put_account(self, account: Account, *, by: str | None = None) -> None:
        """Add an account, or replace all of it but the name; its sessions go on, with the new role."""

    def set_language(self, name: str, code: str | None) -> None:
        """The language that a person reads; None: what the browser asks for."""

    def remove_account(self, name: str, *, by: str) -> None:
        """Forget a person and their sessions."""

    def end_sessions(self, name: str, *, keep: str | None) -> None:
        """Forget a person's sessions, but the one with this token hash."""


class PolicyStore(Protocol):
    """Who may approve how much."""

    def policy(self) -> Policy:
        """The policy that stands, the default one before any was set.

        Raises: PolicyTamperedError when it is not the one that was signed.
        """

    def save_policy(self, policy: Policy, *, signature: bytes, by: str, at: datetime) -> None:
        """Another policy from now on."""


class MandateStore(Protocol):
    """Mandates and what was drawn on them."""

    def mandates(self, *, live: bool, limit: int) -> list[MandateRecord]:
        """Mandates, those that may still be drawn on first, then newest first."""

    def mandate(self, mandate: MandateId) -> MandateRecord | None:
        """One mandate."""

    def mandate_for(self, item: ItemId) -> list[MandateRecord]:
        """The active mandates that name an item, oldest first."""

    def add_mandate(self, record: MandateRecord) -> None:
        """Keep a new one; refused when there are too many that live."""

    def change_mandate(self, change: MandateChange) -> MandateRecord:
        """Apply a change; a revoked mandate's orders that were not taken yet go with it, the others become wishes.

        Raises: RefusedError when the mandate has moved on meanwhile.
        """

    def usage(self, mandate: MandateId, period_index: int) -> Usage:
        """What the ledger says of one period."""

    def draws(self, mandate: MandateId, *, limit: int) -> list[LedgerRow]:
        """What was drawn, newest first."""


class MerchantClasses(Protocol):
    """What the bridge said of merchants."""

    def merchant_class(self, merchant: str) -> str | None:
        """A, B or C (wire.PriceList); None: never told."""
