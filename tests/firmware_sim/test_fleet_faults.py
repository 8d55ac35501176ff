"""Each fault shows its effect and nothing else, against the same appliance on the same days without it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from firmware_sim.appliances.catalogue import DIALECTS
from firmware_sim.dialects import Message
from firmware_sim.faults_settings import FAULTS, fault_name
from firmware_sim.fleet import play, sound
from firmware_sim.physics import State
from firmware_sim.scenario_fleet import ApplianceSection
from firmware_sim.sensing import SENSES, Note, Observation
from tests.firmware_sim.fleet_reader import appliance

START = datetime(2025, 3, 1, tzinfo=UTC)
DAYS = timedelta(days=2)
ALL = [(kind, dialect) for kind, dialects in DIALECTS.items() for dialect in dialects]
SOME = [
    ("fridge", "native"),
    ("tank", "tasmota"),
    ("scale", "esphome"),
    ("vehicle", "teslamate"),
    ("coffee_machine", "homeconnect"),
    ("washer", "smartthings"),
    ("water_filter", "drop"),
]


def both(one: ApplianceSection) -> tuple[list[Message], list[Message], list[Note]]:
    """Messages of the sound appliance, of the faulty one, and the faults that the truth log tells of."""
    events = [[sent for _, sent in play([each], start=START, lasts=DAYS, seed=7)] for each in (sound(one), one)]
    told = [sent for sent in events[1] if isinstance(sent, Note) and sent.what == "fault"]
    assert not [sent for sent in events[0] if isinstance(sent, Note) and sent.what == "fault"]
    assert [sent.at for sent in events[1]] == sorted(sent.at for sent in events[1])
    lived = [[(sent.at, sent.facts) for sent in run if isinstance(sent, Note) and sent.what == "act"] for run in events]
    assert lived[0] == lived[1]  # a fault changes what is said, never what is true
    first, second = ([sent for sent in run if isinstance(sent, Message)] for run in events)
    return first, second, told


def faulty(kind: str, dialect: str, name: str, **settings: object) -> ApplianceSection:
    """An appliance with one fault."""
    return appliance(kind, dialect, busy=2.0, faults=[{"kind": name, **settings}])


def wire(message: Message) -> tuple[str, bytes, int, bool]:
    """What the broker sees of it."""
    return message.topic, message.payload, message.qos, message.retain


def timed(messages: list[Message]) -> list[tuple[datetime, tuple[str, bytes, int, bool]]]:
    """The same with its moment."""
    return [(each.at, wire(each)) for each in messages]


# --- on the wire -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "dialect"), SOME)
def test_duplicate(kind: str, dialect: str) -> None:
    """Some messages come twice, one right after the other, and the rest is as it was."""
    healthy, seen, told = both(faulty(kind, dialect, "duplicate", share=0.3))
    extra = Counter(timed(seen)) - Counter(timed(healthy))
    assert extra.total() == len(told) > 0
    assert not Counter(timed(healthy)) - Counter(timed(seen))
    once = [each for number, each in enumerate(timed(seen)) if number == 0 or each != timed(seen)[number - 1]]
    assert once == timed(healthy)


@pytest.mark.parametrize(("kind", "dialect"), SOME)
def test_reorder(kind: str, dialect: str) -> None:
    """Neighbours change places; nothing is lost or changed."""
    healthy, seen, told = both(faulty(kind, dialect, "reorder", share=0.3))
    before, after = ([(each.seen.at, wire(each)) for each in run] for run in (healthy, seen))
    assert Counter(before) == Counter(after)
    moved = [number for number, each in enumerate(after) if each != before[number]]
    assert moved
    assert len(told) >= len(moved) / 2
    assert all(after[number] in before[max(0, number - 1) : number + 2] for number in moved)


@pytest.mark.parametrize(("kind", "dialect"), SOME)
def test_delay(kind: str, dialect: str) -> None:
    """Some come an hour and a half later, in order of their new times; what they say is as old as it was."""
    healthy, seen, told = both(faulty(kind, dialect, "delay", share=0.3, by_min=90.0))
    late = [each for each in seen if each.at == each.seen.at + timedelta(minutes=90)]
    assert len(late) == len(told) > 0
    prompt = [each for each in seen if each.at != each.seen.at + timedelta(minutes=90)]
    assert _is_part_of(timed(prompt), timed(healthy))
    assert Counter((each.seen.at, wire(each)) for each in seen) == Counter(
        (each.seen.at, wire(each)) for each in healthy
    )


@pytest.mark.parametrize(("kind", "dialect"), SOME)
def test_gap(kind: str, dialect: str) -> None:
    """Some never come; the others are untouched and in order."""
    healthy, seen, told = both(faulty(kind, dialect, "gap", share=0.3))
    lost = Counter(timed(healthy)) - Counter(timed(seen))
    assert lost.total() == len(told) == len(healthy) - len(seen) > 0
    assert _is_part_of(timed(seen), timed(healthy))


def _is_part_of(some: list[object] | list, every: list[object] | list) -> bool:  # type: ignore[type-arg]
    rest = iter(every)
    return all(each in rest for each in some)


@pytest.mark.parametrize(("kind", "dialect"), [each for each in SOME if DIALECTS[each[0]][each[1]].presence])
def test_flapping(kind: str, dialect: str) -> None:
    """Down: nothing but the will. Up: it is announced, and what had QoS 1 is sent; what had QoS 0 is lost."""
    healthy, seen, told = both(faulty(kind, dialect, "flapping", up_min=50.0, down_min=20.0))
    downs = [(each.at, each.at + timedelta(minutes=20)) for each in told]
    assert len(downs) == int(DAYS / timedelta(minutes=70))
    own = Counter((each.seen.at, wire(each)) for each in healthy)
    missing = own - Counter((each.seen.at, wire(each)) for each in seen)
    within = [each for each in healthy if any(down <= each.at < up for down, up in downs)]
    announced = [each for each in seen if (each.seen.at, wire(each)) not in own]
    if DIALECTS[kind][dialect].qos:
        assert not missing
        late = [
            each
            for each in seen
            if each.at != each.seen.at and (each.seen.at, wire(each)) in own and each.at in {up for _, up in downs}
        ]
        assert len(late) >= len(within)
    else:
        assert missing == Counter((each.seen.at, wire(each)) for each in within)
    presence = [each for each in seen if each.retain and each.at in {moment for pair in downs for moment in pair}]
    assert len(presence) >= 2 * len(downs)
    assert {wire(each)[0] for each in announced} <= {wire(each)[0] for each in presence}


def test_flapping_of_a_bridge_without_a_will() -> None:
    """Nobody says that it is gone: words are lost, and that is all."""
    healthy, seen, told = both(faulty("washer", "smartthings", "flapping", up_min=50.0, down_min=20.0))
    assert told
    assert len(seen) < len(healthy)
    assert _is_part_of(timed(seen), timed(healthy))


@pytest.mark.parametrize(("kind", "dialect"), SOME)
def test_flood(kind: str, dialect: str) -> None:
    """One message over and over at its rate, and the others as they were, among it."""
    one = faulty(kind, dialect, "flood", from_h=8.0, per_s=2.0, lasting_s=3_000.0)
    healthy, seen, told = both(one)
    extra = Counter(timed(seen)) - Counter(timed(healthy))
    assert len(told) == 1
    assert extra.total() == told[0].facts["count"] == 6_000
    assert len({what for _, what in extra}) == 1
    assert not Counter(timed(healthy)) - Counter(timed(seen))
    moments = sorted(at for at, _ in extra)
    assert all(later - sooner == timedelta(seconds=0.5) for sooner, later in pairwise(moments))


@pytest.mark.parametrize(("kind", "dialect"), ALL)
def test_retained_leftover(kind: str, dialect: str) -> None:
    """Before everything else comes an old word, retained, that nothing is left; then life as it was."""
    healthy, seen, told = both(faulty(kind, dialect, "retained_leftover"))
    old = seen[: len(seen) - len(healthy)]
    assert len(told) == 1
    assert old
    assert all(each.retain and each.seen.left_over for each in old)
    assert timed(seen[len(old) :]) == timed(healthy)
    main = DIALECTS[kind][dialect].main
    assert old[0].seen.values[main] == SENSES[kind][main].used_up


# --- in the device ---------------------------------------------------------------------------------------


def pairs(healthy: list[Message], seen: list[Message]) -> Iterator[tuple[Observation, Observation]]:
    """Observations of both runs at the same moments."""
    first, second = ({each.seen.at: each.seen for each in run} for run in (healthy, seen))
    for at, one in second.items():
        if at in first:
            yield first[at], one


STRUCK = [(kind, dialect, fault) for kind, dialect in ALL for fault in ("stuck", "drifting", "noisy", "contradictory")]


@pytest.mark.parametrize(
    ("kind", "dialect", "fault"),
    [each for each in STRUCK if each[2] != "contradictory" or DIALECTS[each[0]][each[1]].twin],
)
def test_a_struck_sensor_changes_its_own_channel_and_only_while_it_lasts(kind: str, dialect: str, fault: str) -> None:
    """Every other channel, the truth, and everything outside the fault's time are as they were."""
    healthy, seen, told = both(faulty(kind, dialect, fault, from_h=10.0, for_h=20.0))
    channel = DIALECTS[kind][dialect].main if fault != "contradictory" else DIALECTS[kind][dialect].twin
    begins, ends = START + timedelta(hours=10), START + timedelta(hours=30)
    assert told
    assert all(begins <= each.at < ends and each.facts["channel"] == channel for each in told)
    struck = False
    for one, other in pairs(healthy, seen):
        assert one.truth == other.truth
        different = {name for name, value in one.values.items() if other.values[name] != value}
        assert different <= {channel}
        assert not different or begins <= one.at < ends
        struck = struck or bool(different)
    assert struck or fault == "stuck"  # what hardly changes may be stuck without anybody seeing it
    early = [each for each in healthy if each.at < begins]
    assert timed(seen[: len(early)]) == timed(early)


def test_stuck_says_the_same() -> None:
    """The value of the first moment, to the end."""
    _, seen, _ = both(faulty("tank", "tasmota", "stuck", from_h=5.0))
    late = {
        each.payload.split(b"SR04")[1]
        for each in seen
        if each.seen.at >= START + timedelta(hours=5) and b"SR04" in each.payload
    }
    assert len(late) == 1


def test_drifting_wanders_by_what_was_asked() -> None:
    """A tenth of the range a day, downwards."""
    healthy, seen, _ = both(faulty("tank", "tasmota", "drifting", per_day=-0.1))
    one, other = [*pairs(healthy, seen)][-1]
    days = (one.at - START) / timedelta(days=1)
    away = float(other.values["distance_cm"]) - float(one.values["distance_cm"])
    assert away == pytest.approx(-0.1 * days * 153, abs=0.1)


def test_noisy_shakes_around_the_truth() -> None:
    """The spread is that of the scenario, the mean is the truth."""
    healthy, seen, _ = both(faulty("scale", "theengs", "noisy", noise=0.01))
    away = [
        float(other.values["weight_g"]) - float(one.values["weight_g"])
        for one, other in pairs(healthy, seen)
        if one.truth["stable"]
    ]
    mean = sum(away) / len(away)
    spread = (sum((each - mean) ** 2 for each in away) / len(away)) ** 0.5
    assert abs(mean) < 60
    assert 150 < spread < 250


@pytest.mark.parametrize(("kind", "dialect"), [each for each in ALL if DIALECTS[each[0]][each[1]].twin])
def test_contradictory_messages_deny_themselves(kind: str, dialect: str) -> None:
    """The twin says the opposite in every message."""
    _, seen, told = both(faulty(kind, dialect, "contradictory"))
    assert len(told) >= len({each.seen.at for each in seen}) > 0
    assert all(each.facts["says"] != each.facts["instead_of"] for each in told)


_TIMES = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?")


@pytest.mark.parametrize(("kind", "dialect"), [each for each in ALL if DIALECTS[each[0]][each[1]].clock])
def test_wrong_clock(kind: str, dialect: str) -> None:
    """The device's own times are off by what was asked, and not a byte more is different."""
    healthy, seen, told = both(faulty(kind, dialect, "wrong_clock", by_h=-48.0))
    assert told
    assert [(each.at, each.topic, _TIMES.sub(b"", each.payload)) for each in healthy] == [
        (each.at, each.topic, _TIMES.sub(b"", each.payload)) for each in seen
    ]
    shown = [match.group() for each in seen for match in [_TIMES.search(each.payload)] if match]
    right = [match.group() for each in healthy for match in [_TIMES.search(each.payload)] if match]
    assert len(shown) == len(right) > 0
    for wrong, true in zip(shown, right, strict=True):
        off = datetime.fromisoformat(wrong.decode()) - datetime.fromisoformat(true.decode())
        assert off == timedelta(hours=-48)


UNSET_FIELDS: Mapping[tuple[str, str], Mapping[str, object]] = {
    ("fridge", "smartthings"): {"waterFilterUsage": 0, "waterFilterCapacity": 0},
    ("washer", "smartthings"): {
        "remainingAmount": {0, "unknown"},
        "initialAmount": 0,
        "dosage": 0,
        "detergentType": "none",
        "softenerType": "none",
        "orderThreshold": 0,
    },
    ("washer", "miele"): {"twinDosContainer1FillingLevel": None, "twinDosContainer2FillingLevel": None},
    ("dishwasher", "miele"): {"powerDiscFillingLevel": None, "saltFillingLevel": None, "rinseAidFillingLevel": None},
    ("coffee_machine", "lamarzocco"): {"connected": False},
    ("printer", "bambulab"): {"remain": -1, "tag_uid": "0" * 16, "tray_weight": "0"},
    ("pet_feeder", "petkit"): {"food": -1, "desiccantLeftDays": -1},
    ("pet_feeder", "whisker"): {"online": False},
    ("air_conditioner", "thinq"): {"usedTime": 0, "filterLifetime": 0},
    ("air_conditioner", "dyson"): {"hflr": "INIT", "cflr": "INIT"},
    ("tank", "tasmota"): {"Distance": None},
    ("tank", "rtl_433"): {"binding_countdown": 37},
    ("scale", "tasmota"): {"Weight": 0, "WeightRaw": 0},
}


@pytest.mark.parametrize(("kind", "dialect"), [*UNSET_FIELDS])
def test_unset(kind: str, dialect: str) -> None:
    """Only the fields of the part that was never set up are different, and say what the vendor documents for it."""
    healthy, seen, told = both(faulty(kind, dialect, "unset"))
    assert told
    before, after = (
        next(json.loads(each.payload) for each in run if each.payload.startswith((b"{", b"[")))
        for run in (healthy, seen)
    )
    changed = dict(_different(before, after))
    documented = UNSET_FIELDS[kind, dialect]
    assert set(changed) == set(documented)
    for name, value in _different(before, after):
        wanted = documented[name]
        assert value in wanted if isinstance(wanted, set) else value == wanted, name


def _different(one: object, other: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Names of the leaves that differ, with what the other says."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            inner = name if key in {"value", "unit", "timestamp"} else key
            yield from _different(one.get(key), other.get(key), inner)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for a, b in zip(one, other, strict=True):
            yield from _different(a, b, name)
    elif one != other:
        yield name, other


def test_unset_of_words_without_json() -> None:
    """ESPHome says nan, TeslaMate nil, hcpy 0 for the filter that is not there."""
    _, esphome, _ = both(faulty("scale", "esphome", "unset"))
    assert {each.payload for each in esphome if each.topic.endswith("/state")} == {b"nan"}
    _, car, _ = both(faulty("vehicle", "teslamate", "unset"))
    assert {each.payload for each in car if each.topic.endswith("battery_level")} == {b"nil"}
    _, coffee, _ = both(faulty("coffee_machine", "homeconnect", "unset"))
    assert {each.payload for each in coffee if each.topic.endswith("countdownwaterfilter")} == {b"0"}


def readings(messages: list[Message]) -> list[tuple[datetime, str, int, dict[str, object]]]:
    """Native readings as (time, boot, seq, values)."""
    told = [json.loads(each.payload) for each in messages if each.topic.endswith("/reading")]
    return [(datetime.fromisoformat(each["at"]), each["boot"], each["seq"], each["values"]) for each in told]


@pytest.mark.parametrize("new_boot", [True, False])
def test_reboot_counts_from_one_again(new_boot: bool) -> None:
    """Silence while it is off; then, with a new boot or the old one, seq 1; what is said is what would have been."""
    healthy, seen, told = both(
        faulty("coffee_machine", "native", "reboot", every_h=8.0, down_min=40.0, new_boot=new_boot)
    )
    assert len(told) == 6
    downs = [(each.at, each.at + timedelta(minutes=40)) for each in told]
    sound_values = {at: values for at, _, _, values in readings(healthy)}
    restarts = 0
    before = 0
    for at, _, seq, values in readings(seen):
        assert not any(down <= at < up for down, up in downs)
        assert values == sound_values[at]
        assert seq == before + 1 or seq == 1
        restarts += seq == 1
        before = seq
    assert restarts == 7
    assert len({boot for _, boot, _, _ in readings(seen)}) == (7 if new_boot else 1)
    states = [json.loads(each.payload)["state"] for each in seen if each.topic.endswith("/state")]
    assert states == ["online", "offline"] * 7


def test_a_tasmota_scale_sets_itself_to_zero_at_a_reboot() -> None:
    """What lay on it then is nothing to it; the raw value goes on as if nothing had been."""
    one = appliance("scale", "tasmota", busy=0.0, faults=[{"kind": "reboot", "every_h": 24.0, "down_min": 0.0}])
    healthy, seen, _ = both(one)
    later = [each for each in seen if each.seen.boot == 2 and each.topic.endswith("SENSOR")]
    assert float(later[0].seen.truth["weight_g"]) > 1_000
    assert json.loads(later[0].payload)["HX711"]["Weight"] == 0
    raw = {
        each.seen.at: json.loads(each.payload)["HX711"]["AbsRaw"] for each in healthy if each.topic.endswith("SENSOR")
    }
    assert all(json.loads(each.payload)["HX711"]["AbsRaw"] == raw[each.seen.at] for each in later)
    assert [each.payload for each in seen if each.topic.endswith("LWT")] == [b"Online", b"Offline"] * 3


# --- together --------------------------------------------------------------------------------------------


def test_every_fault_is_tried_here() -> None:
    """A new fault needs a test of its own."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{fault_name(fault)}"' in text for fault in FAULTS)


def test_all_faults_at_once_are_in_order_and_the_same_each_time() -> None:
    """Fourteen faults on one appliance: sorted by time, and the same seed gives the same bytes."""
    names = [fault_name(fault) for fault in FAULTS if fault_name(fault) != "flood"]
    one = appliance("tank", "native", faults=[{"kind": name} for name in names])
    runs = [[sent for _, sent in play([one], start=START, lasts=DAYS, seed=seed)] for seed in (3, 3, 4)]
    assert [each.at for each in runs[0]] == sorted(each.at for each in runs[0])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    seen: set[State] = {str(each.facts["fault"]) for each in runs[0] if isinstance(each, Note) and each.what == "fault"}
    assert seen == set(names)
