"""The arithmetic that judges a run: what was promised against what is there. Pure; every fault is one line of text.

Source: RELIABILITY section 4, invariants I1, I6, I7 and I8, and the counting protocol in 4.5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from firmware_sim.ledger import ranges

Key = tuple[str, str, int]  # device, boot, seq
Ranges = Iterable[Sequence[int]]  # (first seq, last seq), both included


@dataclass(frozen=True, slots=True)
class Ordered:
    """What the hub or the bridge says of one intent."""

    intent: str
    state: str
    merchant_order_id: str | None


@dataclass(frozen=True, slots=True)
class OrderBooks:
    """Four records of the same purchases. `merchant` is the merchant's own, and the only judge of "doubled"."""

    approvals: int
    merchant: Sequence[str]
    hub: Sequence[Ordered]
    bridge: Sequence[Ordered]
    audit_ok: bool


def keys(messages: Mapping[str, Mapping[str, Ranges]]) -> list[Key]:
    """Every message that a report's ranges, by device and boot, stand for; one in two ranges comes twice."""
    return [
        (device, boot, seq)
        for device, boots in messages.items()
        for boot, runs in boots.items()
        for first, last in runs
        for seq in range(first, last + 1)
    ]


def reading_faults(owed: Iterable[Key], stored: Iterable[Key]) -> list[str]:
    """What is owed and not stored, and what is stored more than once."""
    counts = Counter(stored)
    lost = set(owed) - counts.keys()
    doubled = {key for key, count in counts.items() if count > 1}
    return [f"lost {where}" for where in _where(lost)] + [f"doubled {where}" for where in _where(doubled)]


def order_faults(books: OrderBooks) -> list[str]:
    """Where the four records do not agree on: one approval, one order, placed."""
    faults = []
    if len(books.merchant) > books.approvals:
        faults.append(f"doubled: {len(books.merchant)} orders at the merchant for {books.approvals} approvals")
    if len(books.merchant) < books.approvals:
        faults.append(f"lost: {len(books.merchant)} orders at the merchant for {books.approvals} approvals")
    for name, known in (("hub", books.hub), ("bridge", books.bridge)):
        if Counter(each.merchant_order_id for each in known) != Counter(books.merchant):
            faults.append(f"{name}: {known} does not name the merchant's orders {list(books.merchant)}")
        faults += [f"{name}: {each} is not placed" for each in known if each.state != "placed"]
    if not books.audit_ok:
        faults.append("hub: the audit log is broken")
    return faults


def _where(found: Iterable[Key]) -> list[str]:
    """The messages as ranges, by device and boot."""
    by_boot: dict[tuple[str, str], set[int]] = {}
    for device, boot, seq in found:
        by_boot.setdefault((device, boot), set()).add(seq)
    return [f"{device} {boot} {list(ranges(seqs))}" for (device, boot), seqs in sorted(by_boot.items())]
