"""The result of a fleet's run as a page."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from firmware_sim.crowd.charts import Curve, Marks, bars, cards, column, document, lines, notices, rates, told

_ENDED = {
    "unsettled": "not everything came through before nothing moved any more",
    "refused": "the broker refused the fleet",
    "disk_full": "the truth log could not be written any more, so the run was stopped",
    "interrupted": "the run was interrupted",
    "unheard": "the consumer could not be asked",
}


def html(summary: dict[str, Any]) -> str:
    """The page."""
    return document(
        f"Fleet run {summary['run']}",
        [
            _head(summary),
            _verdict(summary),
            _cards(summary),
            notices(summary["notices"]),
            f'<div class="charts">{"".join(_charts(summary))}</div>',
            _worst(summary),
            f"<details><summary>Plan</summary><pre>{escape(json.dumps(summary['plan'], indent=1))}</pre></details>",
        ],
    )


def _head(summary: dict[str, Any]) -> str:
    plan, links = summary["plan"], summary["connections"]
    return (
        f'<p class="soft">{links["wanted"]:,} devices in {plan["homes"]:,} homes, {plan["rate_per_s"]:g} readings/s '
        f"for {plan['duration_s']:g} s, seed {summary['seed']}; broker {escape(summary['broker'])}, MQTT "
        f"{escape(summary['mqtt'])}; {escape(summary['started_at'])}</p>"
    )


def _verdict(summary: dict[str, Any]) -> str:
    if summary["ok"] and "lost" in summary["consumer"]:
        return '<p class="good">Everything that the broker acknowledged was heard, and the whole fleet was there.</p>'
    if summary["ok"]:
        return '<p class="good">The whole fleet was there. Nobody was asked what came out behind the broker.</p>'
    links, readings = summary["connections"], summary["readings"]
    counted = (
        (summary["consumer"].get("lost", 0), "acknowledged readings are not at the consumer"),
        (readings["unacknowledged"], "readings were never acknowledged"),
        (readings["dropped"], "readings were dropped by devices for want of room"),
        (readings["refused"], "messages were refused by the broker"),
        (links["given_up"], "devices gave up"),
    )
    told = "".join(f"<li>{count:,} {what}</li>" for count, what in counted if count)
    ended = f"<li>{_ENDED[summary['ended']]}</li>" if summary["ended"] != "done" else ""
    return f'<p class="bad">Not all is well:</p><ul class="bad">{ended}{told}</ul>'


def _cards(summary: dict[str, Any]) -> str:
    links, readings, heard = summary["connections"], summary["readings"], summary["consumer"]
    shown = [
        (
            "connected at most",
            f"{links['reached']:,}",
            f"of {links['wanted']:,}; all after {told(links['all_after_s'])} s",
        ),
        (
            "acknowledged",
            f"{readings['acknowledged']:,}",
            f"of {readings['taken']:,} taken; {readings['per_s']:,.0f} a second",
        ),
        ("connections lost", f"{links['lost']:,}", f"{links['failed']:,} attempts failed"),
    ]
    if "lost" in heard:
        delay = heard["delay_ms"]
        shown += [
            ("lost", f"{heard['lost']:,}", f"acknowledged, not at the consumer “{heard['name']}”"),
            ("duplicates", f"{heard['duplicates']:,}", f"{heard['sent_again']:,} were sent again by devices"),
            ("delay, median", f"{told(delay['p50'])} ms", f"99 % within {told(delay['p99'])} ms"),
        ]
    return cards(shown)


def _charts(summary: dict[str, Any]) -> list[str]:
    series, plan = summary["series"], summary["plan"]
    marks = Marks(
        outages=[(each["at_s"], each["at_s"] + each["for_s"]) for each in plan["outages"]],
        herds=[each["at_s"] for each in plan["herds"]],
    )
    if len(series) < 2:
        return ['<p class="soft">Too short for charts: there is less than two seconds to show.</p>']
    asked = "lost" in summary["consumer"]
    readings = [Curve("taken", "a", rates(series, "taken")), Curve("acknowledged", "b", rates(series, "acked"))]
    waiting = [(each["at_s"], each["taken"] - each["acked"] - each["gone"]) for each in series]
    backlog = [Curve("not acknowledged yet", "a", waiting)]
    if asked:
        readings.append(Curve("heard", "c", rates(series, "heard")))
        behind = [
            (each["at_s"], None if each["heard"] is None else max(0, each["acked"] - each["heard"])) for each in series
        ]
        backlog.append(Curve("acknowledged, not heard yet", "b", behind))
    charts = [
        lines("Connected devices", [Curve("connected", "a", column(series, "connected"))], marks=marks),
        lines("Readings a second", readings, marks=marks),
        lines("Readings under way", backlog, marks=marks),
    ]
    if asked and summary["consumer"]["delay_ms"]["count"]:
        if any(each["delay_p50_s"] is not None for each in series):
            delays = [
                Curve("median", "a", column(series, "delay_p50_s", 1_000)),
                Curve("99 % within", "b", column(series, "delay_p99_s", 1_000)),
            ]
            charts.append(lines("Delay of what was heard, ms", delays, marks=marks, log=True))
        charts.append(bars("How long readings took, ms", summary["consumer"]["delay_bars"]))
    busy = [(at_s, None if share is None else 100 * share) for at_s, share in rates(series, "cpu_s")]
    charts.append(lines("This process: % of one core", [Curve("busy", "a", busy)], marks=marks))
    return charts


def _worst(summary: dict[str, Any]) -> str:
    rows = summary["devices"]["worst"]
    if not rows:
        return ""
    columns = ("acknowledged", "lost", "duplicates", "sent_again", "unreadable", "malformed")
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in columns)
    body = "".join(
        f"<tr><td>{escape(row['home'])}/{escape(row['device'])}</td>"
        f"{''.join(f'<td>{row[name]:,}</td>' for name in columns)}"
        f"<td>{told(row['delay_ms']['p50'])}</td><td>{told(row['delay_ms']['max'])}</td></tr>"
        for row in rows
    )
    devices = summary["devices"]
    summed = f"{devices['with_loss']:,} devices with loss, {devices['with_duplicates']:,} with duplicates"
    return (
        f"<h2>The {len(rows)} devices with the most loss, then duplicates, then delay</h2>"
        f'<p class="soft">{summed}</p><div class="wide"><table><thead><tr><th>device</th>{head}'
        f"<th>median ms</th><th>worst ms</th></tr></thead><tbody>{body}</tbody></table></div>"
    )
