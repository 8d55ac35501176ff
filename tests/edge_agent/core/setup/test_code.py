"""The setup code: once, for a limited time, throttled, and forgiving about how it is typed."""

from __future__ import annotations

import hmac

import pytest

from edge_agent.core.setup.code import CODE_BYTES, CODE_LIFE_MS, Claim, SetupCode, code_of

CODE = "7K2QM-0XW1D"


def _code() -> SetupCode:
    return SetupCode(CODE, printed_ms=1_000)


@pytest.mark.parametrize("typed", [CODE, "7k2qm0xw1d", " 7K2QM 0XW1D ", "7K2QM-OXWLD", "7k2qm.oxwid"])
def test_it_fits_as_people_type_it(typed: str) -> None:
    """Case, dashes and letters that look like digits do not matter."""
    assert _code().claim(typed, visitor="a", at_ms=1_000) is Claim.FITS


@pytest.mark.parametrize("typed", ["", "7K2QM-0XW1E", "7K2QM", CODE + "0", "é" * 100, "\ud800"])
def test_nothing_else_fits(typed: str) -> None:
    """A part of it, more than it, and what is no text at all are wrong."""
    assert _code().claim(typed, visitor="a", at_ms=1_000) is Claim.WRONG


def test_of_two_robots_one_gets_in() -> None:
    """The second has the code too and comes too late."""
    code = _code()
    got = [code.claim(CODE, visitor=visitor, at_ms=1_000) for visitor in ("a", "b", "a")]
    assert got == [Claim.FITS, Claim.TAKEN, Claim.TAKEN]


@pytest.mark.parametrize(("after_ms", "claim"), [(CODE_LIFE_MS - 1, Claim.FITS), (CODE_LIFE_MS, Claim.OVER)])
def test_it_is_valid_for_half_an_hour(after_ms: int, claim: Claim) -> None:
    """The right code is worth nothing a moment later."""
    assert _code().claim(CODE, visitor="a", at_ms=1_000 + after_ms) is claim


def test_a_guesser_waits_and_keeps_nobody_else_out() -> None:
    """After five tries even the right code is not checked for this visitor; another one is let in."""
    code = _code()
    for _ in range(5):
        assert code.claim("wrong", visitor="robot", at_ms=1_000) is Claim.WRONG
    assert code.claim(CODE, visitor="robot", at_ms=1_000) is Claim.TOO_MANY_TRIES
    assert code.claim(CODE, visitor="anna", at_ms=1_000) is Claim.FITS


def test_many_guessers_together_are_held_too() -> None:
    """Ten thousand addresses get no more than the limit of all: 60 at once and one a second."""
    code = _code()
    tried = [code.claim("wrong", visitor=f"robot {n}", at_ms=1_000 + n) for n in range(10_000)]
    assert tried.count(Claim.WRONG) in {69, 70}
    assert code.claim(CODE, visitor="x", at_ms=12_000) is Claim.FITS


def test_the_throttle_opens_again() -> None:
    """Half a minute later there is one more try."""
    code = _code()
    for _ in range(9):
        code.claim("wrong", visitor="anna", at_ms=1_000)
    assert code.claim(CODE, visitor="anna", at_ms=31_001) is Claim.FITS


def test_it_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is the standard library's, with the whole code on both sides."""
    seen: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, kept: bytes) -> bool:
        seen.append((given, kept))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    _code().claim("WR0NG", visitor="a", at_ms=1_000)
    assert seen == [(b"WR0NG", b"7K2QM0XW1D")]


def test_every_random_byte_counts_and_no_letter_is_doubtful() -> None:
    """50 bits in ten letters, none of which is I, L, O or U."""
    codes = {code_of(bytes([value] * CODE_BYTES)) for value in range(256)}
    assert len(codes) == 32
    assert all(len(code) == 11 and not set("ILOU") & set(code) for code in codes)
    assert code_of(bytes(range(10))) == "01234-56789"
