"""Proof that the person at the page is the one who signed in: the PIN for an approval, the password for what is graver.

Both are throttled like a sign-in, each under a name of its own, so a guesser locks the PIN and nobody out of the home.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Literal

from edge_agent.core.said import say
from edge_agent.errors import HubError
from edge_agent.web.entries import Entries
from edge_agent.web.parts import WebParts
from edge_agent.web.sign_in import FAILURES_MAX, FAILURES_WINDOW, PASSWORD_MAX

PIN = re.compile(r"[0-9]{6,12}")
PASSWORD_LENGTH_MIN = 12
Secret = Literal["password", "PIN"]


class Proof(Enum):
    """How it went. Nothing may change unless it is RIGHT."""

    RIGHT = auto()
    MISSING = auto()
    WRONG = auto()
    LOCKED = auto()


WORDS: Mapping[Secret, Mapping[Proof, str]] = {
    "password": {
        Proof.MISSING: say("Give your password. Nothing was changed."),
        Proof.WRONG: say("That password is wrong. Nothing was changed."),
        Proof.LOCKED: say(
            "There were too many wrong ones, so this password was not checked. Nothing was changed: "
            "try again in 15 minutes."
        ),
    },
    "PIN": {
        Proof.MISSING: say("Give your PIN. Nothing was changed."),
        Proof.WRONG: say("That PIN is wrong. Nothing was changed."),
        Proof.LOCKED: say(
            "There were too many wrong ones, so this PIN was not checked. Nothing was changed: try again in 15 minutes."
        ),
    },
}


def read_password(entries: Entries) -> str | None:
    """A new password, typed twice."""
    typed = entries.secret("new_password")
    if not PASSWORD_LENGTH_MIN <= len(typed) <= PASSWORD_MAX:
        entries.wrong("new_password", say("At least {number} characters.", number=PASSWORD_LENGTH_MIN))
    elif typed != entries.secret("new_password_again"):
        entries.wrong("new_password_again", say("The two are not the same."))
    else:
        return typed
    return None


def read_pin(entries: Entries) -> str | None:
    """A new PIN, typed twice; both empty: no PIN."""
    typed = entries.secret("new_pin")
    if typed and PIN.fullmatch(typed) is None:
        entries.wrong("new_pin", say("6 to 12 digits, or nothing for no PIN."))
    elif typed != entries.secret("new_pin_again"):
        entries.wrong("new_pin_again", say("The two are not the same."))
    else:
        return typed or None
    return None


def words(proof: Proof, *, what: Secret) -> str:
    """What the person reads beside the field."""
    return WORDS[what][proof]


class Proofs:
    """Checks a secret of somebody who is signed in."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts

    async def pin(self, name: str, typed: str) -> Proof:
        """The person's PIN; one who has none set cannot prove anything by it."""
        account = self._parts.accounts.account(name)
        if account is None or account.pin_hash is None or PIN.fullmatch(typed) is None:
            return Proof.MISSING if not typed else await self._guess(_pin_name(name), None, typed[:PASSWORD_MAX])
        proof = await self._guess(_pin_name(name), account.pin_hash, typed)
        return proof if self._still(name, pin_hash=account.pin_hash) else Proof.WRONG

    async def password(self, name: str, typed: str) -> Proof:
        """The person's password."""
        account = self._parts.accounts.account(name)
        if account is None or not 0 < len(typed) <= PASSWORD_MAX:
            return Proof.MISSING
        proof = await self._guess(_password_name(name), account.password_hash, typed)
        return proof if self._still(name, password_hash=account.password_hash) else Proof.WRONG

    async def _guess(self, counted_as: str, kept_hash: str | None, typed: str) -> Proof:
        """The failure is counted before the check and taken back after a success, or when nothing was checked."""
        accounts, now = self._parts.accounts, self._parts.clock.now()
        if accounts.failed_logins(counted_as, since=now - FAILURES_WINDOW) >= FAILURES_MAX:
            return Proof.LOCKED
        accounts.record_login(counted_as, at=now, succeeded=False)
        try:
            fits = await self._parts.passwords.verify(kept_hash, typed)
        except HubError:
            accounts.take_failure_back(counted_as, at=now)
            raise
        if not fits:
            return Proof.WRONG
        accounts.record_login(counted_as, at=now, succeeded=True)
        return Proof.RIGHT

    def _still(self, name: str, *, pin_hash: str | None = None, password_hash: str | None = None) -> bool:
        """Whether the secret that was checked is still the person's: a check takes a while."""
        account = self._parts.accounts.account(name)
        if account is None:
            return False
        return account.pin_hash == pin_hash if pin_hash is not None else account.password_hash == password_hash


def _pin_name(name: str) -> str:
    """A name that no sign-in can use: those are stripped of the space before them."""
    return f" pin of {name}"


def _password_name(name: str) -> str:
    return f" password of {name}"
