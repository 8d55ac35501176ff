"""Who belongs to the home, and who may approve how much: changed by its owners, and written into the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_agent.core.leave.policy import Policy, canonical_policy
from edge_agent.core.people import DISABLED_MARK, Account, Role
from edge_agent.core.said import say
from edge_agent.errors import NotAllowedError, RefusedError
from edge_agent.leave_ports import AccountStore, PeopleStore, PolicyStore
from edge_agent.ports import Clock, Signer

PEOPLE_MAX = 50


class HouseholdPeople:
    """Accounts. At least one owner always remains who can sign in. Secrets come as hashes; `by` is who asks.

    `is_operator`: the one who asks stands at the hub's machine, with the hub stopped, and needs no account.
    """

    def __init__(self, accounts: PeopleStore, *, is_operator: bool = False) -> None:
        self._accounts = accounts
        self._is_operator = is_operator

    def all(self) -> Sequence[Account]:
        """Everybody, by name."""
        return self._accounts.accounts()

    def add(self, name: str, *, role: Role, password_hash: str, by: str) -> None:
        """One person more. Raises: NotAllowedError when `by` is no owner; RefusedError when the name is taken."""
        self._check_owner(by)
        if self._accounts.account(name) is not None:
            raise RefusedError(say("there is an account {name} already", name=name))
        if len(self._accounts.accounts()) >= PEOPLE_MAX:
            raise RefusedError(say("there are {number} accounts: remove one first", number=PEOPLE_MAX))
        self._accounts.put_account(Account(name=name, role=role, password_hash=password_hash), by=by)

    def set_role(self, name: str, *, role: Role, by: str) -> None:
        """Another role from now on, in every session of the person.

        Raises: NotAllowedError when `by` is no owner; RefusedError when no owner would remain.
        """
        self._check_owner(by)
        account = self._find(name)
        if role is not Role.OWNER:
            self._check_owner_remains(account)
        self._accounts.put_account(replace(account, role=role), by=by)

    def set_password(self, name: str, *, password_hash: str, by: str, keep_session: str | None) -> None:
        """Another password; ends the person's sessions, but the one with this token hash.

        Raises: NotAllowedError when `by` is neither the person nor an owner.
        """
        account = self._own(name, by=by)
        self._accounts.put_account(replace(account, password_hash=password_hash), by=by)
        self._accounts.end_sessions(name, keep=keep_session)

    def set_pin(self, name: str, *, pin_hash: str | None, by: str) -> None:
        """Another PIN, or none. Raises: NotAllowedError when `by` is neither the person nor an owner."""
        account = self._own(name, by=by)
        self._accounts.put_account(replace(account, pin_hash=pin_hash), by=by)

    def set_language(self, name: str, code: str | None) -> None:
        """The language that this person reads; None: what the browser asks for. No log has it: it decides nothing."""
        self._accounts.set_language(self._find(name).name, code)

    def remove(self, name: str, *, by: str) -> None:
        """One person less; ends the person's sessions.

        Raises: NotAllowedError when `by` is no owner; RefusedError when no owner would remain.
        """
        self._check_owner(by)
        self._check_owner_remains(self._find(name))
        self._accounts.remove_account(name, by=by)

    def disable(self, name: str, *, by: str) -> None:
        """The person stays, and cannot sign in until they get another password; ends their sessions.

        Raises: NotAllowedError when `by` is no owner; RefusedError when no owner would remain.
        """
        self._check_owner(by)
        account = self._find(name)
        self._check_owner_remains(account)
        if not account.is_disabled:
            barred = replace(account, password_hash=f"{DISABLED_MARK}{account.password_hash}")
            self._accounts.put_account(barred, by=by)
        self._accounts.end_sessions(name, keep=None)

    def _check_owner(self, name: str) -> None:
        if not self._is_operator:
            _owner(self._accounts, name)

    def _own(self, name: str, *, by: str) -> Account:
        if by != name:
            self._check_owner(by)
        return self._find(name)

    def _find(self, name: str) -> Account:
        account = self._accounts.account(name)
        if account is None:
            raise RefusedError(say("there is no account {name}", name=name))
        return account

    def _check_owner_remains(self, account: Account) -> None:
        everybody = self._accounts.accounts()
        owners = [other.name for other in everybody if other.role is Role.OWNER and not other.is_disabled]
        if owners == [account.name]:
            raise RefusedError(say("{name} is the only owner: make somebody else one first", name=account.name))


class HouseholdPolicies:
    """The policy, set by an owner and signed by the household's key."""

    def __init__(self, *, accounts: AccountStore, policies: PolicyStore, signer: Signer, clock: Clock) -> None:
        self._accounts = accounts
        self._policies = policies
        self._signer = signer
        self._clock = clock

    def get(self) -> Policy:
        """The policy that stands. Raises: PolicyTamperedError when it is not the one that was signed."""
        return self._policies.policy()

    def set(self, policy: Policy, *, by: str) -> None:
        """Another policy from now on. Raises: NotAllowedError when `by` is no owner."""
        _owner(self._accounts, by)
        signature = self._signer.sign(canonical_policy(policy))
        self._policies.save_policy(policy, signature=signature, by=by, at=self._clock.now())


def _owner(accounts: AccountStore, name: str) -> None:
    account = accounts.account(name)
    if account is None or account.role is not Role.OWNER:
        raise NotAllowedError(say("{name} may not do this: ask an owner", name=name))
