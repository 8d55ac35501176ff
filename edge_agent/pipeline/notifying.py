"""Telling people of questions and of news: plan, keep, send, settle. `core.notifying.plan` says who is told when.

What is about to leave is kept first, so a hub that dies in between neither forgets a question nor sends it for ever.
Messages of one turn go side by side: a channel that hangs holds no other up. The pages have every question anyway.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from edge_agent.core.catalogue import Household
from edge_agent.core.messages import PromptId
from edge_agent.core.notifying import news
from edge_agent.core.notifying.news import News
from edge_agent.core.notifying.plan import (
    ENDED,
    Channel,
    IfUnanswered,
    Message,
    Plan,
    Question,
    Reader,
    Receipt,
    ReceiptEvent,
    ReceiptState,
    Rules,
    Sent,
    Told,
    after_failure,
    begin,
    plan,
    step,
)
from edge_agent.core.notifying.texts import Wording, asking, over, telling
from edge_agent.core.people import MAY_APPROVE
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.leave_ports import PeopleStore
from edge_agent.notify_ports import ChannelKind, ChannelRow, Channels, NoticeStore, Outcome, Words
from edge_agent.pipeline.links import Links
from edge_agent.ports import Clock, HouseholdStore, OrderStore

log = logging.getLogger(__name__)

_QUESTIONS_MAX = 500
_ORDERS_MAX = 200  # newest ones
_SIDE_BY_SIDE_MAX = 2  # each is a process of some 60 MB for a moment
_REMEMBERED = timedelta(hours=49)  # the longest day on a wall, and the one before
_TAG = "restock-questions"  # one place on a screen: a later message takes it over
_NEWS_TAG = "restock-news-{}"  # a place of its own for each message: told once, none may take over another
_NEWS_TAG_CHARS = 12  # of 32 for the whole (RFC 8030, section 5.4)


@dataclass(frozen=True, slots=True)
class Manner:
    """How the household is told. `tell_names`: messages say what a question is about; `later` are people told later."""

    rules: Rules
    tell_names: bool = False
    later: tuple[str, ...] = ()


class Notifying:
    """One turn at a time; `run_once` is called every few seconds."""

    def __init__(
        self,
        *,
        clock: Clock,
        orders: OrderStore,
        household: HouseholdStore,
        people: PeopleStore,
        notices: NoticeStore,
        channels: Channels,
        links: Links,
        manner: Manner,
        speak: Callable[[str | None, str], str] = lambda _language, text: text,
    ) -> None:
        self._clock = clock
        self._orders = orders
        self._household = household
        self._people = people
        self._notices = notices
        self._channels = channels
        self._links = links
        self._manner = manner
        self._speak = speak
        self._limit = asyncio.Semaphore(_SIDE_BY_SIDE_MAX)

    async def run_once(self) -> Plan:
        """Do what is to be done now; returns what that was."""
        now = self._clock.now()
        rows = {row.id: row for row in self._notices.channels() if row.is_on}
        told = self._told(list(rows.values()), now=now)
        made = plan(told, rules=self._manner.rules, now=now)
        if made.ends:
            self._notices.keep(made.ends)
            ended = {receipt.key: receipt for receipt in made.ends}
            told = replace(told, receipts=tuple(ended.get(each.key, each) for each in told.receipts))
        questions = {question.prompt: question for question in told.questions}
        tellings = (self._tell(each, rows[each.channel], told=told, questions=questions) for each in made.messages)
        clearings = (self._take_back(each, rows[each.channel], told=told, ends=made.ends) for each in made.clearings)
        done = await asyncio.gather(*tellings, *clearings, return_exceptions=True)
        for error in done:
            if isinstance(error, BaseException):
                raise error
        return made

    def _told(self, rows: Sequence[ChannelRow], *, now: datetime) -> Told:
        receipts = self._notices.receipts()
        records = {record.id: record for record in self._orders.prompts(live=True, limit=_QUESTIONS_MAX)}
        for prompt in {receipt.prompt for receipt in receipts} - set(records):
            record = None if news.is_topic(prompt) else self._orders.prompt(prompt)
            if record is not None:
                records[prompt] = record
        household, fresh = self._household.load(), self._news(now=now)
        return Told(
            readers=self._readers(rows),
            questions=(
                *(_question(record, household=household) for record in records.values()),
                *(news.as_question(each) for each in fresh),
                *news.over(receipts, told=fresh),
            ),
            receipts=tuple(receipts),
            sent=tuple(self._notices.sent_since(now - _REMEMBERED)),
        )

    def _news(self, *, now: datetime) -> list[News]:
        orders = self._orders.intents(live=False, limit=_ORDERS_MAX)
        return news.news(orders, household=self._household.load(), now=now)

    def _readers(self, rows: Sequence[ChannelRow]) -> tuple[Reader, ...]:
        """Everybody who may answer, with the channels that are on."""
        quiet = self._household.load().preferences.quiet_hours
        channels: dict[str, list[Channel]] = {}
        for row in rows:
            can_replace = row.kind is ChannelKind.WEB_PUSH
            channels.setdefault(row.person, []).append(Channel(row.id, row.rank, can_replace=can_replace))
        return tuple(
            Reader(
                name=account.name,
                channels=tuple(channels.get(account.name, ())),
                tier=int(account.name in self._manner.later),
                quiet=quiet,
            )
            for account in self._people.accounts()
            if account.role in MAY_APPROVE and not account.is_disabled
        )

    async def _tell(
        self, message: Message, row: ChannelRow, *, told: Told, questions: dict[PromptId, Question]
    ) -> None:
        async with self._limit:
            now = self._clock.now()
            fresh = {each.topic: each for each in self._news(now=now)}
            open_now = tuple(each for each in message.prompts if each in fresh or self._is_open(each))
            if not open_now:  # it waited for its turn, and somebody answered meanwhile
                return
            message = replace(message, prompts=open_now)
            asked, told_of = [questions[each] for each in open_now], [fresh[each] for each in open_now if each in fresh]
            link, address = self._links.make(
                message.person,
                message.channel,
                prompts=tuple(dict.fromkeys(each.prompt for each in told_of)) or open_now,
                ends_at=max(each.answer_by for each in asked),
            )
            sent = Sent(message.person, message.channel, now)
            self._notices.keep(begin(message, known=told.receipts, now=now), sent=sent, link=link)
            zone, names = self._manner.rules.zone, self._names(open_now, fresh)
            said = telling(told_of, zone=zone, names=names) if told_of else asking(asked, zone=zone, names=names)
            tag = _NEWS_TAG.format(link.id[-_NEWS_TAG_CHARS:]) if told_of else _TAG
            words = self._words(said, person=message.person, link=address, tag=tag)
            outcome = await self._channels.carry(row, words)
            self._settle(message, row, outcome, sent=sent)

    def _is_open(self, prompt: PromptId) -> bool:
        record = self._orders.prompt(prompt)
        return record is not None and record.state is PromptState.OPEN

    def _settle(self, message: Message, row: ChannelRow, outcome: Outcome, *, sent: Sent) -> None:
        """Keep what the channel said; a receipt that was seen or has ended meanwhile stays so."""
        now = self._clock.now()
        settled = []
        for prompt in message.prompts:
            for receipt in self._notices.receipts_of(prompt):
                if (receipt.person, receipt.channel) == (message.person, message.channel):
                    settled += _settled(receipt, outcome, rules=self._manner.rules, now=now)
        self._notices.keep(settled, sent=None if outcome is Outcome.TAKEN else replace(sent, has_failed=True))
        if outcome is Outcome.GONE:
            self._notices.switch_off(row.id)
        log.info("told channel=%s questions=%d outcome=%s", row.id, len(message.prompts), outcome)

    async def _take_back(self, clearing: Message, row: ChannelRow, *, told: Told, ends: Sequence[Receipt]) -> None:
        """Quietly, once; not while another question still stands in the same place on the screen."""
        over_now = {receipt.key for receipt in ends}
        stands = any(
            (receipt.person, receipt.channel) == (clearing.person, clearing.channel)
            for receipt in told.receipts
            if receipt.key not in over_now
            and receipt.state is not ReceiptState.GIVEN_UP
            and not news.is_topic(receipt.prompt)
        )
        if stands:
            return
        async with self._limit:
            await self._channels.carry(row, self._words(over(), person=row.person, link="", is_quiet=True))

    def _words(self, said: Wording, *, person: str, link: str, tag: str = _TAG, is_quiet: bool = False) -> Words:
        """In the language that the person chose."""
        account = self._people.account(person)
        speak = partial(self._speak, None if account is None else account.language)
        return Words(speak(said.title), said.body(speak), link=link, tag=tag, is_quiet=is_quiet)

    def _names(self, prompts: Sequence[PromptId], fresh: Mapping[PromptId, News]) -> dict[PromptId, str] | None:
        if not self._manner.tell_names:
            return None
        household = self._household.load()
        names = {}
        for prompt in prompts:
            known = fresh.get(prompt) or self._orders.prompt(prompt)
            item = None if known is None else household.item(known.item)
            names[prompt] = prompt if item is None else item.name
        return names


def _settled(receipt: Receipt, outcome: Outcome, *, rules: Rules, now: datetime) -> list[Receipt]:
    if receipt.state in ENDED:
        return []
    if outcome is Outcome.TAKEN:
        return [step(receipt, ReceiptEvent.ACCEPT, now=now)]
    return [after_failure(receipt, rules=rules, now=now, is_final=outcome is Outcome.GONE)]


def _question(record: PromptRecord, *, household: Household) -> Question:
    """To put it off is an answer too: it clears the rest, and when the question wakes it is told of anew."""
    item = household.item(record.item)
    return Question(
        prompt=record.id,
        asked_at=record.changed_at if record.state is PromptState.OPEN else record.created_at,
        answer_by=record.offer.expires_at,
        if_unanswered=IfUnanswered.ASKED_AGAIN if item is None else IfUnanswered(item.if_unanswered),
        is_live=record.state is PromptState.OPEN,
        is_answered=record.state not in {PromptState.OPEN, PromptState.EXPIRED},
    )
