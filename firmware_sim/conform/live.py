"""The check on a live broker: listen for a while, look once more at what the broker keeps, judge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import aiomqtt

from firmware_sim.conform.book import Heard, Result
from firmware_sim.conform.watch import ProfileOf, Watch
from firmware_sim.listening import Broker, LinkError, Messages, connected, listening, new_client

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

    `settle_s` is how long a look takes at what the broker keeps. A look and what was heard come over two connections,
    and the device goes on meanwhile: `agree_s` is how long the two may take to agree. `ask_rebirth` says rebirth once,
    as a hub does.
    """

    for_s: float
    messages_max: int | None = None
    settle_s: float = 1.0
    agree_s: float = 10.0
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
    is_enough: Callable[[Watch], bool] = lambda _: False,
) -> Outcome:
    """Listen and judge. `on_ready` is called once the broker has taken the subscription.

    `is_enough` is asked after each message, and ends the listening early.
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
                    if is_enough(watch) or (span.messages_max is not None and watch.messages >= span.messages_max):
                        break
        except TimeoutError:
            pass  # the time to listen is over
        retained = await _look(watch, messages, subject=subject, broker=broker, span=span, now=now)
    return Outcome(subject, watch.messages, watch.close(now(), retained=retained))


async def _ask_rebirth(subject: Subject, broker: Broker) -> None:
    async with connected(new_client(broker), broker) as client:
        try:
            await client.publish(f"{subject.base}/cmd", b'{"cmd":"rebirth"}', qos=1)
        except aiomqtt.MqttError as exc:
            raise LinkError(f"the broker does not let us say rebirth: {exc}; let this user write cmd") from exc


async def _look(
    watch: Watch,
    messages: Messages,
    *,
    subject: Subject,
    broker: Broker,
    span: Span,
    now: Callable[[], datetime],
) -> Mapping[str, Heard]:
    """What the broker keeps, once that is what was heard last, or `agree_s` is over.

    Births and states are heard on meanwhile; the readings that still come are not judged.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + span.agree_s
    announced = {f"{subject.base}/{leaf}" for leaf in ("birth", "state")}
    async with listening(broker, [f"{subject.base}/{leaf}" for leaf in _KEPT]) as kept_messages:
        while True:
            kept = await _retained(kept_messages, settle_s=span.settle_s, now=now)
            async for message in messages.here():
                if message.topic.value in announced:
                    watch.hear(_heard(message, at=now()))
            if watch.agrees(kept) or clock() >= until:
                return kept


async def _retained(messages: Messages, *, settle_s: float, now: Callable[[], datetime]) -> Mapping[str, Heard]:
    """What the broker keeps, by leaf: a new subscription gets it first."""
    kept: dict[str, Heard] = {}
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
