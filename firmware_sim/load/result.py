"""What a run amounted to: the devices' truth against what the consumer has, as one JSON document. Pure arithmetic.

- lost: a reading that the broker acknowledged and the consumer does not have.
- duplicates: readings that the consumer has more than once, beyond the first time. `sent_again` says how many of them
  the devices themselves caused, by a fault of the plan or because a connection was lost before the PUBACK.
- unacknowledged: taken, neither acknowledged nor dropped: nobody knows, and nobody was promised anything.
- delay: from when a reading was taken to when the consumer had it. What waited for a connection is `held`, apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from firmware_sim.crowd.delays import Delays, ms, percentiles
from firmware_sim.load.run import Marks, Outcome

_WORST = 20


@dataclass(frozen=True, slots=True)
class Setting:
    """What the outcome itself does not know."""

    broker: str
    mqtt: str
    consumer: str
    started_at: str


def summarise(outcome: Outcome, setting: Setting) -> dict[str, Any]:
    """The whole result, ready for JSON; its fields are explained in docs/fleet.md."""
    plan, tally = outcome.plan, outcome.ledger.tally
    asked = setting.consumer != "none" and outcome.ended != "unheard"
    rows = list(device_rows(outcome)) if asked else []
    lost = sum(row["lost"] for row in rows)
    unknown = tally.taken - tally.acked - tally.dropped - tally.wiped
    settled = outcome.ended == "unsettled" and asked and not lost and not unknown  # more slowly than it told, but whole
    ended = "done" if settled else outcome.ended
    return {
        "run": outcome.run,
        "started_at": setting.started_at,
        "seed": plan.seed,
        "broker": setting.broker,
        "mqtt": setting.mqtt,
        "plan": asdict(plan),
        "ended": ended,
        "ok": ended == "done" and not lost and not outcome.given_up and not tally.dropped and not tally.refused,
        "lasted_s": round(outcome.lasted_s, 3),
        "connections": {
            "wanted": plan.devices,
            "reached": tally.connected_most,
            "all_after_s": _rounded(outcome.marks.all_connected_s),
            "made": tally.connects,
            "failed": tally.failed,
            "lost": tally.lost,
            "given_up": outcome.given_up,
            "reasons": dict(outcome.ledger.reasons.most_common()),
        },
        "readings": {
            "taken": tally.taken,
            "published": tally.sent,
            "acknowledged": tally.acked,
            "unacknowledged": unknown,
            "dropped": tally.dropped,
            "wiped": tally.wiped,
            "skipped": tally.skipped,
            "refused": tally.refused,
            "doubled": tally.doubled,
            "resent": tally.resent,
            "malformed": tally.malformed,
            "per_s": round(tally.acked / plan.duration_s, 1),
        },
        "hub": {"acks": tally.hub_acks, "rebirths": tally.rebirths},
        "puback_ms": percentiles(outcome.ledger.pubacks),
        "consumer": _consumed(outcome, setting, rows) if asked else {"name": setting.consumer},
        "devices": {
            "with_loss": sum(row["lost"] > 0 for row in rows),
            "with_duplicates": sum(row["duplicates"] > 0 for row in rows),
            "worst": sorted(rows, key=_badness, reverse=True)[:_WORST],
        },
        "process": _process(outcome.marks, devices=tally.connected_most),
        "notices": [asdict(notice) for notice in outcome.notices],
        "series": [asdict(point) for point in outcome.points],
    }


def device_rows(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Loss, duplicates and delay of each device."""
    heard, ledger = outcome.heard, outcome.ledger
    for index in range(outcome.plan.devices):
        acked = ledger.acked(index)
        delays = heard.delays(index) or Delays()
        yield {
            "device": outcome.plan.device(index),
            "home": outcome.plan.home_of(index),
            "boots": max(acked, default=0),
            "acknowledged": sum(len(seqs) for seqs in acked.values()),
            "lost": sum(seqs.beyond(heard.seqs(index, boot)) for boot, seqs in acked.items()),
            "duplicates": heard.repeats[index],
            "sent_again": ledger.doubled[index],
            "unreadable": heard.unreadable[index],
            "malformed": ledger.malformed[index],
            "delay_ms": percentiles(delays),
        }


def _consumed(outcome: Outcome, setting: Setting, rows: list[dict[str, Any]]) -> dict[str, Any]:
    heard, ledger = outcome.heard, outcome.ledger
    return {
        "name": setting.consumer,
        "heard": heard.times,
        "distinct": heard.distinct,
        "lost": sum(row["lost"] for row in rows),
        "duplicates": heard.repeats.total(),
        "sent_again": ledger.doubled.total(),
        "unreadable": heard.unreadable.total(),
        "kept_apart": dict(heard.kept_apart),
        "foreign": heard.foreign,
        "breaks": heard.breaks,
        "forgotten": heard.forgotten,
        "delay_ms": percentiles(heard.all_delays()),
        "held_ms": percentiles(heard.held),
        "delay_bars": [[ms(upper_s), count] for upper_s, count in heard.all_delays().bars()],
    }


def _process(marks: Marks, *, devices: int) -> dict[str, Any]:
    publishes = marks.publishes_until - marks.publishes_from
    before, connected = marks.resident_before_kb, marks.resident_connected_kb
    counted = publishes > 0
    return {
        "resident_before_kb": before,
        "resident_connected_kb": connected,
        "kb_per_connection": round((connected - before) / devices, 2) if before and connected and devices else None,
        "cpu_us_per_connection": _us(marks.cpu_connected_s - marks.cpu_before_s, devices) if connected else None,
        "publishes_counted": publishes if counted else 0,
        "cpu_us_per_publish": _us(marks.cpu_until_s - marks.cpu_from_s, publishes) if counted else None,
    }


def _us(cpu_s: float, times: int) -> float:
    return round(cpu_s / times * 1e6, 1)


def _badness(row: dict[str, Any]) -> tuple[float, ...]:
    return row["lost"], row["duplicates"], row["unreadable"], row["delay_ms"]["max"] or 0.0


def _rounded(duration_s: float | None) -> float | None:
    return None if duration_s is None else round(duration_s, 3)
