"""The judgement of a race, from the file's rows and the merchant's book alone: nothing here asks the hub's own code."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.campaign.mandates.almanac import began_on


@dataclass(slots=True)
class Verdict:
    """What a race came to. `met` counts what happened, `draws` every try."""

    draws: int = 0
    unauthorised: int = 0
    overdrawn: int = 0
    met: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def to_fields(self) -> dict[str, object]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, text: str) -> Verdict:
        """What another process has judged."""
        fields = json.loads(text)
        return cls(**{**fields, "met": Counter(fields["met"])})

    def spoke_without_leave(self, what: str) -> None:
        """Something was done for which there was no leave."""
        self.unauthorised += 1
        self.faults.append(what)

    def spent_too_much(self, what: str) -> None:
        """A budget did not hold."""
        self.overdrawn += 1
        self.faults.append(what)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One order on a mandate: its ceiling, what the ledger says of it, and when it was made."""

    mandate: str
    state: str
    amount_minor: int
    ceiling_minor: int
    made_at: datetime


def judge(folder: Path, store: Path) -> Verdict:
    """Hold rows, book and the notes of all processes against each other."""
    verdict = Verdict()
    for path in folder.glob("draw-*.json"):
        verdict.met.update({f"rivals:{code}": times for code, times in _read(path).items()})
        verdict.draws += sum(_read(path).values())
    db = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        drawn = {row[0]: _drawn(row) for row in db.execute(_DRAWS)}
        mandates = {row[0]: json.loads(row[1]) for row in db.execute("SELECT id, terms FROM mandate")}
        audit = [json.loads(row[0]) for row in db.execute("SELECT event FROM audit ORDER BY seq")]
        waiting = {row[0] for row in db.execute("SELECT intent FROM outbox")}
        wished = {row[0] for row in db.execute("SELECT intent FROM cancel_wish")}
    finally:
        db.close()
    sold, revocations = _read(folder / "sell.json"), _read(folder / "revoke.json")
    for ident, terms in mandates.items():
        mine = {intent: one for intent, one in drawn.items() if one.mandate == ident}
        _check_budget(verdict, ident, terms, mine, book=sold["book"])
    _check_book(verdict, drawn, book=sold["book"])
    _check_audit(verdict, audit, drawn)
    _check_sends(verdict, _read(folder / "deliver.json"), revocations, drawn)
    for end in revocations:
        verdict.met["rivals:revoked"] += 1
        left = {intent for intent in waiting - wished if drawn[intent].mandate == end["mandate"]}
        for intent in left:
            verdict.spoke_without_leave(f"intent {intent} of a revoked mandate still waits to be sent")
    return verdict


_DRAWS = (
    "SELECT l.intent, l.mandate, l.state, l.amount_minor, json_extract(CAST(a.terms AS TEXT), '$.total_max_minor'), "
    "i.created_ms FROM ledger l JOIN intent i ON i.id = l.intent JOIN authority a ON a.intent = l.intent "
    "WHERE l.mandate IS NOT NULL"
)


def _drawn(row: tuple[Any, ...]) -> _Drawn:
    _, mandate, state, amount_minor, ceiling_minor, made_ms = row
    return _Drawn(mandate, state, amount_minor, ceiling_minor, datetime.fromtimestamp(made_ms / 1_000, UTC))


def _check_budget(
    verdict: Verdict, ident: str, terms: dict[str, Any], drawn: dict[str, _Drawn], *, book: dict[str, int | None]
) -> None:
    """I5 by rows and by the book: reserved and spent in a period, and all the merchant may still charge in it."""
    rows: Counter[date] = Counter()
    charged: Counter[date] = Counter()
    for intent, one in drawn.items():
        began = began_on(
            one.made_at,
            first_day=_first_day(terms),
            frequency=terms["recurrence"]["frequency"],
            zone=terms["timezone"],
        )
        rows[began] += one.amount_minor if one.state in {"reserved", "spent"} else 0
        may_come = one.ceiling_minor if one.state == "reserved" else 0
        charged[began] += may_come if intent not in book else book[intent] or 0
    most_minor = terms["budget"]["max_minor"]
    for sums, whose in ((rows, "the rows hold"), (charged, "the merchant may charge")):
        for began, total_minor in sums.items():
            if total_minor > most_minor:
                verdict.spent_too_much(f"mandate {ident}: {whose} {total_minor} of {most_minor} from {began}")
    most = terms["recurrence"]["max_occurrences"]
    counted = sum(one.state != "released" for one in drawn.values())
    if most is not None and counted > most:
        verdict.spoke_without_leave(f"mandate {ident}: {counted} orders of {most}")
    verdict.met["rivals:shared"] += len(drawn) > 1


def _first_day(terms: dict[str, Any]) -> date:
    not_before = terms["execution_date"]["not_before"]
    if not_before is not None:
        return date.fromisoformat(not_before)
    return datetime.fromisoformat(terms["created_at"]).astimezone(ZoneInfo(terms["timezone"])).date()


def _check_book(verdict: Verdict, drawn: dict[str, _Drawn], *, book: dict[str, int | None]) -> None:
    """Every order of the merchant is a draw, and costs what the ledger says."""
    for intent, charged_minor in book.items():
        one = drawn.get(intent)
        if one is None:
            verdict.spoke_without_leave(f"the merchant has order {intent}, which nobody drew")
        elif one.state == "spent" and one.amount_minor != charged_minor:
            verdict.spent_too_much(f"intent {intent}: charged {charged_minor}, the ledger says {one.amount_minor}")
        else:
            verdict.met["rivals:in_the_book"] += 1


def _check_audit(verdict: Verdict, audit: list[dict[str, Any]], drawn: dict[str, _Drawn]) -> None:
    """In the order in which the transactions were made: no draw on a mandate after its end."""
    ended: set[str] = set()
    for event in audit:
        if event["event"] == "mandate_revoke":
            ended.add(event["mandate"])
        elif event["event"] == "approved" and drawn[event["intent"]].mandate in ended:
            verdict.spoke_without_leave(f"intent {event['intent']} was drawn on a mandate that had ended")


def _check_sends(
    verdict: Verdict, sent: list[tuple[str, int]], revocations: list[dict[str, Any]], drawn: dict[str, _Drawn]
) -> None:
    """Once a revoke was stored nothing of its mandate leaves, first or again, but the one request under way then."""
    verdict.met["rivals:sent_again"] += len(sent) - len({intent for intent, _ in sent})
    for end in revocations:
        late = [(place, intent) for place, (intent, at_ns) in enumerate(sent) if at_ns > end["at_ns"]]
        first = late[0][0] if late else None
        for place, intent in late:
            if drawn[intent].mandate != end["mandate"]:
                continue
            if place == first and intent in end["claimed"]:
                verdict.met["rivals:under_way"] += 1
            else:
                verdict.spoke_without_leave(f"intent {intent} left the home after mandate {end['mandate']} was revoked")


def _read(path: Path) -> Any:  # noqa: ANN401  each note has its own form
    return json.loads(path.read_text(encoding="utf-8"))
