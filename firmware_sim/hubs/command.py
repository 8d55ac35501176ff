"""`restock-sim hubs`: arguments, files and words around a run."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import ssl
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from firmware_sim.crowd.arguments import DAY_S, new_file, number, outage, whole, write_files
from firmware_sim.listening import WrongArgumentsError

if TYPE_CHECKING:
    from firmware_sim.hubs.plan import Plan
    from firmware_sim.hubs.run import Outcome
    from firmware_sim.hubs.words import Signatory

HUBS_MAX = 10_000  # what one bridge's configuration holds
_SKUS_MAX = 200
_JUDGED = ("lost", "doubled", "without_leave", "unsettled")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What it can be told."""
    parser.add_argument(
        "--keys", type=Path, required=True, metavar="FILE", help="the households' keys, made by --enrol"
    )
    parser.add_argument(
        "--enrol", type=Path, metavar="FILE", help="make --keys, write here what the bridge's operator adds, and end"
    )
    parser.add_argument("--home", default="sim", metavar="ID", help="with --enrol: what the households' ids begin with")
    hubs = parser.add_argument_group("the hubs")
    hubs.add_argument("--n", type=whole(1, HUBS_MAX), default=100, metavar="N", help="each a household (100)")
    hubs.add_argument("--intents", type=number(0, 1_000), default=2.0, metavar="N", help="orders of a household (2)")
    hubs.add_argument(
        "--duration", type=number(0.1, DAY_S), default=60.0, metavar="S", help="they are approved in (60)"
    )
    hubs.add_argument(
        "--ramp", type=number(0, DAY_S), default=5.0, metavar="S", help="hubs are switched on over it (5)"
    )
    hubs.add_argument(
        "--hold", type=whole(0, 86_400), default=10, metavar="S", help="orders can be taken back for (10)"
    )
    hubs.add_argument(
        "--prices", type=number(0, 1), default=0.04, metavar="SHARE", help="hubs that ask for prices (0.04)"
    )
    hubs.add_argument("--seed", type=whole(0, 2**31 - 1), default=7, metavar="N", help="of everything drawn (7)")
    pauses = parser.add_argument_group("their pauses, in seconds")
    pauses.add_argument("--retry", type=number(1, DAY_S), default=30.0, metavar="S", help="before a next try (30)")
    pauses.add_argument("--poll", type=number(1, DAY_S), default=10.0, metavar="S", help="between looks for news (10)")
    pauses.add_argument("--answer", type=number(0.1, 120), default=10.0, metavar="S", help="given up after (10)")
    plan = parser.add_argument_group("what goes wrong; seconds from the start, shares from 0 to 1")
    plan.add_argument(
        "--outage", type=outage, action="append", default=[], metavar="AT,FOR,SHARE", help="of the network, repeatable"
    )
    plan.add_argument(
        "--back", type=number(0, DAY_S), default=0.0, metavar="S", help="hubs return over it (0: at once)"
    )
    plan.add_argument(
        "--lost-answers", type=number(0, 0.9), default=0.0, metavar="SHARE", help="dropped on the way (0)"
    )
    there = parser.add_argument_group("the bridge and its merchant")
    there.add_argument("--bridge", metavar="URL", help="as the bridge's own public address")
    there.add_argument("--ca-file", type=Path, metavar="FILE", help="the authority that signed its certificate")
    there.add_argument("--merchant", metavar="ID", help="by the bridge's configuration")
    there.add_argument("--sku", action="append", default=[], metavar="SKU", help="what is bought, repeatable")
    there.add_argument("--delivery-ref", default="home", metavar="REF", help="where to (home)")
    ends = parser.add_argument_group("the result")
    ends.add_argument("--ledger", type=Path, metavar="FILE", help="the merchant's own books: its orders are the judge")
    ends.add_argument("--settle", type=number(0.1, 3_600), default=30.0, metavar="S", help="without progress (30)")
    ends.add_argument("--truth", type=Path, metavar="FILE", help="write the log here, one JSON object a line")
    ends.add_argument("--per-order", type=Path, metavar="FILE", help="write every order here, one JSON object a line")
    ends.add_argument("--html", type=Path, metavar="FILE", help="write the result as a page with charts")
    ends.add_argument("--json", action="store_true", help="print the result as one JSON object")


def new_loop() -> asyncio.AbstractEventLoop:
    """The event loop that this command runs on."""
    import uvloop  # noqa: PLC0415 - few commands need it

    return uvloop.new_event_loop()


async def run(arguments: argparse.Namespace) -> bool:
    """Run the hubs and tell what came of it; True when all is well.

    Raises: LinkError when the arguments are wrong, or a file cannot be used.
    """
    from firmware_sim.crowd.truth import TruthLog  # noqa: PLC0415
    from firmware_sim.hubs import keys, ledger, result  # noqa: PLC0415 - help needs none of it
    from firmware_sim.hubs.run import HubsRun, Options, Wanted  # noqa: PLC0415

    if arguments.enrol is not None:
        return _enrol(arguments)
    wanted = Wanted(_given(arguments.merchant, "--merchant"), arguments.delivery_ref, tuple(arguments.sku))
    if not 1 <= len(wanted.skus) <= _SKUS_MAX:
        raise WrongArgumentsError(f"--sku: one is wanted at least, and {_SKUS_MAX} at most")
    households, plan = _households(arguments, keys.load(arguments.keys)), plan_of(arguments)
    began = datetime.now(UTC)
    with new_file(arguments.truth, "--truth") as truth:
        hubs = HubsRun(
            plan,
            run=secrets.token_hex(8),
            bridge=_bridge(arguments),
            households=households,
            wanted=wanted,
            truth=TruthLog(truth),
            options=Options(
                settle_s=arguments.settle,
                sales=None if arguments.ledger is None else partial(ledger.read, arguments.ledger),
            ),
            monotonic=time.perf_counter,
            say=_say,
        )
        outcome = await hubs.play()
    setting = result.Setting(
        bridge=arguments.bridge,
        merchant=wanted.merchant,
        ledger=None if arguments.ledger is None else str(arguments.ledger),
        started_at=began.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    summary = result.summarise(outcome, setting)
    written = _write_files(arguments, outcome, summary)
    sys.stdout.write(json.dumps(summary) + "\n" if arguments.json else "".join(f"{each}\n" for each in _lines(summary)))
    sys.stdout.flush()
    return bool(summary["ok"]) and written


def plan_of(arguments: argparse.Namespace) -> Plan:
    """The plan that the arguments tell.

    Raises: WrongArgumentsError.
    """
    from firmware_sim.hubs.plan import Pauses, Plan  # noqa: PLC0415

    for each in arguments.outage:
        if each.at_s >= arguments.duration:
            raise WrongArgumentsError(f"--outage at {each.at_s:g} s: --duration is {arguments.duration:g} s")
    if arguments.ramp > arguments.duration:
        raise WrongArgumentsError(f"--ramp {arguments.ramp:g}: longer than --duration ({arguments.duration:g})")
    return Plan(
        hubs=arguments.n,
        intents=arguments.intents,
        duration_s=arguments.duration,
        seed=arguments.seed,
        ramp_s=arguments.ramp,
        outages=tuple(arguments.outage),
        back_s=arguments.back,
        lost_answers=arguments.lost_answers,
        asks_prices=arguments.prices,
        hold_s=arguments.hold,
        pauses=Pauses(arguments.retry, arguments.poll, arguments.answer),
    )


def _enrol(arguments: argparse.Namespace) -> bool:
    """Make keys, and what the bridge must be told of them."""
    from firmware_sim.hubs import keys  # noqa: PLC0415

    home: str = arguments.home
    if not home or len(home) > 59 or not set(home) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-"):
        raise WrongArgumentsError(f"--home {home!r}: letters a-z, digits, - and _ are wanted, 59 at most")
    made = keys.make(arguments.keys, count=arguments.n, home=home)
    keys.write_new(arguments.enrol, keys.admission(made), option="--enrol")
    _say(f"{len(made)} households: add {arguments.enrol} to the bridge's configuration, and start it anew")
    return True


def _households(arguments: argparse.Namespace, known: list[Signatory]) -> list[Signatory]:
    if len(known) < arguments.n:
        raise WrongArgumentsError(f"--keys {arguments.keys}: has {len(known)} households, --n says {arguments.n}")
    return known[: arguments.n]


def _bridge(arguments: argparse.Namespace) -> Any:  # noqa: ANN401 - link.Bridge, which help does not need
    from firmware_sim.hubs.link import Bridge  # noqa: PLC0415

    url = _given(arguments.bridge, "--bridge")
    address = urlsplit(url)
    if address.scheme not in {"http", "https"} or not address.hostname or address.username or address.path:
        raise WrongArgumentsError(
            "--bridge: http://HOST:PORT or https://HOST is wanted, without user, path or a last /"
        )
    try:
        tls = ssl.create_default_context(cafile=arguments.ca_file)
    except OSError as exc:
        raise WrongArgumentsError(f"--ca-file {arguments.ca_file}: cannot be used: {exc}") from exc
    return Bridge(url, tls, arguments.answer)


def _given(value: str | None, option: str) -> str:
    if not value:
        raise WrongArgumentsError(f"{option} is wanted")
    return value


def _write_files(arguments: argparse.Namespace, outcome: Outcome, summary: dict[str, Any]) -> bool:
    """The files that were asked for; says what cannot be written, and keeps the rest."""
    from firmware_sim.hubs import page, result  # noqa: PLC0415

    rows = (json.dumps(row) + "\n" for row in result.order_rows(outcome))
    return write_files(
        [("--per-order", arguments.per_order, rows), ("--html", arguments.html, iter([page.html(summary)]))], say=_say
    )


def _lines(summary: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    hubs, intents, sold = summary["hubs"], summary["intents"], summary["merchant_books"]
    latency = summary["requests"]["intent"]["latency_ms"]
    yield f"run {summary['run']}, seed {summary['seed']}, ended: {summary['ended']}"
    yield f"hubs: {hubs['admitted']} of {hubs['wanted']} admitted, {hubs['given_up']} gave up"
    yield f"orders: {intents['made']} made, {intents['accepted']} accepted, {intents['waiting']} wait for the bridge"
    yield f"sent again: {intents['retried']}; answers lost on the way: {summary['answers_lost']}"
    yield f"answers to orders: median {latency['p50']} ms, 99th percentile {latency['p99']} ms"
    for each in summary["outages"]:
        yield f"outage: {each['drained']} of {each['hubs']} hubs drained, all in {each['all_drained_after_s']} s"
    if sold is not None:
        yield f"merchant: {sold['sales']} sold; {', '.join(f'{name} {sold[name]}' for name in _JUDGED)}"
    for notice in summary["notices"]:
        yield f"{notice['at_s']:.0f} s: {notice['what']}; {notice['change']}"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
