"""The record of washes: cycles by programme out of readings, and how far the level fell over them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.deciding.washes import SPANS_MAX, Row, WashRecord, fold_washes
from edge_agent.core.messages import Presence, Reading
from tests.edge_agent.consumables import DETERGENT, START

LEVEL = "detergent.remaining"
IDLE = object()
Told = dict[str, object]


def rows(told: Iterable[Told], *, every_min: float = 30.0) -> list[Row]:
    """The readings of one message after the other; IDLE is what does not apply, None what is unknown."""
    found: list[Row] = []
    for number, message in enumerate(told):
        at = START + timedelta(minutes=every_min * number)
        for signal, value in message.items():
            presence = Presence.VALUE
            if value is IDLE:
                presence = Presence.NOT_APPLICABLE
            elif value is None:
                presence = Presence.UNKNOWN
            unit = "mL" if signal == LEVEL else ""
            said = value if isinstance(value, str | int | float) else None
            found.append((len(found) + 1, at, Reading(signal, presence, said, unit)))
    return found


def folded(*told: Told, item: Item = DETERGENT) -> WashRecord:
    """The record after these messages."""
    assert item.binding is not None
    return fold_washes(WashRecord(), rows(told), binding=item.binding, item=item)


def state(programme: object, level: object, **more: object) -> Told:
    """One message."""
    return {"cycle.programme": programme, LEVEL: level, **{f"cycle.{name}": value for name, value in more.items()}}


def seen(record: WashRecord) -> list[tuple[list[str], float | None]]:
    """Programmes and fall of each span."""
    return [([wash.programme for wash in span.washes], span.used) for span in record.spans]


def test_a_programme_that_begins_is_a_wash() -> None:
    """Two in a row are two, one that goes on is one, and the level counts when nothing runs."""
    record = folded(
        state(IDLE, 400), state("cotton", 370), state("cotton", 340), state("wool", 330), state(IDLE, 310)
    )  # fmt: skip
    assert seen(record) == [(["cotton", "wool"], 90.0)]


@pytest.mark.parametrize("counts_at_start", [True, False])
def test_a_counter_says_how_many_there_were(*, counts_at_start: bool) -> None:
    """Whenever the machine counts, a wash is of the programme that ran, and it is one."""
    during, after = (8, 8) if counts_at_start else (7, 8)
    record = folded(
        state(IDLE, 400, count=7),
        state("cotton", 370, count=during),
        state("cotton", 340, count=during),
        state(IDLE, 340, count=after),
        state("wool", 330, count=during + 1),
        state(IDLE, 320, count=after + 1),
        state(IDLE, 320, count=after + 1),
    )
    assert seen(record) == [(["cotton"], 60.0), (["wool"], 20.0)]


def test_a_wash_that_was_counted_lends_its_programme_to_no_other() -> None:
    """The next step of the counter is of a programme that nobody told, not of the one before."""
    record = folded(
        state(IDLE, 400, count=7),
        state("cotton", 370, count=8),
        state(IDLE, 340, count=8),
        state(IDLE, 300, count=9),
    )
    assert seen(record) == [(["cotton"], 60.0), ([""], 40.0)]


def test_cycles_that_nobody_saw_are_of_no_programme() -> None:
    """The hub was off for three washes: the counter tells them, nobody tells which they were."""
    record = folded(state(IDLE, 400, count=7), state(IDLE, 250, count=10))
    assert seen(record) == [(["", "", ""], 150.0)]


@pytest.mark.parametrize(
    ("level", "why"), [(480, "refilled"), (None, "unknown"), (0, "taken out"), (390, "as it was left")]
)
def test_what_teaches_nothing(level: float | None, why: str) -> None:
    """A refill, a level that is not known, a bottle that is gone; the fall of an idle tank is of no wash."""
    record = folded(
        state(IDLE, 400), state("cotton", 380), state(IDLE, level), state(IDLE, 360), item=DETERGENT
    )  # fmt: skip
    used = {"refilled": None, "unknown": 40.0, "taken out": None, "as it was left": 10.0}[why]
    assert seen(record) == [(["cotton"], used)]


def test_an_unknown_programme_changes_nothing() -> None:
    """A gap in what the device tells is neither an end nor a beginning."""
    record = folded(state(IDLE, 400), state("cotton", 380), state(None, 370), state("cotton", 360), state(IDLE, 340))
    assert seen(record) == [(["cotton"], 60.0)]


def test_load_and_soil_come_when_they_are_known() -> None:
    """Weighing takes a while; what was weighed is not carried on to the next wash."""
    record = folded(
        state(IDLE, 400),
        state("cotton", 390),
        state("cotton", 380, weight=6.5, soil="heavy"),
        state(IDLE, 340),
        state("wool", 330),
        state(IDLE, 320),
    )
    (cotton,), (wool,) = (span.washes for span in record.spans)
    assert (cotton.load_kg, cotton.soil) == (6.5, "heavy")
    assert (wool.load_kg, wool.soil) == (None, "normal")


def test_each_reading_counts_once_and_late_ones_not_at_all() -> None:
    """Folded again, in two parts or all at once: the same. A message from before changes nothing."""
    told = [state(IDLE, 400), state("cotton", 370), state(IDLE, 340), state("wool", 330), state(IDLE, 320)]
    all_rows, binding = rows(told), Binding(device="samsung.washer", signal=LEVEL)
    once = fold_washes(WashRecord(), all_rows, binding=binding, item=DETERGENT)
    twice = fold_washes(WashRecord(), all_rows[:5], binding=binding, item=DETERGENT)
    twice = fold_washes(twice, all_rows, binding=binding, item=DETERGENT)
    late = [(number + 100, START - timedelta(days=1), reading) for number, _, reading in all_rows]
    assert once == twice
    assert fold_washes(once, late, binding=binding, item=DETERGENT).spans == once.spans


def test_the_record_is_bounded() -> None:
    """A machine in a laundrette does not fill the hub; nor does one whose level is never told."""
    busy = [state(programme, 400 - number % 7) for number in range(2 * SPANS_MAX) for programme in ("cotton", IDLE)]
    deaf = [{"cycle.programme": programme} for _ in range(500) for programme in ("cotton", IDLE)]
    assert len(folded(*busy).spans) == SPANS_MAX
    record = folded(*deaf)
    assert len(record.open) < 40
    assert all(span.used is None for span in record.spans)
    assert len(record.washes) == 500


@pytest.mark.parametrize("count", [3, 5_000, -1, float("nan"), float("inf"), 1e300])
def test_a_counter_that_jumps_counts_nothing(count: float) -> None:
    """Back, far ahead, or no number at all."""
    assert folded(state(IDLE, 400, count=7), state(IDLE, 390, count=count)).washes == ()
