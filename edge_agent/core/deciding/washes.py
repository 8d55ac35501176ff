"""The record of washes: what a machine's readings tell of its programmes, and how far the level fell over them.

- Where the machine counts its cycles, each step is a wash; its programme is the one that ran, unknown where none was
  told. Otherwise a wash is a programme that begins.
- The level counts while nothing runs: in the middle of a wash some of the dose may be gone and some not.
- A level that rises was refilled, and one that falls by far more than doses was taken out: then nothing is learned of
  the washes in between.
- What comes late changes nothing. The newest `SPANS_MAX` spans are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from math import isfinite

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.deciding.laundry import UNKNOWN_PROGRAMME, Soil, Span, Wash, soil_of
from edge_agent.core.estimating.evidence import amount_of
from edge_agent.core.messages import Presence, Reading

PROGRAMME, COUNT, LOAD, SOIL = "cycle.programme", "cycle.count", "cycle.weight", "cycle.soil"
SIGNALS = (PROGRAMME, COUNT, LOAD, SOIL)
SPANS_MAX = 300

_WASHES_MAX = 40  # in a span; a level that stays away so long says nothing of any of them
_STEPS_MAX = 10  # more at once is a new counter
_PACKS_A_WASH_MAX = 0.5
_DRIFT_PACKS = 0.01
_LOAD_KG_MAX = 30.0

Row = tuple[int, datetime, Reading]


@dataclass(frozen=True, slots=True)
class WashRecord:
    """What was learned of one machine and one binding so far. `open` are the washes since the last look at the level.

    `running` is the programme that runs; `seen` one that ran and was not counted yet; `is_counted` says whether the
    machine's counter has counted the one that runs.
    """

    reading_id: int = 0
    as_of: datetime | None = None
    spans: tuple[Span, ...] = ()
    open: tuple[Wash, ...] = ()
    level: float | None = None
    running: str | None = None
    seen: str | None = None
    is_counted: bool = False
    count: float | None = None
    load_kg: float | None = None
    soil: Soil = "normal"

    @property
    def washes(self) -> tuple[Wash, ...]:
        """All that is kept, oldest first."""
        return (*(wash for span in self.spans for wash in span.washes), *self.open)


def fold_washes(record: WashRecord, rows: Iterable[Row], *, binding: Binding, item: Item) -> WashRecord:
    """The record after more stored readings of a machine, in the order in which they were stored, each once."""
    new = (row for row in rows if row[0] > record.reading_id)
    for at, told in groupby(new, key=lambda row: row[1]):
        group = list(told)
        if record.as_of is None or at >= record.as_of:
            said = {reading.signal: reading for _, _, reading in group}
            record = _look(_live(record, said, at=at), said, binding=binding, item=item)
            record = replace(record, as_of=at)
        record = replace(record, reading_id=group[-1][0])
    return record


def _live(record: WashRecord, said: Mapping[str, Reading], *, at: datetime) -> WashRecord:
    """What ran meanwhile."""
    before, running = record.running, _running(record, said.get(PROGRAMME))
    began = running is not None and running != before
    load_kg, soil = _number(said.get(LOAD), most=_LOAD_KG_MAX), _soil(said.get(SOIL))
    record = replace(
        record,
        running=running,
        seen=running or record.seen,
        is_counted=record.is_counted and not began,
        load_kg=load_kg or (None if began else record.load_kg),
        soil=soil or ("normal" if began else record.soil),
    )
    count = _number(said.get(COUNT))
    if record.count is not None or count is not None:
        record = _counted(record, count, at=at)
    elif began:
        record = replace(_with(record, [_wash(record, running or UNKNOWN_PROGRAMME, at=at)]), is_counted=True)
    if running is None:
        return replace(record, seen=None, is_counted=False) if record.is_counted else record
    return _amended(record) if record.is_counted else record


def _counted(record: WashRecord, count: float | None, *, at: datetime) -> WashRecord:
    """A step of the counter is a wash of the programme that ran; further ones are of programmes that nobody told."""
    if count is None:
        return record
    steps = 0 if record.count is None else round(count - record.count)
    record = replace(record, count=count)
    if not 1 <= steps <= _STEPS_MAX:
        return record
    programme = UNKNOWN_PROGRAMME if record.is_counted else record.seen or UNKNOWN_PROGRAMME
    others = [Wash(at, UNKNOWN_PROGRAMME)] * (steps - 1)
    record = _with(record, [*others, _wash(record, programme, at=at)])
    return replace(record, is_counted=record.running is not None, seen=record.running)


def _look(record: WashRecord, said: Mapping[str, Reading], *, binding: Binding, item: Item) -> WashRecord:
    """A look at the level, where it tells one and nothing runs."""
    reading = said.get(binding.signal)
    if binding.kind != "level" or reading is None or record.running is not None:
        return record
    amount = amount_of(reading, binding, item=item)
    if amount is None:
        return record
    if record.open:
        used = None if record.level is None else _used(record.level - amount, washes=len(record.open), item=item)
        record = _closed(record, used=used)
    return replace(record, level=amount)


def _used(fell: float, *, washes: int, item: Item) -> float | None:
    pack = item.product.pack_amount
    if not -_DRIFT_PACKS * pack <= fell <= _PACKS_A_WASH_MAX * pack * washes:
        return None
    return max(0.0, fell)


def _closed(record: WashRecord, *, used: float | None) -> WashRecord:
    return replace(record, spans=(*record.spans, Span(record.open, used))[-SPANS_MAX:], open=())


def _with(record: WashRecord, washes: list[Wash]) -> WashRecord:
    record = replace(record, open=(*record.open, *washes))
    return replace(_closed(record, used=None), level=None) if len(record.open) >= _WASHES_MAX else record


def _wash(record: WashRecord, programme: str, *, at: datetime) -> Wash:
    return Wash(at, programme, load_kg=record.load_kg, soil=record.soil)


def _amended(record: WashRecord) -> WashRecord:
    """Load and soil are often known only after the wash began."""
    if not record.open or record.open[-1].programme != record.running:
        return record
    last = replace(record.open[-1], load_kg=record.load_kg, soil=record.soil)
    return replace(record, open=(*record.open[:-1], last))


def _running(record: WashRecord, reading: Reading | None) -> str | None:
    """The programme that runs; what is not told has not changed."""
    if reading is None or reading.presence is Presence.UNKNOWN:
        return record.running
    if reading.presence is not Presence.VALUE or not isinstance(reading.value, str):
        return None
    return reading.value or None


def _soil(reading: Reading | None) -> Soil | None:
    return soil_of(reading.value) if reading is not None and isinstance(reading.value, str) else None


def _number(reading: Reading | None, *, most: float = 1e7) -> float | None:
    if reading is None or reading.presence is not Presence.VALUE or not isinstance(reading.value, int | float):
        return None
    return float(reading.value) if isfinite(reading.value) and 0 <= reading.value <= most else None
