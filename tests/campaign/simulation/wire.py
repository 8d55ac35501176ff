"""The way from hub to bridge: loses, delays, repeats and reorders requests and answers; and the bridge's front door.

The door does what the bridge's routes do, without HTTP: read strictly, call one thing, answer with a wire model. The
gate out of the home and the bridge's HTTP face have campaigns and tests of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf

from pydantic import ValidationError

from cloud_bridge.api import problems
from cloud_bridge.errors import BridgeError, ForkedError
from cloud_bridge.intake import Intake
from cloud_bridge.ports import Clock, OrderStore
from cloud_bridge.wire import PATH_EVENTS, PATH_HEAD, PATH_INTENTS, EventPage, Intent, Problem, Settlement
from edge_agent.adapters.egress import PASSAGES, Answer, Purpose
from edge_agent.errors import BridgeUnreachableError
from edge_agent.ports import CrashHook, CrashPoint
from tests.campaign.simulation.judge import Judge
from tests.campaign.simulation.virtual import Life, VirtualLoop
from tests.campaign.simulation.weather import Weather

TIMEOUT_S = 10.0
LATE_MAX_S = 7_200.0  # a request that a network held back
SIGNED_WITHIN_S = 3_600.0  # the bridge takes no request that was signed longer ago
_ORDER = f"{PATH_INTENTS}?"
_NAMES_INTENT = b'"intent_id":"'

Door = Callable[[str, str, bytes, str], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Desk:
    """One running bridge, as its door sees it."""

    intake: Intake
    store: OrderStore
    clock: Clock
    judge: Judge

    async def answer(self, method: str, path: str, body: bytes, household: str) -> Answer:
        """Answer one request of a household whose signature was checked."""
        try:
            return Answer(200, (await self._ask(method, path, body, household)).encode())
        except ValidationError as exc:
            return _problem(422, "malformed", str(exc.errors()[0]["msg"]))
        except BridgeError as exc:
            if isinstance(exc, ForkedError):
                self.judge.tally["forked"] += 1
                self.judge.forked(household)
            status, code = next(known for kind, known in problems._KNOWN.items() if isinstance(exc, kind))
            return _problem(status, code, str(exc))

    async def _ask(self, method: str, path: str, body: bytes, household: str) -> str:
        if method == "POST" and path.startswith(_ORDER):
            [head] = _numbers(path)
            intent = Intent.model_validate_json(body)
            return (await self.intake.accept(intent, caller=household, head=head)).model_dump_json()
        if path.startswith(PATH_EVENTS):
            after, limit = _numbers(path)
            events = await self.store.events_after(household, after=after, limit=limit)
            return EventPage(events=events, next_after=events[-1].seq if events else after).model_dump_json()
        if path.startswith(PATH_HEAD):
            [after] = _numbers(path)
            return (await self.store.head(household, after=after, now=self.clock.now())).model_dump_json()
        if path.endswith("/cancel"):
            return (await self.intake.cancel(path.split("/")[-2], caller=household)).model_dump_json()
        if path.endswith("/settle"):
            settlement, intent_id = Settlement.model_validate_json(body), path.split("/")[-2]
            return (await self.intake.settle(settlement, intent_id=intent_id, caller=household)).model_dump_json()
        raise ValueError(f"the simulation has no {method} {path}")


@dataclass(slots=True)
class Wire:
    """Fulfils what `BridgeClient` asks of the gate out, for one run of a hub.

    `leaves` sees each body before it goes. `head_s` is when the bridge first made an answer to how far it has come,
    since somebody last set it to infinity.
    """

    loop: VirtualLoop
    weather: Weather
    door: Door
    household: str
    life: Life
    crash: CrashHook
    leaves: Callable[[str, bytes], None]
    head_s: float = inf
    under_way: set[asyncio.Task[object]] = field(default_factory=set)

    async def send(self, purpose: Purpose, path: str, *, body: bytes = b"", trace: str | None = None) -> Answer:
        """One request, once.

        Raises: BridgeUnreachableError.
        """
        weather, method = self.weather, PASSAGES[purpose].method
        self.life.check()
        if path.startswith(_ORDER):
            self.leaves(_intent_of(body), body)
        if not weather.is_rough():
            answer = await self._ask(purpose, path, body)
            self.life.check()
            return answer
        if weather.strikes(0.12, "wire:lost_request"):
            await self._give_up()
        if weather.strikes(0.10, "wire:late_request"):
            self._later(method, path, body)
            await self._give_up()
        if weather.strikes(0.10, "wire:twice"):
            self._later(method, path, body)
        answer = await self._ask(purpose, path, body)
        self.crash(CrashPoint.SENT)
        if weather.strikes(0.3, "wire:slow"):
            await asyncio.sleep(weather.between(0.01, 5))
        if weather.strikes(0.12, "wire:lost_answer"):
            await self._give_up()
        if weather.strikes(0.03, "wire:captive_portal"):
            return Answer(200, b"<html>Please sign in to this network</html>")
        self.life.check()
        return answer

    async def _ask(self, purpose: Purpose, path: str, body: bytes) -> Answer:
        answer = await self.door(PASSAGES[purpose].method, path, body, self.household)
        if purpose is Purpose.HEAD:  # no time has passed since it was made
            self.head_s = min(self.head_s, self.loop.at_s)
        return answer

    async def _give_up(self) -> None:
        await asyncio.sleep(TIMEOUT_S)
        raise BridgeUnreachableError("no answer")

    def _later(self, method: str, path: str, body: bytes) -> None:
        task = self.loop.create_task(self._arrive(method, path, body, after_s=self.weather.between(0.1, LATE_MAX_S)))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def _arrive(self, method: str, path: str, body: bytes, *, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if after_s > SIGNED_WITHIN_S:
            self.weather.tally["wire:too_late"] += 1
            return
        try:
            await self.door(method, path, body, self.household)
        except BridgeUnreachableError:
            return  # nobody waits for this answer


def _intent_of(body: bytes) -> str:
    """Whose body this is, without reading all of it: the name comes early, and once."""
    start = body.index(_NAMES_INTENT) + len(_NAMES_INTENT)
    return body[start : body.index(b'"', start)].decode()


def _numbers(path: str) -> list[int]:
    return [int(each.partition("=")[2]) for each in path.partition("?")[2].split("&")]


def _problem(status: int, code: str, detail: str) -> Answer:
    return Answer(status, Problem(code=code, detail=detail[:500]).model_dump_json().encode())
