"""Who is told of which question, over which channel and when, so that none vanishes and nobody is flooded.

The page always has every question; this is about the rest. The rules:

- Each person's channels are a ladder: the first one is used at once, the next after `rank_wait` without an answer, or
  as soon as those before it are given up. People of a later tier begin later. A short question has a steeper ladder.
- No person's ladder waits for another person. A look does not stop it; only an answer does.
- Everything that is due for one channel goes as one message; two messages on it are `gap` apart; a person gets
  `daily_max` a day at the most, and none in their quiet hours.
- The first answer wins and clears the rest. Without one the question ends as it said that it would.
- News (`core.notifying.news`) asks nothing: each person is told once, over the first channel that takes it, in a
  message of its own, after the questions that are due there. It is never taken back.

A receipt says how one question fared with one person on one channel. All changes of receipts go through `step`.

    sending -> sent | failed | given_up;  failed -> sending | given_up
    any of these -> seen;  everything -> cleared | lapsed, which are absorbing

A question that was put off and wakes is a new round: what its receipts were before counts no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NewType
from zoneinfo import ZoneInfo

from edge_agent.core.catalogue import QuietHours
from edge_agent.core.deciding.quiet_hours import quiet_until
from edge_agent.core.messages import PromptId
from edge_agent.errors import RefusedError

ChannelId = NewType("ChannelId", str)

_EVER = datetime.min.replace(tzinfo=UTC)
_LADDER_SHARE = 0.5  # of the time for an answer: by then every channel has been tried


class ReceiptState(StrEnum):
    """How one question fared with one person on one channel."""

    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    GIVEN_UP = "given_up"
    SEEN = "seen"
    CLEARED = "cleared"
    LAPSED = "lapsed"


class ReceiptEvent(StrEnum):
    """What can happen to a receipt."""

    SEND = "send"
    ACCEPT = "accept"
    FAIL = "fail"
    GIVE_UP = "give_up"
    SEE = "see"
    CLEAR = "clear"
    LAPSE = "lapse"


class IfUnanswered(StrEnum):
    """What comes of a question that nobody answers. Neither buys anything: that takes a mandate, which asks nobody.

    ASKED_AGAIN: as long as it is needed, at first after half a day. LEFT_ALONE: not before the stock was refilled.
    `core.deciding.back_off` does it.
    """

    ASKED_AGAIN = "asked_again"
    LEFT_ALONE = "left_alone"


_END = {ReceiptEvent.CLEAR: ReceiptState.CLEARED, ReceiptEvent.LAPSE: ReceiptState.LAPSED}
_OPEN = {**_END, ReceiptEvent.SEE: ReceiptState.SEEN}
TRANSITIONS: Mapping[ReceiptState, Mapping[ReceiptEvent, ReceiptState]] = {
    ReceiptState.SENDING: {
        **_OPEN,
        ReceiptEvent.SEND: ReceiptState.SENDING,  # the hub died while it was under way
        ReceiptEvent.ACCEPT: ReceiptState.SENT,
        ReceiptEvent.FAIL: ReceiptState.FAILED,
        ReceiptEvent.GIVE_UP: ReceiptState.GIVEN_UP,
    },
    ReceiptState.FAILED: {
        **_OPEN,
        ReceiptEvent.SEND: ReceiptState.SENDING,
        ReceiptEvent.GIVE_UP: ReceiptState.GIVEN_UP,
    },
    ReceiptState.SENT: _OPEN,
    ReceiptState.GIVEN_UP: _OPEN,
    ReceiptState.SEEN: {  # a link was followed before the channel said that it took the message
        **_OPEN,
        ReceiptEvent.ACCEPT: ReceiptState.SEEN,
        ReceiptEvent.FAIL: ReceiptState.SEEN,
        ReceiptEvent.GIVE_UP: ReceiptState.SEEN,
    },
    ReceiptState.CLEARED: {},
    ReceiptState.LAPSED: {},
}
ENDED = frozenset({ReceiptState.CLEARED, ReceiptState.LAPSED})
_MAY_SHOW = frozenset({ReceiptState.SENDING, ReceiptState.SENT, ReceiptState.SEEN})


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach a person. Lower ranks are used first; `can_replace`: a message can take an older one's place."""

    id: ChannelId
    rank: int
    can_replace: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """A person who may answer. Tier 0 is told at once, each later tier one `tier_wait` after the one before."""

    name: str
    channels: tuple[Channel, ...]
    tier: int = 0
    quiet: QuietHours | None = None

    @property
    def ladder(self) -> tuple[Channel, ...]:
        """The channels in the order in which they are used."""
        return tuple(sorted(self.channels, key=lambda channel: (channel.rank, channel.id)))


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt as the notifier sees it. `is_live`: it wants an answer now; `is_answered`: somebody gave one.

    `asked_at` is when it was opened, or last woke. `is_news`: it is no prompt, and is told until `answer_by`.
    """

    prompt: PromptId
    asked_at: datetime
    answer_by: datetime
    if_unanswered: IfUnanswered = IfUnanswered.ASKED_AGAIN
    is_live: bool = True
    is_answered: bool = False
    is_news: bool = False

    @property
    def round_from(self) -> datetime:
        """Receipts from before that are of a former round; news has one only."""
        return _EVER if self.is_news else self.asked_at


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a question fared with a person on a channel. `retry_at` is set while it has failed."""

    prompt: PromptId
    person: str
    channel: ChannelId
    state: ReceiptState
    attempts: int
    changed_at: datetime
    retry_at: datetime | None = None

    @property
    def key(self) -> tuple[PromptId, str, ChannelId]:
        """One receipt for each of these."""
        return self.prompt, self.person, self.channel


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that left, or was about to. The gap counts all; the cap does not count those that no channel took."""

    person: str
    channel: ChannelId
    at: datetime
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """How the household wants to be told. A message that is `sending_max` old and unsettled counts as failed."""

    zone: ZoneInfo
    batch_wait: timedelta = timedelta(minutes=2)
    rank_wait: timedelta = timedelta(minutes=30)
    tier_wait: timedelta = timedelta(hours=2)
    gap: timedelta = timedelta(minutes=10)
    retry_wait: timedelta = timedelta(minutes=2)
    sending_max: timedelta = timedelta(minutes=2)
    daily_max: int = 6
    attempts_max: int = 4


@dataclass(frozen=True, slots=True)
class Told:
    """What the notifier knows: who reads, what is asked, how it fared, and what left since yesterday."""

    readers: tuple[Reader, ...]
    questions: tuple[Question, ...]
    receipts: tuple[Receipt, ...] = ()
    sent: tuple[Sent, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person over one channel, about these questions, the most pressing first."""

    person: str
    channel: ChannelId
    prompts: tuple[PromptId, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done now. `ends` are receipts as they stand after an answer or an end.

    `clearings` take back what earlier messages show, quietly, on channels that can.
    """

    messages: tuple[Message, ...] = ()
    clearings: tuple[Message, ...] = ()
    ends: tuple[Receipt, ...] = ()


def step(receipt: Receipt, event: ReceiptEvent, *, now: datetime, retry_at: datetime | None = None) -> Receipt:
    """The receipt after `event`.

    Raises: RefusedError when the table has no such step.
    """
    state = TRANSITIONS[receipt.state].get(event)
    if state is None:
        raise RefusedError(f"the receipt of {receipt.prompt} on {receipt.channel} is {receipt.state}: no {event}")
    return replace(
        receipt,
        state=state,
        changed_at=now,
        attempts=receipt.attempts + (event is ReceiptEvent.SEND),
        retry_at=retry_at if state is ReceiptState.FAILED else None,
    )


def begin(message: Message, *, known: Sequence[Receipt], now: datetime) -> tuple[Receipt, ...]:
    """The receipts to keep before a message leaves, one for each question in it; `known` has the plan's ends in it."""
    found = {receipt.key: receipt for receipt in known}

    def begun(prompt: PromptId) -> Receipt:
        before = found.get((prompt, message.person, message.channel))
        if before is None or before.state in ENDED:
            return Receipt(prompt, message.person, message.channel, ReceiptState.SENDING, 1, now)
        return step(before, ReceiptEvent.SEND, now=now)

    return tuple(begun(prompt) for prompt in message.prompts)


def after_failure(receipt: Receipt, *, rules: Rules, now: datetime, is_final: bool = False) -> Receipt:
    """Try again later, each time after twice the wait, or give the channel up for this question."""
    if is_final or receipt.attempts >= rules.attempts_max:
        return step(receipt, ReceiptEvent.GIVE_UP, now=now)
    wait = rules.retry_wait * 2 ** (receipt.attempts - 1)
    return step(receipt, ReceiptEvent.FAIL, now=now, retry_at=now + wait)


def plan(told: Told, *, rules: Rules, now: datetime) -> Plan:
    """What is to be done now; the same again once it was done is nothing. `ends` are to be kept first."""
    begun_at = {question.prompt: question.round_from for question in told.questions}
    known = {
        receipt.key: receipt
        for receipt in told.receipts
        if receipt.prompt in begun_at and receipt.changed_at >= begun_at[receipt.prompt]
    }
    messages = [message for reader in told.readers for message in _messages(reader, told, known, rules=rules, now=now)]
    ends = tuple(_ends(told, rules=rules, now=now))
    return Plan(messages=tuple(messages), clearings=tuple(_clearings(told, ends)), ends=ends)


def _due(
    question: Question,
    reader: Reader,
    known: Mapping[tuple[PromptId, str, ChannelId], Receipt],
    *,
    rules: Rules,
    steepness: float,
) -> Iterator[tuple[Channel, datetime]]:
    start = question.asked_at + (rules.batch_wait + reader.tier * rules.tier_wait) * steepness
    given_up_at: datetime | None = start  # when the last of the channels before was given up; None: one is not
    for rung, channel in enumerate(reader.ladder):
        waited = start + rung * rules.rank_wait * steepness
        if given_up_at is not None:
            yield channel, min(waited, given_up_at)
        elif not question.is_news:
            yield channel, waited
        receipt = known.get((question.prompt, reader.name, channel.id))
        if receipt is None or receipt.state is not ReceiptState.GIVEN_UP:
            given_up_at = None
        elif given_up_at is not None:
            given_up_at = max(given_up_at, receipt.changed_at)


def _steepness(question: Question, readers: Iterable[Reader], *, rules: Rules) -> float:
    """By how much the waits shrink so that every channel is tried while there is time to answer; 1: they do not."""
    waits = (
        reader.tier * rules.tier_wait + (len(reader.channels) - 1) * rules.rank_wait
        for reader in readers
        if reader.channels
    )
    whole = rules.batch_wait + max(waits, default=timedelta())
    room = (question.answer_by - question.asked_at) * _LADDER_SHARE
    return 1.0 if whole <= room else max(room / whole, 0.0)


def _messages(
    reader: Reader,
    told: Told,
    known: Mapping[tuple[PromptId, str, ChannelId], Receipt],
    *,
    rules: Rules,
    now: datetime,
) -> Iterator[Message]:
    """What this reader is sent now; nothing of another reader's receipts is looked at."""
    if quiet_until(reader.quiet, zone=rules.zone, now=now) is not None:
        return
    today = now.astimezone(rules.zone).date()
    mine = [sent for sent in told.sent if sent.person == reader.name]
    got = [sent for sent in mine if not sent.has_failed and sent.at.astimezone(rules.zone).date() == today]
    left = rules.daily_max - len(got)
    due: dict[ChannelId, dict[Question, bool]] = {channel.id: {} for channel in reader.ladder}
    for question in told.questions:
        if not question.is_live or not question.asked_at <= now < question.answer_by:
            continue
        steepness = _steepness(question, told.readers, rules=rules)
        for channel, at in _due(question, reader, known, rules=rules, steepness=steepness):
            receipt = known.get((question.prompt, reader.name, channel.id))
            if _wants(receipt, rules=rules, now=now) and at <= now + rules.batch_wait:
                due[channel.id][question] = at <= now
    for channel in reader.ladder:
        wanted = _alike(due[channel.id])
        is_too_soon = any(now < sent.at + rules.gap for sent in mine if sent.channel == channel.id)
        if left > 0 and any(wanted.values()) and not is_too_soon:
            left -= 1
            pressing = sorted(wanted, key=lambda question: (question.answer_by, question.prompt))
            yield Message(reader.name, channel.id, tuple(question.prompt for question in pressing))


def _alike(due: Mapping[Question, bool]) -> Mapping[Question, bool]:
    """What goes into one message: the questions, where one of them is due now, or the news."""
    asked = {question: is_due for question, is_due in due.items() if not question.is_news}
    return asked if any(asked.values()) else {each: is_due for each, is_due in due.items() if each.is_news}


def _wants(receipt: Receipt | None, *, rules: Rules, now: datetime) -> bool:
    """Whether this question has still to go over this channel."""
    if receipt is None or receipt.state in ENDED:  # those of a live question are of a former round
        return True
    if receipt.attempts >= rules.attempts_max:
        return False
    if receipt.state is ReceiptState.FAILED:
        return receipt.retry_at is None or now >= receipt.retry_at
    return _is_stuck(receipt, rules=rules, now=now)


def _is_stuck(receipt: Receipt, *, rules: Rules, now: datetime) -> bool:
    """The hub died while it was under way, so nobody knows whether it left."""
    return receipt.state is ReceiptState.SENDING and now >= receipt.changed_at + rules.sending_max


def _ends(told: Told, *, rules: Rules, now: datetime) -> Iterator[Receipt]:
    """Receipts whose question is over, and those that were stuck once too often."""
    questions = {question.prompt: question for question in told.questions}
    for receipt in told.receipts:
        question = questions.get(receipt.prompt)
        if receipt.state in ENDED:
            continue
        if question is None or question.is_answered:
            yield step(receipt, ReceiptEvent.CLEAR, now=now)
        elif not question.is_live or now >= question.answer_by:
            yield step(receipt, ReceiptEvent.LAPSE, now=now)
        elif receipt.changed_at < question.round_from:
            yield step(receipt, ReceiptEvent.CLEAR, now=now)
        elif receipt.attempts >= rules.attempts_max and _is_stuck(receipt, rules=rules, now=now):
            yield step(receipt, ReceiptEvent.GIVE_UP, now=now)


def _clearings(told: Told, ends: Sequence[Receipt]) -> Iterator[Message]:
    """One quiet message for each channel that can take back what it shows."""
    again = {question.prompt for question in told.questions if question.is_live}
    stays = {question.prompt for question in told.questions if question.is_news}
    over = {
        receipt.key
        for receipt in ends
        if receipt.prompt not in stays and (receipt.state is ReceiptState.LAPSED or receipt.prompt not in again)
    }
    shown = [receipt for receipt in told.receipts if receipt.key in over and receipt.state in _MAY_SHOW]
    for reader in told.readers:
        for channel in reader.ladder:
            prompts = tuple(
                receipt.prompt for receipt in shown if (receipt.person, receipt.channel) == (reader.name, channel.id)
            )
            if channel.can_replace and prompts:
                yield Message(reader.name, channel.id, prompts)
