"""Old readings, summed up by day before their rows go: how many, their sum, the lowest and the highest.

Rows go by how many came after them, and only when every item has been estimated from them. A message that was summed up
stays known by its seq, so that a late redelivery is no new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import apsw

from edge_agent.core.catalogue import Item

_AT_ONCE = 2_000

_SUM_UP_READINGS = """
INSERT INTO reading_summary (device, signal, unit, day, readings, numbers, total, low, high)
    SELECT device, signal, unit, date(event_ms / 1000, 'unixepoch'), count(*), count(number), sum(number),
        min(number), max(number)
    FROM reading WHERE message_id <= ? GROUP BY 1, 2, 3, 4
ON CONFLICT (device, signal, unit, day) DO UPDATE SET
    readings = readings + excluded.readings,
    numbers = numbers + excluded.numbers,
    total = coalesce(total, 0) + coalesce(excluded.total, 0),
    low = min(coalesce(low, excluded.low), coalesce(excluded.low, low)),
    high = max(coalesce(high, excluded.high), coalesce(excluded.high, high))
"""
_SUM_UP_RUNS = """
INSERT INTO message_summary (device, boot, first_seq, last_seq)
    SELECT device, boot, min(seq), max(seq) FROM (
        SELECT device, boot, seq, seq - row_number() OVER (PARTITION BY device, boot ORDER BY seq) AS run
        FROM message WHERE id <= ? AND seq IS NOT NULL
    ) GROUP BY device, boot, run
"""
_SUM_UP_OTHERS = """
INSERT INTO unsequenced_summary (device, messages)
    SELECT device, count(*) FROM message WHERE id <= ? AND seq IS NULL GROUP BY device
ON CONFLICT (device) DO UPDATE SET messages = messages + excluded.messages
"""
# A run that begins where another one ends is one with it.
_JOIN_RUNS = """
UPDATE message_summary AS a SET last_seq = (
    SELECT b.last_seq FROM message_summary AS b
    WHERE b.device = a.device AND b.boot = a.boot AND b.first_seq = a.last_seq + 1
) WHERE EXISTS (
    SELECT 1 FROM message_summary AS b
    WHERE b.device = a.device AND b.boot = a.boot AND b.first_seq = a.last_seq + 1
)
"""
_DROP_JOINED = """
DELETE FROM message_summary AS b WHERE EXISTS (
    SELECT 1 FROM message_summary AS a WHERE a.device = b.device AND a.boot = b.boot
    AND a.first_seq < b.first_seq AND a.last_seq >= b.last_seq
)
"""


def sum_up_old(db: apsw.Connection, items: Iterable[Item], *, messages_max: int) -> int:
    """Sum up what is beyond the newest `messages_max` messages, a few thousand at once; returns how many went."""
    last = _last_to_go(db, items, messages_max=messages_max)
    if last is None:
        return 0
    for statement in (_SUM_UP_READINGS, _SUM_UP_RUNS, _SUM_UP_OTHERS):
        db.execute(statement, (last,))
    db.execute(_JOIN_RUNS)
    db.execute(_DROP_JOINED)
    db.execute("DELETE FROM reading WHERE message_id <= ?", (last,))
    db.execute("DELETE FROM message WHERE id <= ?", (last,))
    return db.changes()


def is_over(db: apsw.Connection, *, messages_max: int) -> bool:
    """Whether there are more than `messages_max` messages."""
    first, newest = _ends(db)
    return first is not None and newest is not None and newest - first >= messages_max


def was_summed_up(db: apsw.Connection, device: str, boot: str | None, *, seq: int) -> bool:
    """Whether this message is one of those whose rows have gone."""
    found = db.execute(
        "SELECT last_seq FROM message_summary WHERE device = ? AND boot = ? AND first_seq <= ? "
        "ORDER BY first_seq DESC LIMIT 1",
        (device, boot, seq),
    ).get
    return found is not None and cast("int", found) >= seq


def last_summed_up(db: apsw.Connection, device: str, boot: str | None) -> int:
    """The greatest seq of this boot whose rows have gone; 0 where none has."""
    found = db.execute("SELECT max(last_seq) FROM message_summary WHERE device = ? AND boot = ?", (device, boot)).get
    return cast("int | None", found) or 0


def _last_to_go(db: apsw.Connection, items: Iterable[Item], *, messages_max: int) -> int | None:
    """The id of the newest message that may go now, in so far as there are too many."""
    first, newest = _ends(db)
    if first is None or newest is None or newest - first < messages_max:
        return None
    last = min(newest - messages_max, first + _AT_ONCE)
    for item in items:
        waiting = _first_unfolded(db, item)
        last = last if waiting is None else min(last, waiting - 1)
    return last if last >= first else None


def _ends(db: apsw.Connection) -> tuple[int | None, int | None]:
    """The ids of the oldest and the newest message."""
    return cast("tuple[int | None, int | None]", db.execute("SELECT min(id), max(id) FROM message").get)


def _first_unfolded(db: apsw.Connection, item: Item) -> int | None:
    """The oldest message with a reading that this item's stock has not been estimated from."""
    found = [
        db.execute(
            "SELECT message_id FROM reading WHERE device = ? AND signal = ? AND id > coalesce("
            "(SELECT json_extract(state, '$.reading_id') FROM stock WHERE item = ?), 0) ORDER BY id LIMIT 1",
            (bound.device, bound.signal, item.id),
        ).get
        for bound in item.bindings
    ]
    waiting = [cast("int", message) for message in found if message is not None]
    return min(waiting, default=None)
