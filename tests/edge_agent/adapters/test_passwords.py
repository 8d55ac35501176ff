"""Passwords: argon2id, the same work for unknown people, never more than one check at a time."""

from __future__ import annotations

import asyncio

import pytest

from edge_agent.adapters.passwords import CHECKS_WAITING_MAX, Argon2Passwords
from edge_agent.errors import FailClosedError, RetryLaterError


@pytest.fixture
def passwords() -> Argon2Passwords:
    """Weak on purpose, so that tests are quick."""
    return Argon2Passwords(memory_kib=8, passes=1)


async def test_a_password_fits_its_own_hash_only(passwords: Argon2Passwords) -> None:
    """Spaces and letters of other scripts included."""
    kept = passwords.hash("pässwörd 1 ")
    assert kept.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert await passwords.verify(kept, "pässwörd 1 ")
    assert not await passwords.verify(kept, "pässwörd 1")
    assert not await passwords.verify(kept, "")


def test_the_default_cost_is_what_the_module_says() -> None:
    """7 MiB, five passes, one lane."""
    assert Argon2Passwords().hash("x").startswith("$argon2id$v=19$m=7168,t=5,p=1$")


def test_the_same_password_has_another_hash_each_time(passwords: Argon2Passwords) -> None:
    """Salted."""
    assert passwords.hash("x") != passwords.hash("x")


async def test_nobody_has_no_password(passwords: Argon2Passwords) -> None:
    """An unknown person is refused after the same work as a known one."""
    assert not await passwords.verify(None, "x")
    assert not await passwords.verify(None, "")


async def test_a_weaker_hash_is_renewed_and_a_good_one_kept(passwords: Argon2Passwords) -> None:
    """The new hash fits the same password."""
    assert await passwords.renew(passwords.hash("x"), "x") is None
    weaker = Argon2Passwords(memory_kib=16, passes=2).hash("x")
    renewed = await passwords.renew(weaker, "x")
    assert renewed is not None
    assert await passwords.verify(renewed, "x")


async def test_a_damaged_hash_is_no_wrong_password(passwords: Argon2Passwords) -> None:
    """Somebody must look at the store."""
    with pytest.raises(FailClosedError):
        await passwords.verify("not a hash", "x")


async def test_only_so_many_checks_wait(passwords: Argon2Passwords) -> None:
    """The rest is told to come back; afterwards all is as before."""
    kept = passwords.hash("x")
    tries = [passwords.verify(kept, "x") for _ in range(CHECKS_WAITING_MAX + 3)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert results.count(True) == CHECKS_WAITING_MAX
    assert sum(isinstance(result, RetryLaterError) for result in results) == 3
    assert await passwords.verify(kept, "x")
