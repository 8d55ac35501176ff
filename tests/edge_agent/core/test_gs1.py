"""Bar codes: the same product comes out of every form, and nothing else ever does."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import ean, gs1_128

from edge_agent.core import gs1
from edge_agent.errors import RefusedError

_BODY = st.sampled_from([7, 11, 12, 13]).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n))
_GTIN = _BODY.map(lambda body: body + ean.calc_check_digit(body))
_DAY = st.dates(date(2000, 1, 1), date(2068, 12, 31))
_BATCH = st.text("ABCabc0123456789-/.()%&+'", min_size=1, max_size=20)
FNC1 = "\x1d"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("96385074", gs1.PackCode("00000096385074")),
        ("036000291452", gs1.PackCode("00036000291452")),
        (" 4006381-333931 ", gs1.PackCode("04006381333931")),
        ("]C1010400638133393117261231", gs1.PackCode("04006381333931", use_by=date(2026, 12, 31))),
        ("(01)04006381333931(10)AB-12(17)260200", gs1.PackCode("04006381333931", "AB-12", use_by=date(2026, 2, 28))),
        (f"010400638133393110AB{FNC1}15270101", gs1.PackCode("04006381333931", "AB", date(2027, 1, 1))),
        (
            "https://id.gs1.org/01/04006381333931/10/AB%2F1?17=261231&linkType=all",
            gs1.PackCode("04006381333931", "AB/1", use_by=date(2026, 12, 31)),
        ),
        (
            f"010400638133393113260101211234{FNC1}10L(2)",
            gs1.PackCode("04006381333931", "L(2)", packed_on=date(2026, 1, 1), serial="1234"),
        ),
        (
            "https://id.gs1.org/01/04006381333931/10/LOT7/21/S9?13=260101&15=261200",
            gs1.PackCode("04006381333931", "LOT7", date(2026, 12, 31), packed_on=date(2026, 1, 1), serial="S9"),
        ),
        (
            "HTTP://shop.example/some/where/01/96385074?15=261231",
            gs1.PackCode("00000096385074", "", date(2026, 12, 31)),
        ),
    ],
)
def test_each_form_is_read(code: str, told: gs1.PackCode) -> None:
    """GTINs of every length, element strings with FNC1 or brackets, links of any host."""
    assert gs1.read(code) == told


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("", gs1.EMPTY),
        ("  ", gs1.EMPTY),
        ("1" * 500, gs1.TOO_LONG),
        ("12345", gs1.WRONG_LENGTH),
        ("4006381333932", gs1.WRONG_CHECK),
        ("(01)04006381333932(17)261231", gs1.WRONG_CHECK),
        ("https://id.gs1.org/01/04006381333932", gs1.WRONG_CHECK),
        ("https://id.gs1.org/AQnYUc1gmiCNV4JGYgYAAg", gs1.COMPRESSED),
        ("https://shop.example/p?id=1", gs1.NO_PRODUCT),
        ("https://id.gs1.org/00/106141412345678908", gs1.NO_PRODUCT),
        ("(00)106141412345678908", gs1.NO_PRODUCT),
        ("(01)04006381333931(17)269999", gs1.NOT_READ),
        ("https://[bad/01/04006381333931", gs1.NOT_READ),
        ("milk", gs1.NOT_READ),
        ("x(01)04006381333931", gs1.NOT_READ),
        ("(01)04006381333931(10)A(10)B", gs1.NOT_READ),
        (f"010400638133393110{'A' * 21}{FNC1}15270101", gs1.NOT_READ),
        ("(01)04006381333931(10)Los\u00e9", gs1.NOT_READ),
        ("https://id.gs1.org/01/04006381333931/10/A%1D15270101", gs1.NOT_READ),
        ("https://id.gs1.org/01/04006381333931/10/A%00", gs1.NOT_READ),
        ("\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", gs1.NOT_READ),
    ],
)
def test_what_is_no_product_is_said_so(code: str, why: str) -> None:
    """With a sentence that says what to do."""
    with pytest.raises(RefusedError) as refused:
        gs1.read(code)
    assert refused.value.args[0] == why


@given(_GTIN, _DAY, _BATCH)
def test_every_form_names_the_same_pack(gtin: str, day: date, batch: str) -> None:
    """Plain, as an element string in two spellings, and as a link."""
    full = gtin.zfill(14)
    told = gs1.PackCode(full, batch, use_by=day)
    assert gs1.read(gtin) == gs1.PackCode(full)
    data = {"01": full, "17": day, "10": batch}
    assert gs1.read(gs1_128.encode(data, FNC1)) == told
    if not set("()") & set(batch):
        assert gs1.read(f"(01){full}(10){batch}(17){day:%y%m%d}") == told
    quoted = quote(batch, safe="")
    if batch not in {".", ".."}:
        assert gs1.read(f"https://example.org/x/01/{gtin}/10/{quoted}?17={day:%y%m%d}") == told


@given(_GTIN, st.none() | _DAY, st.none() | _DAY, st.none() | _DAY, st.just("") | _BATCH, st.just("") | _BATCH)
def test_what_is_written_reads_as_the_same(
    gtin: str, use_by: date | None, best: date | None, packed: date | None, batch: str, serial: str
) -> None:
    """The page shows a code in a form that may be sent again."""
    told = gs1.PackCode(gtin.zfill(14), batch, best, use_by, packed, serial)
    assert gs1.read(gs1.written(told)) == told


@given(_GTIN, st.data())
def test_one_wrong_digit_is_never_another_product(gtin: str, data: st.DataObject) -> None:
    """A mistyped digit is refused, wherever it stands."""
    at = data.draw(st.integers(0, len(gtin) - 1))
    digit = data.draw(st.sampled_from([each for each in "0123456789" if each != gtin[at]]))
    with pytest.raises(RefusedError):
        gs1.read(gtin[:at] + digit + gtin[at + 1 :])


@given(
    st.one_of(
        st.text(max_size=420),
        st.from_regex(r"https?://[^\s]{0,40}", fullmatch=True),
        st.text("01()57\x1d9", max_size=60),
    )
)
def test_anything_else_is_refused_and_nothing_breaks(code: str) -> None:
    """Whatever is typed or scanned: a product with a right check digit, or a sentence."""
    try:
        told = gs1.read(code)
    except RefusedError:
        return
    assert ean.is_valid(told.gtin14)
    assert len(told.gtin14) == 14


@given(_GTIN)
def test_a_number_is_shown_as_short_as_it_can_be_read(gtin: str) -> None:
    """Reading what is shown gives the same product."""
    assert gs1.read(gs1.shown(gtin.zfill(14))).gtin14 == gtin.zfill(14)
