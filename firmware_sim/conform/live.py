"""The check on a live broker: listen for a while, look once more at what the broker keeps, judge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import aiomqtt

from firmware_sim.conform.book import Heard, Result
from firmware_sim.conform.watch import ProfileOf, Watch
from firmware_sim.listening import Broker, LinkError, connected, listening, new_client

_KEPT = ("birth", "state", "reading")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom to listen to."""

    home: str
    device: str

    @property
    def base(self) -> str:
        """The topic below which everything of the device stands."""
        return f"restock/v1/{self.home}/{self.device}"


@dataclass(frozen=True, slots=True)
class Span:
    """How long to listen, in real seconds; at most so many of the device's messages, where that is given.

    `settle_s` is how long the last look takes at what the broker keeps; `ask_rebirth` says rebirth once, as a hub does.
    """

    for_s: float
    messages_max: int | None = None
    settle_s: float = 1.0
    ask_rebirth: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `messages` are the device's own, without what the broker had kept from before."""

    subject: Subject
    messages: int
    results: tuple[Result, ...]


async def observe(
    subject: Subject,
    broker: Broker,
    *,
    span: Span,
    profile_of: ProfileOf,
    now: Callable[[], datetime],
    on_ready: Callable[[], None] = lambda: None,
) -> Outcome:
    """Listen and judge. `on_ready` is called once the broker has taken the subscription.

    Raises: LinkError.
    """
    watch = Watch(home=subject.home, device=subject.device, profile_of=profile_of)
    async with listening(broker, [f"{subject.base}/#"]) as messages:
        on_ready()
        if span.ask_rebirth:
            await _ask_rebirth(subject, broker)
        try:
            async with asyncio.timeout(span.for_s):
                async for message in messages:
                    watch.hear(_heard(message, at=now()))
                    if span.messages_max is not None and watch.messages >= span.messages_max:
                        break
        except TimeoutError:
            pass  # the time to listen is over
    retained = await _retained(subject, broker, settle_s=span.settle_s, now=now)
    return Outcome(subject, watch.messages, watch.close(now(), retained=retained))


async def _ask_rebirth(subject: Subject, broker: Broker) -> None:
    async with connected(new_client(broker), broker) as client:
        try:
            await client.publish(f"{subject.base}/cmd", b'{"cmd":"rebirth"}', qos=1)
        except aiomqtt.MqttError as exc:
            raise LinkError(f"the broker does not let us say rebirth: {exc}; let this user write cmd") from exc


async def _retained(
    subject: Subject, broker: Broker, *, settle_s: float, now: Callable[[], datetime]
) -> dict[str, Heard]:
    """What the broker keeps, by leaf: a new subscription gets it first."""
    kept: dict[str, Heard] = {}
    async with listening(broker, [f"{subject.base}/{leaf}" for leaf in _KEPT]) as messages:
        await messages.subscribe()
        try:
            async with asyncio.timeout(settle_s):
                async for message in messages:
                    if message.retain:
                        kept[message.topic.value.rpartition("/")[2]] = _heard(message, at=now())
        except TimeoutError:
            pass  # what is retained comes first; the rest of the time only live messages came
    return kept


def _heard(message: aiomqtt.Message, *, at: datetime) -> Heard:
    return Heard(message.topic.value, bytes(message.payload), message.qos, message.retain, at)
