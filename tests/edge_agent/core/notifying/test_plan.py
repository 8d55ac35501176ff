"""Who is told when: quiet hours, cap, gap, ladder, and that nobody's absence holds another up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.core.catalogue import QuietHours
from edge_agent.core.deciding.quiet_hours import quiet_until
from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import (
    ENDED,
    TRANSITIONS,
    Channel,
    ChannelId,
    Message,
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
from edge_agent.errors import RefusedError

ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 27, 9, 0, tzinfo=UTC)  # two days before the clocks go forward
RULES = Rules(zone=ZONE)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
QUIET = QuietHours(start="22:00", end="07:00")


def reader(name: str, *, channels: int = 2, tier: int = 0, quiet: QuietHours | None = None) -> Reader:
    """Somebody with so many channels; the first can take messages back."""
    ladder = tuple(Channel(ChannelId(f"{name}-{n}"), rank=n, can_replace=n == 0) for n in range(channels))
    return Reader(name, ladder, tier=tier, quiet=quiet)


def question(ident: str = "q", *, at: datetime = START, lasts: timedelta = DAY) -> Question:
    """A question asked at `at`."""
    return Question(PromptId(ident), at, at + lasts)


def said(told: Told, now: datetime) -> list[tuple[str, str, tuple[str, ...]]]:
    """The messages of a plan, short."""
    return [(each.person, each.channel, each.prompts) for each in plan(told, rules=RULES, now=now).messages]


def after(told: Told, now: datetime, *, event: ReceiptEvent = ReceiptEvent.ACCEPT) -> Told:
    """What is known once the plan was carried out and every channel answered alike."""
    kept = {receipt.key: receipt for receipt in told.receipts}
    made = plan(told, rules=RULES, now=now)
    kept |= {receipt.key: receipt for receipt in made.ends}
    for message in made.messages:
        for begun in begin(message, known=tuple(kept.values()), now=now):
            accepted = event is ReceiptEvent.ACCEPT
            kept[begun.key] = step(begun, event, now=now) if accepted else after_failure(begun, rules=RULES, now=now)
    sent = tuple(Sent(message.person, message.channel, now) for message in made.messages)
    return replace(told, receipts=tuple(kept.values()), sent=told.sent + sent)


def test_the_ladder_goes_on_until_somebody_answers() -> None:
    """The first channel after the batch's wait, the next one half an hour later, a later tier after its wait."""
    told = Told((reader("ann"), reader("ben", tier=1)), (question(),))
    heard = []
    for minutes in range(0, 24 * 60, 5):
        now = START + minutes * MINUTE
        heard += [(minutes, channel) for _, channel, _ in said(told, now)]
        told = after(told, now)
    assert heard == [(5, "ann-0"), (35, "ann-1"), (125, "ben-0"), (155, "ben-1")]


def test_a_channel_that_is_given_up_brings_the_next_at_once() -> None:
    """A wrong address does not cost half an hour."""
    lost = Receipt(PromptId("q"), "ann", ChannelId("ann-0"), ReceiptState.GIVEN_UP, 4, START + 3 * MINUTE)
    told = Told((reader("ann"),), (question(),), (lost,))
    assert said(told, START + 4 * MINUTE) == [("ann", "ann-1", ("q",))]


def test_questions_go_together() -> None:
    """Three questions within the wait are one message, the one that ends first in front."""
    asked = (question("late", lasts=DAY), question("soon", lasts=20 * HOUR), question("new", at=START + MINUTE))
    told = Told((reader("ann", channels=1),), asked)
    assert said(told, START + 2 * MINUTE) == [("ann", "ann-0", ("soon", "late", "new"))]


def test_quiet_hours_hold_and_release() -> None:
    """Nothing at night; in the morning one message with everything."""
    told = Told(
        (reader("ann", channels=1, quiet=QUIET),), (question(at=START + 12 * HOUR + 30 * MINUTE, lasts=2 * DAY),)
    )
    assert said(told, START + 13 * HOUR) == []
    assert said(told, START + 21 * HOUR) == [("ann", "ann-0", ("q",))]


def test_the_cap_holds_for_a_day_and_the_question_is_told_the_next() -> None:
    """What the cap held is not lost."""
    sent = tuple(Sent("ann", ChannelId("ann-0"), START - n * HOUR) for n in range(RULES.daily_max))
    told = Told((reader("ann", channels=1),), (question(lasts=3 * DAY),), sent=sent)
    assert said(told, START + HOUR) == []
    assert said(told, START + DAY) == [("ann", "ann-0", ("q",))]


def test_a_broken_channel_does_not_use_up_the_day() -> None:
    """What no channel took is not counted: the next channel can still be used."""
    lost = tuple(Sent("ann", ChannelId("ann-0"), START - n * HOUR, has_failed=True) for n in range(RULES.daily_max))
    told = Told((reader("ann", channels=1),), (question(),), sent=lost)
    assert said(told, START + HOUR) == [("ann", "ann-0", ("q",))]


def test_a_short_question_climbs_faster() -> None:
    """Every channel is tried in the first half of the time there is."""
    told = Told((reader("ann"), reader("ben", tier=2)), (question(lasts=20 * MINUTE),))
    heard = set[str]()
    for minutes in range(11):
        now = START + minutes * MINUTE
        heard |= {channel for _, channel, _ in said(told, now)}
        told = after(told, now)
    assert heard == {"ann-0", "ann-1", "ben-0", "ben-1"}


def test_an_answer_clears_what_the_others_see() -> None:
    """Receipts end, and the channel that can takes its message back."""
    told = after(Told((reader("ann"), reader("ben")), (question(),)), START + 5 * MINUTE)
    told = replace(told, questions=(replace(question(), is_live=False, is_answered=True),))
    done = plan(told, rules=RULES, now=START + 6 * MINUTE)
    assert {receipt.state for receipt in done.ends} == {ReceiptState.CLEARED}
    assert done.clearings == (Message("ann", ChannelId("ann-0"), ("q",)), Message("ben", ChannelId("ben-0"), ("q",)))  # type: ignore[arg-type]
    assert done.messages == ()


def test_an_end_without_an_answer_lapses() -> None:
    """Nobody answered, and the receipts say so."""
    told = after(Told((reader("ann"),), (question(),)), START + 5 * MINUTE)
    assert [each.state for each in plan(told, rules=RULES, now=START + DAY).ends] == [ReceiptState.LAPSED]


def test_a_hub_that_died_while_sending_sends_again_but_not_for_ever() -> None:
    """What nobody knows to have left is sent anew; with the last attempt it is given up."""
    stuck = Receipt(PromptId("q"), "ann", ChannelId("ann-0"), ReceiptState.SENDING, 1, START + 2 * MINUTE)
    told = Told((reader("ann", channels=1),), (question(),), (stuck,))
    assert said(told, START + 3 * MINUTE) == []
    assert said(told, START + 5 * MINUTE) == [("ann", "ann-0", ("q",))]
    worn = replace(told, receipts=(replace(stuck, attempts=RULES.attempts_max),))
    assert said(worn, START + 5 * MINUTE) == []
    assert [each.state for each in plan(worn, rules=RULES, now=START + 5 * MINUTE).ends] == [ReceiptState.GIVEN_UP]


@pytest.mark.parametrize("state", sorted(ENDED))
def test_what_has_ended_stays_ended(state: ReceiptState) -> None:
    """No event leaves an absorbing state."""
    ended = Receipt(PromptId("q"), "ann", ChannelId("c"), state, 1, START)
    for event in ReceiptEvent:
        with pytest.raises(RefusedError):
            step(ended, event, now=START)
    assert TRANSITIONS[state] == {}


_names = st.sampled_from(["ann", "ben", "cy"])
_states = st.sampled_from(sorted(ReceiptState))


@st.composite
def _knowledge(draw: st.DrawFn) -> Told:
    """Any mixture of people, questions, receipts and what left."""
    readers = tuple(
        reader(
            name,
            channels=draw(st.integers(0, 3)),
            tier=draw(st.integers(0, 2)),
            quiet=draw(st.sampled_from([None, QUIET])),
        )
        for name in ("ann", "ben", "cy")
    )
    asked = tuple(
        question(f"q{n}", at=START - draw(st.integers(0, 600)) * MINUTE, lasts=draw(st.integers(1, 3_000)) * MINUTE)
        for n in range(draw(st.integers(0, 4)))
    )
    keys = [(each, who, channel) for each in asked for who in readers for channel in who.channels]
    receipts = tuple(
        Receipt(each.prompt, who.name, channel.id, draw(_states), draw(st.integers(1, 5)), START - 5 * MINUTE)
        for each, who, channel in keys
        if draw(st.booleans())
    )
    sent = tuple(
        Sent(who.name, channel.id, START - draw(st.integers(0, 2_000)) * MINUTE)
        for who in readers
        for channel in who.channels
        if draw(st.booleans())
    )
    return Told(readers, asked, receipts, sent)


@given(_knowledge(), st.integers(0, 4_000))
def test_nobody_is_flooded_or_woken(told: Told, minutes: int) -> None:
    """Quiet hours, cap, gap and the question's end hold for whatever is known."""
    now = START + minutes * MINUTE
    asked, readers = {each.prompt: each for each in told.questions}, {each.name: each for each in told.readers}
    messages = plan(told, rules=RULES, now=now).messages
    for message in messages:
        assert quiet_until(readers[message.person].quiet, zone=ZONE, now=now) is None
        assert all(asked[prompt].is_live and now < asked[prompt].answer_by for prompt in message.prompts)
        same = [each for each in told.sent if (each.person, each.channel) == (message.person, message.channel)]
        assert all(now - each.at >= RULES.gap for each in same)
    for name in readers:
        today = [each for each in told.sent if each.person == name and _day(each.at) == _day(now)]
        new = sum(message.person == name for message in messages)
        assert new == 0 or new + len(today) <= RULES.daily_max
    assert len({(message.person, message.channel) for message in messages}) == len(messages)


@given(_knowledge(), st.integers(0, 4_000))
def test_what_was_done_is_not_done_again(told: Told, minutes: int) -> None:
    """A plan that was carried out leaves nothing to do at the same moment."""
    now = START + minutes * MINUTE
    again = plan(after(told, now), rules=RULES, now=now)
    assert (again.messages, again.clearings) == ((), ())


@given(_knowledge(), st.integers(0, 4_000), _names, st.integers(0, RULES.daily_max))
def test_nobody_absent_holds_another_up(told: Told, minutes: int, away: str, many: int) -> None:
    """What one person's channels said, and how often, makes no difference to the others."""
    now = START + minutes * MINUTE
    told = replace(told, sent=told.sent + (Sent(away, ChannelId(f"{away}-0"), now),) * many)
    without = replace(
        told,
        receipts=tuple(each for each in told.receipts if each.person != away),
        sent=tuple(each for each in told.sent if each.person != away),
    )
    mine = [each for each in plan(told, rules=RULES, now=now).messages if each.person != away]
    assert mine == [each for each in plan(without, rules=RULES, now=now).messages if each.person != away]


def _day(at: datetime) -> object:
    return at.astimezone(ZONE).date()


class Telling(RuleBasedStateMachine):
    """A household over days: questions come, channels fail, people look and answer, the hub dies in between."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.told = Told((reader("ann", quiet=QUIET), reader("ben", channels=1), reader("cy", tier=1, channels=3)), ())
        self.log: list[tuple[datetime, Message, str]] = []
        self.ended: dict[object, ReceiptState] = {}
        self.count = 0

    @precondition(lambda self: self.count < 12)
    @rule(hours=st.integers(1, 72))
    def ask(self, hours: int) -> None:
        """Another question."""
        self.count += 1
        asked = question(f"q{self.count}", at=self.now, lasts=hours * HOUR)
        self.told = replace(self.told, questions=(*self.told.questions, asked))

    @rule(minutes=st.integers(1, 600))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.now += minutes * MINUTE

    @rule(outcomes=st.lists(st.sampled_from(["accept", "fail", "gone", "die"]), min_size=4, max_size=4))
    def turn(self, outcomes: list[str]) -> None:
        """One turn of the notifier; each message fares differently, or the hub dies before it knows."""
        made = plan(self.told, rules=RULES, now=self.now)
        self._keep(made.ends)
        for at, message in enumerate(made.messages):
            begun = begin(message, known=self.told.receipts, now=self.now)
            self._keep(begun)
            outcome = outcomes[at % len(outcomes)]
            left = Sent(message.person, message.channel, self.now, has_failed=outcome in {"fail", "gone"})
            self.told = replace(self.told, sent=(*self.told.sent, left))
            self.log.append((self.now, message, outcome))
            if outcome == "die":
                return
            self._keep([self._settled(each, outcome) for each in begun])

    @precondition(lambda self: any(each.state not in ENDED for each in self.told.receipts))
    @rule(pick=st.integers(0, 100))
    def look(self, pick: int) -> None:
        """Somebody follows a link."""
        open_ones = [each for each in self.told.receipts if each.state not in ENDED]
        self._keep([step(open_ones[pick % len(open_ones)], ReceiptEvent.SEE, now=self.now)])

    @precondition(lambda self: any(each.is_live for each in self.told.questions))
    @rule(pick=st.integers(0, 100))
    def answer(self, pick: int) -> None:
        """The first answer: the question is over."""
        live = [each for each in self.told.questions if each.is_live]
        chosen = live[pick % len(live)]
        self.told = replace(
            self.told,
            questions=tuple(
                replace(each, is_live=False, is_answered=True) if each is chosen else each
                for each in self.told.questions
            ),
        )

    @invariant()
    def nobody_is_flooded(self) -> None:
        """No more than the cap in a day, none twice within the gap, none in the night, none of what is over."""
        for name in ("ann", "ben", "cy"):
            got = [at for at, message, outcome in self.log if message.person == name and outcome in {"accept", "die"}]
            days = [_day(at) for at in got]
            assert all(days.count(day) <= RULES.daily_max for day in days)
        last: dict[ChannelId, datetime] = {}
        for at, message, _ in self.log:
            assert message.channel not in last or at - last[message.channel] >= RULES.gap
            last[message.channel] = at
        assert all(quiet_until(QUIET, zone=ZONE, now=at) is None for at, each, _ in self.log if each.person == "ann")

    @invariant()
    def what_ended_stays_so(self) -> None:
        """A cleared receipt is never sent again."""
        for each in self.told.receipts:
            before = self.ended.get(each.key)
            assert before is None or before == each.state
            if each.state in ENDED:
                self.ended[each.key] = each.state
            assert each.attempts <= RULES.attempts_max

    def teardown(self) -> None:
        """Whoever's channels work in the end has been told of every question that is left with time enough."""
        asked = question("last", at=self.now, lasts=4 * DAY)
        self.told = replace(self.told, questions=(*self.told.questions, asked))
        for _ in range(3 * 24 * 4):
            self.now += 15 * MINUTE
            self.turn(["accept"])
        told_of = {each.channel for each in self.told.receipts if each.prompt == asked.prompt}
        assert told_of == {channel.id for who in self.told.readers for channel in who.channels}

    def _settled(self, begun: Receipt, outcome: str) -> Receipt:
        if outcome == "accept":
            return step(begun, ReceiptEvent.ACCEPT, now=self.now)
        return after_failure(begun, rules=RULES, now=self.now, is_final=outcome == "gone")

    def _keep(self, receipts: object) -> None:
        kept = {each.key: each for each in self.told.receipts}
        kept |= {each.key: each for each in receipts}  # type: ignore[attr-defined]
        self.told = replace(self.told, receipts=tuple(kept.values()))


TestTelling = Telling.TestCase


def some_news(ident: str = "i1/lost", *, at: datetime = START, lasts: timedelta = 3 * DAY) -> Question:
    """News of an order."""
    return Question(PromptId(ident), at, at + lasts, is_news=True)


def heard_over(told: Told, minutes: range) -> list[tuple[int, str, tuple[str, ...]]]:
    """What is said when the plan is carried out every so often, and every channel takes it."""
    heard = []
    for minute in minutes:
        now = START + minute * MINUTE
        heard += [(minute, channel, prompts) for _, channel, prompts in said(told, now)]
        told = after(told, now)
    return heard


def test_news_is_told_once() -> None:
    """Over the first channel of each, a later tier later; nobody's second channel hears what the first one took."""
    told = Told((reader("ann"), reader("ben", tier=1)), (some_news(),))
    news = ("i1/lost",)
    assert heard_over(told, range(0, 3 * 24 * 60, 5)) == [(5, "ann-0", news), (125, "ben-0", news)]


def test_news_goes_over_the_next_channel_where_one_is_given_up() -> None:
    """A wrong address hides nothing."""
    lost = Receipt(PromptId("i1/lost"), "ann", ChannelId("ann-0"), ReceiptState.GIVEN_UP, 4, START + 3 * MINUTE)
    told = Told((reader("ann"),), (some_news(),), (lost,))
    assert said(told, START + 4 * MINUTE) == [("ann", "ann-1", ("i1/lost",))]


def test_news_and_questions_are_messages_of_their_own() -> None:
    """The questions first; the news after the gap. Both count for the cap, and both wait for the morning."""
    told = Told((reader("ann", channels=1),), (some_news(), question(lasts=3 * DAY)))
    assert heard_over(told, range(0, 600, 5)) == [(5, "ann-0", ("q",)), (15, "ann-0", ("i1/lost",))]
    full = tuple(Sent("ann", ChannelId("ann-0"), START - n * HOUR) for n in range(RULES.daily_max))
    assert said(replace(told, sent=full), START + HOUR) == []
    asleep = Told((reader("ann", channels=1, quiet=QUIET),), (some_news(at=START + 13 * HOUR),))
    assert said(asleep, START + 14 * HOUR) == []
    assert said(asleep, START + 21 * HOUR) == [("ann", "ann-0", ("i1/lost",))]


def test_news_is_not_taken_back_and_not_told_twice() -> None:
    """What was told stays told, also where it is so since another moment; when it is over, the screen stays."""
    told = after(Told((reader("ann"),), (some_news(),)), START + 5 * MINUTE)
    moved = replace(told, questions=(some_news(at=START + HOUR),))
    assert said(moved, START + 2 * HOUR) == []
    ended = replace(told, questions=(replace(some_news(), is_live=False, is_answered=True),))
    made = plan(ended, rules=RULES, now=START + 2 * HOUR)
    assert [receipt.state for receipt in made.ends] == [ReceiptState.CLEARED]
    assert made.clearings == ()
    late = plan(told, rules=RULES, now=START + 4 * DAY)
    assert [receipt.state for receipt in late.ends] == [ReceiptState.LAPSED]
    assert late.clearings == ()
