"""Merchants at the far end of a line that loses, delays, repeats and reorders requests and answers.

A request that has left goes on even when its sender dies. The merchant behind the line may be hostile on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Followed, Lookup, Outcome, Rejected, Unknown
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantError, MerchantUnclearError
from cloud_bridge.ports import Merchant
from tests.campaign.simulation.judge import Judge
from tests.campaign.simulation.virtual import Life, VirtualLoop
from tests.campaign.simulation.weather import Weather

DEADLINE_S = 30.0  # after which a connector gives up waiting
LATE_MAX_S = 60.0  # no request is on its way for longer: less than any merchant's look-up lag
PAUSE_MAX_S = 1_200.0  # a stopped process, longer than a lease

Answer = TypeVar("Answer")


class LostError(Exception):
    """No answer came; whether the request arrived, nobody here knows."""


@dataclass(slots=True)
class Line:
    """The way to one merchant. `outage_s` is from when to when it is away, in virtual seconds.

    `skus` says what a session, or a reference of ours, is for. `repeats_orders`: not for a merchant without keys, for
    which nobody could be right over a network that makes two requests for an order out of one.
    """

    loop: VirtualLoop
    weather: Weather
    repeats_orders: bool = True
    outage_s: tuple[float, float] = (0.0, 0.0)
    skus: dict[str, str] = field(default_factory=dict)
    under_way: set[asyncio.Task[object]] = field(default_factory=set)

    async def carry(self, life: Life, deliver: Callable[[], Awaitable[Answer]], *, name: str) -> Answer:
        """Take a request there and its answer back.

        Raises: LostError; whatever the merchant's connector raises.
        """
        weather = self.weather
        if weather.strikes(0.01, "paused"):
            await asyncio.sleep(weather.between(10, PAUSE_MAX_S))
            life.check()
        if self._is_out(name) or weather.strikes(0.08, f"lost_request:{name}"):
            await asyncio.sleep(DEADLINE_S)
            raise LostError
        if name != "open" and weather.strikes(0.05, f"late_request:{name}"):
            self._later(deliver)
            await asyncio.sleep(DEADLINE_S)
            raise LostError
        answer = await deliver()
        if self._may_repeat(name, answer) and weather.strikes(0.05, f"twice:{name}"):
            self._later(deliver)
        if weather.strikes(0.3, f"slow:{name}"):
            await asyncio.sleep(weather.between(0.05, 8))
        if weather.strikes(0.10, f"lost_answer:{name}"):
            await asyncio.sleep(DEADLINE_S)
            raise LostError
        life.check()
        return answer

    def _is_out(self, name: str) -> bool:
        """In an outage prices are still told, but nothing is ordered or looked up."""
        return name != "open" and self.outage_s[0] <= self.loop.time() < self.outage_s[1]

    def _may_repeat(self, name: str, answer: object) -> bool:
        """Not where the model merchant forgets what one that knows keys remembers.

        Under which key it said no, and what it told a session to cost: a repeated question would be priced anew, and
        nobody would hear the new price.
        """
        if name == "place":
            return self.repeats_orders and not isinstance(answer, Rejected)
        return name != "open"

    def _later(self, deliver: Callable[[], Awaitable[object]]) -> None:
        task = self.loop.create_task(self._arrive(deliver, after_s=self.weather.between(0.1, LATE_MAX_S)))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def _arrive(self, deliver: Callable[[], Awaitable[object]], *, after_s: float) -> None:
        await asyncio.sleep(after_s)
        try:
            await deliver()
        except MerchantError:
            return  # nobody waits for this answer


class FarMerchant:
    """Fulfils `ports.Merchant` for one run of a bridge: the merchant, its line, and the judge at its door.

    What a connector must name (`wanted`, `session_id`) is passed on as it was given, whatever else comes with it.
    """

    def __init__(self, inner: Merchant, *, line: Line, life: Life, judge: Judge) -> None:
        self._inner = inner
        self._line = line
        self._life = life
        self._judge = judge

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever it is there
        """What a connector knows by itself, without asking the merchant."""
        return getattr(self._inner, name)

    async def quote(self, wanted: Wanted, **asked: Any) -> Quote:  # noqa: ANN401  as the port has it
        """Price a session."""
        try:
            quote = await self._line.carry(self._life, partial(self._inner.quote, wanted, **asked), name="open")
        except LostError as exc:
            raise MerchantAwayError("no answer") from exc
        self._line.skus[quote.session_id] = wanted.sku
        return quote

    async def place(self, session_id: str, **asked: Any) -> Outcome:  # noqa: ANN401  as the port has it
        """Ask for the order, once."""
        capability, intent = self._inner.capability, asked["leave"].terms.intent_id
        by_key = capability.merchant_class is MerchantClass.A
        sku = self._line.skus[session_id]
        self._line.skus[asked["key"]] = sku
        self._judge.asked_for(intent, sku, key=asked["key"], key_life=capability.key_life, by_key=by_key)
        try:
            outcome = await self._line.carry(self._life, partial(self._inner.place, session_id, **asked), name="place")
        except LostError:
            return Unknown(Detail.NO_ANSWER)
        self._judge.spoke(sku)
        return outcome

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:
        """Look up."""
        try:
            work = partial(self._inner.get, session_id, reference=reference)
            found = await self._line.carry(self._life, work, name="get")
        except LostError as exc:
            raise MerchantUnclearError("no answer") from exc
        self._judge.spoke(self._line.skus.get(session_id) or self._line.skus.get(reference or "", ""))
        return found

    async def cancel(self, session_id: str, **asked: Any) -> None:  # noqa: ANN401  as the port has it
        """Close a session."""
        try:
            await self._line.carry(self._life, partial(self._inner.cancel, session_id, **asked), name="cancel")
        except LostError as exc:
            raise MerchantAwayError("no answer") from exc

    async def events(self, merchant_order_id: str, **asked: Any) -> Followed:  # noqa: ANN401  as the port has it
        """How far the order has come."""
        try:
            work = partial(self._inner.events, merchant_order_id, **asked)
            return await self._line.carry(self._life, work, name="events")
        except LostError as exc:
            raise MerchantUnclearError("no answer") from exc
