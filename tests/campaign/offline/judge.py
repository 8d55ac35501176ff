"""What must be in the store in the end, and what is: each reading once, as a row or in the count of one day's sum.

A sequenced message stands in `message`, or within one run of `message_summary`; its readings stand in `reading`, or in
the counts of `reading_summary`. All is compared with what the sensors are known to have said: which seqs, how many
readings a day, their sum, the lowest and the highest. Every fault is one line of text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import cast

import apsw

from firmware_sim.ledger import ranges
from tests.campaign.offline.sensors import BOOT, SIGNAL, Sensors

_RAW_DAYS = """
SELECT date(event_ms / 1000, 'unixepoch'), count(*), sum(number), min(number), max(number) FROM reading
WHERE device = ? AND signal = ? AND presence = 'value' GROUP BY 1
"""
_SUMMED_DAYS = "SELECT day, numbers, total, low, high FROM reading_summary WHERE device = ? AND signal = ?"
_RUNS = "SELECT first_seq, last_seq FROM message_summary WHERE device = ? AND boot = ? ORDER BY first_seq"
_ROWS = "SELECT seq FROM message WHERE device = ? AND boot = ? AND seq IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of readings, and what is wrong in words."""

    raw: int
    summed_up: int
    lost: int
    doubled: int
    faults: tuple[str, ...]


def readings(db: apsw.Connection, sensors: Sensors, *, last: int) -> Verdict:
    """Whether the store accounts for each of the seqs 1 to `last` of every sensor exactly once."""
    verdicts = [_of_one(db, sensors, sensor, last=last) for sensor in range(sensors.count)]
    faults = [fault for each in verdicts for fault in each.faults]
    apart = db.execute("SELECT count(*) FROM quarantine").get
    if apart:
        faults.append(f"{apart} messages were kept apart")
    return Verdict(
        raw=sum(each.raw for each in verdicts),
        summed_up=sum(each.summed_up for each in verdicts),
        lost=sum(each.lost for each in verdicts),
        doubled=sum(each.doubled for each in verdicts),
        faults=tuple(faults),
    )


def _of_one(db: apsw.Connection, sensors: Sensors, sensor: int, *, last: int) -> Verdict:
    device = sensors.name(sensor)
    raw = [cast("int", seq) for (seq,) in db.execute(_ROWS, (device, BOOT))]
    runs = cast("list[tuple[int, int]]", db.execute(_RUNS, (device, BOOT)).fetchall())
    folded = [seq for first, end in runs for seq in range(first, end + 1)]
    counts = Counter([*raw, *folded])
    lost = set(range(1, last + 1)) - counts.keys()
    doubled = {seq for seq, count in counts.items() if count > 1} | {seq for seq in counts if seq > last}
    faults = [f"{device}: lost {list(ranges(lost))}"] if lost else []
    faults += [f"{device}: doubled or never said {list(ranges(doubled))}"] if doubled else []
    faults += _days_apart(device, sensors.days(sensor, last=last), _days(db, device))
    return Verdict(len(raw), len(folded), len(lost), len(doubled), tuple(faults))


def _days(db: apsw.Connection, device: str) -> dict[date, list[float]]:
    """Rows and sums of the store together, by day."""
    told: dict[date, list[float]] = {}
    rows = [*db.execute(_RAW_DAYS, (device, SIGNAL)), *db.execute(_SUMMED_DAYS, (device, SIGNAL))]
    for day, count, total, low, high in cast("Iterable[tuple[str, int, float, float, float]]", rows):
        known = told.setdefault(date.fromisoformat(day), [0, 0.0, low, high])
        known[0] += count
        known[1] += total
        known[2:] = [min(known[2], low), max(known[3], high)]
    return told


def _days_apart(device: str, said: dict[date, list[int]], kept: dict[date, list[float]]) -> list[str]:
    return [
        f"{device}, {day}: {kept.get(day)} are kept of {said.get(day)} (count, sum, lowest, highest)"
        for day in sorted(said.keys() | kept.keys())
        if said.get(day) != kept.get(day)
    ]


def orders(
    approved: Iterable[str], *, waiting: Iterable[str], offered: Iterable[str], at_bridge: Iterable[str]
) -> list[str]:
    """Whether every approved order was offered to the bridge, in the order of the approvals, and stands there once."""
    wanted, first_offers, there = list(approved), list(dict.fromkeys(offered)), Counter(at_bridge)
    faults = [f"still waits: {intent}" for intent in waiting]
    faults += [f"never offered: {intent}" for intent in wanted if intent not in first_offers]
    faults += [f"lost: {intent} is not at the bridge" for intent in wanted if intent not in there]
    faults += [f"doubled: {intent}" for intent, count in there.items() if count > 1]
    faults += [f"never approved: {intent}" for intent in there if intent not in wanted]
    return faults if first_offers == wanted else [*faults, f"another order: {first_offers} for {wanted}"]
