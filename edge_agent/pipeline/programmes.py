"""Programmes of washing machines and dishwashers: from stored readings to a record, a shift of forecasts, and words.

The record is folded from what is stored, by the machines that draw on an item, and never leaves the hub. Until all
that is stored was read it says nothing. Nothing here asks or orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.deciding.laundry import Dose, Wash, doses
from edge_agent.core.deciding.mix import Mix, dose_words, dosed, mix_of, mix_words, shifted
from edge_agent.core.deciding.washes import PROGRAMME, SIGNALS, Row, WashRecord, fold_washes
from edge_agent.core.messages import DeviceId, Forecast, ItemId, Reason, StockEstimate
from edge_agent.ports import ReadingStore

_READINGS_MAX = 5_000  # a signal and turn; what is left over is read on the next one
_WASHES_MAX = 400


@dataclass(slots=True)
class _Machine:
    """One binding of an item. `is_behind`: not all that is stored was read yet."""

    binding: Binding
    item: Item
    record: WashRecord = field(default_factory=WashRecord)
    is_behind: bool = False
    learned: dict[str, Dose] = field(default_factory=dict)


class Programmes:
    """What is known of the washes that draw on each item."""

    def __init__(self, readings: ReadingStore) -> None:
        self._readings = readings
        self._machines: dict[ItemId, tuple[_Machine, ...]] = {}
        self._mixes: dict[ItemId, Mix | None] = {}

    def shifted(
        self, stocks: Sequence[tuple[Item, StockEstimate]], forecasts: Sequence[Forecast], *, now: datetime
    ) -> list[Forecast]:
        """The forecasts by the programmes of late, where what they take was learned; the others as they are."""
        self._read([item for item, _ in stocks])
        self._mixes = {ident: self._mix(ident, now=now) for ident in self._machines}
        return self.as_known(stocks, forecasts)

    def as_known(self, stocks: Sequence[tuple[Item, StockEstimate]], forecasts: Sequence[Forecast]) -> list[Forecast]:
        """The same, with what was learned until the last `shifted`; nothing is read."""
        return [
            shifted(
                forecast,
                self._mixes.get(ItemId(item.id)),
                packs=0.0 if stock.amount is None else stock.amount.value / item.product.pack_amount,
            )
            for (item, stock), forecast in zip(stocks, forecasts, strict=True)
        ]

    def washes(self, item: ItemId) -> tuple[Wash, ...]:
        """The newest washes that drew on an item, oldest first."""
        machines = self._machines.get(item, ())
        if any(machine.is_behind for machine in machines):
            return ()
        washes = (wash for machine in machines for wash in machine.record.washes)
        return tuple(sorted(washes, key=lambda wash: wash.at)[-_WASHES_MAX:])

    def told(self, item: ItemId) -> tuple[Reason, ...]:
        """What was learned of an item's programmes, in words."""
        machines = self._machines.get(item, ())
        said = [dose_words(machine.learned, unit=machine.item.unit) for machine in machines if not machine.is_behind]
        said += [mix_words(self._mixes.get(item), unit=machine.item.unit) for machine in machines[:1]]
        return tuple(reason for reason in said if reason is not None)

    def _read(self, items: Sequence[Item]) -> None:
        machines: dict[ItemId, tuple[_Machine, ...]] = {}
        for item in items:
            known = {machine.binding: machine for machine in self._machines.get(ItemId(item.id), ())}
            found = tuple(self._machine(known.get(bound), bound, item=item) for bound in item.bindings)
            for machine in found:
                self._read_on(machine)
            if any(machine.record.reading_id for machine in found):
                machines[ItemId(item.id)] = found
        self._machines = machines

    def _machine(self, known: _Machine | None, bound: Binding, *, item: Item) -> _Machine:
        """The one that is known; a new one where the item's unit or pack is another."""
        is_same = known is not None and (
            (known.item.unit, known.item.product.pack_amount) == (item.unit, item.product.pack_amount)
        )
        return known if known is not None and is_same else _Machine(bound, item)

    def _read_on(self, machine: _Machine) -> None:
        device, after_id = DeviceId(machine.binding.device), machine.record.reading_id
        if not after_id and not self._readings.readings_after(device, PROGRAMME, after_id=0, limit=1):
            return  # most devices have no programmes
        rows: list[Row] = []
        read_to: int | None = None
        for signal in dict.fromkeys((*SIGNALS, machine.binding.signal)):
            found = self._readings.readings_after(device, signal, after_id=after_id, limit=_READINGS_MAX)
            rows += found
            if len(found) == _READINGS_MAX:
                read_to = found[-1][0] if read_to is None else min(read_to, found[-1][0])
        rows = sorted((row for row in rows if read_to is None or row[0] <= read_to), key=lambda row: row[0])
        machine.is_behind = read_to is not None
        before = machine.record.spans
        machine.record = fold_washes(machine.record, rows, binding=machine.binding, item=machine.item)
        if machine.record.spans is not before:
            machine.learned = doses(machine.record.spans)

    def _mix(self, item: ItemId, *, now: datetime) -> Mix | None:
        """None where part of the use is not seen, or sensors of one container would be counted twice."""
        machines = self._machines[item]
        holders = {machine.binding.holder for machine in machines}
        if len(holders) < len(machines) or any(not m.learned or m.is_behind for m in machines):
            return None
        return mix_of([one for m in machines for one in dosed(m.record.washes, m.learned)], now=now)
