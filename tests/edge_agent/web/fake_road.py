"""A road in memory: it fulfils `Road`, with cars that stand as a test says."""

from __future__ import annotations

from datetime import timedelta

from edge_agent.core import prompt as prompts
from edge_agent.core.leave.terms import elsewhere
from edge_agent.core.messages import DeviceId, PriceElsewhere, PromptId
from edge_agent.core.prompt import PromptEvent, PromptRecord
from edge_agent.core.redirection import Redirection
from edge_agent.errors import HubError, StaleTermsError
from edge_agent.ports import Clock
from tests.edge_agent.web.fakes import HomeInMemory

CAR = DeviceId("tesla.1")


class RoadInMemory:
    """Fulfils `Road`; `standing` is what each car tells, `goes_to` the place that one drives to, if any."""

    def __init__(self, home: HomeInMemory, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        self.standing: dict[DeviceId, bool | None] = {CAR: None}
        self.goes_to: str | None = None
        self.refusal: HubError | None = None
        self.turns = 0  # raise it where a page that is open should look again
        self.calls: list[tuple[object, ...]] = []

    def cars(self) -> tuple[DeviceId, ...]:
        """Those that were set."""
        return tuple(self.standing)

    def stands(self, car: DeviceId) -> bool | None:
        """As it was set."""
        return self.standing.get(car)

    def redirections(self, prompt: PromptId) -> tuple[Redirection, ...]:
        """To the place, half an hour from now, for a dollar of delivery."""
        asked, now = self._home.all_prompts.get(prompt), self._clock.now()
        if asked is None or self.goes_to is None or asked.offer.delivery_ref == self.goes_to.lower():
            return ()
        offer = asked.offer
        price = PriceElsewhere(offer.unit_price_minor, 100, offer.currency, available=True, fetched_at=now)
        there = elsewhere(offer, price, delivery_ref=self.goes_to.lower(), deliver_by=offer.deliver_by, tolerance=0.05)
        return (Redirection(self.goes_to, there, now + timedelta(minutes=30)),)

    def bring(self, prompt: PromptId, *, terms_hash: str, by: str) -> PromptRecord:
        """Change the terms, if they are those of a redirection."""
        self.calls.append(("bring", prompt, by))
        if self.refusal is not None:
            raise self.refusal
        redirection = next((each for each in self.redirections(prompt) if each.terms_hash == terms_hash), None)
        if redirection is None:
            raise StaleTermsError("no such redirection")
        record = self._home.all_prompts[prompt]
        change = prompts.step(record, PromptEvent.REDIRECT, now=self._clock.now(), by=by, offer=redirection.offer)
        return self._home.add(change.after)
