"""Intents that were taken back before they came: the one transaction that is first tells the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from cloud_bridge.errors import WithdrawnError
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.store import withdrawals
from cloud_bridge.store.orders import SqlOrderStore
from tests.cloud_bridge.rig import HOUSEHOLD, START, Rig, accept

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def rig(make_rig: Callable[..., Rig], simulated: SimulatedMerchant) -> Rig:
    """A store, and what fills it."""
    return make_rig(simulated)


async def test_what_was_taken_back_is_refused_and_uses_no_number(rig: Rig, store: SqlOrderStore) -> None:
    """Another order of the same group is taken, and one may have the number that never came to stand for anything."""
    gone, other = rig.signer.intent(intent_id="gone", handover=1), rig.signer.intent(intent_id="other", handover=1)
    assert await store.withdraw(HOUSEHOLD, "gone", now=START)
    assert await store.withdraw(HOUSEHOLD, "gone", now=START)
    answers = await asyncio.gather(*(accept(rig, each) for each in (gone, other, gone)), return_exceptions=True)
    assert [type(each) for each in answers if isinstance(each, Exception)] == [WithdrawnError, WithdrawnError]
    assert await store.find(HOUSEHOLD, "other") is not None
    assert await store.find(HOUSEHOLD, "gone") is None
    assert not await store.is_frozen(HOUSEHOLD)


async def test_what_is_here_is_not_withdrawn(rig: Rig, store: SqlOrderStore) -> None:
    """An order that was taken is cancelled by its own rules; another household's id is another one."""
    await accept(rig, rig.signer.intent(intent_id="i-1"))
    assert not await store.withdraw(HOUSEHOLD, "i-1", now=START)
    assert await store.withdraw("another", "i-1", now=START)
    assert await store.find(HOUSEHOLD, "i-1") is not None


async def test_a_cancel_and_its_order_at_once_agree(rig: Rig, store: SqlOrderStore) -> None:
    """Never both: an order that stands, and a household that was told that it never comes."""
    for number in range(20):
        intent = rig.signer.intent(intent_id=f"i-{number}")
        taken, withdrawn = await asyncio.gather(
            accept(rig, intent), store.withdraw(HOUSEHOLD, f"i-{number}", now=START), return_exceptions=True
        )
        assert isinstance(taken, WithdrawnError) is (withdrawn is True)


async def test_old_ones_go_and_there_are_not_too_many(
    rig: Rig, store: SqlOrderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A household that takes back without end is told no; what no offer can outlive is forgotten."""
    monkeypatch.setattr(withdrawals, "NOTED_MAX", 3)
    assert [await store.withdraw(HOUSEHOLD, f"i-{n}", now=START) for n in range(4)] == [True, True, True, False]
    assert await store.withdraw(HOUSEHOLD, "later", now=START + timedelta(days=400))
