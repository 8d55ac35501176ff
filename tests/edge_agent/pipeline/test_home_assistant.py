"""Home Assistant, both ways, around the real store and key: what goes out, and what an answer from there is worth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.adapters.sealing import HouseholdSecret
from edge_agent.adapters.store.chain import Chain
from edge_agent.adapters.store.intents import insert_intent
from edge_agent.adapters.store.policies import Policies
from edge_agent.core.catalogue import Household
from edge_agent.core.home_assistant.discovery import About
from edge_agent.core.home_assistant.names import Names
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.policy import Policy
from edge_agent.core.leave.terms import terms_hash
from edge_agent.core.messages import Forecast, ItemId, PromptId
from edge_agent.core.overview import BridgeStatus, DeviceOverview, ItemOverview
from edge_agent.core.people import Account, Role
from edge_agent.core.prompt import DeclineReason, PromptRecord, PromptState
from edge_agent.pipeline.home_assistant import COMMANDS_BURST, Heard, HomeAssistant
from edge_agent.pipeline.home_assistant_answers import CODE_FAILURES_MAX, HomeAssistantAnswers, Leave
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.samples import MILK, NOW, intent, prompt

NAMES = Names("home")
P1 = PromptId("p1")
HASH, CEILING = prompt().terms_hash, prompt().offer.total_max_minor
EVENTS = NAMES.item_event("milk")
LEAVE = Leave(account="ben", order_max_minor=2_000, day_max_minor=3_000)


@dataclass
class Heeded:
    """What was said, in its order; and what stands."""

    standing: dict[str, bytes] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    agains: int = 0

    def stand(self, topic: str, payload: bytes) -> None:
        """Kept as a broker would."""
        self.said.append(topic)
        self.standing.pop(topic, None)
        if payload:
            self.standing[topic] = payload

    def tell(self, topic: str, payload: bytes) -> None:
        """Noted, with its topic."""
        self.told.append(json.loads(payload) | {"topic": topic})

    def again(self) -> None:
        """Counted."""
        self.agains += 1


@dataclass
class Look:
    """The home of a desk, as the pages see it."""

    desk: Desk
    forecast: Forecast | None = None

    def items(self) -> Sequence[ItemOverview]:
        """Every item with its live prompt."""
        return [
            ItemOverview(item=each, forecast=self.forecast, prompt=self.desk.orders.live_prompt(ItemId(each.id)))
            for each in self.desk.household.load().items
        ]

    def prompt(self, prompt: PromptId) -> PromptRecord | None:
        """One prompt."""
        return self.desk.orders.prompt(prompt)

    def intents(self, *, limit: int) -> Sequence[IntentRecord]:
        """Orders, newest first."""
        return self.desk.orders.intents(live=False, limit=limit)

    def devices(self) -> Sequence[DeviceOverview]:
        """None."""
        return ()

    def bridge(self) -> BridgeStatus:
        """There."""
        return BridgeStatus(reachable=True)


@dataclass
class There:
    """A hub with Home Assistant beside it."""

    desk: Desk
    voice: Heeded
    side: HomeAssistant

    def press(self, act: str, *, of: str = "p1", terms: str = HASH, retained: bool = False, **more: object) -> None:
        """Somebody presses a button there."""
        payload = json.dumps({"act": act, "prompt": of, "terms": terms} | more).encode()
        self.side.hear(Heard(NAMES.command, payload, retained=retained))

    @property
    def state(self) -> PromptState:
        """Where the question stands."""
        record = self.desk.orders.prompt(P1)
        assert record is not None
        return record.state

    @property
    def refused(self) -> list[str]:
        """What was told of refusals."""
        return [each["text"] for each in self.voice.told if each["event_type"] == "refused"]


def at(desk: Desk, leave: Leave | None = LEAVE, *, forecast: Forecast | None = None) -> There:
    """Home Assistant beside this desk, with everything said once."""
    voice, look = Heeded(), Look(desk, forecast)
    answers = leave and HomeAssistantAnswers(
        leave,
        answers=desk.leave.answering,
        orders=look,
        accounts=desk.leave.accounts,
        policies=Policies(desk.connection, verify=desk.key.verify),
        audit=Chain(desk.connection, secret=HouseholdSecret(b"s" * 32)),
        clock=desk.clock,
    )
    side = HomeAssistant(
        about=About(NAMES, "Our home", "0.1.0"),
        answers=answers,
        voice=voice,
        home=look,
        household=desk.household,
        safety=desk.watch,
        clock=desk.clock,
    )
    side.refresh()
    return There(desk, voice, side)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """One open prompt for milk (a ceiling of 1066), and a home that may answer it."""
    with open_desk(tmp_path) as opened:
        opened.orders.add_prompt(prompt())
        yield opened


# --- out ---


def test_the_hub_says_how_many_orders_need_somebody(desk: Desk) -> None:
    """One that nobody can tell about does; what was taken back does not."""
    there = at(desk)
    order = desk.leave.answering.approve(P1, terms_hash=HASH, by="anna", pin_checked=False)
    assert order is not None
    for state, number in (("parked", 1), ("cancelled", 0)):
        desk.connection.db.execute("UPDATE intent SET state = ?, withdrawn_for = 'bought_elsewhere'", (state,))
        there.side.refresh()
        assert json.loads(there.voice.standing[NAMES.hub_state])["orders_to_see_to"] == number


def test_only_what_changed_is_said_again(desk: Desk) -> None:
    """All of it at first; nothing when nothing happened; the item's state and announcement when its question ends."""
    there = at(desk)
    assert set(there.voice.standing) == {
        NAMES.hub_state, NAMES.hub_discovery, NAMES.item_state("milk"), NAMES.item_discovery("milk"),
    }  # fmt: skip
    there.voice.said.clear()
    there.side.refresh()
    assert there.voice.said == []
    desk.leave.answering.decline(P1, reason=DeclineReason.NOT_NOW, by="anna")
    there.side.refresh()
    assert sorted(there.voice.said) == sorted([NAMES.item_state("milk"), NAMES.item_discovery("milk"), NAMES.hub_state])


def test_the_day_to_order_by_counts_with_the_days_that_the_merchant_takes(desk: Desk) -> None:
    """Nine days by now, for an order that is late by more at every look: told as whole days, so not at every look."""
    desk.leave.answering.decline(P1, reason=DeclineReason.NOT_NOW, by="anna")
    ends = Forecast(ItemId("milk"), NOW, (0.1, 0.5, 0.9), (1,), ((1.0, 1.0, 1.0),), (20.0, 25.0, 30.0), "test")
    there = at(desk, forecast=ends)

    def order_by() -> datetime:
        return datetime.fromisoformat(json.loads(there.voice.standing[NAMES.item_state("milk")])["order_by"])

    expected = order_by()
    with desk.connection.transaction() as db:
        late = replace(intent("late", state=IntentState.PLACED), created_at=desk.clock.now() - timedelta(days=9))
        insert_intent(db, late)
    there.side.refresh()
    assert order_by() < expected
    there.voice.said.clear()
    desk.clock.advance(minutes=1)
    there.side.refresh()
    assert there.voice.said == []


def test_an_item_that_goes_is_taken_back(desk: Desk) -> None:
    """Its announcement and its state: empty and retained, so that the broker forgets them."""
    there = at(desk)
    desk.household.household = Household(items=())
    there.side.refresh()
    assert set(there.voice.standing) == {NAMES.hub_state, NAMES.hub_discovery}


def test_everything_is_said_again_when_home_assistant_comes_back(desk: Desk) -> None:
    """With what waits for an answer; not when it goes, nor twice for the word that the broker kept."""
    there = at(desk)
    there.voice.told.clear()
    there.side.hear(Heard(NAMES.birth, b"offline", retained=False))
    assert there.voice.agains == 0
    there.side.hear(Heard(NAMES.birth, b"online", retained=False))
    assert there.voice.agains == 1
    assert [each["event_type"] for each in there.voice.told] == ["still_open"]
    there.side.hear(Heard(NAMES.birth, b"online", retained=True))
    assert (there.voice.agains, len(there.voice.told)) == (2, 1)


def test_who_says_online_for_ever_is_not_answered_each_time(desk: Desk) -> None:
    """Each answer is all that stands, thousands of messages perhaps."""
    there = at(desk)
    for _ in range(100):
        there.side.hear(Heard(NAMES.birth, b"online", retained=False))
    assert there.voice.agains == 2


def test_a_question_is_told_when_it_comes_and_when_it_ends(tmp_path: Path) -> None:
    """Once each, with the terms; one that was there when the hub started is told as still open."""
    with open_desk(tmp_path) as desk:
        there = at(desk)
        desk.orders.add_prompt(prompt())
        there.side.refresh()
        there.side.refresh()
        desk.leave.answering.approve(P1, terms_hash=HASH, by="anna", pin_checked=False)
        there.side.refresh()
        assert [(each["event_type"], each["terms"]) for each in there.voice.told] == [
            ("asked", HASH),
            ("answered", HASH),
        ]
        assert there.voice.told[-1]["text"] == "It is being bought."


# --- in ---


def test_an_approval_is_made_in_the_name_of_the_account(desk: Desk) -> None:
    """On the terms that were shown, and the audit log says where it came from before it says what came of it."""
    there = at(desk)
    there.press("approve")
    record = desk.orders.prompt(P1)
    assert record is not None
    assert (record.state, record.answered_by) == (PromptState.APPROVED, "ben")
    assert len(desk.orders.intents(live=True, limit=5)) == 1
    rows = [json.loads(row[0]) for row in desk.connection.db.execute("SELECT event FROM audit ORDER BY seq")]
    noted = next(row for row in rows if row["event"] == "home_assistant_answer")
    said = {"event": "home_assistant_answer", "act": "approve", "prompt": "p1", "terms": HASH, "by": "ben"}
    assert noted == said | {"salt": noted["salt"]}
    assert rows.index(noted) < next(place for place, row in enumerate(rows) if row["event"] == "prompt_approve")
    assert [each["event_type"] for each in there.voice.told] == ["still_open", "answered"]


def test_an_approval_twice_buys_once(desk: Desk) -> None:
    """A message that is delivered again is refused as any second answer."""
    there = at(desk)
    there.press("approve")
    there.press("approve")
    assert len(desk.orders.intents(live=False, limit=5)) == 1
    assert len(there.refused) == 1


def test_other_terms_than_those_shown_are_never_approved(desk: Desk) -> None:
    """A button that was made for other terms buys nothing, also where it is of the same prompt."""
    there = at(desk)
    offer = replace(prompt().offer, total_max_minor=CEILING - 1)
    for act, more in (("approve", {}), ("decline", {}), ("snooze", {"hours": 6})):
        there.press(act, terms=terms_hash(offer), **more)
    assert there.state is PromptState.OPEN
    assert there.refused == ["The terms have changed since they were shown: look at the question again."] * 3
    assert "home_assistant_answer" not in desk.events()


def test_snooze_and_decline_do_what_they_say(desk: Desk) -> None:
    """For as long as was asked for."""
    there = at(desk)
    there.press("snooze", hours=6)
    record = desk.orders.prompt(P1)
    assert record is not None
    assert record.wake_at is not None
    assert (record.state, (record.wake_at - desk.clock.now()).total_seconds()) == (PromptState.SNOOZED, 6 * 3_600)


def test_a_decline_ends_the_question(desk: Desk) -> None:
    """In the account's name."""
    there = at(desk)
    there.press("decline")
    assert there.state is PromptState.DECLINED
    assert desk.orders.intents(live=False, limit=5) == []


def test_nothing_is_done_where_it_is_off(desk: Desk) -> None:
    """Whatever is sent."""
    there = at(desk, None)
    for act, more in (("approve", {}), ("decline", {}), ("snooze", {"hours": 6})):
        there.press(act, **more)
    assert there.state is PromptState.OPEN


def test_a_kept_command_is_no_command(desk: Desk) -> None:
    """A broker would give it again at every reconnect."""
    there = at(desk)
    there.press("approve", retained=True)
    assert there.state is PromptState.OPEN


@pytest.mark.parametrize(
    ("leave", "said"),
    [
        (replace(LEAVE, order_max_minor=CEILING - 1), "may approve up to $10.65 an order, and this may cost $10.66"),
        (replace(LEAVE, order_max_minor=0), "may approve up to $0.00"),
        (replace(LEAVE, day_max_minor=CEILING - 1), "more than $10.65 would be approved within a day"),
        (replace(LEAVE, account="nobody"), "is not there, or is disabled"),
        (replace(LEAVE, account="gus"), "may approve nothing"),
        (replace(LEAVE, code="open sesame"), "needs the code"),
    ],
)
def test_what_is_beyond_its_leave_is_refused(desk: Desk, leave: Leave, said: str) -> None:
    """With a sentence for the person, and nothing bought."""
    there = at(desk, leave)
    there.press("approve")
    assert there.state is PromptState.OPEN
    assert desk.orders.intents(live=False, limit=5) == []
    [text] = there.refused
    assert said in text


def test_at_the_limits_it_still_buys(desk: Desk) -> None:
    """The limit itself is allowed, of the order and of the day."""
    there = at(desk, replace(LEAVE, order_max_minor=CEILING, day_max_minor=CEILING))
    there.press("approve")
    assert there.state is PromptState.APPROVED


def test_the_day_counts_what_the_account_approved_anywhere(desk: Desk) -> None:
    """On the page too, after a restart too; and a day later there is room again."""
    desk.leave.answering.approve(P1, terms_hash=HASH, by="ben", pin_checked=False)
    desk.household.household = Household(items=(MILK, MILK.model_copy(update={"id": "tea", "name": "Tea"})))
    desk.orders.add_prompt(prompt("p2", item="tea"))
    there = at(desk, replace(LEAVE, day_max_minor=2 * CEILING - 1))
    there.press("approve", of="p2")
    assert "within a day" in there.refused[0]
    desk.clock.advance(hours=24)
    there.press("approve", of="p2")
    record = desk.orders.prompt(PromptId("p2"))
    assert record is not None
    assert record.state is PromptState.APPROVED


def test_it_never_stands_for_a_pin_a_second_person_or_a_disabled_account(desk: Desk) -> None:
    """Those are given on the page only."""
    there = at(desk)
    desk.put("ben", pin=True)
    there.press("approve")
    desk.leave.accounts.put_account(Account("ben", Role.MEMBER, "!hash"))
    there.press("approve")
    desk.put("ben")
    desk.leave.policies.set(Policy(two_people_above_minor=500), by="anna")
    there.press("approve")
    pin, disabled, two = there.refused
    assert "PIN" in pin
    assert "disabled" in disabled
    assert "two people" in two
    assert there.state is PromptState.OPEN
    assert desk.orders.endorsements(P1) == ()


def test_a_code_is_checked_and_guessing_ends(desk: Desk) -> None:
    """After five wrong ones not even the right one is looked at, until the window has passed; nothing says the code."""
    there = at(desk, replace(LEAVE, code="open sesame"))
    for _ in range(CODE_FAILURES_MAX):
        there.press("approve", code="let me in!!")
    there.press("approve", code="open sesame")
    assert there.state is PromptState.OPEN
    assert ["wrong" in text for text in there.refused] == [True] * CODE_FAILURES_MAX + [True]
    assert "too many" in there.refused[-1]
    desk.clock.advance(minutes=16)
    there.press("approve", code="open sesame")
    assert there.state is PromptState.APPROVED
    assert "sesame" not in json.dumps(there.voice.told) + str(there.voice.standing) + repr(LEAVE)


def test_a_flood_of_commands_is_not_answered_by_a_flood(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Ten at once, and then one every six seconds; the log has one line of what was not looked at."""
    there = at(desk)
    for _ in range(10 * COMMANDS_BURST):
        there.press("approve", terms="0" * 64)
    assert len(there.refused) == COMMANDS_BURST
    assert [each.message for each in caplog.records].count("home_assistant_ignored reason=too_many") == 1
    desk.clock.advance(seconds=6)
    there.press("approve")
    assert there.state is PromptState.APPROVED


@pytest.mark.parametrize("payload", [b"", b"approve", b"{}", b"\xff" * 2_000])
def test_noise_changes_nothing(desk: Desk, payload: bytes) -> None:
    """It is not even answered, since nobody can say what it was about."""
    there = at(desk)
    there.side.hear(Heard(NAMES.command, payload, retained=False))
    there.side.hear(Heard("elsewhere", payload, retained=False))
    assert there.state is PromptState.OPEN
    assert there.refused == []
