"""The figures of a tier as a table for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.campaign.tiers import Total

_HEAD = ("campaign", "done", "bar", "harm", "other faults", "in doubt", "parked", "under (95 %)", "missed")


def table(sums: Sequence[Total], *, bars: Mapping[str, int | None]) -> str:
    """One line a campaign: words to the left, numbers to the right."""
    rows = [_HEAD, *(_row(total, bar=bars.get(total.campaign)) for total in sums)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(_line(row, widths) for row in rows)


def bound_told(bound: float | None) -> str:
    """A failure rate that a person can read: `1 in 33,333`; a dash where there is none."""
    return "-" if bound is None else f"1 in {1 / bound:,.0f}"


def other_faults(harm: int, faults: Sequence[str]) -> int:
    """How many faults there are beside the harm, which has lines of its own among them."""
    return max(0, len(faults) - harm)


def _row(total: Total, *, bar: int | None) -> tuple[str, ...]:
    return (
        total.campaign,
        f"{total.done:,}",
        "-" if bar is None else f"{bar:,}",
        f"{total.harm:,}",
        f"{other_faults(total.harm, total.faults):,}",
        f"{total.in_doubt:,}",
        f"{total.parked:,}",
        bound_told(total.bound),
        ", ".join(total.missed) or "-",
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    last = len(row) - 1
    cells = [
        text.ljust(width) if n in {0, last} else text.rjust(width)
        for n, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
