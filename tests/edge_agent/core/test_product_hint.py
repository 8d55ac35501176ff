"""What is read of a record that anybody may have written, and what is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core import gs1
from edge_agent.core.net_quantity import NetQuantity, net_quantity
from edge_agent.core.product_hint import (
    LANGUAGES_MAX,
    NAME_CHARS_MAX,
    TAGS_MAX,
    ProductHint,
    countries_of,
    read_product,
)
from tests.edge_agent.product_records import CODE, GTIN, hint, record

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("label", "amount", "unit"),
    [
        ("1 l", 1, "L"), ("500 g", 500, "g"), ("500g", 500, "g"), ("6 x 330 ml", 1_980, "mL"), ("6x33cl", 198, "cL"),
        ("6 \u00d7 330 ml", 1_980, "mL"), ("2 x 6 x 50 ml", 600, "mL"), ("1,5 L", 1.5, "L"), ("0,750 l", 0.75, "L"),
        ("75 cl \u212e", 75, "cL"), ("500 g e", 500, "g"), ("12 oz", 12, "[oz_av]"), ("16 FL OZ", 16, "[foz_us]"),
        ("12 oz (340 g)", 12, "[oz_av]"), ("12 oz / 340 g", 12, "[oz_av]"), ("500克", 500, "g"),
        ("10 pcs", 10, "{piece}"),
    ],
)  # fmt: skip
def test_a_quantity_in_words(label: str, amount: float, unit: str) -> None:
    """Amount and UCUM unit of the whole pack, its parts together."""
    assert net_quantity(label) == NetQuantity(pytest.approx(amount), unit)


@pytest.mark.parametrize(
    "label",
    ["", "6 eggs", "1.500 kg", "1,000 g", "about 500 g", "500", "g", "0 g", "-5 g", "1 L (500 ml)", "5 parsecs",
     "500 g 200 ml", "1e9 g", "9999999 g", "999 x 999 x 999999 kg", "500 g\x00", "5 " + "g" * 100],
)  # fmt: skip
def test_a_quantity_that_is_not_clear_is_unknown(label: str) -> None:
    """No number is taken out of the middle, and none that means two things."""
    assert net_quantity(label) is None


def test_a_quantity_that_was_worked_out() -> None:
    """It stands in for words that are not read; where it contradicts those that are, nothing is believed."""
    assert net_quantity("6 eggs", amount="300", unit="g") == NetQuantity(300, "g")
    assert net_quantity("12 fl oz", amount=360, unit="ml") == NetQuantity(12, "[foz_us]")
    assert net_quantity("500 g", amount=5_000, unit="g") is None
    assert net_quantity("500 g", amount=500, unit="ml") is None
    assert net_quantity("1 L (500 ml)", amount=1_000, unit="ml") is None
    assert net_quantity("1.500 kg", amount=1_500, unit="g") is None
    for amount in (True, float("nan"), float("inf"), 10**400, "1e3", [5], None, -1, 0):
        assert net_quantity("", amount=amount, unit="g") is None
    assert net_quantity("", amount=5, unit=7) is None


@given(st.text(max_size=80), _JSON, _JSON)
def test_no_text_makes_a_quantity_that_no_pack_could_hold(label: str, amount: object, unit: object) -> None:
    """Whatever is written: a sound amount in a unit that is known, or nothing."""
    found = net_quantity(label, amount=amount, unit=unit)
    assert found is None or (0 < found.amount <= 1e6 and found.in_unit(found.unit) == found.amount)


@given(st.integers(1, 99), st.integers(1, 900), st.sampled_from(["g", "ml", "cl", "l", "kg"]))
def test_a_pack_of_several_holds_all_of_them(parts: int, each: int, unit: str) -> None:
    """So many times one of them."""
    one, whole = net_quantity(f"{each} {unit}"), net_quantity(f"{parts} x {each} {unit}")
    assert one is not None
    assert whole == NetQuantity(pytest.approx(parts * one.amount), one.unit)


def test_a_record_is_read() -> None:
    """Each part of it, the product's own language first."""
    assert read_product(record()) == ProductHint(
        gtin14=GTIN,
        names=(("de", "Haferdrink"), ("en", "Oat drink"), ("zh", "燕麦饮料")),
        brand="Mill Brook",
        label="1 l",
        quantity=NetQuantity(1, "L"),
        allergens=("en:gluten",),
        labels=("en:organic",),
        changed_at=datetime.fromtimestamp(1_700_000_000, UTC),
    )
    assert countries_of(record()) == {"en:germany"}


def test_the_name_is_said_in_the_readers_language() -> None:
    """Or else in the product's own; the brand is not said twice."""
    assert hint().title_in("zh-Hans") == "Mill Brook 燕麦饮料, 1 l"
    assert hint().title_in("fr") == "Mill Brook Haferdrink, 1 l"
    assert hint(product_name_en="Mill brook oat").title_in("en") == "Mill brook oat, 1 l"


def test_a_row_of_csv_is_read_alike() -> None:
    """There lists are texts with commas, numbers are texts, and the name is of no language that is told."""
    row = {"code": CODE, "product_name": "Oat drink", "allergens": "en:gluten,Milk", "last_modified_t": "1700000000"}
    read = read_product(row)
    assert read is not None
    assert (read.names, read.allergens) == ((("", "Oat drink"),), ("en:gluten",))
    assert read.changed_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert read.name_in("zh-Hans") == "Oat drink"


@pytest.mark.parametrize(
    "code",
    [None, 4006381333931, "", "4006381333932", "123", "0000000000000", "2000000000008", "0212345000002",
     "40063813339" * 50, ["4006381333931"], "٤٠٠٦٣٨١٣٣٣٩٣١"],
)  # fmt: skip
def test_what_names_no_product_of_every_shop_is_left_out(code: object) -> None:
    """No check digit, no text, or a number that each shop gives away by itself."""
    assert read_product(record(code=code)) is None


def test_a_number_for_use_inside_one_shop() -> None:
    """By its prefix; a number of a maker is none."""
    restricted = ("02000000000008", "00212345000002", "00000000200000", "00000000012345")
    assert all(gs1.is_restricted(number) for number in restricted)
    assert not any(gs1.is_restricted(number) for number in (GTIN, "00000096385074", "00036000291452"))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Nuts &amp; <b>more</b>", "Nuts & more"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;Milk", "alert(1) Milk"),
        ("<<b>b>Milk", "bMilk"),
        ("Milk\u202egnp\x00\n fresh\u200b", "Milkgnp fresh"),
        ("  ", ""),
        (7, ""),
        ({"a": 1}, ""),
        ("x" * 3_000, ""),
        ("x" * 200, "x" * 119 + "…"),
    ],
)
def test_a_name_is_a_line_of_plain_text(written: object, read: str) -> None:
    """Without markup, control characters and what turns text around; what no pack has room for is no name."""
    found = read_product({"code": CODE, "brands": "Mill", "product_name": written})
    assert found is not None
    assert found.name_in("en") == read


def test_wrong_types_and_sizes_are_left_out() -> None:
    """The rest of the record stands; a record with nothing of use is none."""
    names = {f"product_name_{first}{second}": "Name" for first in "abcdefgh" for second in "ijklmnop"}
    odd = hint(
        brands=[], quantity=5, product_quantity=[], allergens_tags="no tag", last_modified_t=True, lang=5,
        labels_tags=[f"en:x{number}" for number in range(99)], **names,
    )  # fmt: skip
    assert (odd.brand, odd.label, odd.quantity, odd.allergens, odd.changed_at) == ("", "", None, (), None)
    assert len(odd.labels) == TAGS_MAX
    assert len(odd.names) == LANGUAGES_MAX
    assert {"en", "zh"} <= dict(odd.names).keys()
    for useless in (None, [], "x", {"code": CODE}, record() | {f"f{n}": 1 for n in range(6_000)}):
        assert read_product(useless) is None


@given(st.dictionaries(st.sampled_from(sorted(record())), _JSON))
def test_any_record_is_read_or_left_out(changes: dict[str, Any]) -> None:
    """Never an error; what comes out is short, plain, and can be written as JSON."""
    read = read_product(record(**changes))
    if read is not None:
        lines = [name for _, name in read.names] + [read.brand, read.label, read.title_in("en")]
        assert all(line.isprintable() and "<" not in line for line in lines)
        assert all(len(name) <= NAME_CHARS_MAX for _, name in read.names)
        assert len(json.dumps([read.names, read.allergens, read.labels])) < 20_000
        assert gs1.gtin14(read.gtin14) == read.gtin14
