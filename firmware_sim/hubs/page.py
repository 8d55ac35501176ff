"""The result of a run of households as a page."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from firmware_sim.crowd.charts import Curve, Marks, bars, cards, column, document, lines, notices, rates, told


def html(summary: dict[str, Any]) -> str:
    """The page."""
    return document(
        f"Hubs run {summary['run']}",
        [
            _head(summary),
            _verdict(summary),
            _cards(summary),
            notices(summary["notices"]),
            f'<div class="charts">{"".join(_charts(summary))}</div>',
            _requests(summary),
            f"<details><summary>Plan</summary><pre>{escape(json.dumps(summary['plan'], indent=1))}</pre></details>",
        ],
    )


def _head(summary: dict[str, Any]) -> str:
    plan = summary["plan"]
    return (
        f'<p class="soft">{plan["hubs"]:,} hubs, {plan["intents"]:g} orders each, {plan["duration_s"]:g} s, seed '
        f"{summary['seed']}; bridge {escape(summary['bridge'])}, merchant {escape(summary['merchant'])}; "
        f"{escape(summary['started_at'])}</p>"
    )


def _verdict(summary: dict[str, Any]) -> str:
    if not summary["ok"]:
        return f'<p class="bad">Not all is well: ended “{escape(summary["ended"])}”; see below.</p>'
    if summary["merchant_books"] is None:
        return "<p>Every order was answered for. Nobody asked the merchant: see --ledger.</p>"
    return "<p>Every order was answered for, and by the merchant's books none is lost, doubled or without leave.</p>"


def _cards(summary: dict[str, Any]) -> str:
    hubs, intents, sold = summary["hubs"], summary["intents"], summary["merchant_books"]
    latency = summary["requests"]["intent"]["latency_ms"]
    shown = [
        ("hubs admitted", f"{hubs['admitted']:,}", f"of {hubs['wanted']:,}; {hubs['given_up']:,} gave up"),
        ("orders accepted", f"{intents['accepted']:,}", f"of {intents['made']:,}; {intents['ended']:,} ended"),
        ("sent again", f"{intents['retried']:,}", f"{summary['answers_lost']:,} answers lost on the way"),
        ("an order's answer, median", f"{told(latency['p50'])} ms", f"99 % within {told(latency['p99'])} ms"),
    ]
    if sold is not None:
        shown += [
            ("doubled", f"{sold['doubled']:,}", f"of {sold['sales']:,} orders in the merchant's books"),
            ("lost", f"{sold['lost']:,}", f"{sold['unsettled']:,} not settled yet"),
            ("without leave", f"{sold['without_leave']:,}", "by the merchant's books"),
        ]
    shown += [
        ("drained", f"{told(each['all_drained_after_s'])} s", f"{each['drained']:,} of {each['hubs']:,} hubs")
        for each in summary["outages"]
    ]
    return cards(shown)


def _charts(summary: dict[str, Any]) -> list[str]:
    series, plan = summary["series"], summary["plan"]
    if len(series) < 2:
        return ['<p class="soft">Too short for charts: there is less than two seconds to show.</p>']
    marks = Marks(outages=[(each["at_s"], each["at_s"] + each["for_s"]) for each in plan["outages"]])
    speeds = [
        Curve("made", "a", rates(series, "made")),
        Curve("accepted", "b", rates(series, "accepted")),
        Curve("ended", "c", rates(series, "ended")),
    ]
    latencies = [
        Curve("median", "a", column(series, "latency_p50_s", 1_000)),
        Curve("99 % within", "b", column(series, "latency_p99_s", 1_000)),
    ]
    charts = [
        lines("Connected hubs", [Curve("connected", "a", column(series, "connected"))], marks=marks),
        lines("Orders a second", speeds, marks=marks),
        lines("Orders that wait for the bridge", [Curve("waiting", "a", column(series, "waiting"))], marks=marks),
        lines("Answers, ms", latencies, marks=marks, log=True),
    ]
    drained = [each for each in summary["outages"] if each["drained_bars"]]
    return charts + [bars("How long hubs took to catch up, ms", each["drained_bars"]) for each in drained]


def _requests(summary: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{kind}</td><td>{each['sent']:,}</td><td>{each['answered']:,}</td><td>{each['answers_lost']:,}</td>"
        f"<td>{told(each['latency_ms']['p50'])}</td><td>{told(each['latency_ms']['p99'])}</td></tr>"
        for kind, each in summary["requests"].items()
    )
    head = "".join(f"<th>{name}</th>" for name in ("sent", "answered", "answers lost", "median ms", "99 % ms"))
    return (
        f'<h2>Requests</h2><div class="wide"><table><thead><tr><th>of</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
