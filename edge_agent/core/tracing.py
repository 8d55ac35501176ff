"""What a trace of the hub's own work may tell: a closed list of stages, and of figures, all of them whole numbers.

No name, amount, article, reading or id of the home is among them: a trace says when something was done, how long it
took, and how much of it there was. That alone tells when somebody is at home, so what comes of readings stays with the
home's own collector: beyond it there are orders only, which their bridge knows anyway.
"""

from __future__ import annotations

import hashlib
import ipaddress
from enum import StrEnum
from types import MappingProxyType

from edge_agent.core.messages import PromptId


class Stage(StrEnum):
    """The names of spans: a group of messages, a review, a question, a leave given, an order handed to the bridge."""

    INGEST = "ingest"
    REVIEW = "review"
    ASK = "ask"
    APPROVE = "approve"
    SEND = "send"


class Told(StrEnum):
    """What a span tells beside its times."""

    MESSAGES = "restock.messages"
    KEPT_APART = "restock.messages_kept_apart"
    ITEMS = "restock.items"
    TRIES = "restock.tries"
    STATUS = "http.response.status_code"


FIGURES = MappingProxyType(
    {
        Stage.INGEST: frozenset({Told.MESSAGES, Told.KEPT_APART}),
        Stage.REVIEW: frozenset({Told.ITEMS}),
        Stage.ASK: frozenset[Told](),
        Stage.APPROVE: frozenset[Told](),
        Stage.SEND: frozenset({Told.TRIES, Told.STATUS}),
    }
)
"""Which figures each stage may tell."""

OF_ORDERS = frozenset({Stage.APPROVE, Stage.SEND})
"""What may be told beyond the home, where the household's operator allows that."""


_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))


def question_trace_id(prompt: PromptId) -> str:
    """The trace of a question, 32 hex digits, made of its id: that never leaves the home, and outlives a restart."""
    return hashlib.sha256(f"restock-question:{prompt}".encode()).hexdigest()[:32]


def is_at_home(host: str) -> bool:
    """Whether a host is this machine or an address of a private network. A name may be anywhere, but for localhost."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback or any(address in network for network in _PRIVATE)
