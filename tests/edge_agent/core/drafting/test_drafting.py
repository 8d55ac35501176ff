"""Drafting a profile from samples: what is seen stands there, what is not known is asked, what is private is gone."""

from __future__ import annotations

import json
import re

import cbor2
import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.adapters.drafts import _encode
from edge_agent.adapters.strict_yaml import load_yaml
from edge_agent.core.decoding.payload import Tree
from edge_agent.core.drafting.draft import Draft, draft
from edge_agent.core.drafting.redaction import redacted
from edge_agent.core.profile import Profile
from edge_agent.errors import DraftError

TOPIC = "poolsense/PS-88213/telemetry"
POOL = {
    "model": "PoolSense 2",
    "serial": "PS88213AB21",
    "ts": 1_763_870_000,
    "owner": {"email": "somebody@example.org"},
    "chlorine": {"canister_level": 255, "empty": False},
    "ph": {"left": 870, "unit": "ml", "status": "ok"},
    "filter_life_pct": "0047",
    "battery_mv": 2950,
    "rssi": -61,
    "blob": '{"pump":{"cycles":33}}',
    "loc": [52.12345, 13.54321],
}


def drafted(*payloads: object, topic: str = TOPIC, **more: object) -> Draft:
    """A draft from payloads in JSON, or in bytes."""
    bodies = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in payloads]
    return draft(bodies, topic=topic, encode=_encode, **more)  # type: ignore[arg-type]


def tree_of(made: Draft) -> dict[str, Tree]:
    """The draft as the loader reads it."""
    tree: dict[str, Tree] = load_yaml(made.text.encode())
    return tree


def test_what_is_seen_stands_in_the_draft() -> None:
    """Format, places, types, JSON inside a text, the unit's place, the device's level, the model."""
    tree = tree_of(drafted(POOL))
    assert tree["profile"] == "poolsense.poolsense_2"
    assert tree["match"] == {
        "topic": "poolsense/{device}/telemetry",
        "require": [{"path": "/model", "eq": "PoolSense 2"}],
    }
    assert tree["decode"] == {"format": "json", "inner": [{"path": "/blob", "format": "json"}]}
    signals = {each["select"]: each for each in tree["signals"].values()}  # type: ignore[union-attr, call-overload, index]
    assert set(signals) == {
        "/chlorine/canister_level", "/chlorine/empty", "/ph/left", "/ph/status", "/filter_life_pct", "/battery_mv",
        "/blob/pump/cycles",
    }  # fmt: skip
    assert signals["/ph/left"]["unit"]["path"] == "/ph/unit"
    assert {place: each["parse"] for place, each in signals.items()} == {
        "/chlorine/canister_level": "number",
        "/chlorine/empty": "flag",
        "/ph/left": "number",
        "/ph/status": "text",
        "/filter_life_pct": "digits",
        "/battery_mv": "number",
        "/blob/pump/cycles": "number",
    }


def test_what_cannot_be_known_is_asked_and_never_guessed() -> None:
    """Unit, direction, range, class and sentinels of numbers; states of flags; snapshot, freshness, results."""
    tree = tree_of(drafted(POOL))
    assert tree["merge"] == tree["freshness"] == "TODO"
    assert tree["units"] == {"ml": "TODO"}
    assert tree["samples"][0]["expect"] == "TODO"  # type: ignore[index, call-overload]
    for signal in tree["signals"].values():  # type: ignore[union-attr]
        if signal["parse"] in {"number", "digits"}:  # type: ignore[index, call-overload]
            asked = {name: signal[name] for name in ("sentinels", "range", "class", "direction")}  # type: ignore[index, call-overload]
            assert set(asked.values()) == {"TODO"}
            assert signal["unit"]["canonical"] == "TODO"  # type: ignore[index, call-overload]
        else:
            assert set(signal["transform"][0]["lookup"].values()) == {"TODO"}  # type: ignore[index, call-overload, union-attr]


def test_hints_stand_in_comments() -> None:
    """What a name suggests, and a number that often means nothing, are said beside the question."""
    text = drafted(POOL).text
    assert 'unit: {canonical: TODO} # likely "%", by the name' in text
    assert "unit: {canonical: TODO} # likely mV" in text
    assert "does 255 here mean a number, or 'not known'?" in text
    assert "{path: /ts, form: epoch_s" in text
    assert "/rssi (number, was -61)" in text
    values = re.sub(r"(^|\s)#.*", "", text, flags=re.MULTILINE)
    assert drafted(POOL).questions == len(re.findall(r"TODO(?=[\s,}_:])", values))


def test_the_model_refuses_a_draft() -> None:
    """Every TODO is something that the model of a profile does not take."""
    tree = tree_of(drafted(POOL))
    with pytest.raises(ValidationError) as refusal:
        Profile.model_validate_json(json.dumps(tree))
    assert "TODO" in str(refusal.value)


def test_private_values_are_gone() -> None:
    """From the sample and from every comment; the places are named, and types stay."""
    made = drafted(POOL)
    for secret in ("PS88213AB21", "PS-88213", "somebody@example.org", "52.12345", "13.54321", "1763870000"):
        assert secret not in made.text
    assert made.redacted == ("/serial", "/owner/email", "/loc/0", "/loc/1")
    sample = tree_of(made)["samples"][0]["payload"]  # type: ignore[index, call-overload]
    assert sample["loc"] == [0.0, 0.0]  # type: ignore[index, call-overload]
    assert sample["ts"] == 1_767_268_740  # type: ignore[index, call-overload]
    assert json.loads(sample["blob"]) == {"pump": {"cycles": 33}}  # type: ignore[index, call-overload, arg-type]


@pytest.mark.parametrize(
    ("payload", "secret"),
    [
        ({"token": "abc"}, "abc"),
        ({"wifi": {"ssid": "our net"}}, "our net"),
        ({"name": "mail me at a.b@example.org now"}, "a.b@example.org"),
        ({"x": "AA:BB:CC:00:11:22"}, "AA:BB"),
        ({"x": "WVWZZZ1JZXW000001"}, "WVWZZZ1JZXW000001"),
        ({"x": "3f2504e0-4f89-11d3-9a0c-0305e82c3301"}, "3f2504e0"),
        ({"x": "eyJhbGciOiJIUzI1NiJ9.e30.abc"}, "eyJ"),
        ({"x": "192.168.7.12"}, "192.168"),
        ({"x": "https://vendor.example/u/77"}, "vendor.example"),
        ({"gps": {"lat": 52.1, "lon": 13.5}}, "52.1"),
        ({"x": "52.1234,13.5678"}, "52.1234"),
        ({"x": "+49 170 1234567"}, "1234567"),
        ({"x": 4_915_112_345_678}, "4915112345678"),
        ({"apiKey": 1234}, "1234"),
        ({"deviceId": "kitchen"}, "kitchen"),
        ({"customer_id": 77}, "77"),
        ({"AA:BB:CC:00:11:22": {"level": 5}}, "AA:BB"),
        ({"user": {"first": "Ada"}}, "Ada"),
        ({"latitude": 52}, "52"),
    ],
)
def test_what_counts_as_private(payload: Tree, secret: str) -> None:
    """By name, by form, and whatever lies below such a name."""
    clean = redacted(payload)
    assert clean.places
    assert secret not in json.dumps(clean.tree)


@pytest.mark.parametrize("word", ["ok", "2026-03-01", "PoolSense 2", "refill soon", "47.5", "1.4.0-b2", "E12"])
def test_what_is_not_private_stays(word: str) -> None:
    """Words, dates, versions and small codes are what a profile is written by."""
    assert redacted({"x": word}).tree == {"x": word}


def test_several_samples_tell_more() -> None:
    """Every value and word that was seen, and which places are not always there."""
    made = drafted(
        {"soap": {"level": 62, "state": "ok"}, "tank": 5},
        {"soap": {"level": 61, "state": "low"}},
        topic="dispensers/kitchen/state",
    )
    assert "was 62, 61" in made.text
    assert "was 5, in 1 of 2 samples" in made.text
    tree = tree_of(made)
    assert len(tree["samples"]) == 2  # type: ignore[arg-type]
    assert '{"ok": TODO, "low": TODO}' in made.text
    assert "missing: TODO # unknown, or not_applicable" in made.text


def test_a_bare_number_is_named_by_its_topic() -> None:
    """`62.5` on a topic of its own is a text with digits."""
    tree = tree_of(drafted(b"62.5", topic="esphome/sensor/tank_level/state"))
    assert tree["decode"] == {"format": "text"}
    assert tree["samples"] == [{"name": "as recorded", "text": "62.5", "expect": "TODO"}]
    (signal,) = tree["signals"].values()  # type: ignore[union-attr]
    assert (signal["select"], signal["parse"]) == ("/text", "digits")  # type: ignore[index, call-overload]


def test_a_number_with_its_unit_behind_it_is_measured() -> None:
    """The unit is among those that the profile names, asked for where it is not UCUM; `stage 2` is a text."""
    made = drafted(
        {"soap_level": "12.5 l", "filter_pressure": "250 kPa", "tank_state": "stage 2", "fill": 5},
        {"soap_level": "11 l", "filter_pressure": "249", "tank_state": "2 of 3", "fill": "4 %"},
    )
    tree = tree_of(made)
    parses = {each["select"]: each["parse"] for each in tree["signals"].values()}  # type: ignore[union-attr, index, call-overload]
    assert parses == {
        "/soap_level": "measured",
        "/filter_pressure": "measured",
        "/tank_state": "text",
        "/fill": "measured",
    }
    assert tree["units"] == {"l": "TODO", "kPa": "kPa", "%": "%"}
    assert "the payload says kPa" in made.text
    bare = tree_of(drafted(b"12.5 l", topic="esphome/sensor/tank_level/state"))
    (signal,) = bare["signals"].values()  # type: ignore[union-attr]
    assert (signal["select"], signal["parse"]) == ("/text", "measured")  # type: ignore[index, call-overload]


def test_a_distance_in_a_text_says_how_it_becomes_a_share() -> None:
    """Else a tank that tells its air gap with the unit behind it would feed nothing; a volume needs no such word."""
    made = drafted({"salt_distance": "14 cm", "soap_level": "12 L"}, {"salt_distance": "15 cm", "soap_level": "11 L"})
    assert made.text.count("where `transform` makes % of it") == 1
    assert '{canonical: "%", measured: cm}' in made.text


def test_what_was_not_taken_says_how_to_take_it() -> None:
    """By a redraft that names all that shall be there; what is null or changes its type needs another sample."""
    made = drafted(
        {"fill": 5, "pump": 3.5, "other": None, "mode": 1}, {"fill": 4, "pump": 3, "other": None, "mode": "x"}
    )
    assert "draft again with --signal" in " ".join(made.text.replace("#", " ").split())
    assert "#   /pump (number, was 3.5, 3)" in made.text
    assert "#   /other (null, was null; give a sample where it has a value)" in made.text
    assert "#   /mode (mixed, was 1, x; give samples where it is of one type)" in made.text


@pytest.mark.parametrize(("form", "encode"), [("cbor", cbor2.dumps), ("msgpack", msgpack.packb)])
def test_binary_formats_are_recognised(form: str, encode: object) -> None:
    """CBOR and MessagePack decode, lose what is private, and stand in the file as hex of what is left."""
    payload = encode({"serial": "PS88213AB21", "level": 62, "share": 0.25, "fine": True})  # type: ignore[operator]
    tree = tree_of(drafted(payload))
    assert tree["decode"] == {"format": form}
    read = {"cbor": cbor2.loads, "msgpack": msgpack.unpackb}[form]
    sample = read(bytes.fromhex(tree["samples"][0]["hex"]))  # type: ignore[index, call-overload, arg-type, operator]
    assert sample == {"serial": "REDACTED", "level": 62, "share": 0.25, "fine": True}


@pytest.mark.parametrize(
    ("topic", "pattern"),
    [
        ("brewtime/kitchen/status", "brewtime/{device}/status"),
        ("zigbee2mqtt/soap", "zigbee2mqtt/{device}"),
        ("vendor/a1b2c3d4/x/state", "vendor/{device}/x/state"),
        ("vendor/site-77123/unit-88123/up", "vendor/{device}/{device}/up"),
        ("v/AA11BB22/CC33DD44/EE55FF66/up", "v/{device}/{device}/+/up"),
        ("pool/status", "pool/status"),
        ("pool", "pool"),
        ("a/{device}/b", "a/{device}/b"),
        ("vendor/living room/state", "vendor/{device}/state"),
        ("vendor/x y/kitchen/state", "vendor/+/{device}/state"),
    ],
)
def test_the_level_of_the_device(topic: str, pattern: str) -> None:
    """What looks like a number of one device, else the likeliest place; where there is none, a person names it."""
    match = tree_of(drafted({"level": 5}, topic=topic))["match"]
    assert match["topic"] == pattern  # type: ignore[index, call-overload]
    assert ("device" in match) is ("{device}" not in pattern)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("payloads", "topic", "says"),
    [
        ([b""], TOPIC, "empty"),
        ([b"{}"], TOPIC, "no number, flag or word"),
        ([b'{"rssi": -60}'], TOPIC, "no number, flag or word"),
        ([b"\xff\x00\x81\x90\x01"], TOPIC, "neither JSON"),
        ([b'{"a": 1', b"{}"], TOPIC, "not JSON that the hub would take: not JSON"),
        ([b'{"level": 1}', b'{"level": '], TOPIC, "not JSON that the hub would take"),
        ([b'{"level": NaN}'], TOPIC, "not JSON"),
        ([b'{"level": 1, "level": 2}'], TOPIC, "stands twice"),
        ([b'{"level": 1}'] * 9, TOPIC, "1 to 8"),
        ([b'{"level": "' + b"x" * 70_000 + b'"}'], TOPIC, "65536"),
        ([b'{"level": 1}'], "restock/v1/home/x/reading", "native"),
        ([b'{"level": 1}'], "x/#", "wildcards"),
        ([b'{"level": 1}'], "x/+/y", "wildcards"),
        ([b'{"level": 1}'], "", "first level"),
        ([b'{"level": 1}'], "a b/c", "first level"),
        ([b'{"level": 1}'], "x/" + "yy/" * 100 + "z", "200"),
    ],
)
def test_what_cannot_be_drafted_is_said(payloads: list[bytes], topic: str, says: str) -> None:
    """One error, which says what to give instead."""
    with pytest.raises(DraftError) as refusal:
        draft(payloads, topic=topic, encode=_encode)
    assert says in str(refusal.value)


def test_a_place_can_be_named() -> None:
    """Then only those become signals; one that is private, null or not there is refused with what is there."""
    tree = tree_of(drafted(POOL, signals=["/rssi"]))
    assert [each["select"] for each in tree["signals"].values()] == ["/rssi"]  # type: ignore[union-attr, index, call-overload]
    for place, says in {"/nothing": "the places are", "/serial": "private", "/none": "is null"}.items():
        with pytest.raises(DraftError, match=re.escape(f"--signal {place}")) as refusal:
            drafted(POOL | {"none": None}, signals=[place])
        assert says in str(refusal.value)


def test_a_large_sample_stands_as_one_text() -> None:
    """What is too deep or too wide for a strict reader of YAML still fits as the text that it was."""
    deep: Tree = 1
    for _ in range(25):
        deep = {"d": deep}
    for payload in ({"level": 1, "deep": deep}, {"level": 1, "wide": list(range(2_000))}):
        sample = tree_of(drafted(payload))["samples"][0]  # type: ignore[index, call-overload]
        assert json.loads(sample["text"]) == payload  # type: ignore[index, call-overload, arg-type]


@pytest.mark.parametrize("text", ["a-" * 30_000, "1." * 30_000, "A0" * 30_000, "a@" * 30_000, "1:" * 30_000])
def test_a_long_text_is_not_searched(text: str) -> None:
    """It is taken out unseen: what looks for private forms would take for ever."""
    made = drafted({"level": 5, "note": text})
    assert made.redacted == ("/note",)
    assert text[:200] not in made.text


def test_a_wide_sample_and_a_long_topic_take_no_time() -> None:
    """As many places as a message may have, all side by side."""
    wide = {f"k{number}": "x" if number % 2 else number for number in range(3_900)}
    assert drafted(wide).signals > 0
    with pytest.raises(DraftError, match="200 characters"):
        drafted({"level": 5}, topic="a/" + "b-1/" * 15_000)


_words = st.text(max_size=30) | st.sampled_from(
    [
        "level",
        "unit",
        "ml",
        "TODO",
        "# no",
        "a: b",
        '"',
        "'",
        "{",
        "[1]",
        '{"a":1}',
        "yes",
        "null",
        "~",
        "\x85",
        "\ufeff",
    ]
)
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _words
_trees = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_words, inner, max_size=5),
    max_leaves=30,
)
_topics = st.sampled_from([TOPIC, "a/b/c", "x/{device}/y", "t"]) | st.text(max_size=40)


@settings(max_examples=150, deadline=None)
@given(payloads=st.lists(_trees, min_size=1, max_size=3), topic=_topics)
def test_any_tree_gives_a_draft_that_parses_or_the_one_error(payloads: list[Tree], topic: str) -> None:
    """Nothing but DraftError is raised; what comes out is YAML with every signal's place, and asks what it must."""
    try:
        made = draft([json.dumps(each).encode() for each in payloads], topic=topic, encode=_encode)
    except DraftError:
        return
    tree = tree_of(made)
    assert 0 < len(tree["signals"]) == made.signals  # type: ignore[arg-type]
    assert made.questions > 0
    assert len(tree["samples"]) == len(payloads)  # type: ignore[arg-type]
    assert all("select" in each for each in tree["signals"].values())  # type: ignore[union-attr, operator]


@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=200), topic=_topics)
def test_any_bytes_give_a_draft_that_parses_or_the_one_error(payload: bytes, topic: str) -> None:
    """The same for what is no JSON."""
    try:
        made = draft([payload], topic=topic, encode=_encode)
    except DraftError:
        return
    assert tree_of(made)["decode"]["format"] in {"json", "text", "cbor", "msgpack"}  # type: ignore[index, call-overload]


@settings(max_examples=80, deadline=None)
@given(tree=_trees)
def test_redaction_keeps_the_shape(tree: Tree) -> None:
    """Types and sizes of containers stay; a second time there is nothing left to take from values."""
    clean = redacted(tree)
    assert _shape(clean.tree) == _shape(tree)
    assert redacted(clean.tree).tree == clean.tree


def _shape(tree: Tree) -> object:
    if isinstance(tree, dict):
        return sorted(map(repr, (_shape(each) for each in tree.values())))
    if isinstance(tree, list):
        return [_shape(each) for each in tree]
    return type(tree)


def test_a_distance_may_be_turned_into_what_is_left() -> None:
    """What rises as stock is used feeds no item, and its own name alone would not tell."""
    text = draft([b'{"salt": {"cm": 14, "max": 40}}'], topic="softee/kitchen/state", encode=lambda *_: b"").text
    assert "likely salt.distance or salt.depth, or turned: .remaining" in text
    assert "up: rises; to feed an item, `transform` it" in text


SOFTENER = {"sn": "WS2208-00417", "raw": "A5020AB800D8041200DB", "salt_low": "no"}
SOFT_TOPIC = "home/softener/ws2208/telemetry"


def test_packed_bytes_are_named_and_stay_out() -> None:
    """Long hex may be a key, so its text is nowhere; it is listed with what else it may be."""
    made = drafted(SOFTENER, topic=SOFT_TOPIC)
    assert "A5020AB8" not in made.text
    (row,) = [row for row in made.text.splitlines() if row.startswith("  #   /raw")]
    assert "taken out: long hex or base64, so a key, or packed bytes?" in row
    assert "'When the number is inside hex or base64'" in row
    assert "/sn (" not in made.text


@pytest.mark.parametrize("name", ["token", "serial", "mac"])
def test_what_a_name_calls_a_secret_is_not_offered_as_bytes(name: str) -> None:
    """However it is written."""
    made = drafted({name: "A5020AB800D8041200DB", "level": 3}, topic=SOFT_TOPIC)
    assert "packed" not in made.text
    assert "A5020AB8" not in made.text


def test_asking_for_packed_bytes_says_the_next_step() -> None:
    """And where nothing else is there, too."""
    with pytest.raises(DraftError, match=r"--signal /raw: .* write `decode.inner` by hand and put a payload"):
        drafted(SOFTENER, topic=SOFT_TOPIC, signals=["/raw"])
    with pytest.raises(DraftError, match=r"Taken out: /raw. If it holds a number in hex or base64"):
        drafted({"raw": "A5020AB800D8041200DB"}, topic=SOFT_TOPIC)


@pytest.mark.parametrize(
    ("said", "asks"),
    [
        ("no", '{"no": TODO, "yes": TODO}'),
        ("ON", '{"ON": TODO, "OFF": TODO}'),
        ("False", '{"False": TODO, "True": TODO}'),
        ("fine", "{fine: TODO}"),
    ],
)
def test_the_other_word_of_a_pair_is_asked_too(said: str, asks: str) -> None:
    """Where only one of them was seen."""
    (row,) = [row for row in drafted({"salt_low": said}).text.splitlines() if "lookup:" in row]
    assert asks.replace("{fine", '{"fine"') in row
    assert "with any other the signal is unknown" in row


def test_what_a_machine_does_is_to_be_deleted() -> None:
    """A text that is no plain yes or no may say no more than that."""
    text = drafted({"tank_state": "STANDBY", "salt_low": "no"}).text
    assert text.count("# If it says what the machine does (WORK, STANDBY) and not how its stock is, delete") == 1


def test_hints_of_a_stove() -> None:
    """Pellets are fuel, hours stay hours, and what counts them is a run time."""
    stove = {"pellet": {"hopper": 64}, "counters": {"runtime": "1532.5 h", "service_in": "467 h"}}
    places = ["/pellet/hopper", "/counters/runtime", "/counters/service_in"]
    text = drafted(stove, topic="pelletstove/4C11AE/status", signals=places).text
    assert "beans" not in "".join(row for row in text.splitlines() if "likely" in row)
    assert "# likely fuel.remaining or fuel.used" in text
    assert "# likely service.time_used or service.time_left" in text
    assert "the payload says h; canonical: likely h too" in text
    assert "the unit of your item" not in text
    assert "likely run_time, for hours of use; direction is then up" in text


def test_the_time_that_a_battery_runs_is_no_running_hours() -> None:
    """It falls."""
    assert "run_time, for hours" not in drafted({"battery": {"runtime": 24}}, signals=["/battery/runtime"]).text
