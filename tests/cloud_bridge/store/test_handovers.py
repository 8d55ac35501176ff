"""Numbers of intents: a fork freezes its household, whoever comes first, and the head tells how far we are."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import alembic.command
import alembic.config
import pytest
from sqlalchemy import create_engine

from cloud_bridge.errors import ForkedError, HouseholdFrozenError, UnknownOrderError
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.wire import Head, Intent, OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, START, Rig, Signer, accept

both_stores = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def rig(make_rig: Callable[..., Rig], simulated: SimulatedMerchant) -> Rig:
    """A store, and what fills it."""
    return make_rig(simulated)


async def _take(rig: Rig, intent: Intent) -> str:
    """What the store answers: `taken`, or the name of the error."""
    try:
        await accept(rig, intent)
    except (ForkedError, HouseholdFrozenError) as exc:
        return type(exc).__name__
    return "taken"


@both_stores
async def test_a_number_that_comes_twice_freezes_its_household(rig: Rig) -> None:
    """From then on nothing new is taken; what is known is answered as before."""
    first, copy = rig.signer.intent(handover=1), rig.signer.intent(handover=1)
    assert await _take(rig, first) == "taken"
    assert await _take(rig, copy) == "ForkedError"
    assert await _take(rig, rig.signer.intent(handover=2)) == "HouseholdFrozenError"
    assert await _take(rig, copy) == "HouseholdFrozenError"
    assert await _take(rig, first) == "taken"
    assert await rig.store.is_frozen(HOUSEHOLD)
    assert [line.intent_id for line in (await rig.store.report()).orders] == [first.terms.intent_id]


@both_stores
async def test_of_concurrent_requests_with_one_number_one_is_taken(rig: Rig) -> None:
    """And the household is frozen."""
    rivals = [rig.signer.intent(handover=1) for _ in range(8)]
    answers = await asyncio.gather(*(_take(rig, rival) for rival in rivals))
    assert sorted(set(answers)) == ["ForkedError", "HouseholdFrozenError", "taken"]
    assert (answers.count("taken"), answers.count("ForkedError")) == (1, 1)
    assert await rig.store.is_frozen(HOUSEHOLD)


async def test_the_numbers_of_another_hub_and_another_household_are_their_own(rig: Rig) -> None:
    """A household may have two hubs, and a bridge many households."""
    assert await _take(rig, rig.signer.intent(handover=1, hub="hub")) == "taken"
    assert await _take(rig, rig.signer.intent(handover=1, hub="cottage")) == "taken"
    assert await _take(rig, Signer(household="home-2").intent(handover=1)) == "taken"
    assert not await rig.store.is_frozen(HOUSEHOLD)


async def test_a_thaw_is_the_operators(rig: Rig) -> None:
    """It is said whether there was anything to thaw."""
    with pytest.raises(UnknownOrderError):
        await rig.store.thaw(HOUSEHOLD)
    await accept(rig, rig.signer.intent(handover=1))
    assert not await rig.store.thaw(HOUSEHOLD)
    await _take(rig, rig.signer.intent(handover=1))
    assert await rig.store.thaw(HOUSEHOLD)
    assert await _take(rig, rig.signer.intent(handover=2)) == "taken"


async def test_the_head_of_a_household_that_never_ordered_is_empty(rig: Rig) -> None:
    """Nothing is made up."""
    head = await rig.store.head(HOUSEHOLD, after=0, now=START)
    assert head == Head(at=START, handover=0, event_seq=0, frozen=False, intents=())


@both_stores
async def test_the_head_tells_what_was_taken_after_a_number(rig: Rig) -> None:
    """In the order of the numbers, with the state of today; nothing of another household."""
    taken = [await accept(rig, rig.signer.intent(handover=number)) for number in (3, 1, 2)]
    await accept(rig, Signer(household="home-2").intent(handover=9))
    head = await rig.store.head(HOUSEHOLD, after=1, now=START)
    assert (head.handover, head.event_seq, head.frozen) == (3, 3, False)
    assert [(known.handover, known.intent_id) for known in head.intents] == [
        (2, taken[2].terms.intent_id),
        (3, taken[0].terms.intent_id),
    ]
    first = head.intents[0]
    assert (first.state, first.total_max_minor, first.quantity) == (OrderState.HELD, 900, 2)


async def test_a_long_head_is_read_page_by_page_and_no_intent_is_skipped(rig: Rig) -> None:
    """Also where two hubs use the number at which a page ends."""
    wanted = set()
    for number in range(1, 121):
        for hub in ("hub", "cottage") if number == 100 else ("hub",):
            wanted.add((await accept(rig, rig.signer.intent(handover=number, hub=hub))).terms.intent_id)
    seen, after = [], 0
    while head := (await rig.store.head(HOUSEHOLD, after=after, now=START)).intents:
        assert len(head) <= 100
        seen += [known.intent_id for known in head]
        after = head[-1].handover
    assert (len(seen), set(seen)) == (121, wanted)


def _old_store(path: Path) -> None:
    """A store of version 0001 with one order under terms of version 1."""
    config = alembic.config.Config()
    config.set_main_option("script_location", "cloud_bridge:migrations")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
    engine.dispose()
    terms = Signer().intent(intent_id="i-old", offer_expires_at=START + timedelta(days=3)).terms
    old = json.loads(terms.model_dump_json(exclude={"leave", "consent_hash", "handover"})) | {"version": 1}
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO households VALUES ('home-1', 0)")
        connection.execute(
            "INSERT INTO orders (household, intent_id, merchant, state, terms, signature, body_sha256, accepted_at,"
            " hold_until, offer_expires_at, changed_at, due_at, version, epoch, tries, misses, session_n)"
            " VALUES ('home-1', 'i-old', 'grocer', 'held', ?, ?, ?, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1)",
            (json.dumps(old), "A" * 86 + "==", "0" * 64),
        )


async def test_an_order_of_before_the_numbers_is_kept_and_has_none(tmp_path: Path) -> None:
    """It can be read and followed, stands in nobody's way, and its leave does not hold any more."""
    path = tmp_path / "old.sqlite3"
    _old_store(path)
    with Database(f"sqlite:///{path}") as database:
        store = SqlOrderStore(database)
        order = await store.find(HOUSEHOLD, "i-old")
        assert order is not None
        assert (order.state, order.terms.version, order.terms.leave) == (OrderState.HELD, 2, "approval")
        assert (await store.head(HOUSEHOLD, after=0, now=START)).intents == ()
