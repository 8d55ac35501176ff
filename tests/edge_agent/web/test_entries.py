"""Amounts, numbers and days as people type them: taken exactly, or not at all."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.web.entries import Entries, parse_money, typed_money


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("12", "USD", 1_200),
        ("12.5", "USD", 1_250),
        ("12,50", "EUR", 1_250),
        ("0.05", "EUR", 5),
        ("00012", "EUR", 1_200),
        ("1200", "JPY", 1_200),
        ("1.234", "TND", 1_234),
        ("12.345", "USD", None),
        ("12.", "USD", None),
        (".5", "USD", None),
        ("1,234.50", "USD", None),
        ("-1", "USD", None),
        ("+1", "USD", None),
        ("1e3", "USD", None),
        ("1_000", "USD", None),
        ("\u0663", "USD", None),
        ("$12", "USD", None),
        ("12.0", "JPY", None),
        ("9999999999", "USD", None),
        ("", "USD", None),
        ("nan", "USD", None),
    ],
)
def test_money_is_read_exactly(typed: str, currency: str, minor: int | None) -> None:
    """Never rounded, never guessed: a thousands separator or one place too many is no amount."""
    assert parse_money(typed, currency=currency) == minor


@given(minor=st.integers(0, 99_999_999_999), currency=st.sampled_from(["USD", "JPY", "TND", "CLF"]))
def test_an_amount_that_a_field_shows_reads_back(minor: int, currency: str) -> None:
    """What an owner leaves as it is stays as it was, up to nine digits before the point."""
    typed = typed_money(minor, currency)
    whole = typed.partition(".")[0]
    assert parse_money(typed, currency=currency) == (minor if len(whole) <= 9 else None)


@given(typed=st.text(max_size=20), currency=st.sampled_from(["USD", "JPY", "TND"]))
def test_no_text_breaks_the_reader(typed: str, currency: str) -> None:
    """Whatever comes, it is an amount of at least nothing, or none."""
    minor = parse_money(typed, currency=currency)
    assert minor is None or minor >= 0


def test_no_limit_is_an_empty_field() -> None:
    """And nothing else is."""
    assert (typed_money(None, "USD"), typed_money(0, "USD"), typed_money(0, "JPY")) == ("", "0.00", "0")


def test_every_wrong_entry_is_named_once() -> None:
    """The first word about a field stands, and right entries come through."""
    entries = Entries({"a": "x", "b": "7", "c": "2026-02-28", "d": " Robin "})
    assert entries.whole("a", low=1, high=9) is None
    entries.wrong("a", "something later")
    assert entries.whole("b", low=1, high=9) == 7
    assert entries.day("c") == date(2026, 2, 28)
    assert entries.text("d", length_max=9, wanted="A name") == "Robin"
    assert entries.errors == {"a": "A whole number from 1 to 9."}
