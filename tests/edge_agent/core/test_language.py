"""Every word of the profile language, by what it makes of a payload: a value, unknown, or not applicable."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.adapters.profiles import shipped_profiles
from edge_agent.adapters.strict_yaml import load_yaml
from edge_agent.core.decode import Decoder, Limits, Outcome
from edge_agent.core.decoding.payload import Tree
from edge_agent.core.messages import Birth, Decoded, DeviceId, Presence, Quarantined, RawMessage
from edge_agent.core.profile import Condition, Consumable, Decoding, Guard, Match, Product, Profile, Signal
from edge_agent.core.registry import Registry
from edge_agent.errors import ProfileError
from tests.edge_agent.core.test_profile import SOUND
from tests.edge_agent.shipped import shipped_registry
from tests.fuzz.mutator import breaks_law, laws_of, origins

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
UNKNOWN, ABSENT = "unknown", "not_applicable"
Said = float | str


def profile(signal: dict[str, Any] | None = None, name: str = "oil.amount", **changes: Any) -> Profile:  # noqa: ANN401
    """SOUND without conditions and guards, with a signal's own fields."""
    sound = {key: each for key, each in SOUND["signals"]["oil.amount"].items() if key not in {"guard", "transform"}}
    fields = {key: each for key, each in (sound | (signal or {})).items() if each is not ...}
    document = copy.deepcopy(SOUND) | {"match": {"topic": "acme/{device}/status"}, "signals": {name: fields}} | changes
    return Profile.model_validate_json(json.dumps(document))


def outcomes(read: Profile, *payloads: bytes | Tree, topics: tuple[str, ...] = ("acme/a/status",)) -> Iterator[Outcome]:
    """What comes of these messages, one after the other."""
    decoder = Decoder(Registry([read]), home="h", limits=Limits(), birth_of=lambda _: None)
    for number, payload in enumerate(payloads):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        message = RawMessage(
            topics[number % len(topics)], body, retained=False, duplicate=False, received_at=NOW, receipt=0
        )
        yield decoder.decode(message, now=NOW)


def decoded(read: Profile, *payloads: bytes | Tree, topics: tuple[str, ...] = ("acme/a/status",)) -> Outcome:
    """The outcome of the last of these messages."""
    return [*outcomes(read, *payloads, topics=topics)][-1]


def said(read: Profile, *payloads: bytes | Tree, topics: tuple[str, ...] = ("acme/a/status",)) -> Said:
    """What the one signal said last, or why the last message says nothing."""
    for outcome in outcomes(read, *payloads, topics=topics):
        if isinstance(outcome, Quarantined):
            last: Said = str(outcome.reason)
        else:
            assert isinstance(outcome, Decoded)
            for reading in outcome.readings:
                last = reading.value if reading.value is not None else str(reading.presence)
    return last


FLAG = {"class": "flag", "direction": "none", "unit": ..., "range": ...}


@pytest.mark.parametrize(
    ("signal", "tree", "wanted"),
    [
        ({}, {"level": 5}, 5.0),
        ({}, {"level": "5"}, "malformed"),
        ({}, {"level": True}, "malformed"),
        ({}, {"level": None}, UNKNOWN),
        ({}, {}, UNKNOWN),
        ({"missing": "not_applicable"}, {}, ABSENT),
        ({}, {"level": 1000.5}, "out_of_range"),
        ({"sentinels": [-1, 255]}, {"level": 255}, UNKNOWN),
        ({"sentinels": [-1, 255]}, {"level": 255.0}, UNKNOWN),
        ({"parse": "digits"}, {"level": " 0100 "}, 100.0),
        ({"parse": "digits"}, {"level": "+1.5"}, 1.5),
        ({"parse": "digits"}, {"level": "-0"}, 0.0),
        ({"parse": "digits"}, {"level": 47}, 47.0),
        *[({"parse": "digits"}, {"level": text}, "malformed") for text in ("", "1e3", "1_0", "0x1", "inf", "1.", ".5")],
        *[
            ({"parse": "digits"}, {"level": text}, "malformed")
            for text in ("\u00b2", "\u0663", "1 2", "--1", "1,5", "9" * 41)
        ],
        ({"parse": "digits"}, {"level": True}, "malformed"),
        ({"parse": "digits", "sentinels": [255]}, {"level": "255"}, UNKNOWN),
        ({"parse": "digits", "sentinels": [255]}, {"level": "0255.0"}, UNKNOWN),
        ({"parse": "digits", "sentinels": ["INV"]}, {"level": "INV"}, UNKNOWN),
        ({"transform": [{"scale": 0.5}, {"offset": 3}, {"invert": 10}]}, {"level": 4}, 5.0),
        ({"transform": [{"clamp": [0, 100]}]}, {"level": 107}, 100.0),
        ({"transform": [{"divide_by": "/whole"}, {"scale": 100}]}, {"level": 5, "whole": 20}, 25.0),
        ({"transform": [{"divide_by": "/whole"}]}, {"level": 5, "whole": 0}, UNKNOWN),
        ({"transform": [{"divide_by": "/whole"}]}, {"level": 5}, UNKNOWN),
        ({"transform": [{"divide_by": "/whole"}]}, {"level": 5, "whole": "20"}, UNKNOWN),
        ({"transform": [{"divide_by": "/whole"}]}, {"level": 5, "whole": 1e-320}, "out_of_range"),
        ({"transform": [{"times": "/whole"}]}, {"level": 5, "whole": 3}, 15.0),
        ({"transform": [{"times": "/whole"}]}, {"level": 5, "whole": True}, UNKNOWN),
        ({"transform": [{"minus": "/whole"}]}, {"level": 5, "whole": 3}, 2.0),
        ({"transform": [{"minus": "$.a[?@.k == 1].v"}]}, {"level": 5, "a": [{"k": 1, "v": 2}]}, 3.0),
        ({"unit": {"canonical": "L", "source": "mL"}}, {"level": 250}, 0.25),
        ({"unit": {"canonical": "L", "path": "/u"}}, {"level": 2, "u": "litres"}, 2.0),
        ({"unit": {"canonical": "L", "path": "/u"}}, {"level": 2, "u": "L"}, 2.0),
        ({"unit": {"canonical": "L", "path": "/u"}}, {"level": 2, "u": "mL"}, "wrong_unit"),
        ({"unit": {"canonical": "L", "path": "/u"}}, {"level": 2}, "wrong_unit"),
        ({"unit": {"canonical": "L", "path": "/u"}}, {"level": 2, "u": None}, "wrong_unit"),
        ({"parse": "text", "transform": [{"lookup": {"full": 100, "half": 50, "?": None}}]}, {"level": "half"}, 50.0),
        ({"parse": "text", "transform": [{"lookup": {"full": 100, "?": None}}]}, {"level": "?"}, UNKNOWN),
        ({"parse": "text", "transform": [{"lookup": {"full": 100}}]}, {"level": "empty"}, "out_of_range"),
        ({"parse": "text", "transform": [{"lookup": {"3": 100}}, {"scale": 0.5}]}, {"level": 3}, 50.0),
        ({"parse": "text", "transform": [{"lookup": {"3": 100}}]}, {"level": 3.0}, "malformed"),
        ({"select": ..., "jsonpath": "$.t[?@.k == 'OIL'].v"}, {"t": [{"k": "OIL", "v": 7}]}, 7.0),
        ({"select": ..., "jsonpath": "$.t[?@.k == 'OIL'].v"}, {"t": [{"k": "OIL", "v": 7}] * 2}, UNKNOWN),
        ({"guard": [{"path": "/ok", "eq": True}]}, {"level": 5, "ok": False}, UNKNOWN),
        ({"guard": [{"path": "/ok", "eq": True, "else": "not_applicable"}]}, {"level": 5}, ABSENT),
        ({"guard": [{"path": "/ok", "lacks": "oil"}]}, {"level": 5, "ok": ["oil"]}, UNKNOWN),
    ],
)
def test_a_number(signal: dict[str, Any], tree: Tree, wanted: Said) -> None:
    """Found, trusted, read, stepped and turned into its unit, or nothing at all."""
    assert said(profile(signal), tree) == wanted


@pytest.mark.parametrize(
    ("signal", "raw", "wanted"),
    [
        ({"parse": "flag", "transform": [{"lookup": {"true": "low", "false": "ok"}}]}, True, "low"),
        ({"parse": "flag", "transform": [{"lookup": {"true": "low", "false": "ok"}}]}, "True", "malformed"),
        ({"parse": "flag", "transform": [{"lookup": {"true": "low", "false": None}}]}, False, UNKNOWN),
        ({"parse": "text", "transform": [{"lookup": {"1": "low", "0": "ok"}}]}, 1, "low"),
        ({"parse": "text", "transform": [{"lookup": {"1": "low", "0": "ok"}}]}, True, "malformed"),
        ({"parse": "text", "transform": [{"lookup": {"1": "low", "0": "ok"}}]}, 2, "out_of_range"),
        ({"parse": "text", "class": "setting"}, "R04", "R04"),
        ({"parse": "text", "class": "setting"}, "x" * 121, "malformed"),
        ({"parse": "text", "class": "setting"}, "a\nb", "malformed"),
    ],
)
def test_a_state(signal: dict[str, Any], raw: Tree, wanted: Said) -> None:
    """Words and codes become states of ours; a setting's own word is passed on while it is short and printable."""
    assert said(profile(FLAG | signal, name="salt.state"), {"level": raw}) == wanted


ROW = {"fields": {"level": {"offset": 1, "length": 2, "type": "uint", "endian": "little", "mask": 0x0FFF}}}
TAGS = {"tag_length": 1, "length": 1, "tags": {"07": {"level": {"length": 2, "type": "int"}}}}
SIZES = {
    "tag_length": 2,
    "length": "by_tag",
    "sizes": {"0167": 2, "0275": 1},
    "tags": {"0167": {"level": {"length": 2, "type": "uint"}}},
}


@pytest.mark.parametrize(
    ("decode", "select", "payload", "wanted"),
    [
        ({"format": "text"}, "/text", b"  ", "malformed"),
        ({"format": "text"}, "/text", b"\xff", "malformed"),
        ({"format": "bytes", "layout": ROW}, "/level", b"\x00\x05\xf0", 5.0),
        ({"format": "bytes", "layout": ROW}, "/level", b"\x00\x05", UNKNOWN),
        ({"format": "bytes", "layout": ROW}, "/level", b"", "malformed"),
        ({"format": "bytes", "encoding": "hex", "layout": ROW}, "/level", b"000500", 5.0),
        ({"format": "bytes", "encoding": "hex", "layout": ROW}, "/level", b"00050", "malformed"),
        ({"format": "bytes", "encoding": "base64", "layout": ROW}, "/level", b"AAUA", 5.0),
        ({"format": "bytes", "encoding": "base64", "layout": ROW}, "/level", b"AAU*", "malformed"),
        ({"format": "bytes", "layout": ROW | {"head": 1}}, "/level", b"\xff\x00\x05\x00", 5.0),
        ({"format": "bytes", "layout": ROW | {"tail": 1}}, "/level", b"\x00\x05\x00", UNKNOWN),
        ({"format": "bytes", "layout": ROW | {"tail": 6}}, "/level", b"\x00\x05\x00\x00\x00", UNKNOWN),
        ({"format": "bytes", "layout": {"records": TAGS}}, "/07/level", b"\x01\x01\xff\x07\x02\x00\x05", 5.0),
        ({"format": "bytes", "layout": {"records": TAGS}}, "/07/level", b"\x07\x01\x05", UNKNOWN),
        ({"format": "bytes", "layout": {"records": TAGS}}, "/07/level", b"\x07\x02\x05", "malformed"),
        (
            {"format": "bytes", "layout": {"records": TAGS}},
            "/07/level",
            b"\x07\x02\x00\x05\x07\x02\x00\x06",
            "malformed",
        ),
        ({"format": "bytes", "layout": {"records": TAGS}}, "/07/level", b"\x01\x00" * 65, "malformed"),
        ({"format": "bytes", "layout": {"records": SIZES}}, "/0167/level", b"\x02\x75\x63\x01\x67\x00\x05", 5.0),
        ({"format": "bytes", "layout": {"records": SIZES}}, "/0167/level", b"\x09\x09\x00\x01\x67\x00\x05", UNKNOWN),
    ],
)
def test_bytes_and_texts(decode: dict[str, Any], select: str, payload: bytes, wanted: Said) -> None:
    """What a row is too short for is unknown and never zero; what contradicts itself is refused."""
    signal = {"select": select, "parse": "digits" if decode["format"] == "text" else "number"}
    assert said(profile(signal, decode=decode), payload) == wanted


EACH = {
    "path": "/rows",
    "format": "bytes",
    "encoding": "hex",
    "each": True,
    "key": {"length": 1},
    "layout": {"fields": {"level": {"offset": 1, "length": 1, "type": "uint"}}},
}


@pytest.mark.parametrize(
    ("inner", "select", "tree", "wanted"),
    [
        ({"path": "/in", "format": "json"}, "/in/level", {"in": '{"level": 5}'}, 5.0),
        ({"path": "/in", "format": "json"}, "/in/level", {"in": '{"level": 5'}, UNKNOWN),
        ({"path": "/in", "format": "json"}, "/in/level", {"in": '{"level": 5, "level": 6}'}, UNKNOWN),
        ({"path": "/in", "format": "json"}, "/in/level", {"in": {"level": 5}}, UNKNOWN),
        ({"path": "/in", "format": "json"}, "/in/level", {}, UNKNOWN),
        ({"path": "/in", "format": "list"}, "/in/1", {"in": "7, 5"}, "malformed"),
        (EACH, "/rows/31/level", {"rows": ["3005", "3106"]}, 6.0),
        (EACH, "/rows/31/level", {"rows": ["3105", "3106"]}, 5.0),
        (EACH, "/rows/31/level", {"rows": ["3105", 7, ""]}, 5.0),
        (EACH, "/rows/31/level", {"rows": ["31"]}, UNKNOWN),
        (EACH, "/rows/31/level", {"rows": ["3105", "no hex"]}, UNKNOWN),
        (EACH, "/rows/31/level", {"rows": "3105"}, UNKNOWN),
        (EACH, "/rows/31/level", {"rows": ["3105"] * 257}, UNKNOWN),
    ],
)
def test_what_is_encoded_once_more(inner: dict[str, Any], select: str, tree: Tree, wanted: Said) -> None:
    """An inner text that cannot be read is left out, and what it would have told is unknown."""
    assert said(profile({"select": select}, decode={"format": "json", "inner": [inner]}), tree) == wanted


@pytest.mark.parametrize(
    ("form", "at", "wanted"),
    [
        ("rfc3339", "2026-01-01T11:00:00Z", 5.0),
        ("rfc3339", "2026-01-01T13:00:00+02:00", 5.0),
        ("rfc3339", "2026-01-01T10:59:59Z", UNKNOWN),
        ("rfc3339", "2026-01-01T11:30:00", UNKNOWN),
        ("rfc3339", "0001-01-01T00:00:00+23:59", UNKNOWN),
        ("rfc3339", "9999-12-31T23:59:59-23:59", UNKNOWN),
        ("rfc3339", "soon", UNKNOWN),
        ("rfc3339", 5, UNKNOWN),
        ("rfc3339", True, UNKNOWN),
        ("rfc3339", None, 5.0),
        ("epoch_s", NOW.timestamp() - 3_600, 5.0),
        ("epoch_s", NOW.timestamp() - 3_601, UNKNOWN),
        ("epoch_s", NOW.timestamp() + 3_600, 5.0),
        ("epoch_s", NOW.timestamp() + 90_000, UNKNOWN),
        ("epoch_s", 1e300, UNKNOWN),
        ("epoch_s", -1, UNKNOWN),
        ("epoch_s", "1700000000", UNKNOWN),
        ("epoch_ms", 1_000 * NOW.timestamp(), 5.0),
    ],
)
def test_freshness(form: str, at: Tree, wanted: Said) -> None:
    """Older than an hour, unreadable, zoneless, or far ahead: unknown. Without a time, as fresh as the message."""
    fresh = {"path": "/at", "form": form, "max_age_s": 3_600}
    assert said(profile(freshness=fresh), {"level": 5, "at": at}) == wanted
    assert said(profile(freshness=fresh), {"level": 5}) == 5.0


def test_changes_only() -> None:
    """A message that names one part leaves the others as they were, and conditions see the whole picture."""
    match = {"topic": "acme/{device}/status", "require": [{"path": "/kind", "eq": "tank"}]}
    read = profile(merge="delta", match=match)
    assert said(read, {"level": 5}) == "unknown_device"
    assert said(read, {"kind": "tank", "level": 5}, {"other": 1}) == 5.0
    assert said(read, {"kind": "tank", "level": 5}, {"level": None}) == UNKNOWN


def test_a_whole_picture_and_changes_on_one_topic() -> None:
    """Each reads its own tree: what changes only is merged, and what is whole is not."""
    whole = {"topic": "acme/{device}/status", "require": [{"path": "/kind", "eq": "whole"}]}
    parts = {"topic": "acme/{device}/status", "require": [{"path": "/kind", "eq": "parts"}]}
    both = [profile(match=whole), profile(match=parts, merge="delta", profile="acme.parts")]
    for order in (both, both[::-1]):
        decoder = Decoder(Registry(order), home="h", limits=Limits(), birth_of=lambda _: None)
        for body, wanted in (
            ({"kind": "parts", "level": 5}, ("acme.parts", 5.0)),
            ({"level": 6}, ("acme.parts", 6.0)),
            ({"kind": "whole", "other": 1}, ("acme.tank", None)),
        ):
            message = RawMessage("acme/a/status", json.dumps(body).encode(), False, False, NOW, 0)
            outcome = decoder.decode(message, now=NOW)
            assert isinstance(outcome, Decoded)
            assert (outcome.profile, outcome.readings[0].value) == wanted


def test_one_topic_one_value() -> None:
    """Names come from the topic, several levels with `{key+}`, and bare texts are values."""
    read = profile(
        {"select": "/v~1level", "parse": "digits"},
        merge="per_topic",
        match={"topic": "acme/{device}/{key+}"},
        decode={"format": "text"},
    )
    assert said(read, b"5", b"other", topics=("acme/a/v/level", "acme/a/v/name")) == 5.0
    assert said(read, b"5", b"other", topics=("acme/a/v/level", "acme/b/v/name")) == UNKNOWN  # of the other device


@pytest.mark.parametrize(
    ("kind", "value", "is_right"),
    [
        ("ean", "4006381333931", True),
        ("ean", "4006381333932", False),
        ("ean", "006381333931", False),
        ("upc", "036000291452", True),
        ("upc", "036000291453", False),
        ("gtin8", "73513537", True),
        ("gtin8", "73513536", False),
        ("gtin14", "14006381333938", True),
        ("gtin14", "14006381333931", False),
        ("ean", "400638133393a", False),
        ("ean", " 4006381333931", False),
        ("oem", "DA29-00020B", True),
        ("oem", "", False),
    ],
)
def test_a_product_carries_a_right_check_digit(kind: str, value: str, *, is_right: bool) -> None:
    """Digits of the right number with a right last one; an OEM code is only a text."""
    try:
        Product.model_validate_json(json.dumps({"type": kind, "value": value}))
    except ValidationError:
        assert not is_right
    else:
        assert is_right


PROFILES = shipped_registry().profiles()
REGISTRY, LAWS = Registry(PROFILES), laws_of(PROFILES)
ORIGINS = origins(PROFILES)
SCALARS = st.sampled_from(
    [None, True, False, 0, 1, -1, 255, 1e308, -0.5, "", "0", "7", "ON", "unknown", [], {}]
) | st.floats(allow_nan=False, allow_infinity=False)
ANY_TREE: st.SearchStrategy[Tree] = st.recursive(
    SCALARS | st.text(max_size=10),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=8), below, max_size=4),
    max_leaves=10,
)


def law_kept(place: int, body: bytes) -> None:
    """A message on the topic of some sample keeps the law."""
    origin = ORIGINS[place]
    birth = Birth(DeviceId("sample"), origin.profile, "1", "boot-1", NOW)
    decoder = Decoder(REGISTRY, home="sample", limits=Limits(), birth_of=lambda _: birth)
    message = RawMessage(origin.topic, body, retained=False, duplicate=False, received_at=NOW, receipt=0)
    assert breaks_law(decoder.decode(message, now=NOW), LAWS) == ""


@given(place=st.integers(0, len(ORIGINS) - 1), body=st.binary(max_size=200))
def test_any_bytes_for_any_profile(place: int, body: bytes) -> None:
    """Nothing raises, and nothing comes out that the profile does not declare."""
    law_kept(place, body)


@given(place=st.integers(0, len(ORIGINS) - 1), tree=ANY_TREE)
def test_any_tree_for_any_profile(place: int, tree: Tree) -> None:
    """The same for every JSON document."""
    law_kept(place, json.dumps(tree).encode())


def shaken(tree: Tree, draw: st.DataObject) -> Tree:
    """The same structure with some values replaced."""
    if isinstance(tree, dict):
        return {key: shaken(value, draw) for key, value in tree.items()}
    if isinstance(tree, list):
        return [shaken(value, draw) for value in tree]
    return draw.draw(SCALARS) if draw.draw(st.booleans()) else tree


@given(place=st.integers(0, len(ORIGINS) - 1), draw=st.data())
def test_any_values_in_a_sample(place: int, draw: st.DataObject) -> None:
    """The same for a document of the right structure with any values in it."""
    try:
        tree = json.loads(ORIGINS[place].body)
    except ValueError:
        tree = {}
    law_kept(place, json.dumps(shaken(tree, draw)).encode())


@pytest.mark.parametrize("origin", [each for each in ORIGINS if len(each.body) < 3_000], ids=lambda each: each.profile)
def test_every_truncation_of_a_sample(origin: Any) -> None:  # noqa: ANN401
    """Cut anywhere, the law holds."""
    place = ORIGINS.index(origin)
    for length in range(0, len(origin.body), max(1, len(origin.body) // 40)):
        law_kept(place, origin.body[:length])


def test_two_profiles_that_tie_across_patterns() -> None:
    """A tie is found whichever of several topics makes it, and an open first level is looked at too."""
    one = profile().model_dump(mode="json", by_alias=True, exclude_unset=True)
    first = Profile.model_validate_json(json.dumps(one | {"match": {"topics": ["a/{device}", "b/{device}/x"]}}))
    for topics in (["c/{device}", "b/y/{device}"], ["{device}/z"], ["a/+"]):
        match = {"topics": topics, "device": "z"}
        second = Profile.model_validate_json(json.dumps(one | {"profile": "acme.other", "match": match}))
        for pair in ((first, second), (second, first)):
            with pytest.raises(ProfileError, match="equally well"):
                Registry(pair)


def test_the_presence_of_a_stale_picture() -> None:
    """Unknown is not zero: a stale payload keeps every name and loses every value."""
    fresh = {"path": "/at", "form": "epoch_s", "max_age_s": 60}
    outcome = decoded(profile(freshness=fresh), {"level": 5, "at": (NOW - timedelta(hours=1)).timestamp()})
    assert isinstance(outcome, Decoded)
    assert [(each.presence, each.value, each.unit) for each in outcome.readings] == [(Presence.UNKNOWN, None, "L")]


def _examples() -> list[dict[str, Any]]:
    text = shipped_profiles().joinpath("README.md").read_text(encoding="utf-8")
    return [load_yaml(each.encode()) for each in re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)]


@pytest.mark.parametrize("example", _examples(), ids="+".join)
def test_the_readme_shows_what_the_language_takes(example: dict[str, Any]) -> None:
    """Each example stands in a profile as it stands in the guide."""
    if "decode" in example:
        assert profile(**example).decode.inner
    else:
        place = {"select": ...} if "jsonpath" in example else {}
        place |= {"unit": ..., "range": ...} if example.get("class") == "flag" else {}
        is_share = example.get("unit", {}).get("canonical") == "%"
        name = "oil.state" if example.get("class") == "flag" else "oil.remaining" if is_share else "oil.amount"
        assert profile(example | place, name=name).signals


def test_the_readme_names_every_word_of_the_language() -> None:
    """A field that nobody tells of is found by nobody."""
    text = shipped_profiles().joinpath("README.md").read_text(encoding="utf-8")
    parts = (Profile, Signal, Match, Decoding, Condition, Guard, Consumable)
    words = {field.alias or name for part in parts for name, field in part.model_fields.items()}
    untold = {word for word in words if not re.search(rf"\b{word}\b", text)}
    assert untold <= {"profile", "version", "title", "source", "encoding"}


LACK = {"path": "/lack", "not_in": ["Present"], "optional": True, "else": "empty"}
NEAR = {"path": "/near", "not_in": ["Present"], "optional": True, "else": "low"}


@pytest.mark.parametrize(
    ("tree", "wanted"),
    [
        ({"level": "fine"}, "ok"),
        ({"level": "fine", "near": "Present"}, "low"),
        ({"level": "fine", "near": "Present", "lack": "Present"}, "empty"),
        ({"level": "fine", "near": "Off", "lack": "Off"}, "ok"),
        ({"level": "fine", "near": None, "lack": "present"}, "ok"),
        ({"level": "odd", "near": None}, "out_of_range"),
        ({"near": "Present"}, UNKNOWN),
    ],
)
def test_an_event_of_its_own_is_a_state(tree: Tree, wanted: str) -> None:
    """The first guard that does not hold says which; only the words that are listed do, and a part must be there."""
    lookup = {"parse": "text", "transform": [{"lookup": {"fine": "ok"}}], "guard": [LACK, NEAR]}
    assert said(profile(FLAG | lookup, name="salt.state"), tree) == wanted


def test_a_state_behind_else_needs_a_flag_and_whole_pictures() -> None:
    """A number has no states; and of changes only, an event that is over would be taken for one that lasts."""
    with pytest.raises(ValidationError, match="a state behind else goes with class flag"):
        profile({"guard": [LACK]})
    lookup = {"parse": "text", "transform": [{"lookup": {"fine": "ok"}}], "guard": [LACK]}
    with pytest.raises(ValidationError, match="needs whole pictures"):
        profile(FLAG | lookup, name="salt.state", merge="delta")
