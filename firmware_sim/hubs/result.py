"""What a run of households amounted to, as one JSON document, whose fields docs/hubs.md explains. Pure arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from firmware_sim.crowd.delays import ms, percentiles
from firmware_sim.hubs.link import Kind
from firmware_sim.hubs.run import Caught, Outcome


@dataclass(frozen=True, slots=True)
class Setting:
    """What the outcome itself does not know."""

    bridge: str
    merchant: str
    ledger: str | None
    started_at: str


def summarise(outcome: Outcome, setting: Setting) -> dict[str, Any]:
    """The whole result, ready for JSON."""
    tally, books, verdict = outcome.tally, outcome.books, outcome.verdict
    drained = all(caught.hubs == len(caught.drained) for caught in outcome.caught)
    is_judged = setting.ledger is None or (verdict is not None and verdict.is_good)
    return {
        "run": outcome.run,
        "started_at": setting.started_at,
        "seed": outcome.plan.seed,
        "bridge": setting.bridge,
        "merchant": setting.merchant,
        "ledger": setting.ledger,
        "plan": asdict(outcome.plan),
        "ended": outcome.ended,
        "ok": outcome.ended == "done" and is_judged and drained and not outcome.given_up,
        "lasted_s": round(outcome.lasted_s, 3),
        "cpu_s": round(outcome.cpu_s, 3),
        "hubs": {
            "wanted": outcome.plan.hubs,
            "started": tally.started,
            "admitted": tally.admitted,
            "given_up": outcome.given_up,
        },
        "intents": {
            "made": tally.made,
            "sent": tally.sent,
            "retried": tally.sent - len([order for order in outcome.orders if order.tries]),
            "accepted": tally.accepted,
            "answered_again": tally.answered_again,
            "waiting": outcome.waiting,
            "ended": tally.ended,
            "states": dict(Counter(str(order.state) for order in outcome.orders).most_common()),
            "accepted_after_ms": percentiles(outcome.accepted),
        },
        "requests": {
            kind.value: {
                "sent": books.sent[kind],
                "answered": books.answered[kind],
                "answers_lost": books.dropped[kind],
                "latency_ms": percentiles(books.took[kind]),
            }
            for kind in Kind
        },
        "answers_lost": books.dropped.total(),
        "unanswered": dict(books.unanswered.most_common()),
        "refusals": dict(books.refused.most_common()),
        "events": tally.events,
        "outages": [_caught(each) for each in outcome.caught],
        "merchant_books": None if verdict is None else asdict(verdict),
        "notices": [asdict(notice) for notice in outcome.notices],
        "series": [asdict(point) for point in outcome.points],
    }


def order_rows(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Every order."""
    for order in outcome.orders:
        row = asdict(order)
        del row["body"]
        yield row


def _caught(caught: Caught) -> dict[str, Any]:
    return {
        "hubs": caught.hubs,
        "intents_waiting": caught.owed,
        "ended_at_s": None if caught.ended_s is None else round(caught.ended_s, 3),
        "drained": len(caught.drained),
        "all_drained_after_s": None if caught.all_after_s is None else round(caught.all_after_s, 3),
        "drained_after_ms": percentiles(caught.drained),
        "drained_bars": [[ms(upper_s), count] for upper_s, count in caught.drained.bars()],
    }
