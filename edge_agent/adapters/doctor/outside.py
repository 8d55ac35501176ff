"""The broker and the bridge, asked once each: whether they are there, and whether they know this hub.

Rules of this file:
- What goes to the bridge leaves the home, so it is in the household's ledger first: without it, no question.
- No session of a hub that runs is ended: its broker may give each user one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from cloud_bridge.wire import PATH_HEAD, Head
from edge_agent.adapters.clock import MappedClock
from edge_agent.adapters.egress import Egress, Purpose
from edge_agent.adapters.keys import HouseholdKey
from edge_agent.adapters.listening import look_in
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.opening import open_store
from edge_agent.config import BridgeConfig, HubConfig, Secrets
from edge_agent.core.clock_trust import bounds_for
from edge_agent.core.doctor import Finding, fine, judge_bridge_clock, note, problem
from edge_agent.errors import BridgeUnreachableError, FailClosedError, HubError, StoreBusyError
from edge_agent.folder import STORE_FILE

_AFTER_EVERYTHING = 2**53 - 1  # of what came after that nothing is told, and so nothing travels
_OK, _UNKNOWN = 200, frozenset({401, 403})
_ONE_LOGIN = (
    "The running hub holds the only login that is known here, and a second one could end its session: not tried."
)


class _OpenedForOneRow(EgressLedger):
    """The household's ledger, whose store is open while a row is written and not while an answer is waited for."""

    def __init__(self, folder: Path, config: HubConfig) -> None:
        super().__init__(Connection(folder / STORE_FILE), clock=MappedClock(config.clock))
        self._folder = folder
        self._config = config

    def write_down(self, *, purpose: str, recipient: str, method: str, path: str, body: bytes) -> None:
        """Make it durable, as the hub does."""
        with open_store(self._folder, self._config, keep_time=False) as store:
            ledger = EgressLedger(store.connection, clock=store.clock)
            ledger.write_down(purpose=purpose, recipient=recipient, method=method, path=path, body=body)


async def look_at_broker(config: HubConfig, secret: Secrets, *, hub_runs: bool) -> list[Finding]:
    """Whether the broker lets this hub in, by a session that leaves nothing behind."""
    where = config.mqtt.url
    is_known_by_name = bool(secret.mqtt_user or config.mqtt.cert_file)
    if hub_runs and is_known_by_name and not secret.mqtt_look_user:
        do = "Stop the hub, or set RESTOCK_MQTT_LOOK_USER and RESTOCK_MQTT_LOOK_PASSWORD (made by restock-hub enroll)."
        return [note(_ONE_LOGIN, where, do)]
    try:
        await look_in(config.mqtt, login=secret.looking)
    except (HubError, OSError) as exc:
        do = (
            "Look whether the broker runs and is reachable from here; then at RESTOCK_MQTT_USER and "
            "RESTOCK_MQTT_PASSWORD (or the RESTOCK_MQTT_LOOK_ ones) in the environment, and at mqtt.ca_file."
        )
        if not is_known_by_name:
            do = f"No login is in this command's environment; a service may have one. {do}"
        return [problem(f"The broker does not let the hub in: {exc}", where, do)]
    found = [fine("The broker is there and takes the login.", where)]
    if not is_known_by_name:
        found.append(
            note(
                "The login is without a user: everybody at this broker may say what they like.",
                where,
                "Give the hub and the devices logins of their own: restock-hub enroll.",
            )
        )
    return found


async def look_at_bridge(
    config: HubConfig, key: HouseholdKey, *, folder: Path, now: datetime, gate: Callable[..., Egress] = Egress
) -> list[Finding]:
    """Whether the order service is there, knows this home, and has the same time. It is told nothing.

    The store in `folder` must be whole, of this program's schema and held by nobody: the question is written there.
    `gate` makes the gate out.
    """
    bridge = config.bridge
    egress = gate(
        ledger=_OpenedForOneRow(folder, config),
        key=key,
        household=config.home.id,
        url=bridge.url,
        timeout_s=bridge.timeout_s,
    )
    try:
        async with egress:
            answer = await egress.send(Purpose.HEAD, f"{PATH_HEAD}?after={_AFTER_EVERYTHING}")
    except StoreBusyError:
        return [note("The hub began meanwhile, so the order service was not asked.", bridge.url, "Run doctor again.")]
    except FailClosedError as exc:
        return [problem(f"What leaves the home cannot be written down ({exc}).", bridge.url, "Mend that first.")]
    except BridgeUnreachableError as exc:
        do = "Look whether it runs, at bridge.url, at the network, and at its certificate. Orders wait meanwhile."
        return [problem(f"The order service gives no answer ({exc}).", bridge.url, do)]
    if answer.status_code in _UNKNOWN:
        do = (
            "Compare home.id and the public key that setup printed with the bridge's [[households]], and this "
            "machine's clock with the right time: a signature is good for a short while only."
        )
        return [problem(f"The order service does not know this home ({answer.status_code}).", bridge.url, do)]
    if answer.status_code != _OK:
        do = "Look at the log of the order service."
        return [problem(f"The order service answers {answer.status_code}.", bridge.url, do)]
    return list(_judged(config, bridge, answer.body, now=now))


def _judged(config: HubConfig, bridge: BridgeConfig, body: bytes, *, now: datetime) -> Iterator[Finding]:
    try:
        head = Head.model_validate_json(body)
    except ValidationError:
        yield problem("What answers there is not an order service.", bridge.url, "Mend bridge.url.")
        return
    if head.frozen:
        do = '"hub_forked" under "When nothing is sent" in the operator\'s guide.'
        yield problem("Two hubs have ordered under this home's name: nothing more is taken.", bridge.url, do)
    else:
        yield fine("The order service is there and knows this home.", bridge.url)
    apart_max = bounds_for(speed=config.clock.speed, timeout_s=bridge.timeout_s).apart_max
    yield judge_bridge_clock(now=now, theirs=head.at, apart_max=apart_max, where=bridge.url)
