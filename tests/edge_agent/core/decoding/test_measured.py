"""A number with its unit in one text: the forms that are taken, and that no other unit ever gives a value."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.core.decoding.extract import reader
from edge_agent.core.decoding.measured import parts_of, unit_of_last
from edge_agent.core.profile import Profile
from edge_agent.core.quantity import convert
from tests.edge_agent.core.test_language import NOW, UNKNOWN, profile, said
from tests.edge_agent.core.test_profile import SOUND

UNITS = {"l": "L", "ml": "mL", "US gal": "[gal_us]", "psi": "[psi]"}
MEASURED: dict[str, Any] = {"parse": "measured", "unit": {"canonical": "L"}, "range": [0, 500], "sentinels": ["", 255]}
READ = profile(MEASURED, units=UNITS)
READER = reader(READ)
GAP: dict[str, Any] = {
    "select": "/gap",
    "parse": "measured",
    "unit": {"canonical": "%", "measured": "cm"},
    "range": [0, 100],
    "sentinels": [255],
    "class": "level",
    "direction": "down",
}
GAP_UNITS = {"cm": "cm", "mm": "mm", "in": "[in_i]", "l": "L"}


def _said(text: Any) -> float | str:  # noqa: ANN401 - any JSON
    return said(READ, {"level": text})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("12.5L", 12.5),
        ("12.5 l", 12.5),
        (" +0250 ml ", 0.25),
        ("2 US gal", 2 * 3.785411784),
        ("12.5", 12.5),
        (12.5, 12.5),
        (12, 12.0),
        ("0L", 0.0),
    ],
)
def test_a_number_with_its_unit(text: object, wanted: float) -> None:
    """The unit is the canonical one or one that the profile translates; without any, it is the stated one."""
    assert _said(text) == pytest.approx(wanted)


@pytest.mark.parametrize(
    "text",
    [
        *("", "L", "1e3L", "1e3", ".5L", "5.L", "1,5 L", "1.200,5 L", "--5 L", "5  L", "5\tL", "5\u00a0L", "\u0665 L"),
        *("inf L", "5 L 6", "5 L/h", "5 - 6 L", "about 5 L", "5 liter", "5 ML", "5 psi", "5 mL", "0x5 L", "1_0 L"),
        *("600 L", "-1 L", "9" * 41 + "L", "5 " + "l" * 70, True, None, [], {}, ["5 L"], "255", "255 ml", 255, 255.0),
    ],
)
def test_nothing_else_is_a_value(text: object) -> None:
    """Another form, another unit, a sentinel with any unit, or what is out of range: unknown, or refused."""
    assert _said(text) in {UNKNOWN, "malformed", "wrong_unit", "out_of_range"}


@pytest.mark.parametrize(
    ("text", "reason"), [("5 psi", "wrong_unit"), ("5 mL", "wrong_unit"), ("5L6", "wrong_unit"), ("1,5 L", "malformed")]
)
def test_the_reason_is_told(text: str, reason: str) -> None:
    """A unit that the profile does not name is called one, whatever UCUM says of it."""
    assert _said(text) == reason


def test_the_stated_unit_is_that_of_a_bare_number() -> None:
    """`source` is what a number without a unit is in, and a word for itself."""
    read = profile(MEASURED | {"unit": {"canonical": "L", "source": "mL"}}, units=UNITS)
    assert [said(read, {"level": each}) for each in ("250", 250, "250mL", "250 ml", "0.25L")] == [0.25] * 5


def test_the_profiles_own_word_goes_before_the_code() -> None:
    """Where a device writes `L` for something else, it is that, or nothing."""
    assert said(profile(MEASURED, units={"L": "mL"}), {"level": "250 L"}) == 0.25
    assert said(profile(MEASURED, units={"L": "km"}), {"level": "250 L"}) == "wrong_unit"


@given(
    number=st.one_of(st.integers(-600, 600), st.floats(-600, 600).map(lambda each: round(each, 3))),
    blank=st.sampled_from(["", " "]),
    word=st.one_of(st.sampled_from([*UNITS, "L", "", "mL", "kPa", "%"]), st.text(max_size=8)),
)
@example(number=5, blank="", word="5")
@example(number=5, blank="", word="e2 l")
def test_only_a_declared_unit_gives_a_value(number: float, blank: str, word: str) -> None:
    """Whatever stands behind a number: a value comes out only of a declared unit, and is that number in it."""
    text = f"{number}{blank}{word}"
    value = READER({"level": text}, NOW).readings[0].value
    if value is None:
        return
    assert isinstance(value, float)
    told = parts_of(text)
    assert told is not None
    declared = {"l": "L", "ml": "mL", "US gal": "[gal_us]", "L": "L", "": "L"}
    assert told[1] in declared
    assert math.isclose(value, convert(float(told[0]), declared[told[1]], target="L"))
    assert 0 <= value <= 500
    assert f"{told[0]}{told[1]}".replace(" ", "") == text.replace(" ", "").strip()


@given(st.one_of(st.text(), st.binary().map(repr), st.integers(), st.floats(allow_nan=False), st.booleans(), st.none()))
def test_no_payload_raises_anything_else(raw: float | str | bool | None) -> None:
    """A text gives a value in range, or a reason."""
    value = READER({"level": raw}, NOW).readings[0].value
    assert value is None or (isinstance(value, float) and 0 <= value <= 500)


@pytest.mark.parametrize("text", ["9" * 1_000_000, "1" + " a" * 500_000, "5 " + "a " * 500_000, " " * 1_000_000])
def test_a_long_text_takes_no_time(text: str) -> None:
    """What is longer than any measured value is refused before it is looked at."""
    begun = time.process_time()
    assert parts_of(text) is None
    assert time.process_time() - begun < 0.05


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        (["206.8", "216.4", "175.7kPa"], ["206.8 kPa", "216.4 kPa", "175.7kPa"]),
        (["30", "2 bar", "", "off", "31psi"], ["30 psi", "2 bar", "", "off", "31psi"]),
        (["30", "31"], ["30", "31"]),
        (["30psi", "31"], ["30psi", "31"]),
        (["30", "off"], ["30", "off"]),
        ([], []),
    ],
)
def test_the_unit_of_the_last_is_that_of_all(parts: list[str], wanted: list[str]) -> None:
    """Only bare numbers before it get it: what has its own unit keeps it, and a text stays a text."""
    assert unit_of_last(parts) == wanted


def test_a_list_with_its_unit_behind_the_last() -> None:
    """Without `unit: last` the first number would be taken for the stated unit."""
    inner = {"path": "/levels", "format": "list", "unit": "last"}
    signal = MEASURED | {"select": "/levels/0"}
    read = profile(signal, units=UNITS, decode={"format": "json", "inner": [inner]})
    assert said(read, {"levels": "250, 300 ml"}) == 0.25
    assert said(read, {"levels": "250, 300 psi"}) == "wrong_unit"
    assert said(read, {"levels": "250, 300"}) == 250


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"transform": [{"lookup": {"a": 1}}]}, "takes no lookup"),
        ({"unit": {"canonical": "L", "path": "/u"}}, "no unit.path"),
        ({"unit": {"canonical": "L", "measured": "mL"}}, "one quantity: write it as source"),
        ({"unit": {"canonical": "L", "measured": "cups"}}, "is not a UCUM unit"),
        ({"unit": {"canonical": "L", "measured": "cm", "source": "mL"}}, "exclude each other"),
        ({"unit": {"canonical": "L", "measured": "cm", "path": "/u"}}, "exclude each other"),
        ({"unit": {"canonical": "L", "measured": "cm"}}, "no step turns 'cm' into 'L'"),
        ({"unit": {"canonical": "L", "measured": "cm"}, "transform": [{"calibrate": "tank"}]}, "no step turns"),
        (
            {"parse": "digits", "unit": {"canonical": "L", "measured": "cm"}, "transform": [{"scale": 2}]},
            "goes with parse: measured",
        ),
        ({"range": ...}, "needs a unit and a range"),
        ({"unit": ...}, "needs a unit and a range"),
    ],
)
def test_what_goes_with_it(changes: dict[str, Any], says: str) -> None:
    """Two places for one unit would be one too many, and a unit does not change without a step that changes it."""
    with pytest.raises(ValidationError, match=says):
        profile(MEASURED | changes)


def test_only_a_list_has_a_last_unit() -> None:
    """`unit` on anything else is a mistake, and refused."""
    with pytest.raises(ValidationError, match="unit goes with format: list"):
        profile({}, decode={"format": "json", "inner": [{"path": "/a", "format": "json", "unit": "last"}]})


def test_it_cannot_be_told_back() -> None:
    """In which unit the device would take it is not known, so no command may hold it."""
    signals = json.loads(READ.model_dump_json(by_alias=True, exclude_unset=True))["signals"]
    document = SOUND | {
        "match": {"topic": "acme/{device}/status"},
        "signals": signals,
        "commands": {"fill": {"topic": "a", "payload": {"v": 0}, "value": {"at": "/v", "signal": "oil.amount"}}},
    }
    with pytest.raises(ValidationError, match="cannot be turned back"):
        Profile.model_validate_json(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("94", 94.0), (94, 94.0), ("94 cm", 94.0), ("34.5cm", 34.5), ("940 mm", 94.0), ("94 l", "wrong_unit")],
)
def test_a_level_that_needs_the_tank_may_have_its_unit(text: str | int, wanted: float | str) -> None:
    """A calibration is the household's and changes no number here."""
    signal = GAP | {"unit": {"canonical": "cm"}, "range": [1, 400], "direction": "up"}
    read = profile(signal | {"transform": [{"calibrate": "tank"}]}, name="oil.distance", units=GAP_UNITS)
    assert said(read, {"gap": text}) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        *(("14 cm", 65.0), ("140 mm", 65.0), (14, 65.0), ("14", 65.0), ("255", UNKNOWN), ("255 mm", UNKNOWN)),
        *(("35 %", "wrong_unit"), ("14 l", "wrong_unit"), ("41 cm", "out_of_range"), ("fourteen", "malformed")),
    ],
)
def test_a_distance_with_its_unit_becomes_a_share(text: str | int, wanted: float | str) -> None:
    """It is brought to the unit that the steps are written for; a percentage is no distance."""
    read = profile(GAP | {"transform": [{"scale": 2.5}, {"invert": 100}]}, name="oil.remaining", units=GAP_UNITS)
    assert said(read, {"gap": text}) == wanted


def test_the_steps_work_in_the_stated_unit() -> None:
    """Whatever unit the text has; what comes out of the steps is turned into the canonical unit last."""
    signal = MEASURED | {"unit": {"canonical": "L", "source": "mL"}, "transform": [{"offset": -500}]}
    read = profile(signal, units=UNITS)
    assert [said(read, {"level": each}) for each in ("750 ml", "0.75L", 750, "750")] == [0.25] * 4


@pytest.mark.parametrize(
    ("most", "wanted"),
    [
        ("40 cm", 65.0),
        ("400 mm", 65.0),
        ("40", 65.0),
        (40, 65.0),
        ("40 l", UNKNOWN),
        ("0 cm", UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_the_second_number_may_have_its_unit_too(most: str | float | None, wanted: float | str) -> None:
    """It is a distance like the first one, and anything else is none."""
    steps = [{"divide_by": "/full"}, {"scale": 100}, {"invert": 100}]
    read = profile(GAP | {"transform": steps}, name="oil.remaining", units=GAP_UNITS)
    assert said(read, {"gap": "14 cm", "full": most}) == wanted


@pytest.mark.parametrize(
    ("steps", "tree", "wanted"),
    [
        ([{"minus": "/tare"}], {"level": "5 L", "tare": "250 ml"}, 4.75),
        ([{"minus": "/tare"}], {"level": "5 L", "tare": "3 psi"}, UNKNOWN),
        ([{"scale": 10}, {"minus": "/tare"}], {"level": "5 L", "tare": "250 ml"}, UNKNOWN),
        ([{"scale": 10}, {"minus": "/tare"}], {"level": "5 L", "tare": "2"}, 48.0),
        ([{"times": "/full"}], {"level": "0.5 L", "full": "8 L"}, UNKNOWN),
        ([{"divide_by": "/parts"}], {"level": "5 L", "parts": "2 L"}, UNKNOWN),
        ([{"divide_by": "/parts"}], {"level": "5 L", "parts": "2"}, 2.5),
    ],
)
def test_a_second_unit_is_read_only_where_it_is_the_same_quantity(
    steps: list[dict[str, Any]], tree: dict[str, Any], wanted: float | str
) -> None:
    """Two litres times three litres are no litres."""
    assert said(profile(MEASURED | {"transform": steps}, units=UNITS), tree) == wanted


def test_digits_have_digits_beside_them() -> None:
    """A device that writes its numbers as texts writes all of them so; one that does not has no text for a number."""
    steps = {"transform": [{"scale": 100}, {"divide_by": "/full"}], "range": [0, 1000]}
    assert said(profile({"parse": "digits"} | steps), {"level": "5", "full": "20"}) == 25
    assert said(profile({"parse": "digits"} | steps), {"level": "5", "full": "full"}) == UNKNOWN
    assert said(profile({"parse": "number"} | steps), {"level": 5, "full": "20"}) == UNKNOWN
