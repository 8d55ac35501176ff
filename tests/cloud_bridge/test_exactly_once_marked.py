"""At most one entry, and never a second, on lists that have no key and forget what was removed.

Wherever the bridge dies, whichever answer gets lost, and whoever tidies up: nothing is sent twice, and what cannot be
known is shown to a person. The list, as the household sees it, is the judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cloud_bridge.core.order import Detail, OrderRecord
from cloud_bridge.errors import MandateRefusedError
from cloud_bridge.ports import CrashPoint
from cloud_bridge.wire import Intent, OrderState
from tests.cloud_bridge.grocy_list import FakeGrocy
from tests.cloud_bridge.hass_list import NO_DESCRIPTIONS, FakeHass, RealList
from tests.cloud_bridge.kept_list import BadWire, KeptList, clear, connect, order_entry
from tests.cloud_bridge.rig import HOUSEHOLD, Rig, accept, restore
from tests.cloud_bridge.test_exactly_once import dies_at
from tests.cloud_bridge.test_exactly_once_list import NOTHING

S = OrderState
MakeRig = Callable[..., Rig]
_REAL = [pytest.mark.merchant, pytest.mark.timeout(300)]
LISTS: dict[str, Callable[[], KeptList]] = {
    "ha_todo": FakeHass,
    "ha_todo without descriptions": lambda: FakeHass(features=NO_DESCRIPTIONS),
    "grocy": FakeGrocy,
}
REAL = ("todo.kitchen", "todo.shopping_list")


@pytest.fixture(params=[*LISTS, *(pytest.param(entity, marks=_REAL) for entity in REAL)])
def kept(request: pytest.FixtureRequest) -> Iterator[KeptList]:
    """Each list in turn, empty; those of a real Home Assistant where there is one."""
    if request.param in LISTS:
        yield LISTS[request.param]()
        return
    lists: dict[str, RealList] = request.getfixturevalue("hass_lists")
    real = lists[request.param]
    for entry_id in real.entries():
        real.remove(entry_id)
    yield real


async def _stored(rig: Rig, intent: Intent) -> OrderRecord:
    order = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
    assert order is not None
    return order


async def _work(rig: Rig) -> None:
    """Until nothing more is due; where something is looked for again and again, for some days."""
    await rig.place(rounds_max=16)
    rig.clock.pass_(days=2)
    await rig.place(rounds_max=3)
    await rig.follow()


def _is_one(kept: KeptList) -> bool:
    [entry] = kept.entries().values()
    return entry.text.startswith("2 x Whole milk 1 L [restock ") and not entry.done


@pytest.mark.parametrize(
    ("points", "sent"),
    [
        ((CrashPoint.CLAIMED,), True),
        ((CrashPoint.QUOTED,), True),
        ((CrashPoint.SESSION_SAVED,), True),
        ((CrashPoint.ATTEMPT_SAVED,), False),
        ((CrashPoint.ANSWERED,), True),
        ((CrashPoint.OUTCOME_SAVED,), True),
        ((CrashPoint.FOLLOWED,), True),
        ((CrashPoint.ANSWERED, CrashPoint.LOOKED_UP), True),
        ((CrashPoint.ATTEMPT_SAVED, CrashPoint.LOOKED_UP), False),
        ((CrashPoint.QUOTED, CrashPoint.QUOTED, CrashPoint.SESSION_SAVED, CrashPoint.ANSWERED), True),
    ],
)
async def test_a_death_at_any_point_leaves_one_entry_or_a_question(
    make_rig: MakeRig, kept: KeptList, points: tuple[CrashPoint, ...], sent: bool
) -> None:
    """What was sent is found again; what was recorded and not sent is never sent, and a person is shown it."""
    hook, deaths = dies_at(*points), 0
    async with connect(kept) as merchant:
        rig = make_rig(merchant)
        intent = await accept(rig, rig.signer.intent(**NOTHING))
        while deaths <= len(points):
            rig = make_rig(merchant, hook)
            await rig.store.resume(now=rig.clock.now())
            try:
                await _work(rig)
                break
            except BaseExceptionGroup:
                deaths += 1
    order = await _stored(rig, intent)
    assert (deaths, len(await rig.store.attempts(order))) == (len(points), 1)
    assert order.state is (S.PLACED if sent else S.PARKED)
    assert _is_one(kept) if sent else kept.entries() == {}
    assert order_entry(order.merchant_order_id) == next(iter(kept.entries()), None)


@pytest.mark.parametrize("looks", [0, 1, 3])
async def test_a_lost_answer_leaves_one_entry(make_rig: MakeRig, kept: KeptList, looks: int) -> None:
    """The list took it and its answer never came, nor did the first looks: it is found, and not put there again."""
    wire = BadWire(kept, lost=1)
    async with connect(kept, wire=wire) as merchant:
        rig = make_rig(merchant)
        intent = await accept(rig, rig.signer.intent(**NOTHING, hold_s=0))
        await rig.placing.run_once()
        assert (await _stored(rig, intent)).state is S.UNKNOWN
        wire._looks = looks
        await _work(rig)
        assert (await _stored(rig, intent)).state is S.PLACED
    assert wire.added == 1
    assert _is_one(kept)


async def test_a_look_that_is_lost_before_anything_was_sent_only_waits(make_rig: MakeRig, kept: KeptList) -> None:
    """Nothing was asked for yet, so it is tried again."""
    async with connect(kept, wire=BadWire(kept, looks=3)) as merchant:
        rig = make_rig(merchant)
        intent = await accept(rig, rig.signer.intent(**NOTHING))
        await _work(rig)
        assert (await _stored(rig, intent)).state is S.PLACED
    assert _is_one(kept)


async def _in_doubt(rig: Rig, intent: Intent) -> None:
    """It is parked within minutes, stays so for days, and its one attempt is the only one."""
    await rig.place(rounds_max=8)
    order = await _stored(rig, intent)
    assert (order.state, order.detail) == (S.PARKED, Detail.NO_ANSWER)
    for _ in range(4):
        rig.clock.pass_(days=3)
        await rig.place(rounds_max=2)
    order = await _stored(rig, intent)
    assert (order.state, len(await rig.store.attempts(order))) == (S.PARKED, 1)


async def test_what_was_bought_and_cleared_away_after_a_lost_answer_is_not_put_there_again(
    make_rig: MakeRig, kept: KeptList
) -> None:
    """Nobody can tell that it ever was there; the person who cleared it away can, and is asked."""
    wire = BadWire(kept, lost=1, meanwhile=clear)
    async with connect(kept, wire=wire) as merchant:
        rig = make_rig(merchant)
        intent = await accept(rig, rig.signer.intent(**NOTHING))
        await _in_doubt(rig, intent)
        said = rig.signer.settlement(intent.terms.intent_id, said_at=rig.clock.now(), found=False)
        await rig.intake.settle(said, intent_id=intent.terms.intent_id, caller=HOUSEHOLD)
        await _work(rig)
        assert (await _stored(rig, intent)).state is S.REJECTED
    assert (wire.added, kept.entries()) == (1, {})


async def test_a_request_that_never_arrived_is_not_made_again(make_rig: MakeRig, kept: KeptList) -> None:
    """It looks just like the one that was cleared away."""
    wire = BadWire(kept, dropped=1)
    async with connect(kept, wire=wire) as merchant:
        rig = make_rig(merchant)
        await _in_doubt(rig, await accept(rig, rig.signer.intent(**NOTHING)))
    assert (wire.added, kept.entries()) == (1, {})


async def test_a_store_from_a_backup_finds_the_entry_by_its_reference(make_rig: MakeRig, kept: KeptList) -> None:
    """The backup knows neither the attempt nor the session; nothing is put there a second time."""
    wire = BadWire(kept)
    async with connect(kept, wire=wire) as merchant:
        rig = make_rig(merchant)
        intent = await accept(rig, rig.signer.intent(**NOTHING))
        backup = await _stored(rig, intent)
        await rig.place()
        await restore(rig, backup)
        await rig.place()
        order = await _stored(rig, intent)
        assert (order.state, order.detail, wire.added) == (S.PLACED, Detail.FOUND_AT_MERCHANT, 1)
        assert _is_one(kept)
        kept.tick(next(iter(kept.entries())))
        await rig.follow()
        assert (await _stored(rig, intent)).state is S.DELIVERED  # although nobody knows its session any more


async def test_an_entry_that_shows_up_right_before_the_first_attempt_is_taken_up(make_rig: MakeRig) -> None:
    """The bridge has a life that it has forgotten, and the request of that was slow."""
    kept = FakeHass()
    wire = BadWire(kept)
    async with connect(kept, wire=wire) as merchant:
        rig = make_rig(merchant)
        intent = await accept(rig, rig.signer.intent(**NOTHING))
        backup = await _stored(rig, intent)
        await rig.place()
        await restore(rig, backup)
        kept.change = _empty_once()
        await rig.place()
        order = await _stored(rig, intent)
    assert (order.state, order.detail, wire.added) == (S.PLACED, Detail.FOUND_AT_MERCHANT, 1)


def _empty_once() -> Callable[[Any], Any]:
    """The first look sees nothing."""
    left = [True]

    def told(said: Any) -> Any:  # noqa: ANN401 - JSON of many kinds
        if left and isinstance(said, dict) and "service_response" in said:
            left.clear()
            return {"service_response": {"todo.kitchen": {"items": []}}}
        return said

    return told


async def test_an_entry_is_never_overdue_and_ticked_off_it_is_bought(make_rig: MakeRig, kept: KeptList) -> None:
    """A household may take its time."""
    async with connect(kept) as merchant:
        rig = make_rig(merchant)
        intent = await accept(rig, rig.signer.intent(**NOTHING))
        await rig.place()
        for _ in range(3):
            rig.clock.pass_(days=100)
            await rig.follow()
        assert (await _stored(rig, intent)).state is S.PLACED
        kept.tick(next(iter(kept.entries())))
        await rig.follow()
        order = await _stored(rig, intent)
    assert (order.state, order.delivered_quantity) == (S.DELIVERED, 2)


async def test_what_the_household_takes_off_the_list_is_its_own_cancel(make_rig: MakeRig, kept: KeptList) -> None:
    """Nobody blames a merchant for it."""
    async with connect(kept) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(**NOTHING))
        await rig.place()
        kept.remove(next(iter(kept.entries())))
        await rig.follow()
        last = (await rig.events())[-1]
    assert (last.state, last.detail) == (S.CANCELLED, Detail.CANCELLED_BY_HOUSEHOLD)


async def test_no_mandate_draws_on_a_list_that_forgets(make_rig: MakeRig, kept: KeptList) -> None:
    """A lost answer needs a person, and nobody would be there."""
    async with connect(kept) as merchant:
        rig = make_rig(merchant)
        with pytest.raises(MandateRefusedError):
            await rig.intake.accept(rig.signer.intent(**NOTHING, leave="draw"), caller=HOUSEHOLD)


async def test_two_orders_of_one_article_are_two_entries(make_rig: MakeRig, kept: KeptList) -> None:
    """Each leave of the household is one; what a person wrote there is left alone."""
    kept.write("2 x Whole milk 1 L")
    async with connect(kept) as merchant:
        rig = make_rig(merchant)
        for _ in range(2):
            await accept(rig, rig.signer.intent(**NOTHING))
        await rig.place()
    assert len(kept.entries()) == 3
    assert sum("[restock " in entry.text for entry in kept.entries().values()) == 2
