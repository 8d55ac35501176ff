"""What the pages show of decisions beside their reasons, and the one question to the whole home with its answer."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from edge_agent import __version__
from edge_agent.core.catalogue import RANGES_MAX, DateRange, Household
from edge_agent.core.deciding.advice import advise
from edge_agent.core.deciding.presence import Presence
from edge_agent.core.deciding.replay import bundle
from edge_agent.core.deciding.shadow import ShadowReport
from edge_agent.core.household_edit import PreferencesEdit, as_json
from edge_agent.core.messages import ItemId, PromptId, Reason
from edge_agent.core.said import say
from edge_agent.errors import RefusedError
from edge_agent.pipeline.personal import NOBODY, PersonalDays
from edge_agent.pipeline.review import Review
from edge_agent.ports import BundleStore, Clock, HouseholdDocuments

Said = Literal["away", "guests", "as_usual"]
AS_USUAL_FOR_D = 7
AHEAD_MAX_D = 180

_KEPT_FOR = timedelta(days=120)  # days that were told of and are over: they say what was not usual
_DAY = timedelta(days=1)


class Explaining:
    """Fulfils `web.parts.Decisions`."""

    def __init__(
        self,
        *,
        review: Review,
        bundles: BundleStore,
        household: HouseholdDocuments,
        clock: Clock,
        zone: str,
        personal: PersonalDays = NOBODY,
    ) -> None:
        self._review = review
        self._bundles = bundles
        self._household = household
        self._clock = clock
        self._zone = zone
        self._personal = personal

    def question(self) -> Reason | None:
        """What to ask the whole home."""
        return self._review.question

    def shadow(self, item: ItemId) -> ShadowReport | None:
        """What an item in shadow would have done lately."""
        return self._review.shadow_report(item)

    def bundle(self, item: ItemId) -> bytes | None:
        """The newest decision about an item, to be made again elsewhere."""
        seen = self._review.latest.get(item)
        return None if seen is None else bundle(seen.case, program=__version__)

    def bundle_of(self, prompt: PromptId) -> bytes | None:
        """What a question rested on."""
        return self._bundles.bundle(prompt)

    def advice(self, item: ItemId) -> tuple[Reason, ...]:
        """Advice about what is bought, and what its programmes take; it is part of no decision."""
        household, now = self._household.load(), self._clock.now()
        found, programmes = household.item(item), self._review.programmes
        if found is None:
            return ()
        said = advise(
            found,
            preferences=household.preferences,
            washes=programmes.washes(item),
            personal=self._personal.days(now=now) if household.preferences.personal_advice else (),
            now=now,
        )
        return (*programmes.told(item), *said)

    def tell(self, said: Said, *, last: date | None) -> None:
        """Note who is at home until the day `last`, or for a week that all is as usual.

        Raises: RefusedError when the days cannot be meant, or the household's file needs mending first.
        """
        problem = self._household.problem()
        if problem is not None:
            raise RefusedError(
                say("the household's file must be mended before it is changed: {problem}", problem=problem)
            )
        household, today = self._household.load(), self._today()
        last = today + AS_USUAL_FOR_D * _DAY if said == "as_usual" or last is None else last
        if not today <= last <= today + AHEAD_MAX_D * _DAY:
            raise RefusedError(
                say("the last day must lie between today and {number} days from now", number=AHEAD_MAX_D)
            )
        self._household.edit(_days_edit(household, said, first=self._since(said) or today, last=last, today=today))
        self._review.question = None

    def _today(self) -> date:
        return Presence(self._household.load().preferences, zone=self._zone).day(self._clock.now())

    def _since(self, said: Said) -> date | None:
        """The first day of what the sensors saw, where that is what is told."""
        seen = next((one.case.presence.seen for one in self._review.latest.values()), None)
        return seen.since if seen is not None and seen.kind == said else None


def _days_edit(household: Household, said: Said, *, first: date, last: date, today: date) -> PreferencesEdit:
    before: tuple[DateRange, ...] = getattr(household.preferences, said)
    kept = [stay for stay in before if stay.last >= today - _KEPT_FOR]
    stays = (*kept[-RANGES_MAX + 1 :], DateRange(first=first, last=last))
    told = [stay.model_dump(mode="json") for stay in stays]
    return PreferencesEdit(changes={said: told}, seen={said: as_json(household.preferences)[said]})
