"""Why nothing may be sent: the closed list of problems that stop the sends, each told so that a person can act.

While any of them stands, orders wait. Ingest, review and pages go on: what a device says is kept, and what a person
says is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
