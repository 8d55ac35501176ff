"""Who may use an address: the rules that every route declares, of the pages and of the API alike."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from edge_agent.core.people import MAY_APPROVE, Role


class Rule(StrEnum):
    """Who may use an address. How much a person may approve is the household's policy, not a rule of an address."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    MEMBER = "member"
    OWNER = "owner"


ROLES: Mapping[Rule, frozenset[Role]] = {
    Rule.SIGNED_IN: frozenset(Role),
    Rule.MEMBER: MAY_APPROVE,
    Rule.OWNER: frozenset({Role.OWNER}),
}
