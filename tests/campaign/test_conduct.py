"""Pieces side by side, and an interrupt between them: it ends the rest, and can leave no lock behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.campaign import conduct
from tests.campaign.tiers import Done, Piece

PIECES = [Piece("power", 1, seed) for seed in range(1, 200)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces end as soon as they begin, without a result."""
    monkeypatch.setattr(conduct, "run_piece", lambda piece, _: Done(piece, None))


def test_every_piece_is_told_once() -> None:
    """In whatever order they end."""
    told: list[str] = []
    done = list(conduct.conduct(PIECES, lanes=2, tell=told.append))
    assert sorted(each.piece.seed for each in done) == [piece.seed for piece in PIECES]
    assert len(told) == len(PIECES)


def test_an_interrupt_is_raised_only_when_nothing_is_held() -> None:
    """It is noted while the pool may hold a lock; what asked for it sees it when the pool is gone."""
    went_on: list[str] = []

    def interrupted(told: str) -> None:
        signal.raise_signal(signal.SIGINT)
        went_on.append(told)

    with _interrupts_are_raised(), pytest.raises(KeyboardInterrupt):
        for _ in conduct.conduct(PIECES, lanes=2, tell=interrupted):
            pass
    assert 0 < len(went_on) <= len(PIECES)
    with _interrupts_are_raised(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)  # as before


def test_an_interrupt_that_is_ignored_stays_so() -> None:
    """A campaign in the background of a shell goes on."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        done = list(conduct.conduct(PIECES, lanes=2, tell=lambda _: signal.raise_signal(signal.SIGINT)))
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(done) == len(PIECES)


@contextmanager
def _interrupts_are_raised() -> Iterator[None]:
    """As in a program; what runs tests may ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
