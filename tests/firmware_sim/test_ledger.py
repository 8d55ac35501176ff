"""A device's memory of its readings."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from firmware_sim.ledger import Ledger, ranges


def body(boot: str, seq: int) -> bytes:
    """A payload that names its identity."""
    return f"{boot}/{seq}".encode()


def sent(ledger: Ledger) -> list[int]:
    """Send all there is to send; returns the seqs."""
    seqs = []
    while (outgoing := ledger.next_to_send()) is not None:
        assert outgoing.payload == body(outgoing.boot, outgoing.seq)
        seqs.append(outgoing.seq)
        ledger.pubacked(outgoing)
    return seqs


def ledger_with(count: int, *, pending_max: int = 100) -> Ledger:
    """A ledger that took so many readings."""
    ledger = Ledger("b1", pending_max=pending_max)
    for _ in range(count):
        ledger.take(body)
    return ledger


def test_readings_go_out_in_order_and_once() -> None:
    """Seq starts at 1; what was sent is not sent again in the same connection."""
    ledger = ledger_with(3)
    assert sent(ledger) == [1, 2, 3]
    assert sent(ledger) == []
    assert ledger.pending == 3


def test_an_acknowledgement_releases_everything_up_to_it() -> None:
    """What is promised is forgotten, the rest is sent again after a reconnect under the same seq."""
    ledger = ledger_with(5)
    sent(ledger)
    ledger.acknowledged("b1", 3)
    ledger.send_again()
    assert sent(ledger) == [4, 5]
    assert (ledger.pending, ledger.resent) == (2, 2)
    assert ledger.counters()[0].promised_up_to == 3


def test_acknowledgements_out_of_order_change_nothing() -> None:
    """A late, lower acknowledgement does not take back a promise."""
    ledger = ledger_with(5)
    sent(ledger)
    ledger.acknowledged("b1", 4)
    ledger.acknowledged("b1", 2)
    assert (ledger.pending, ledger.counters()[0].promised_up_to) == (1, 4)


@pytest.mark.parametrize(("boot", "seq"), [("b1", 6), ("b1", 0), ("b1", -1), ("other", 1)])
def test_a_promise_for_what_was_never_sent_is_not_believed(boot: str, seq: int) -> None:
    """It is counted and releases nothing."""
    ledger = ledger_with(5)
    sent(ledger)
    ledger.acknowledged(boot, seq)
    assert (ledger.pending, ledger.wrong_acks) == (5, 1)


def test_a_full_memory_takes_no_more_and_leaves_no_gap() -> None:
    """The refused reading has no seq; after an acknowledgement the next one continues."""
    ledger = ledger_with(3, pending_max=3)
    assert not ledger.take(body)
    sent(ledger)
    ledger.acknowledged("b1", 1)
    assert ledger.take(body)
    assert sent(ledger) == [4]
    assert ledger.refused == 1


def test_a_restart_forgets_and_counts() -> None:
    """A new boot starts at 1; the old one's books stay, late acknowledgements for it too."""
    ledger = ledger_with(4)
    sent(ledger)
    ledger.acknowledged("b1", 1)
    assert ledger.restart("b2") == 3
    ledger.take(body)
    assert sent(ledger) == [1]
    ledger.acknowledged("b1", 4)
    old, new = ledger.counters()
    assert (old.boot, old.promised_up_to, old.dropped, old.pubacked) == ("b1", 4, 3, ((1, 4),))
    assert (new.boot, new.taken, new.promised_up_to) == ("b2", 1, 0)
    assert ledger.pending == 1


@pytest.mark.parametrize(
    ("seqs", "wanted"), [([], ()), ([1], ((1, 1),)), ([3, 1, 2], ((1, 3),)), ([1, 2, 5], ((1, 2), (5, 5)))]
)
def test_ranges(seqs: list[int], wanted: tuple[tuple[int, int], ...]) -> None:
    """Numbers as inclusive ranges."""
    assert ranges(seqs) == wanted


class Anything(RuleBasedStateMachine):
    """Taking, sending, losing connections, acknowledging and restarting in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger("b1", pending_max=5)
        self.boots = 1
        self.arrived: dict[str, set[int]] = {}

    @rule()
    def take(self) -> None:
        """A new reading."""
        self.ledger.take(body)

    @rule()
    def send(self) -> None:
        """One reading reaches the hub."""
        outgoing = self.ledger.next_to_send()
        if outgoing is not None:
            self.arrived.setdefault(outgoing.boot, set()).add(outgoing.seq)

    @rule()
    def reconnect(self) -> None:
        """The connection was lost."""
        self.ledger.send_again()

    @rule(back=st.integers(0, 3))
    def acknowledge(self, back: int) -> None:
        """The hub acknowledges what it has, perhaps late."""
        seqs = self.arrived.get(self.ledger.boot)
        if seqs:
            self.ledger.acknowledged(self.ledger.boot, max(seqs) - back)

    @rule()
    def restart(self) -> None:
        """Power off and on."""
        self.boots += 1
        self.ledger.restart(f"b{self.boots}")

    @invariant()
    def nothing_is_missing(self) -> None:
        """A reading is promised, pending or dropped, and arrives without a gap."""
        for boot in self.ledger.counters():
            pending = self.ledger.pending if boot.boot == self.ledger.boot else boot.dropped
            assert boot.promised_up_to + pending == boot.taken
            seqs = self.arrived.get(boot.boot, set())
            assert seqs == set(range(1, boot.published + 1))
            assert boot.promised_up_to <= boot.published


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
