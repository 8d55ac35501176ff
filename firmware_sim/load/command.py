"""`restock-sim fleet`: arguments, files and words around a run."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firmware_sim import listening
from firmware_sim.crowd.arguments import DAY_S, new_file, number, outage, parts, positive, share_of, whole, write_files
from firmware_sim.listening import Broker, LinkError, WrongArgumentsError
from firmware_sim.load.link import Place
from firmware_sim.load.plan import Fault, FaultKind, Herd, Plan

if TYPE_CHECKING:
    from firmware_sim.load.heard import Consumer
    from firmware_sim.load.link import Wire
    from firmware_sim.load.run import FleetRun, Outcome

DEVICES_MAX = 99_999  # an id has five digits
_PORTS_OF_ONE_ADDRESS = 28_000  # net.ipv4.ip_local_port_range
_DEVICES_OF_ONE_ADDRESS = 20_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What it can be told."""
    listening.add_arguments(parser, several=True)
    fleet = parser.add_argument_group("the fleet")
    fleet.add_argument(
        "--devices", type=whole(1, DEVICES_MAX), default=100, metavar="N", help="each a connection (100)"
    )
    fleet.add_argument("--homes", type=whole(1, 9_999), metavar="N", help="that they stand in (a tenth of the devices)")
    fleet.add_argument("--home", default="home", metavar="ID", help="the one home, or what the homes' ids begin with")
    fleet.add_argument("--rate", type=number(0.001, 1e6), metavar="N", help="readings a second, together (a tenth)")
    fleet.add_argument("--duration", type=number(0.1, DAY_S), default=60.0, metavar="S", help="after the ramp (60)")
    fleet.add_argument(
        "--ramp", type=number(0, DAY_S), default=0.0, metavar="S", help="switch devices on over this time"
    )
    fleet.add_argument("--seed", type=whole(0, 2**31 - 1), default=7, metavar="N", help="of everything random (7)")
    plan = parser.add_argument_group("what goes wrong, repeatable; seconds from the start, shares from 0 to 1")
    plan.add_argument(
        "--outage", type=outage, action="append", default=[], metavar="AT,FOR,SHARE", help="of the network"
    )
    plan.add_argument(
        "--herd", type=_herd, action="append", default=[], metavar="AT[,SHARE]", help="all reconnect at once"
    )
    plan.add_argument(
        "--fault", type=_fault, action="append", default=[], metavar="KIND,SHARE[,FROM,FOR]", help=", ".join(FaultKind)
    )
    wire = parser.add_argument_group("the connections")
    wire.add_argument("--mqtt", choices=["5", "3.1.1"], default="5", help="version (5); NATS wants 3.1.1")
    wire.add_argument("--in-flight", type=whole(1, 1_000), default=1, metavar="N", help="messages before a PUBACK (1)")
    wire.add_argument("--hold", type=whole(1, 10_000), default=100, metavar="N", help="readings a device keeps (100)")
    wire.add_argument("--keepalive", type=whole(5, 3_600), default=60, metavar="S", help="of MQTT (60)")
    wire.add_argument("--listen", action="store_true", help="devices hear the hub's ack and cmd, and answer a rebirth")
    wire.add_argument("--clear", action="store_true", help="take retained births and states back at the end")
    ends = parser.add_argument_group("the result")
    ends.add_argument(
        "--consumer", choices=["check", "hub", "lines", "none"], default="check", help="who is asked (check)"
    )
    ends.add_argument("--store", type=Path, metavar="FILE", help="the hub's store, or the lines that a consumer writes")
    ends.add_argument(
        "--settle", type=number(0.1, 3_600), default=10.0, metavar="S", help="wait so long without progress"
    )
    ends.add_argument("--truth", type=Path, metavar="FILE", help="write the truth log here, one JSON object a line")
    ends.add_argument("--per-device", type=Path, metavar="FILE", help="write every device here, one JSON object a line")
    ends.add_argument("--html", type=Path, metavar="FILE", help="write the result as a page with charts")
    ends.add_argument("--json", action="store_true", help="print the result as one JSON object")


def new_loop() -> asyncio.AbstractEventLoop:
    """The event loop that this command runs on."""
    import uvloop  # noqa: PLC0415 - no other command needs it

    return uvloop.new_event_loop()


async def run(arguments: argparse.Namespace) -> bool:
    """Run the fleet and tell what came of it; True when nothing was lost and all of it was there.

    Raises: LinkError when broker or consumer cannot be used, or the arguments are wrong.
    """
    from firmware_sim.load import result  # noqa: PLC0415 - help needs none of it

    brokers, plan = listening.brokers_of(arguments), plan_of(arguments)
    if (arguments.store is not None) != (arguments.consumer in {"hub", "lines"}):
        raise WrongArgumentsError("--store goes with --consumer hub or lines, and these need it")
    began = datetime.now(UTC)
    with new_file(arguments.truth, "--truth") as truth:
        fleet = await _fleet(arguments, brokers, plan, truth=truth)
        consumer = _consumer(arguments, fleet)
        outcome = await fleet.play(consumer)
    setting = result.Setting(
        broker=", ".join(f"{broker.host}:{broker.port}" for broker in brokers),
        mqtt=arguments.mqtt,
        consumer=consumer.name,
        started_at=began.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    summary = result.summarise(outcome, setting)
    written = _write_files(arguments, outcome, summary)
    printed = _print(json.dumps(summary) + "\n" if arguments.json else "".join(f"{each}\n" for each in _lines(summary)))
    return bool(summary["ok"]) and written and printed


def plan_of(arguments: argparse.Namespace) -> Plan:
    """The plan that the arguments tell.

    Raises: WrongArgumentsError.
    """
    devices = arguments.devices
    homes = arguments.homes or max(1, devices // 10)
    if arguments.consumer == "hub" and homes != 1:
        raise WrongArgumentsError(
            "--consumer hub: a hub has one home; say --homes 1, and --home as in its configuration"
        )
    if homes > devices:
        raise WrongArgumentsError(f"--homes {homes}: more than there are devices ({devices})")
    if (
        not arguments.home
        or len(arguments.home) > 59
        or not set(arguments.home) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    ):
        raise WrongArgumentsError(f"--home {arguments.home!r}: letters a-z, digits, - and _ are wanted, 59 at most")
    lasts_s = arguments.ramp + arguments.duration
    for name, each in [("outage", each.at_s) for each in arguments.outage] + [
        ("herd", each.at_s) for each in arguments.herd
    ]:
        if each >= lasts_s:
            raise WrongArgumentsError(f"--{name} at {each:g} s: the run is over after {lasts_s:g} s")
    return Plan(
        homes=homes,
        devices=devices,
        rate_per_s=arguments.rate or devices / 10,
        duration_s=arguments.duration,
        seed=arguments.seed,
        home=arguments.home,
        ramp_s=arguments.ramp,
        outages=tuple(arguments.outage),
        herds=tuple(arguments.herd),
        faults=tuple(arguments.fault),
    )


async def _fleet(
    arguments: argparse.Namespace, brokers: Sequence[Broker], plan: Plan, *, truth: FileIO | None
) -> FleetRun:
    from firmware_sim.crowd.truth import TruthLog  # noqa: PLC0415
    from firmware_sim.load.run import FleetRun, Options  # noqa: PLC0415

    places = [await _place(broker) for broker in brokers]
    return FleetRun(
        plan,
        run=secrets.token_hex(4),
        wire=_wire(arguments, places),
        truth=TruthLog(truth),
        options=Options(
            keepalive_s=arguments.keepalive,
            hold_max=arguments.hold,
            settle_s=arguments.settle,
            clears=arguments.clear,
            listens=arguments.listen,
            sources=_sources([place.address for place in places], devices=plan.devices),
        ),
        monotonic=time.perf_counter,
        epoch_s=time.time(),
        say=_say,
    )


def _wire(arguments: argparse.Namespace, places: Sequence[Place]) -> Wire:
    if arguments.mqtt == "5":
        from firmware_sim.load.wire5 import Wire5  # noqa: PLC0415

        return Wire5(places, keepalive_s=arguments.keepalive, window=arguments.in_flight)
    from firmware_sim.load.wire311 import Wire311  # noqa: PLC0415

    return Wire311(places, keepalive_s=arguments.keepalive, window=arguments.in_flight)


def _consumer(arguments: argparse.Namespace, fleet: FleetRun) -> Consumer:
    from firmware_sim.load import check, stored  # noqa: PLC0415

    match arguments.consumer:
        case "check":
            return check.Check(
                fleet.wire,
                fleet.plan,
                heard=fleet.heard,
                recent=fleet.recent,
                run=fleet.run,
                now_s=fleet.now_s,
                epoch_s=fleet.epoch_s,
            )
        case "hub":
            return stored.HubStore(
                arguments.store,
                fleet.wire,
                fleet.plan,
                heard=fleet.heard,
                run=fleet.run,
                epoch_s=fleet.epoch_s,
                say=_say,
            )
        case "lines":
            return stored.Lines(arguments.store, heard=fleet.heard, run=fleet.run, epoch_s=fleet.epoch_s)
        case _:
            return check.Nobody()


async def _place(broker: Broker) -> Place:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(broker.host, broker.port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise LinkError(f"--broker: {broker.host} is not known here: {exc}") from exc
    return Place(broker, str(found[0][4][0]))


def _sources(addresses: Sequence[str], *, devices: int) -> tuple[str, ...]:
    """On loopback, enough local addresses that each has ports for its devices; elsewhere the system chooses."""
    if devices <= _PORTS_OF_ONE_ADDRESS or any(address != "127.0.0.1" for address in addresses):
        return ()
    return tuple(f"127.0.0.{number + 2}" for number in range(-(-devices // _DEVICES_OF_ONE_ADDRESS)))


def _write_files(arguments: argparse.Namespace, outcome: Outcome, summary: dict[str, Any]) -> bool:
    """The files that were asked for; says what cannot be written, and keeps the rest."""
    from firmware_sim.load import page, result  # noqa: PLC0415

    rows = (json.dumps(row) + "\n" for row in result.device_rows(outcome))
    return write_files(
        [("--per-device", arguments.per_device, rows), ("--html", arguments.html, iter([page.html(summary)]))], say=_say
    )


def _print(text: str) -> bool:
    """The result, on standard output; says where it cannot be written."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as exc:
        _say(f"standard output: the result cannot be written there ({exc.strerror}); the files are whole")
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # else what is left over fails once more at the very end
        return False
    return True


def _lines(summary: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    links, readings, heard = summary["connections"], summary["readings"], summary["consumer"]
    yield f"run {summary['run']}, seed {summary['seed']}, ended: {summary['ended']}"
    yield f"connected: {links['reached']} of {links['wanted']}; all in {links['all_after_s']} s, {links['lost']} lost"
    yield f"readings: {readings['taken']} taken, {readings['acknowledged']} acknowledged, {readings['dropped']} dropped"
    if "lost" in heard:
        yield f"{heard['name']}: {heard['distinct']} heard, {heard['lost']} lost, {heard['duplicates']} more than once"
        yield f"delay: median {heard['delay_ms']['p50']} ms, 99th percentile {heard['delay_ms']['p99']} ms"
    for notice in summary["notices"]:
        yield f"{notice['at_s']:.0f} s: {notice['what']}; {notice['change']}"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _herd(text: str) -> Herd:
    at_s, *share = parts(text, "AT[,SHARE]", least=1, most=2)
    return Herd(at_s, share_of(share[0]) if share else 1.0)


def _fault(text: str) -> Fault:
    kind, _, rest = text.partition(",")
    if kind not in list(FaultKind):
        raise argparse.ArgumentTypeError(f"{kind!r}: one of {', '.join(FaultKind)} is wanted")
    share, *window = parts(rest, "KIND,SHARE[,FROM,FOR]", least=1, most=3)
    from_s, for_s = (window[0] if window else 0.0), (window[1] if len(window) > 1 else DAY_S)
    return Fault(FaultKind(kind), share_of(share), from_s, positive(for_s))
