"""What the hub's decoder and store make of each fault: right, or unknown, or listed here as what nobody can tell.

From one message alone nobody can tell a sensor that is stuck, drifts, shakes or denies another, a word that came late
from a device without a clock, an old word that the broker no longer marks as retained, or a scale that set itself to
zero. The hub then reads exactly what the device said; `UNTOLD` lists these faults, and each is tested to be just that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core.messages import Birth, Decoded, Presence, PresenceChange, Quarantined, QuarantineReason
from firmware_sim.appliances.catalogue import DIALECTS
from firmware_sim.dialects import Message
from firmware_sim.faults_settings import FAULTS, fault_name
from firmware_sim.fleet import play
from firmware_sim.scenario import DEMO, load_scenario
from firmware_sim.scenario_fleet import ApplianceSection
from tests.edge_agent.fresh_store import fresh_store
from tests.firmware_sim.fleet_reader import HOME, WANTED, Hub, appliance, complaints, stream, words

START = datetime(2025, 3, 1, tzinfo=UTC)
ALL = [(kind, dialect) for kind, dialects in DIALECTS.items() for dialect in dialects]
UNTOLD = {"stuck", "drifting", "noisy", "contradictory"}
TOLD = {
    "duplicate": {"share": 0.3},
    "reorder": {"share": 0.3},
    "delay": {"share": 0.3, "by_min": 60.0},
    "gap": {"share": 0.3, "from_h": 0.1},  # a birth that is lost leaves nothing to read: the hub asks for another
    "flapping": {},
    "flood": {"per_s": 20.0, "lasting_s": 10.0, "from_h": 6.0},
}
ELSEWHERE = {"reboot", "wrong_clock", "unset", "retained_leftover"}  # a test of their own, below


def test_every_fault_is_judged() -> None:
    """A new fault must be put on one of the lists."""
    assert UNTOLD | set(TOLD) | ELSEWHERE == {fault_name(fault) for fault in FAULTS}


def struck(kind: str, dialect: str, name: str, *, days: float = 2, **settings: object) -> list[Message]:
    """Messages of an appliance with one fault."""
    one = appliance(kind, dialect, busy=2.0, faults=[{"kind": name, **settings}])
    return stream(one, start=START, days=days)


def snapshots(kind: str, dialect: str) -> bool:
    """Whether each message says everything, so that it can be judged without those before it."""
    return dialect not in {"homeconnect", "teslamate", "drop", "bambulab"}


@pytest.mark.parametrize("fault", [*TOLD])
@pytest.mark.parametrize(("kind", "dialect"), [each for each in ALL if snapshots(*each)])
def test_what_happens_on_the_wire_makes_no_value_wrong(kind: str, dialect: str, fault: str) -> None:
    """Twice, late, swapped, lost, flooded: each message is read as what was true when it was measured."""
    hub, values = Hub(), 0
    for message in struck(kind, dialect, fault, **TOLD[fault]):
        hub.picture.clear()
        outcome = hub.hear(message)
        assert not complaints(hub.picture, WANTED[kind, dialect], message.seen.truth)
        values += any(told.presence is Presence.VALUE for told in hub.picture.values())
        if isinstance(outcome, Decoded) and outcome.boot:
            told_s = (message.seen.at - outcome.event_at).total_seconds()
            assert 0 <= told_s < 0.001  # a clock of its own: late is not taken for fresh
    assert values > 20


@pytest.mark.parametrize("fault", ["duplicate", "flood"])
@pytest.mark.parametrize(("kind", "dialect"), [each for each in ALL if not snapshots(*each)])
def test_a_picture_of_changes_survives_what_comes_twice(kind: str, dialect: str, fault: str) -> None:
    """What only tells its changes, told again, still gives the truth of the last observation."""
    hub = Hub()
    for said in words(struck(kind, dialect, fault, **TOLD[fault])):
        for message in said:
            hub.hear(message)
        assert not complaints(hub.picture, WANTED[kind, dialect], said[-1].seen.truth)


@pytest.mark.parametrize(("kind", "dialect"), [each for each in ALL if not snapshots(*each)])
def test_a_picture_of_changes_with_gaps_is_old_and_never_invented(kind: str, dialect: str) -> None:
    """A lost change leaves the value that was true before it: each value is one that the device has said."""
    healthy = stream(appliance(kind, dialect, busy=2.0), start=START, days=2)
    sound, said_once = Hub(), dict[str, set[object]]()
    for message in healthy:
        sound.hear(message)
        for signal, told in sound.picture.items():
            said_once.setdefault(signal, set()).add(told.value)
    hub = Hub()
    for message in struck(kind, dialect, "gap", share=0.3):
        hub.hear(message)
        assert all(told.value is None or told.value in said_once[signal] for signal, told in hub.picture.items())


@pytest.mark.parametrize(
    ("kind", "dialect", "fault"),
    [
        (kind, dialect, fault)
        for kind, dialect in ALL
        for fault in sorted(UNTOLD)
        if fault != "contradictory" or DIALECTS[kind][dialect].twin
    ],
)
def test_a_lying_sensor_is_read_as_it_lies(kind: str, dialect: str, fault: str) -> None:
    """No single message betrays it: the decoder invents nothing, refuses nothing, and repeats what was said."""
    hub = Hub()
    for said in words(struck(kind, dialect, fault)):
        for message in said:
            hub.hear(message)
        seen = said[-1].seen
        lies = {**seen.truth, **seen.values}  # what the sensors say, where they say anything
        assert not complaints(hub.picture, WANTED[kind, dialect], lies)


@pytest.mark.parametrize(("kind", "dialect"), [each for each in ALL if DIALECTS[each[0]][each[1]].unset])
def test_what_was_never_set_up_has_no_value(kind: str, dialect: str) -> None:
    """The vendor's own words for it give no level; the native protocol forbids such zeros, so nobody can tell."""
    hub = Hub()
    main = _main_signals(kind, dialect)
    told: set[str] = set()
    for message in struck(kind, dialect, "unset"):
        hub.hear(message)
        told |= {signal for signal in main if signal in hub.picture and hub.picture[signal].presence is Presence.VALUE}
    if dialect == "native" and kind != "tank":  # its distance of 0 gives it away: out of range
        assert told == main  # a device that sends 0 for "I do not know" is believed: docs/devices.md tells it not to
    else:
        assert told == set()


def _main_signals(kind: str, dialect: str) -> set[str]:
    """The signals that stand for what was never set up."""
    apart = {
        ("coffee_machine", "homeconnect"): {"water_filter.count_left"},
        ("vehicle", "teslamate"): {"traction_battery.soc", "range"},
        ("printer", "bambulab"): {"filament_1.remaining", "filament_1.capacity"},
        ("fridge", "smartthings"): {"water_filter.used", "water_filter.capacity"},
        ("dishwasher", "native"): {"salt.remaining", "rinse_aid.remaining", "detergent_disc.count_left", "cycle.count"},
        ("air_conditioner", "native"): {"dust_filter.time_used"},
    }
    return apart.get((kind, dialect), {*WANTED[kind, dialect]})


@pytest.mark.parametrize(("kind", "dialect"), ALL)
def test_an_old_word_is_refused_where_it_can_be_told(kind: str, dialect: str) -> None:
    """As a retained copy always; live only where the device has a clock that the hub reads, the native one."""
    old = [each for each in struck(kind, dialect, "retained_leftover", days=0.5) if each.seen.left_over]
    native = dialect == "native"
    births = stream(appliance(kind, dialect), start=START, days=0.1)[:2] if native else []
    for retained in (True, False):
        hub = Hub()
        for each in births:
            hub.hear(each)
        for message in old:
            outcome = hub.hear(message, retained=retained)
            if retained and not _nobody_wants(outcome):
                assert isinstance(outcome, Quarantined)
                assert outcome.reason is QuarantineReason.RETAINED
            if native:
                assert isinstance(outcome, Quarantined)
        if retained or native:
            assert not hub.picture


def _nobody_wants(outcome: object) -> bool:
    return isinstance(outcome, Quarantined) and outcome.reason is QuarantineReason.UNKNOWN_DEVICE


@pytest.mark.parametrize(("kind", "dialect"), [each for each in ALL if DIALECTS[each[0]][each[1]].clock])
@pytest.mark.parametrize("by_h", [-480_000.0, -30.0, 30.0, -2.0])
def test_a_wrong_clock_makes_no_value_wrong(kind: str, dialect: str, by_h: float) -> None:
    """More than a day off: a native reading is kept apart; what has no time that the hub reads is read as before."""
    hub, refused = Hub(), 0
    for message in struck(kind, dialect, "wrong_clock", by_h=by_h, from_h=6.0):
        hub.picture.clear()
        outcome = hub.hear(message)
        assert not complaints(hub.picture, WANTED[kind, dialect], message.seen.truth)
        if isinstance(outcome, Quarantined) and outcome.reason is QuarantineReason.WRONG_TIME:
            refused += 1
    assert bool(refused) == (dialect == "native" and abs(by_h) > 24)


@pytest.mark.parametrize(("kind", "dialect"), [each for each in ALL if each != ("scale", "tasmota")])
def test_a_reboot_makes_no_value_wrong(kind: str, dialect: str) -> None:
    """A device that comes back says the truth; one with numbers begins a new boot at 1."""
    hub, boots = Hub(), dict[str, int]()
    for said in words(struck(kind, dialect, "reboot", every_h=8.0)):
        for message in said:
            outcome = hub.hear(message)
            if isinstance(outcome, Decoded) and outcome.boot:
                assert outcome.seq == boots.get(outcome.boot, 0) + 1
                boots[outcome.boot] = outcome.seq or 0
        assert not complaints(hub.picture, WANTED[kind, dialect], said[-1].seen.truth)
    assert len(boots) == (7 if dialect == "native" else 0)


def test_a_scale_that_set_itself_to_zero_says_nothing_or_less_than_is_there() -> None:
    """0 and less are no stock; what is put on later is all that it knows, so it reads too little and never too much."""
    hub, boot = Hub(), 1
    for message in struck("scale", "tasmota", "reboot", every_h=12.0, days=6):
        hub.picture.clear()
        hub.hear(message)
        told = hub.picture.get("weight")
        if message.seen.boot > boot and message.topic.endswith("SENSOR"):
            boot = message.seen.boot
            assert told is None or told.presence is not Presence.VALUE
        if message.seen.boot > 1 and told is not None and told.presence is Presence.VALUE:
            assert float(told.value or 0) * 1_000 <= float(message.seen.truth["weight_g"]) + 14
        if message.seen.boot == 1 and told is not None:
            assert not complaints(hub.picture, WANTED["scale", "tasmota"], message.seen.truth)


# --- with the store --------------------------------------------------------------------------------------


@pytest.fixture
def books(tmp_path: Path) -> Iterator[tuple[SqliteReadings, SqliteInspection]]:
    """The hub's own store."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as connection:
        yield SqliteReadings(connection), SqliteInspection(connection)


def commit(hub: Hub, store: SqliteReadings, messages: list[Message]) -> None:
    """Every message through decoder and store, as ingest does."""
    for message in messages:
        match hub.hear(message):
            case Decoded() as understood:
                store.commit([understood], [])
            case Quarantined() as strange:
                store.commit([], [strange])
            case Birth() as birth:
                store.record_birth(birth)
            case PresenceChange() as change:
                store.record_presence(change)


def test_a_native_reading_that_comes_twice_is_stored_once(books: tuple[SqliteReadings, SqliteInspection]) -> None:
    """As often as the sound appliance said something, however often it was repeated."""
    store, inspection = books
    said = struck("scale", "native", "duplicate", share=0.5)
    distinct = {message.seen.seq for message in said}
    commit(Hub(), store, said)
    assert inspection.readings_count() == len(distinct) * 2  # weight and battery


def test_a_device_that_reuses_its_numbers_is_kept_apart(books: tuple[SqliteReadings, SqliteInspection]) -> None:
    """Seq 1 again under the same boot with another body: the first one stands, the second is a sequence conflict."""
    store, inspection = books
    commit(Hub(), store, struck("coffee_machine", "native", "reboot", every_h=16.0, new_boot=False))
    assert inspection.quarantine_counts().get(QuarantineReason.SEQUENCE_CONFLICT, 0) > 20


def shipped(name: str) -> tuple[ApplianceSection, ...]:
    """The appliances of a scenario that ships."""
    return load_scenario(DEMO.with_name(f"{name}.toml")).appliances


def test_nothing_in_the_scenario_of_false_empties_reads_as_empty() -> None:
    """Nothing in it is empty, and but for what is listed above nothing is read as less than a tenth.

    Left out: the scale that set itself to zero, and old words that are heard live from a device without a clock.
    """
    hub = Hub()
    heard = 0
    for name, sent in play(shipped("false_empty"), start=START, lasts=timedelta(days=2), seed=7, home=HOME):
        if not isinstance(sent, Message) or name == "scale-2":
            continue
        hub.picture.clear()
        hub.hear(sent, retained=sent.seen.left_over)
        heard += bool(hub.picture)
        if name == "jar":  # a jar of 4 kg, at the most 90 % full, that is never let down to a tenth
            assert all(
                told.value is None or float(told.value) > 400
                for told in hub.picture.values()
                if told.signal == "weight"
            )
            continue
        levels = {"remaining", "amount", "count_left", "time_left"}
        told_levels = [told for told in hub.picture.values() if told.signal.rpartition(".")[2] in levels]
        assert all(told.value is None or float(told.value) > 0 for told in told_levels), (name, told_levels)
    assert heard > 500
