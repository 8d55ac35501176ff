"""The hash chain."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from edge_agent.core.leave.audit import ORIGIN, AuditRow, Link, append, event_digest, follow


def chain(length: int, *, start: Link = ORIGIN) -> list[AuditRow]:
    """A whole chain."""
    rows, end = [], start
    for number in range(1, length + 1):
        rows.append(append(end, {"event": "approved", "n": number}, salt=f"{number:032x}"))
        end = rows[-1].link
    return rows


def test_a_whole_chain_is_followed_to_its_end() -> None:
    """From the origin, or from any link on the way."""
    rows = chain(5)
    assert follow(ORIGIN, rows).end == rows[-1].link
    assert follow(rows[2].link, rows[3:]).broken_at is None
    assert follow(ORIGIN, []).end == ORIGIN


def test_a_row_is_hashed_over_the_digest_of_its_event() -> None:
    """So a row can be kept back and still be reckoned with; one of an older program is hashed over its event itself."""
    row = append(ORIGIN, {"event": "approved"}, salt="0" * 32)
    assert row.event == '{"event":"approved","salt":"00000000000000000000000000000000"}'
    digest = hashlib.sha256(row.event.encode()).hexdigest()
    assert event_digest(row.event) == digest
    assert row.hash == hashlib.sha256(f"{ORIGIN.hash}{digest}".encode()).hexdigest()
    older = '{"event":"approved","why":"\\"salt\\":\\"x"}'
    old_hash = hashlib.sha256(f"{row.hash}{older}".encode()).hexdigest()
    assert follow(row.link, [AuditRow(2, row.hash, old_hash, older)]).broken_at is None


TAMPERED: dict[str, Callable[[list[AuditRow]], list[AuditRow]]] = {
    "edited": lambda rows: [*rows[:2], replace(rows[2], event='{"event":"declined","n":3}'), *rows[3:]],
    "removed": lambda rows: rows[:2] + rows[3:],
    "swapped": lambda rows: [*rows[:2], rows[3], rows[2], *rows[4:]],
    "rewritten from here": lambda rows: [*rows[:2], *chain(1, start=replace(rows[1].link, hash="f" * 64)), *rows[3:]],
    "moved up": lambda rows: [*rows[:2], replace(rows[3], seq=3), *rows[4:]],
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_tampered_chain_breaks_where_it_was_tampered_with(
    tamper: Callable[[list[AuditRow]], list[AuditRow]],
) -> None:
    """The first row that does not follow is named, and the walk ends before it."""
    rows = chain(5)
    followed = follow(ORIGIN, tamper(rows))
    assert followed.broken_at in {3, 4}
    assert followed.end == rows[1].link
