"""The books of simulated appliances: nothing comes from nowhere, nothing is lost, and time runs one way."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.physics import Act, Deed, Part, Physics, Vessel
from firmware_sim.physics_kind import Kind
from firmware_sim.physics_kinds import KINDS
from firmware_sim.sensing import SENSES, Note, Observation, Off, Sensors, observe

START = datetime(2025, 3, 1, tzinfo=UTC)
PART = Part("milk", "g", capacity=1_000, initial=0.5, pack=250, evaporates=10)
amounts = st.floats(0, 5_000, allow_nan=False)


def physics_of(kind: Kind, *, seed: int = 7, busy: float = 1.0, start: datetime = START) -> Physics:
    """One appliance at its start."""
    rng = random.Random(seed)
    return Physics(kind.parts, kind.plan, start=start, rng=rng, busy=busy, states=kind.states, counters=kind.counters)


def assert_conserved(vessel: Vessel) -> None:
    """What was there and came in is what is left, was used, or evaporated."""
    came = vessel.initial + vessel.filled
    assert came == pytest.approx(vessel.amount + vessel.used + vessel.evaporated, rel=1e-9, abs=1e-6)
    assert 0 <= vessel.amount <= vessel.part.capacity


@given(st.lists(st.tuples(st.sampled_from(["draw", "fill", "evaporate"]), amounts), max_size=60))
def test_a_vessel_loses_and_invents_nothing(steps: list[tuple[str, float]]) -> None:
    """Whatever is drawn, filled and evaporated: the books balance, and what did not fit or was not there is counted."""
    vessel, asked, offered = Vessel(PART), 0.0, 0.0
    for what, amount in steps:
        match what:
            case "draw":
                asked += amount
                vessel.draw(amount)
            case "fill":
                offered += amount
                vessel.fill(amount)
            case _:
                vessel.evaporate(amount / 100)
        assert_conserved(vessel)
    assert vessel.used + vessel.unmet == pytest.approx(asked)
    assert vessel.filled + vessel.overflowed == pytest.approx(offered)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(KINDS)),
    seed=st.integers(0, 2**31),
    busy=st.floats(0, 20),
    days=st.floats(0.01, 12),
)
def test_every_kind_keeps_its_books(name: str, seed: int, busy: float, days: float) -> None:
    """Any seed, from an idle home to a frantic one: conserved, never negative, and every deed adds up to the books."""
    physics = physics_of(KINDS[name], seed=seed, busy=busy)
    deeds = physics.advance(START + timedelta(days=days))
    assert [deed.at for deed in deeds] == sorted(deed.at for deed in deeds)
    for part, vessel in physics.vessels.items():
        assert_conserved(vessel)
        assert vessel.used == pytest.approx(sum(deed.used.get(part, 0) for deed in deeds))
        assert vessel.filled == pytest.approx(sum(deed.filled.get(part, 0) for deed in deeds))
    assert set(KINDS[name].truth(physics)) >= set(SENSES[name])


@pytest.mark.parametrize("name", sorted(KINDS))
def test_life_does_not_depend_on_how_often_one_looks(name: str) -> None:
    """One leap of ten days, or a look every few minutes: the same deeds."""
    leap, steps = physics_of(KINDS[name]), physics_of(KINDS[name])
    at_once = leap.advance(START + timedelta(days=10))
    looked: list[Deed] = []
    for minutes in range(0, 10 * 1_440 + 1, 9 * 16):
        looked += steps.advance(START + timedelta(minutes=minutes))
    assert [(deed.at, deed.name) for deed in at_once] == [(deed.at, deed.name) for deed in looked]
    for part, vessel in leap.vessels.items():
        assert vessel.amount == pytest.approx(steps.left(part))


def test_the_same_seed_lives_the_same_life() -> None:
    """And another seed another one."""
    lives = [physics_of(KINDS["vehicle"], seed=seed).advance(START + timedelta(days=3)) for seed in (1, 1, 2)]
    assert lives[0] == lives[1]
    assert lives[0] != lives[2]


def test_time_does_not_run_back() -> None:
    """The error names both times."""
    physics = physics_of(KINDS["tank"])
    physics.advance(START + timedelta(days=1))
    with pytest.raises(ValueError, match="time cannot go back"):
        physics.advance(START)


def test_a_household_refills_once_and_in_whole_packs() -> None:
    """Below the mark, some hours later, as many packs as there is room for."""
    part = Part("milk", "g", capacity=1_000, initial=0.5, pack=250, refill_below=0.3, refill_after_h=2)

    def plan(midnight: datetime, _rng: random.Random, _busy: float) -> list[Act]:
        return [Act(midnight + timedelta(hours=1), "poured", uses={"milk": 240})]

    physics = Physics([part], plan, start=START, rng=random.Random(1))
    deeds = physics.advance(START + timedelta(hours=12))
    assert [deed.name for deed in deeds] == ["poured", "milk_filled"]
    assert timedelta(hours=1) <= deeds[1].at - deeds[0].at <= timedelta(hours=3, seconds=1)
    assert deeds[1].filled == {"milk": 500}
    assert physics.left("milk") == pytest.approx(760)


def test_evaporation_alone_calls_for_a_refill() -> None:
    """Nobody has to draw from a tank for it to run low."""
    part = Part("water", "mL", capacity=100, initial=0.4, pack=100, refill_below=0.3, refill_after_h=1, evaporates=24)
    physics = Physics([part], lambda midnight, _r, _b: [Act(midnight, "new_day")], start=START, rng=random.Random(1))
    physics.advance(START + timedelta(days=2))
    vessel = physics.vessels["water"]
    assert vessel.evaporated > 0
    assert vessel.filled > 0
    assert vessel.used == 0


def test_nothing_is_counted_where_nothing_was_there() -> None:
    """No cup of coffee without beans and water."""
    part = Part("beans", "g", capacity=100, initial=0.0, pack=100, refill_below=0.0)

    def plan(midnight: datetime, _rng: random.Random, _busy: float) -> list[Act]:
        return [Act(midnight + timedelta(hours=1), "brewed", uses={"beans": 10}, counts={"cups": 1})]

    physics = Physics([part], plan, start=START, rng=random.Random(1), counters={"cups": 5})
    physics.advance(START + timedelta(days=3))
    assert physics.counters["cups"] == 5


def observations(name: str, *, days: float = 6, busy: float = 1.0) -> list[Observation]:
    """What one appliance observes."""
    kind = KINDS[name]
    seen = observe(
        kind,
        physics_of(kind, busy=busy),
        Sensors(name, seed="7"),
        every=timedelta(minutes=30),
        until=START + timedelta(days=days),
    )
    return [each for each in seen if isinstance(each, Observation)]


def test_a_bottle_is_lifted_and_put_back() -> None:
    """The tray loses the open bottle for a while, the stock does not."""
    seen = observations("fridge", busy=2)
    lifted = [each for each in seen if float(each.truth["milk_g"]) < float(each.truth["stock_milk_g"]) - 1]
    assert lifted
    assert any(each.truth["door"] == "closed" for each in lifted)
    assert all("stock_milk_g" not in each.values for each in seen)


def test_while_the_door_is_open_the_load_cell_says_anything() -> None:
    """With it shut the cell is near the truth: tare drift and noise, no more."""
    seen = observations("fridge", busy=2)
    off = {
        door: [
            abs(float(each.values["milk_g"]) - float(each.truth["milk_g"]))
            for each in seen
            if each.truth["door"] == door
        ]
        for door in ("open", "closed")
    }
    assert max(off["open"]) > 500
    assert max(off["closed"]) < 21


def test_the_zero_of_a_scale_wanders() -> None:
    """Over days the mean error of a cell is not zero, and not always of one sign."""
    seen = observations("scale", days=9)
    errors = [float(each.values["weight_g"]) - float(each.truth["weight_g"]) for each in seen if each.truth["stable"]]
    days = [errors[at : at + 60] for at in range(0, len(errors) - 60, 60)]
    means = [sum(day) / len(day) for day in days]
    assert max(means) > 2
    assert min(means) < -2


def test_driving_moves_the_odometer_and_sloshes_the_tank() -> None:
    """Kilometres only grow; fuel is used by them; a moving sensor is worse than a standing one."""
    seen = observations("vehicle", days=20, busy=2)
    km = [float(each.truth["odometer_km"]) for each in seen]
    assert km == sorted(km)
    assert km[-1] > km[0] + 500
    off = {
        moving: [
            abs(float(each.values["fuel_pct"]) - float(each.truth["fuel_pct"]))
            for each in seen
            if each.truth["moving"] is moving
        ]
        for moving in (True, False)
    }
    assert sum(off[True]) / len(off[True]) > 2 * sum(off[False]) / len(off[False])


def test_a_wash_doses_and_counts() -> None:
    """Each cycle ends with the counter one higher; detergent falls by doses, and is refilled."""
    physics = physics_of(KINDS["washer"])
    deeds = physics.advance(START + timedelta(days=30))
    ended = sum(deed.name == "cycle_ended" for deed in deeds)
    assert physics.counters["cycles"] == 812 + ended
    assert {round(deed.used["detergent"], 2) for deed in deeds if deed.name == "dosed"} >= {41.25, 55.0, 68.75}
    assert any(deed.name == "detergent_filled" for deed in deeds)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_an_observation_is_within_what_its_sensors_can_say(name: str) -> None:
    """In order of time, in whole steps, within the range; the run ends with the appliance off."""
    kind = KINDS[name]
    until = START + timedelta(days=8)
    events = list(
        observe(kind, physics_of(kind, busy=3), Sensors(name, seed="x"), every=timedelta(hours=1), until=until)
    )
    assert [each.at for each in events] == sorted(each.at for each in events)
    assert events[-1] == Off(until)
    assert any(isinstance(each, Note) for each in events)
    for each in events:
        if isinstance(each, Observation):
            for channel, sense in SENSES[name].items():
                value = float(each.values[channel])
                assert sense.low <= value <= sense.high
                assert value / sense.step == pytest.approx(round(value / sense.step), abs=1e-6)
