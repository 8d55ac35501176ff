"""Home Assistant, both ways: what stands in the home goes out, and what a person answers there comes in.

What an answer from there is worth is not decided here (`pipeline.home_assistant_answers`). What is said goes to a
`Voice`, which says it when it can; nothing here waits for a broker.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from edge_agent.core.deciding.lead_time import lead_time
from edge_agent.core.home_assistant.commands import Command, read_command
from edge_agent.core.home_assistant.discovery import About, hub_discovery, item_discovery
from edge_agent.core.home_assistant.names import Names
from edge_agent.core.home_assistant.states import event, hub_state, item_state
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import ItemId, PromptId
from edge_agent.core.notifying.news import need_a_person, news
from edge_agent.core.overview import BridgeStatus, DeviceOverview, ItemOverview
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.core.safety import SafetyProblem
from edge_agent.core.token_bucket import TokenBucket
from edge_agent.errors import FailClosedError, RefusedError
from edge_agent.pipeline.home_assistant_answers import HomeAssistantAnswers, in_words
from edge_agent.ports import Clock, HouseholdStore

log = logging.getLogger(__name__)

COMMANDS_BURST = 10
COMMANDS_EVERY_MS = 6_000
_BIRTH_EVERY_MS = 10_000  # each is answered with all that stands
_ORDERS_MAX = 200  # of all merchants, the newest ones
_ONLINE = b"online"

_ENDED: Mapping[PromptState, str] = {
    PromptState.APPROVED: "It is being bought.",
    PromptState.DECLINED: "It is not bought.",
    PromptState.SNOOZED: "It is asked again later.",
    PromptState.EXPIRED: "The offer has ended, and nothing was bought.",
    PromptState.WITHDRAWN: "It is no longer needed.",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """A message from Home Assistant."""

    topic: str
    payload: bytes
    retained: bool


class Voice(Protocol):
    """What is said to Home Assistant. Neither call waits for the broker."""

    def stand(self, topic: str, payload: bytes) -> None:
        """From now on this is so: kept by the broker, and said again after every reconnect. Empty: no longer."""

    def tell(self, topic: str, payload: bytes) -> None:
        """This has happened: said once, to whoever listens."""

    def again(self) -> None:
        """Say everything that stands once more."""


class Home(Protocol):
    """What is known of the home; `pipeline.overview.HomeOverview`."""

    def items(self) -> Sequence[ItemOverview]:
        """Every item."""

    def prompt(self, prompt: PromptId) -> PromptRecord | None:
        """One prompt."""

    def intents(self, *, limit: int) -> Sequence[IntentRecord]:
        """Orders, newest first."""

    def devices(self) -> Sequence[DeviceOverview]:
        """Every device."""

    def bridge(self) -> BridgeStatus:
        """Whether orders get out."""


class Safety(Protocol):
    """What stands against sending."""

    def problems(self) -> tuple[SafetyProblem, ...]:
        """All of it."""


class HomeAssistant:
    """Says what changed (`refresh`) and does what is asked for (`hear`). `answers` None: nothing may be asked for."""

    def __init__(
        self,
        *,
        about: About,
        answers: HomeAssistantAnswers | None,
        voice: Voice,
        home: Home,
        household: HouseholdStore,
        safety: Safety,
        clock: Clock,
    ) -> None:
        self._about = about
        self._answers = answers
        self._voice = voice
        self._home = home
        self._household = household
        self._safety = safety
        self._clock = clock
        self._said: dict[str, bytes] = {}
        self._asked: dict[ItemId, PromptRecord] | None = None  # None: before the first look
        self._commands = TokenBucket(burst=COMMANDS_BURST, every_ms=COMMANDS_EVERY_MS)
        self._births = TokenBucket(burst=2, every_ms=_BIRTH_EVERY_MS)
        self._is_flooded = False

    def refresh(self) -> None:
        """Say what is new since the last time, take back what has gone, and tell of questions that came or ended."""
        items = self._home.items()
        self._stand(self._wanted(items))
        self._tell_questions(items)

    def hear(self, heard: Heard) -> None:
        """Home Assistant has come back, or somebody there wants something."""
        if heard.topic == self._names.birth:
            if heard.payload == _ONLINE and self._births.take(at_ms=self._now_ms()):
                self._voice.again()
                if not heard.retained:
                    self._tell_still_open()
        elif heard.topic == self._names.command and not heard.retained:
            self._obey(heard.payload)

    @property
    def _names(self) -> Names:
        return self._about.names

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1_000)

    # --- out ---

    def _wanted(self, items: Sequence[ItemOverview]) -> dict[str, bytes]:
        """Everything that stands now, by topic; states before announcements, so that none is shown as unknown."""
        household, now = self._household.load(), self._clock.now()
        orders = self._home.intents(limit=_ORDERS_MAX)
        lead_d = _lead_d(items, orders, expected_d=float(household.preferences.lead_time_d), now=now)
        told = news(orders, household=household, now=now)
        answering = None if self._answers is None else self._answers.offered
        wanted = {
            self._names.item_state(each.item.id): item_state(each, lead_d=lead_d[each.item.product.merchant])
            for each in items
        }
        wanted[self._names.hub_state] = hub_state(
            problems=self._safety.problems(),
            bridge=self._home.bridge(),
            devices=self._home.devices(),
            open_questions=sum(each.prompt is not None and each.prompt.state is PromptState.OPEN for each in items),
            orders_to_see_to=len(need_a_person(told)),
        )
        wanted[self._names.hub_discovery] = hub_discovery(self._about)
        for each in items:
            topic = self._names.item_discovery(each.item.id)
            wanted[topic] = item_discovery(self._about, each.item, each.prompt, answering=answering)
        return wanted

    def _stand(self, wanted: dict[str, bytes]) -> None:
        for topic in self._said.keys() - wanted.keys():
            self._voice.stand(topic, b"")
        for topic, payload in wanted.items():
            if self._said.get(topic) != payload:
                self._voice.stand(topic, payload)
        self._said = wanted

    def _tell_questions(self, items: Sequence[ItemOverview]) -> None:
        """A question that was there when the hub started is no news, but who waits for it may have missed it."""
        first, before = self._asked is None, self._asked or {}
        now = {ItemId(each.item.id): each.prompt for each in items if each.prompt is not None}
        for item, asked in before.items():
            current = self._home.prompt(asked.id)
            if current is not None and asked.state is PromptState.OPEN and current.state is not PromptState.OPEN:
                self._tell("answered", current, text=_ENDED.get(current.state, ""), item=item)
        for item, prompt in now.items():
            known = before.get(item)
            is_news = known is None or known.id != prompt.id or known.state is not PromptState.OPEN
            if prompt.state is PromptState.OPEN and is_news:
                self._tell("still_open" if first else "asked", prompt, item=item)
        self._asked = now

    def _tell_still_open(self) -> None:
        for item, prompt in (self._asked or {}).items():
            if prompt.state is PromptState.OPEN:
                self._tell("still_open", prompt, item=item)

    def _tell(self, kind: str, prompt: PromptRecord, *, item: ItemId, text: str = "") -> None:
        known = self._household.load().item(item)
        name = item if known is None else known.name
        self._voice.tell(self._names.item_event(item), event(kind, prompt, item_name=name, text=text))

    # --- in ---

    def _obey(self, payload: bytes) -> None:
        """Do it, or tell why not. Who asks too often hears nothing: that would be a flood of our own."""
        if not self._commands.take(at_ms=self._now_ms()):
            if not self._is_flooded:
                log.warning("home_assistant_ignored reason=too_many")
            self._is_flooded = True
            return
        self._is_flooded = False
        try:
            command = read_command(payload)
        except RefusedError as exc:
            log.warning("home_assistant_refused error=%s", exc)
            return
        prompt = self._home.prompt(PromptId(command.prompt))
        if prompt is None or self._answers is None:
            log.warning("home_assistant_refused reason=%s", "off" if self._answers is None else "no_such_prompt")
            return
        self._answer(self._answers, command, prompt)
        self.refresh()

    def _answer(self, answers: HomeAssistantAnswers, command: Command, prompt: PromptRecord) -> None:
        try:
            answers.answer(command, prompt)
        except (RefusedError, FailClosedError) as exc:
            log.warning("home_assistant_refused prompt=%s act=%s", prompt.id, command.act)
            self._tell("refused", prompt, text=in_words(exc), item=prompt.item)
        else:
            log.info("home_assistant_answered prompt=%s act=%s", prompt.id, command.act)


def _lead_d(
    items: Iterable[ItemOverview], orders: Sequence[IntentRecord], *, expected_d: float, now: datetime
) -> dict[str, int]:
    """Days that each merchant takes; whole ones, since an order that is late takes a little longer at every look."""
    merchants = {each.item.product.merchant for each in items}
    return {each: round(lead_time(orders, merchant=each, expected_d=expected_d, now=now).mean_d) for each in merchants}
