"""The audit chain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.core.audit import AuditRow, first_break, link


def chain(length: int) -> list[AuditRow]:
    """A whole chain of so many rows."""
    rows: list[AuditRow] = []
    for number in range(length):
        rows.append(link(rows[-1] if rows else None, {"event": "approved", "intent": f"i{number}"}))
    return rows


def test_a_whole_chain_has_no_break() -> None:
    """What `link` writes, `first_break` accepts."""
    assert first_break(chain(5)) is None
    assert first_break([]) is None


@pytest.mark.parametrize(
    ("tamper", "found_at"),
    [
        (lambda rows: [*rows[:2], replace(rows[2], event=rows[2].event.replace("i2", "i9")), *rows[3:]], 3),
        (lambda rows: rows[:2] + rows[3:], 4),
        (lambda rows: [rows[1], rows[0], *rows[2:]], 2),
        (lambda rows: rows[1:], 2),
        (lambda rows: [replace(rows[0], hash="0" * 64), *rows[1:]], 1),
    ],
    ids=["edited", "removed", "swapped", "beheaded", "rehashed"],
)
def test_tampering_is_found(tamper, found_at: int) -> None:  # noqa: ANN001 - a table of lambdas
    """An edit, a removal or a swap breaks the chain at the row where it shows."""
    assert first_break(tamper(chain(5))) == found_at
