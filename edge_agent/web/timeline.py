"""An order as a row of steps: what has happened, where it stands, what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.web.wording import INTENT_DETAILS, INTENT_STATES

_S = IntentState
PATH = (_S.APPROVED, _S.HELD, _S.SENDING, _S.PLACED, _S.SHIPPED, _S.DELIVERED)

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
_MAY_STILL_GO_ON = {_S.NEEDS_BUYER, _S.UNKNOWN, _S.NOT_PLACED, _S.PARKED, _S.PARTLY_DELIVERED}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `position` is "done", "now" or "ahead"; `tone` as in `wording.INTENT_STATES`."""

    name: str
    meaning: str
    tone: str
    position: str


def steps(intent: IntentRecord) -> tuple[Step, ...]:
    """The steps of an order, the present one marked."""
    leaves = _LEAVES_AFTER.get(intent.state)
    if leaves is None:
        here = PATH.index(intent.state)
        return tuple(
            _step(state, "done" if i < here else "ahead" if i > here else "now") for i, state in enumerate(PATH)
        )
    behind = PATH.index(leaves) + 1
    ahead = PATH[behind:] if intent.state in _MAY_STILL_GO_ON else ()
    return (
        *(_step(state, "done") for state in PATH[:behind]),
        _step(intent.state, "now"),
        *(_step(state, "ahead") for state in ahead),
    )


def detail(intent: IntentRecord) -> str | None:
    """Why the order stands where it does, in words; an unknown code as it is."""
    return None if intent.detail is None else INTENT_DETAILS.get(intent.detail, intent.detail)


def handoff(intent: IntentRecord) -> tuple[str, str] | None:
    """Address and host name of the merchant's page for this order, if it is a safe web address (https) at all."""
    if intent.state is not _S.NEEDS_BUYER or intent.handoff_url is None:
        return None
    try:
        parts = urlsplit(intent.handoff_url)
    except ValueError:
        return None
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        return None
    return intent.handoff_url, parts.hostname


def _step(state: IntentState, position: str) -> Step:
    name, meaning, tone = INTENT_STATES[state]
    return Step(name, meaning, tone, position)
