"""Why nothing may be sent: the closed list of problems that stop the sends, each told so that a person can act.

While any of them stands, orders wait. Ingest, review and pages go on: what a device says is kept, and what a person
says is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge_agent.core.said import Opening, Said, say
from edge_agent.errors import (
    AuthorityTamperedError,
    FailClosedError,
    HubForkedError,
    PolicyTamperedError,
    StoreCorruptError,
    StoreMalformedError,
)


class SafetyCode(StrEnum):
    """What stops the sends; `docs/operator.md` says for each one what to do."""

    CHAIN_BROKEN = "chain_broken"
    CHAIN_TRUNCATED = "chain_truncated"
    STORE_FAILED = "store_failed"
    STORE_SET_ASIDE = "store_set_aside"
    CLOCK_UNTRUSTED = "clock_untrusted"
    AUTHORITY_TAMPERED = "authority_tampered"
    POLICY_TAMPERED = "policy_tampered"
    HUB_RESTORED = "hub_restored"
    HUB_FORKED = "hub_forked"
    BRIDGE_RESTORED = "bridge_restored"


@dataclass(frozen=True, slots=True)
class SafetyProblem:
    """One reason why nothing is sent. `text` says what happened, to what, and what to do."""

    code: SafetyCode
    text: str


def problem_of(exc: FailClosedError) -> SafetyProblem:
    """What a check that could not be made stands for."""
    return SafetyProblem(_code_of(exc), sentence(exc.args[0] if exc.args else type(exc).__name__))


def sentence(text: str) -> Said:
    """An error's words as they are shown."""
    return say("{sentence}.", sentence=Opening(text))


def _code_of(exc: FailClosedError) -> SafetyCode:
    match exc:
        case PolicyTamperedError():
            return SafetyCode.POLICY_TAMPERED
        case HubForkedError():
            return SafetyCode.HUB_FORKED
        case StoreMalformedError():
            return SafetyCode.STORE_FAILED
        case StoreCorruptError() | AuthorityTamperedError():
            return SafetyCode.AUTHORITY_TAMPERED
        case _:
            return SafetyCode.STORE_FAILED
