"""A small simulated home for one scene: some wares, chosen days, and a person who does exactly what the scene says.

The world, the sensors, the faults and the hub are those of the campaign of homes; chance is drawn from one seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from edge_agent.core.catalogue import Household, Item, Preferences
from edge_agent.core.messages import ItemId
from edge_agent.core.prompt import PromptRecord
from edge_agent.core.stock_events import Corrected
from edge_agent.pipeline.deciding import ItemReview
from firmware_sim.faults_settings import AnyFault
from firmware_sim.scenario_fleet import ApplianceSection
from tests.campaign.homes.appliances import MACHINES, WARES, mean_use
from tests.campaign.homes.household import START, Absence, Home, Kept
from tests.campaign.homes.hub import Hub, household, open_hub
from tests.campaign.homes.policies import Order
from tests.campaign.homes.world import Stock, World

NEVER = Absence(START - timedelta(days=2), START - timedelta(days=1), 1.0)
_LEAD = timedelta(days=2)
_LOOK_EVERY_H = 6
_PROMPTS_MAX = 1_000

Change = Callable[[Item], Item]


@dataclass(slots=True)
class Stage:
    """The home of a scene. `asked` are the prompts so far, oldest first."""

    world: World
    hub: Hub
    buys: bool = True
    asked: list[PromptRecord] = field(default_factory=list)
    _coming: list[tuple[datetime, Order]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The scene's time."""
        return self.world.now

    def stock(self, ware: str) -> Stock:
        """What is true."""
        return self.world.stocks[ware]

    def found(self, ware: str) -> ItemReview:
        """What the last review made of a ware."""
        return self.hub.review.latest[ItemId(ware)]

    def codes(self, ware: str) -> set[str]:
        """The codes of the reasons of the last decision."""
        return {reason.code for reason in self.found(ware).decision.reasons}

    def asked_for(self, ware: str) -> list[PromptRecord]:
        """The prompts about one ware."""
        return [prompt for prompt in self.asked if prompt.item == ware]

    def tell(self, what: str, ware: str, amount: float) -> None:
        """A person says something of a stock."""
        self.hub.told(what, ware, amount, now=self.now)

    def count(self, item: str, amount: float) -> None:
        """A person counts something that the simulated world does not keep books of."""
        self.hub.events.record(Corrected(ItemId(item), self.now, "anna", amount))

    def pass_days(self, days: float) -> None:
        """Let time pass. Where the person buys, every question is approved at once, and two days later it is here."""
        for _ in range(round(days * 24)):
            self.hub.hear(self.world.pass_hour(), now=self.now)
            self.world.close_hour()
            hour = (self.now - START) // timedelta(hours=1)
            if hour % _LOOK_EVERY_H == 0:
                self._look()
            self._put_away()

    def _look(self) -> None:
        self.hub.look(self.now)
        known = {prompt.id for prompt in self.asked}
        prompts = self.hub.desk.orders.prompts(live=True, limit=_PROMPTS_MAX)
        self.asked += sorted((each for each in prompts if each.id not in known), key=lambda each: each.item)
        for question in self.hub.questions() if self.buys else ():
            order = self.hub.approve(question, now=self.now)
            if order is not None:
                self._coming.append((self.now + _LEAD, order))

    def _put_away(self) -> None:
        for arrives_at, order in [each for each in self._coming if each[0] <= self.now]:
            self._coming.remove((arrives_at, order))
            self.stock(order.ware).receive(order.packs, now=self.now)
            self.hub.delivered(order, now=self.now)
        for stock in self.world.stocks.values():
            if stock.wants_filling:
                stock.fill_up()


def kept(ware: str, *, packs: float, busy: float = 1.0) -> Kept:
    """A ware with so many packs at the start; the household's guess of its use is right."""
    known = next(each for each in WARES if each.name == ware)
    use = mean_use(MACHINES[known.device], known.part, busy=busy, start=START)
    return Kept(known, use, use, packs * known.pack)


def home(
    *wares: Kept,
    busy: Mapping[str, float] | None = None,
    faults: Mapping[str, Sequence[AnyFault]] | None = None,
    away: Absence = NEVER,
    guests: Absence = NEVER,
    seed: int = 1,
) -> Home:
    """A home of exactly these wares; `busy` and `faults` by appliance."""
    sections = tuple(
        ApplianceSection(
            name=device,
            kind=MACHINES[device].kind.name,
            dialect=MACHINES[device].dialect,
            report_every_min=60,
            busy=(busy or {}).get(device, 1.0),
            faults=tuple((faults or {}).get(device, ())),
        )
        for device in sorted({each.ware.device for each in wares})
    )
    return Home(seed, wares, sections, away=away, guests=guests)


@contextmanager
def staged(
    folder: Path,
    home: Home,
    *,
    change: Change | None = None,
    only: Sequence[str] = (),
    more: Sequence[Item] = (),
    preferences: Preferences | None = None,
) -> Iterator[Stage]:
    """The stage of a scene; `change` alters each item as the household declares it, `only` these are declared.

    `more` are items that the world keeps no books of.
    """
    folder.mkdir(parents=True, exist_ok=True)
    usual = household(home)
    items = (*(item for item in usual.items if not only or item.id in only), *more)
    declared = Household(items=items, preferences=preferences or usual.preferences)
    if change is not None:
        items = tuple(change(item) for item in declared.items)
        declared = Household(items=items, preferences=declared.preferences)
    with open_hub(folder, home, told=declared) as hub:
        yield Stage(World(home), hub)


def days(first: float, length: float, factor: float) -> Absence:
    """A span of days that is not like the others, from a midnight on."""
    begins = START.replace(hour=0) + timedelta(days=first)
    return Absence(begins, begins + timedelta(days=length), factor)
