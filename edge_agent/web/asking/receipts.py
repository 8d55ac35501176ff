"""How a question fared with everybody, for its page: who was told where and when, and what comes of silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import IfUnanswered, ReceiptState
from edge_agent.core.notifying.texts import IF_UNANSWERED
from edge_agent.core.prompt import LIVE, PromptRecord
from edge_agent.core.said import say
from edge_agent.pipeline.channels import ChannelView
from edge_agent.web.visit import Visit

STATES: Mapping[ReceiptState, str] = {
    ReceiptState.SENDING: say("It is being sent."),
    ReceiptState.SENT: say("The service took it."),
    ReceiptState.FAILED: say("It did not get through."),
    ReceiptState.GIVEN_UP: say("It did not get through; this channel is not tried again for this question."),
    ReceiptState.SEEN: say("Its link was opened."),
    ReceiptState.CLEARED: say("Answered: nothing more is sent."),
    ReceiptState.LAPSED: say("The question ended without an answer."),
}


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One line: this person, over this channel. `channel` None: it was removed since."""

    person: str
    channel: ChannelView | None
    state: str
    words: str
    at: datetime
    retry_at: datetime | None


def receipt_rows(visit: Visit, prompt: PromptId) -> Sequence[ReceiptRow]:
    """Everybody's, for those who run the home; nothing for others."""
    if not visit.is_member:
        return ()
    return [
        ReceiptRow(each.person, each.channel, each.state, STATES[ReceiptState(each.state)], each.at, each.retry_at)
        for each in visit.site.parts.channels.told(prompt)
    ]


def if_unanswered(visit: Visit, prompt: PromptRecord) -> str | None:
    """What comes of it when nobody answers; None: it is over."""
    if prompt.state not in LIVE:
        return None
    known = visit.site.parts.overview.item(prompt.item)
    return IF_UNANSWERED[IfUnanswered.ASKED_AGAIN if known is None else IfUnanswered(known.item.if_unanswered)]
