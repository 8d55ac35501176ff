"""An order as a row of steps: what has happened, where it stands, what comes next."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.said import say
from edge_agent.web.wording import INTENT_DETAILS, INTENT_STATES, LIST_STATES

_S = IntentState
PATH = (_S.APPROVED, _S.HELD, _S.SENDING, _S.PLACED, _S.SHIPPED, _S.DELIVERED)
_LIST_PATH = tuple(state for state in PATH if state is not _S.SHIPPED)  # nobody sends what stands on a list

# Where a state off the path leaves it: the steps before it have happened.
_LEAVES_AFTER = {
    _S.REJECTED: _S.SENDING,
    _S.NEEDS_BUYER: _S.SENDING,
    _S.UNKNOWN: _S.SENDING,
    _S.NOT_PLACED: _S.SENDING,
    _S.PARKED: _S.SENDING,
    _S.CANCELLED: _S.APPROVED,
    _S.EXPIRED: _S.APPROVED,
    _S.PARTLY_DELIVERED: _S.SHIPPED,
    _S.NEVER_ARRIVED: _S.SHIPPED,
    _S.RETURNED: _S.DELIVERED,
    _S.REFUNDED: _S.DELIVERED,
}
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_FULL_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]+")  # no address of a machine
_HTTPS_PORTS = frozenset({None, 443})

_ASKED_AGAIN = say("Nothing to do: if it is still needed, you are asked again with a new offer.")
_LOOK_AT_BRIDGE = say("Ask whoever runs the order service to look at its log; nothing more is sent until then.")
# What a person can do about why an order stands where it does; where nothing helps, nothing is said.
_NEXT_STEPS: Mapping[str, str] = {
    "terms_changed": _ASKED_AGAIN,
    "offer_expired": _ASKED_AGAIN,
    "withdrawn": _ASKED_AGAIN,
    "session_closed": _ASKED_AGAIN,
    "buyer_did_not_finish": _ASKED_AGAIN,
    "cancelled_by_merchant": _ASKED_AGAIN,
    "overtaken": _ASKED_AGAIN,
    "merchant_away": say(
        "The order service tries again by itself until the offer ends; after that nothing is bought. If you need it "
        "sooner, cancel this order first, then buy it elsewhere."
    ),
    "out_of_stock": say(
        "Buy it elsewhere this time, and say so on the item's page; or wait until you are asked again."
    ),
    "item_unavailable": say(
        "If the merchant no longer sells it, bind the item to another product; until then you may be asked in vain."
    ),
    "address_undeliverable": say("Ask whoever runs the order service to look at the delivery address."),
    "payment_failed": say("Ask whoever runs the order service to look at the way of paying, before you approve again."),
    "bought_elsewhere": say(
        "Is that wrong? Say on the item's page what is really there. Do you want it all the same? Then order it anyway."
    ),
    "partly_returned": say("Look whether the money for it came back; nothing else is to be done here."),
    "merchant_refused": say("Ask the merchant why; you are asked again if it is still needed."),
    "terms_refused": _LOOK_AT_BRIDGE,
    "leave_invalid": _LOOK_AT_BRIDGE,
    "forked": _LOOK_AT_BRIDGE,
    "frozen": _LOOK_AT_BRIDGE,
    "household_frozen": _LOOK_AT_BRIDGE,
    "mandate_refused": say("Set the item to “Asks first”, and approve its orders yourself."),
}
_MAY_STILL_GO_ON = {_S.NEEDS_BUYER, _S.UNKNOWN, _S.NOT_PLACED, _S.PARKED, _S.PARTLY_DELIVERED}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `position` is "done", "now" or "ahead"; `tone` as in `wording.INTENT_STATES`."""

    name: str
    meaning: str
    tone: str
    position: str


def steps(intent: IntentRecord, *, is_listed: bool = False) -> tuple[Step, ...]:
    """The steps of an order, the present one marked; `is_listed`: it was put on a list."""
    leaves = _LEAVES_AFTER.get(intent.state)
    path = _LIST_PATH if is_listed and _S.SHIPPED not in {intent.state, leaves} else PATH

    def step(state: IntentState, position: str) -> Step:
        return Step(*words(state, is_listed=is_listed), position)

    if leaves is None:
        here = path.index(intent.state)
        return tuple(
            step(state, "done" if i < here else "ahead" if i > here else "now") for i, state in enumerate(path)
        )
    behind = path.index(leaves) + 1
    ahead = path[behind:] if intent.state in _MAY_STILL_GO_ON else ()
    return (
        *(step(state, "done") for state in path[:behind]),
        step(intent.state, "now"),
        *(step(state, "ahead") for state in ahead),
    )


def words(state: IntentState, *, is_listed: bool) -> tuple[str, str, str]:
    """Name, meaning and tone of a state; `is_listed`: of something that was put on a list."""
    return LIST_STATES.get(state, INTENT_STATES[state]) if is_listed else INTENT_STATES[state]


def detail(intent: IntentRecord) -> str | None:
    """Why the order stands where it does, in words; an unknown code as it is."""
    code = _code(intent)
    return None if code is None else INTENT_DETAILS.get(code, code)


def next_step(intent: IntentRecord) -> str | None:
    """What a person can do about it; None where there is nothing to do, or its state says it already."""
    code = _code(intent)
    if code is None or intent.state in {_S.PARKED, _S.UNKNOWN, _S.NEEDS_BUYER, _S.DELIVERED}:
        return None
    if code == "merchant_away" and intent.state not in {_S.APPROVED, _S.HELD, _S.NOT_PLACED}:
        return _ASKED_AGAIN
    return _NEXT_STEPS.get(code)


def _code(intent: IntentRecord) -> str | None:
    """Why it stands where it does: this hub's own reason before the order service's word for it."""
    is_withdrawn = intent.state is _S.CANCELLED and intent.withdrawn_for is not None
    return intent.withdrawn_for if is_withdrawn else intent.detail


def handoff(intent: IntentRecord) -> tuple[str, str] | None:
    """Address and host name of the merchant's page for this order, if it is a safe web address (https) at all.

    The host is the one that a browser would go to, letter for letter: none that looks like another, none that
    browsers and this hub read in two ways.
    """
    return None if intent.state is not _S.NEEDS_BUYER else web_address(intent.handoff_url)


def tracking(intent: IntentRecord) -> tuple[str, str] | None:
    """Where the merchant says that the order can be looked at: address and host name, if it is a safe web address.

    It may be any host, such as a carrier's, so it goes by its full name and on the usual port only.
    """
    return web_address(intent.facts.tracking_url, hosts=_FULL_NAME, ports=_HTTPS_PORTS)


def web_address(
    url: str | None, *, hosts: re.Pattern[str] = _HOST, ports: Collection[int | None] | None = None
) -> tuple[str, str] | None:
    """An address that a person may be sent to, and its host name; None where it is none. `ports` None: any."""
    if url is None:
        return None
    try:
        parts, port = urlsplit(url), urlsplit(url).port
    except ValueError:
        return None
    host = parts.hostname or ""
    is_plain = parts.scheme == "https" and "@" not in parts.netloc and hosts.fullmatch(host) is not None
    return (url, host) if is_plain and (ports is None or port in ports) else None
