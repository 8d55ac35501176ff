"""One mandate after the other: drawn on by many at once, over merchants, roll-overs, wrong clocks and revocations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Preferences
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.mandate import (
    Acceptable,
    AmountRange,
    Budget,
    ExecutionDate,
    MandateDraft,
    MandateItem,
    MandateRecord,
    Recurrence,
    period_of,
)
from edge_agent.core.leave.period import Frequency
from edge_agent.core.messages import IntentId, ItemId
from tests.campaign.approvals.home import LeaveHome
from tests.campaign.mandates.purse import Purse, Wall
from tests.edge_agent.samples import MILK

OWNER = "the-owner"
LAST_EURO = 50  # draws at once on what is left
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati", "America/Santiago")
_TURNS = (  # moments at which calendars do something odd: DST, leap day, the end of a long month, a year
    datetime.fromisoformat("2026-03-28T21:00+00:00"),
    datetime.fromisoformat("2026-10-24T21:00+00:00"),
    datetime.fromisoformat("2027-12-30T21:00+00:00"),
    datetime.fromisoformat("2028-02-28T21:00+00:00"),
    datetime.fromisoformat("2028-05-30T21:00+00:00"),
)


@dataclass(slots=True)
class Races:
    """Draws on one home's mandates; the wall clock is the campaign's."""

    home: LeaveHome
    wall: Wall
    purse: Purse
    rng: Random
    names: Iterator[int] = field(default_factory=count)

    def run(self) -> None:
        """One mandate, from its making to its end."""
        self._start_somewhere()
        record = self._make()
        for _ in range(self.rng.randint(2, 5)):
            self._race(record)
            self._merchants_answer(record)
            self._time_passes()
            self._check(record)
        self._revoke_amid(record)
        self._check(record)

    def _start_somewhere(self) -> None:
        later = [turn for turn in _TURNS if turn > self.wall.true + timedelta(days=1)]
        if later and self.rng.random() < 0.1:
            self.wall.true, self.wall.behind = later[0], timedelta(0)
            self.purse.met["odd_night"] += 1
        self.wall.true += timedelta(days=1, minutes=self.rng.randint(0, 600))  # past the daily cap of draws
        self.wall.behind = timedelta(0)

    def _make(self) -> MandateRecord:
        names = [f"item-{next(self.names)}" for _ in range(16)]
        acceptable = tuple(Acceptable(merchant=shop, sku=MILK.product.sku) for shop in ("grocer", "baker"))
        budget_minor = self.rng.randint(900, 3_500)
        draft = MandateDraft(
            items=tuple(MandateItem(item=name, acceptable=acceptable, quantity_max=9) for name in names),
            amount_range=AmountRange(currency="USD", min_minor=100, max_minor=self.rng.choice([900, 2_000])),
            budget=Budget(currency="USD", max_minor=budget_minor),
            recurrence=Recurrence(
                frequency=self.rng.choice(list(Frequency)), max_occurrences=self.rng.choice([None, None, 3, 30])
            ),
            execution_date=ExecutionDate(not_after=date(2040, 12, 31)),
            timezone=self.rng.choice(ZONES),
        )
        return self.home.leave.mandates.propose(draft, by=OWNER, pin_checked=False)

    def _race(self, record: MandateRecord) -> None:
        """Some draw one after the other; then one is interrupted between its look at the ledger and its transaction."""
        if self.rng.random() < 0.7:
            self._overtaken(record, lambda: self._fill(record))
            self.purse.met["overtaken"] += 1
        self._draws(record, LAST_EURO if self.rng.random() < 0.1 else self.rng.randint(1, 6))

    def _draws(self, record: MandateRecord, times: int) -> None:
        for _ in range(times):
            self._draw(record)
        if times == LAST_EURO:
            self.purse.met["last_euro"] += 1

    def _fill(self, record: MandateRecord) -> None:
        """Others draw until next to nothing is left."""
        for _ in range(10):
            self._draw(record, small=True)

    def _draw(self, record: MandateRecord, *, small: bool = False, last: bool = False) -> None:
        shop = "grocer" if small else self.rng.choice(["grocer", "grocer", "baker", "baker", "corner-shop"])
        names = [entry.item for entry in record.terms.items]
        free = [name for name in names if self.home.orders.live_intent(ItemId(name)) is None] or names
        packs, most_minor = (2, 250) if small else (self.rng.randint(1, 6), 400)
        asked = self.home.ask(
            free[-1 if last else 0] if small else self.rng.choice(names[1:]),
            packs=packs,
            price_minor=self.rng.randint(40, most_minor),
            merchant=shop,
        )
        self.purse.attempts += 1
        outcome = self.home.leave.drawing.draw(asked, item=self.home.item(asked.item), preferences=Preferences())
        if not isinstance(outcome, IntentRecord):
            self.purse.met[str(outcome.code)] += 1
            return
        self.purse.met[f"drawn:{shop}"] += 1
        if shop == "corner-shop":
            self.purse.unauthorised += 1
            self.purse.fault("a mandate was drawn on at a merchant of class C")
        ceiling_minor = asked.offer.total_max_minor
        self.purse.drew(outcome.id, terms=record.terms, at=self.wall.true, ceiling_minor=ceiling_minor)

    def _overtaken(self, record: MandateRecord, meanwhile: Callable[[], None]) -> None:
        """One draw, in whose middle something else happens: after it looked, before it writes."""
        with interrupted(self.home.leave.drawing, meanwhile):
            self._draw(record, small=True, last=True)

    def _merchants_answer(self, record: MandateRecord) -> None:
        """Some orders are placed for less than their ceiling, some refused, some stay in doubt."""
        for waiting in self.home.orders.outbox(limit=500):  # the bridge has taken all of them by now
            self.home.orders.record_answer(waiting, None, taken=True)
        for row in self.home.leave.mandates._mandates.draws(record.id, limit=50):
            found = self.home.orders.intent(IntentId(row.intent))
            if found is None or found.state is not IntentState.APPROVED or row.intent not in self.purse.draws:
                continue
            mood = self.rng.random()
            charged = self.rng.randint(row.amount_minor // 2, row.amount_minor)
            if mood < 0.5:
                self._step(found, IntentState.PLACED, charged_minor=charged)
                self.purse.charged(row.intent, charged)
                self._step_again(row.intent, IntentState.DELIVERED)
            elif mood < 0.7:
                self._step(found, IntentState.REJECTED)
                self.purse.charged(row.intent, 0)
            else:
                self._step(found, IntentState.UNKNOWN)

    def _step(self, record: IntentRecord, state: IntentState, *, charged_minor: int | None = None) -> None:
        change = intents.step(record, state, at=self.home.clock.now(), charged_minor=charged_minor)
        assert change is not None
        self.home.orders.change_intents([change], cursor=None)

    def _step_again(self, intent: str, state: IntentState) -> None:
        found = self.home.orders.intent(IntentId(intent))
        assert found is not None
        self._step(found, state)

    def _time_passes(self) -> None:
        """Hours, a day, a month; and now and then somebody sets the clock back, or right again."""
        mood = self.rng.random()
        self.wall.true += timedelta(minutes=self.rng.choice([1, 30, 90, 720, 1_440, 1_441, 10_080, 44_640]))
        if mood < 0.15:
            self.wall.behind = timedelta(hours=self.rng.choice([1, 24, 24 * 31]))
            self.purse.met["clock_back"] += 1
        elif mood < 0.5:
            self.wall.behind = timedelta(0)
        self.home.clock.now()

    def _revoke_amid(self, record: MandateRecord) -> None:
        """The mandate is revoked in the middle of a draw; the draw must not go through, and none after it."""

        def revoke() -> None:
            self.home.leave.mandates.revoke(record.id, by=OWNER)
            self.purse.revoked.add(record.id)
            self.purse.met["revoked_amid"] += 1

        self._overtaken(record, revoke)
        if record.id not in self.purse.revoked:
            revoke()
        self._draws(record, 3)

    def _check(self, record: MandateRecord) -> None:
        now = self.home.clock.now()
        store: Any = self.home.leave.mandates._mandates
        self.purse.check(record.terms, usage=store.usage(record.id, period_of(record.terms, now).index))


@contextmanager
def interrupted(drawing: Any, meanwhile: Callable[[], None]) -> Iterator[None]:  # noqa: ANN401  its store is replaced
    """Until the block ends, the first look at the ledger is followed by something else."""
    store = drawing._mandates
    drawing._mandates = _Interrupted(store, meanwhile, drawing)
    try:
        yield
    finally:
        drawing._mandates = store


class _Interrupted:
    """A store of mandates after whose first look at the ledger something happens, once."""

    def __init__(self, store: Any, meanwhile: Callable[[], None], drawing: Any) -> None:  # noqa: ANN401  as above
        self._store = store
        self._meanwhile = meanwhile
        self._drawing = drawing

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever it is there
        return getattr(self._store, name)

    def usage(self, *asked: Any) -> Any:  # noqa: ANN401  as the port has it
        seen = self._store.usage(*asked)
        self._drawing._mandates = self._store
        self._meanwhile()
        return seen
