"""Passwords as argon2id hashes, checked in a worker thread so that nobody else waits."""

from __future__ import annotations

import asyncio
import functools
import secrets

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from edge_agent.core.people import DISABLED_MARK
from edge_agent.core.said import say
from edge_agent.errors import FailClosedError, RetryLaterError

# One of the equal choices of the OWASP password storage cheat sheet: 7 MiB, five passes, one lane. A hub has 130 MB in
# all, so the 64 MiB of RFC 9106 would not do, and only one check runs at a time.
MEMORY_KIB = 7_168
PASSES = 5
LANES = 1
CHECKS_WAITING_MAX = 16


class Argon2Passwords:
    """Hashes and checks passwords; one check at a time, a limited number waiting."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=LANES, type=Type.ID)
        self._turn = asyncio.Lock()
        self._waiting = 0

    def hash(self, password: str) -> str:
        """The hash to keep, with its own salt and parameters in it."""
        return self._hasher.hash(password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits; None (an unknown person) takes as long as a wrong password and never fits.

        So does the hash of an account that is disabled.

        Raises: RetryLaterError when too many checks wait; FailClosedError when the kept hash cannot be read.
        """
        if self._waiting >= CHECKS_WAITING_MAX:
            raise RetryLaterError(f"{self._waiting} sign-ins are being checked already")
        self._waiting += 1
        try:
            async with self._turn:
                fits = await asyncio.to_thread(self._fits, password_hash, password)
        finally:
            self._waiting -= 1
        return fits

    async def renew(self, password_hash: str, password: str) -> str | None:
        """A new hash of a password that fitted, where the kept one is weaker than today's rule."""
        if not self._hasher.check_needs_rehash(password_hash):
            return None
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def make(self, password: str) -> str:
        """The hash to keep of a new password or PIN."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    @functools.cached_property
    def _decoy(self) -> str:
        """Made with the first check, whoever it is for: a hub starts without the cost of it."""
        return self._hasher.hash(secrets.token_hex())

    def _fits(self, password_hash: str | None, password: str) -> bool:
        kept = None if password_hash is None or password_hash.startswith(DISABLED_MARK) else password_hash
        try:
            return self._hasher.verify(kept or self._decoy, password) and kept is not None
        except VerifyMismatchError:
            return False
        except InvalidHashError as exc:
            raise FailClosedError(say("a stored password hash cannot be read: restore a backup")) from exc
