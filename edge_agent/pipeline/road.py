"""What an order can have to do with a drive: where it could be brought instead, and whether a car stands.

Where a vehicle goes comes from the board in memory (`core.vehicles`), and leaves this file as the name of one of the
household's places. No merchant is asked here: what things cost there was fetched with the daily list. What a person
chooses becomes the terms of the open question, which then wait for an approval as ever; a mandate never gets here.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from edge_agent.core import prompt as prompts
from edge_agent.core.catalogue import Household, NamedPlace
from edge_agent.core.journey import Place, Position, is_standing, journey
from edge_agent.core.leave.terms import Offer, elsewhere
from edge_agent.core.messages import DeviceId, PriceElsewhere, PromptId
from edge_agent.core.people import MAY_APPROVE
from edge_agent.core.prompt import PromptEvent, PromptRecord, PromptState
from edge_agent.core.redirection import Redirection
from edge_agent.core.said import say
from edge_agent.core.vehicles import Vehicles
from edge_agent.errors import NotAllowedError, RefusedError, StaleTermsError
from edge_agent.leave_ports import AccountStore
from edge_agent.ports import Clock, HouseholdStore, OrderStore, PricesElsewhere

log = logging.getLogger(__name__)


class OnTheRoad:
    """Fulfils the pages' `Road`. A price older than `price_age_max` is none; days are those of `zone`."""

    def __init__(
        self,
        *,
        clock: Clock,
        vehicles: Vehicles,
        household: HouseholdStore,
        orders: OrderStore,
        prices: PricesElsewhere,
        accounts: AccountStore,
        price_age_max: timedelta,
        zone: ZoneInfo,
    ) -> None:
        self._clock = clock
        self._vehicles = vehicles
        self._household = household
        self._orders = orders
        self._prices = prices
        self._accounts = accounts
        self._price_age_max = price_age_max
        self._zone = zone

    def cars(self) -> tuple[DeviceId, ...]:
        """Every vehicle that tells how it moves or where it goes, by name."""
        return self._vehicles.names()

    def stands(self, car: DeviceId) -> bool | None:
        """Whether it stands still now; None: nobody knows."""
        now = self._clock.now()
        return is_standing(self._vehicles.motion(car, now=now), now=now)

    def redirections(self, prompt: PromptId) -> tuple[Redirection, ...]:
        """Where else what is asked about could be brought, at a price that is known; none for what stands on a list."""
        record, household, now = self._orders.prompt(prompt), self._household.load(), self._clock.now()
        if record is None or record.state is not PromptState.OPEN or record.offer.is_listed:
            return ()
        if now >= record.offer.expires_at:
            return ()
        home = household.preferences.delivery_ref
        arrivals = self._arrivals(household, now=now)
        found = [
            self._way(record, household, place=place, arrives_at=arrivals[place.name], now=now)
            for place in household.places
            if place.name in arrivals and place.delivery_ref not in {record.offer.delivery_ref, home}
        ]
        found.append(None if record.offer.delivery_ref == home else self._back_home(record, household, now=now))
        return tuple(redirection for redirection in found if redirection is not None)

    def bring(self, prompt: PromptId, *, terms_hash: str, by: str) -> PromptRecord:
        """Let the open question have the terms of the redirection with this hash.

        Raises: StaleTermsError when there is no such redirection any more; RefusedError; NotAllowedError.
        """
        account = self._accounts.account(by)
        if account is None or account.role not in MAY_APPROVE:
            raise NotAllowedError(say("{name} may not answer this: ask an owner or a member", name=by))
        record = self._orders.prompt(prompt)
        if record is None:
            raise RefusedError(say("there is no such question"))
        chosen = next(
            (redirection for redirection in self.redirections(prompt) if redirection.terms_hash == terms_hash), None
        )
        if chosen is None:
            raise StaleTermsError(say("it can no longer be brought there on these terms: read the question again"))
        change = prompts.step(record, PromptEvent.REDIRECT, now=self._clock.now(), by=by, offer=chosen.offer)
        log.info("redirected prompt=%s", prompt)
        return self._orders.change_prompt(change)

    def _arrivals(self, household: Household, *, now: datetime) -> dict[str, datetime]:
        """When the first vehicle is at each place that one drives to, by the place's name."""
        places = [_as_place(place) for place in household.places]
        first: dict[str, datetime] = {}
        for car in self._vehicles.names():
            found = journey(self._vehicles.route(car, now=now), places=places, now=now)
            if found is not None and found.place is not None and found.arrives_at is not None:
                first[found.place] = min(found.arrives_at, first.get(found.place, found.arrives_at))
        return first

    def _way(
        self, record: PromptRecord, household: Household, *, place: NamedPlace, arrives_at: datetime, now: datetime
    ) -> Redirection | None:
        offer, lead_d = record.offer, place.lead_time_d
        if lead_d is None:
            lead_d = max(1, household.preferences.lead_time_d)
        price = self._prices.newest(offer.merchant, offer.sku, delivery_ref=place.delivery_ref)
        day = max(self._day(arrives_at), self._day(now) + timedelta(days=lead_d))
        terms = self._terms(offer, price, household, to=place.delivery_ref, by=day, now=now)
        return None if terms is None else Redirection(place.name, terms, arrives_at)

    def _back_home(self, record: PromptRecord, household: Household, *, now: datetime) -> Redirection | None:
        offer, preferences = record.offer, household.preferences
        told = self._orders.newest_price(record.item, merchant=offer.merchant, sku=offer.sku)
        if told is None or told.unit_price_minor is None or told.delivery_minor is None:
            return None
        price = PriceElsewhere(
            told.unit_price_minor, told.delivery_minor, told.currency, told.available, told.fetched_at
        )
        day = self._day(now) + timedelta(days=max(1, preferences.lead_time_d))
        terms = self._terms(offer, price, household, to=preferences.delivery_ref, by=day, now=now)
        return None if terms is None else Redirection(None, terms)

    def _terms(
        self, offer: Offer, price: PriceElsewhere | None, household: Household, *, to: str, by: date, now: datetime
    ) -> Offer | None:
        """The same goods, brought there; None where it is not known what that costs."""
        if price is None or not price.available or price.currency != offer.currency:
            return None
        if now - price.fetched_at > self._price_age_max:
            return None
        tolerance = household.preferences.price_tolerance
        return elsewhere(offer, price, delivery_ref=to, deliver_by=by, tolerance=tolerance)

    def _day(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()


def _as_place(place: NamedPlace) -> Place:
    return Place(place.name, Position(place.latitude, place.longitude), place.within_m)
