"""The states and events of prompts, orders and mandates as words of a refusal, by their codes."""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.core.said import Said, say

_WORDS: Mapping[str, Said] = {
    "active": say("active"),
    "approve": say("approve"),
    "approved": say("approved"),
    "cancelled": say("cancelled"),
    "confirm": say("confirm"),
    "decline": say("decline"),
    "declined": say("declined"),
    "delivered": say("delivered"),
    "expire": say("expire"),
    "expired": say("expired"),
    "held": say("held"),
    "needs_buyer": say("waiting for you at the merchant"),
    "never_arrived": say("noted as never arrived"),
    "not_placed": say("not placed"),
    "open": say("open"),
    "parked": say("in doubt"),
    "partly_delivered": say("partly delivered"),
    "pause": say("pause"),
    "paused": say("paused"),
    "placed": say("placed"),
    "proposed": say("proposed"),
    "redirect": say("redirect"),
    "refunded": say("refunded"),
    "rejected": say("rejected"),
    "resume": say("resume"),
    "returned": say("returned"),
    "revoke": say("revoke"),
    "revoked": say("revoked"),
    "sending": say("being sent"),
    "shipped": say("shipped"),
    "snooze": say("snooze"),
    "snoozed": say("snoozed"),
    "unknown": say("being looked up"),
    "wake": say("wake"),
    "withdraw": say("withdraw"),
    "withdrawn": say("withdrawn"),
}


def word(code: str) -> str:
    """The word for a state or an event; a code that is not in the list is shown as it is."""
    return _WORDS.get(code, code)
