"""One device of a large fleet: what it says and keeps, and nothing of how it is carried.

After a connect: birth, state, what it still holds, oldest first, then what is new; by default each waits for the PUBACK
of the one before, as the protocol asks. What the broker has not acknowledged is sent again on the next connection, byte
for byte. A reading that finds no room drops the oldest that is held.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

from firmware_sim.appliances import native
from firmware_sim.crowd.chance import chance
from firmware_sim.crowd.truth import TruthLog
from firmware_sim.load.ledger import Ledger
from firmware_sim.load.link import MALFORMED, READING, WORD, Link, Outgoing
from firmware_sim.load.plan import FaultKind, Plan
from firmware_sim.load.wheel import Wheel

_CUT_OFF = 25  # bytes that a malformed reading lacks
_BACKOFF_FIRST_S, _BACKOFF_MAX_S = 1.0, 30.0


class Scene(Protocol):
    """What all devices of a run share."""

    plan: Plan
    period_s: float  # the plan's
    ends_s: float  # the plan's
    run: str
    epoch_s: float  # seconds since 1970 when the run began
    ledger: Ledger
    truth: TruthLog
    wheel: Wheel
    hold_max: int
    faulty: bool  # whether the plan has any fault
    is_over: bool  # no more readings, and nobody comes back
    clears: bool  # take births and states back at the end
    listens: bool  # hear the hub's words

    def now_s(self) -> float:
        """Since the start of the run."""

    def connect(self, device: Device) -> None:
        """Give this device a connection as soon as there is one to be had."""

    def came_up(self, device: Device) -> None:
        """This device has its connection."""

    def went_down(self, device: Device, reason: str, *, was_up: bool, planned: bool, for_good: bool) -> bool:
        """This device has lost its connection, or did not get one; returns whether it should try again."""


class Device:
    """Fulfils link.Speaker."""

    __slots__ = ("_away_until_s", "_boot", "_failures", "_is_planned", "_kind", "_leaves", "_n", "_next_s", "_scene",
                 "_seq", "_swapped", "_topic", "_waiting", "_who", "index", "link", "turn")  # fmt: skip

    def __init__(self, scene: Scene, index: int) -> None:
        self.index = index
        self.turn = index  # which broker it connects to, where there are several: the next one after each failure
        self.link: Link | None = None
        self._scene = scene
        self._boot = 1
        self._seq = 0
        self._kind = scene.plan.kind(index)
        self._topic = f"{self._base}/reading"
        self._who = self._identity(self._boot)
        self._n = 0  # readings that it would have taken without faults
        self._next_s = scene.plan.first_at_s(index)
        self._waiting: list[Outgoing] = []
        self._swapped: Outgoing | None = None
        self._away_until_s = 0.0
        self._failures = 0
        self._is_planned = False  # the connection that is lost next was meant to be
        self._leaves = False

    # --- what the plan asks of it ---

    def switch_on(self) -> None:
        """Connect, and take readings from now on."""
        self._scene.connect(self)
        if self._next_s < self._scene.ends_s:
            self._scene.wheel.at(self._next_s, self.take)

    def take(self) -> None:
        """Take a reading, or do what the fault that strikes it makes of it."""
        scene, at_s = self._scene, self._next_s
        if scene.is_over or self._leaves:
            return
        now_s = scene.wheel.turned_s  # one time for all that are due in the same tick
        scene.ledger.tally.note_late(now_s - at_s)
        self._n += 1
        self._next_s = next_s = at_s + scene.period_s
        if next_s < scene.ends_s:
            scene.wheel.at(next_s, self.take)
        if scene.faulty:
            self._take_amiss(at_s, now_s)
            self._pump(scene.now_s())
        else:
            self._say(self._reading(now_s))

    def lose_connection(self, *, until_s: float) -> None:
        """Go off the network without a word, and come back at that time."""
        self._away_until_s = until_s
        if self.link is not None:
            self._is_planned = True
            self.link.cut()

    def finish(self) -> None:
        """Take no more readings; say what is still held back."""
        if self._swapped is not None:
            self._hold(self._swapped)
            self._swapped = None
            self._pump(self._scene.now_s())

    def leave(self) -> None:
        """Say goodbye; where the run clears up, once the broker has forgotten what it kept of this device."""
        if self.link is None:
            return
        if not self._scene.clears:
            self.link.leave(will=True)
            return
        self._leaves = True
        self._waiting = [
            Outgoing(WORD, f"{self._base}/{word}", b"", boot=self._boot, retain=True) for word in ("birth", "state")
        ]
        self._pump(self._scene.now_s())

    @property
    def is_settled(self) -> bool:
        """Whether it has nothing left to say."""
        return not self._waiting and self.link is not None and self.link.is_idle

    # --- what its connection brings (link.Speaker) ---

    @property
    def client_id(self) -> str:
        """See link.Speaker."""
        return f"sim-{self._scene.run}-{self.index:05d}"

    @property
    def state_topic(self) -> str:
        """See link.Speaker."""
        return f"{self._base}/state"

    @property
    def filters(self) -> Sequence[str]:
        """See link.Speaker."""
        return (f"{self._base}/ack", f"{self._base}/cmd") if self._scene.listens else ()

    def will(self) -> bytes:
        """See link.Speaker."""
        return native.state(device=self._name, boot=self._boot_id, state="offline")

    def came_up(self, link: Link) -> None:
        """See link.Speaker."""
        self.link = link
        self._failures = 0
        self._scene.came_up(self)
        if self._scene.now_s() < self._away_until_s:  # its outage began while it was connecting
            self.lose_connection(until_s=self._away_until_s)
            return
        self._announce()

    def hear(self, topic: str, payload: bytes) -> None:
        """See link.Speaker.

        The hub's `ack` is counted only: a fleet that sent again what the hub lacks would hide what the run looks for.
        """
        tally = self._scene.ledger.tally
        if topic.endswith("/ack"):
            tally.hub_acks += 1
        elif _is_rebirth(payload) and not self._leaves:
            tally.rebirths += 1
            self._announce()

    def acked(self, message: Outgoing) -> None:
        """See link.Speaker."""
        scene = self._scene
        now_s = scene.now_s()
        scene.ledger.pubacks.add(now_s - message.sent_s)
        if message.what == READING and scene.ledger.ack(self.index, message.boot, message.seq):
            self._note("acked", message.boot, message.seq, now_s)
        if self._waiting:
            self._pump(now_s)
        if self._leaves and self.link is not None and self.is_settled:
            self.link.leave(will=False)

    def refused(self, message: Outgoing, reason: str) -> None:  # noqa: ARG002 - the port's signature
        """See link.Speaker."""
        self._scene.ledger.tally.refused += 1
        self._scene.ledger.reasons[f"a message was refused: {reason}"] += 1
        self._pump(self._scene.now_s())

    def went_down(self, unacked: Sequence[Outgoing], reason: str, *, for_good: bool) -> None:
        """See link.Speaker."""
        scene = self._scene
        was_up, self.link = self.link is not None, None
        planned, self._is_planned = self._is_planned, False
        meant = planned or self._leaves or scene.is_over
        again = scene.went_down(self, reason, was_up=was_up, planned=meant, for_good=for_good)
        kept = [each for each in unacked if each.boot == self._boot and each.what != WORD]
        scene.ledger.tally.wiped += self._forget([each for each in unacked if each.boot != self._boot])
        self._waiting = kept + [each for each in self._waiting if each.what != WORD]
        if self._leaves or not again:
            self._leaves = True
            return
        if planned:
            scene.wheel.at(self._away_until_s, self._come_back)
            return
        self._failures += 1
        self.turn += 1
        wait_s = min(_BACKOFF_MAX_S, _BACKOFF_FIRST_S * 2.0 ** (self._failures - 1))
        jitter = 0.5 + chance(scene.plan.seed, f"backoff:{self.index}:{scene.ledger.tally.failed}") / 2
        scene.wheel.at(scene.now_s() + wait_s * jitter, self._come_back)

    # --- inside ---

    @property
    def _name(self) -> str:
        return self._scene.plan.device(self.index)

    @property
    def _base(self) -> str:
        return native.base_topic(self._scene.plan.home_of(self.index), self._name)

    @property
    def _boot_id(self) -> str:
        return f"{self._scene.run}-{self._boot}"

    def _announce(self) -> None:
        """Birth and state before everything that waits; those that wait already are not said twice."""
        online = native.state(device=self._name, boot=self._boot_id, state="online")
        self._waiting = [
            Outgoing(WORD, f"{self._base}/birth", self._birth(), boot=self._boot, retain=True),
            Outgoing(WORD, self.state_topic, online, boot=self._boot, retain=True),
            *(each for each in self._waiting if each.what != WORD),
        ]
        self._pump(self._scene.now_s())

    def _birth(self) -> bytes:
        kind = self._kind
        held = [each.seq for each in self._waiting if each.what == READING]
        return native.birth(
            device=self._name,
            profile=kind.profile,
            firmware=kind.firmware,
            boot=self._boot_id,
            at=datetime.fromtimestamp(self._scene.epoch_s, UTC) + timedelta(seconds=self._scene.now_s()),
            first_seq=min(held, default=self._seq + 1),
        )

    def _take_amiss(self, at_s: float, now_s: float) -> None:
        """A reading while there may be faults."""

        def struck(kind: FaultKind) -> bool:
            return self._scene.plan.struck(kind, index=self.index, n=self._n, at_s=at_s)

        if struck(FaultKind.REBOOT):
            self._reboot()
            return
        if struck(FaultKind.GAP):
            self._seq += 1
            self._scene.ledger.tally.skipped += 1
            self._note("skipped", self._boot, self._seq, now_s)
            return
        reading = self._reading(now_s)
        if self._swapped is None and struck(FaultKind.REORDER):
            self._swapped = reading
            return
        self._hold(reading)
        if struck(FaultKind.MALFORMED):
            self._scene.ledger.malformed[self.index] += 1
            self._hold(Outgoing(MALFORMED, reading.topic, reading.payload[:-_CUT_OFF], boot=self._boot))
        if struck(FaultKind.DUPLICATE):
            self._scene.ledger.tally.doubled += 1
            self._scene.ledger.doubled[self.index] += 1
            self._hold(replace(reading, is_copy=True))
        if self._swapped is not None:
            self._hold(self._swapped)
            self._swapped = None

    def _reading(self, now_s: float) -> Outgoing:
        scene = self._scene
        self._seq += 1
        scene.ledger.tally.taken += 1
        self._note("taken", self._boot, self._seq, now_s)
        values = self._kind.values(self._n)
        payload = f'{{{self._who}{self._seq},"at":"{_utc(scene.epoch_s + now_s)}","values":{{{values}}}}}'
        return Outgoing(READING, self._topic, payload.encode(), self._boot, self._seq)

    def _say(self, message: Outgoing) -> None:
        """Send it at once where nothing else waits; hold it otherwise."""
        link = self.link
        if link is not None and not self._waiting and link.room() > 0:
            self._send(message, link, self._scene.now_s())
        else:
            self._hold(message)

    def _hold(self, message: Outgoing) -> None:
        self._waiting.append(message)
        if len(self._waiting) <= self._scene.hold_max:
            return
        oldest = next(each for each in self._waiting if each.what != WORD)
        gone = [each for each in self._waiting if each.what == oldest.what and each.seq == oldest.seq]
        self._waiting = [each for each in self._waiting if each not in gone]
        self._scene.ledger.tally.dropped += self._forget(gone)

    def _forget(self, messages: Sequence[Outgoing]) -> int:
        """These will not be sent; returns how many readings the broker now never gets, as far as is known."""
        ledger, now_s = self._scene.ledger, self._scene.now_s()
        gone = [
            each
            for each in messages
            if each.what == READING and not each.is_copy and not ledger.is_acked(self.index, each.boot, each.seq)
        ]
        for each in gone:
            self._note("dropped", each.boot, each.seq, now_s)
        return len(gone)

    def _pump(self, now_s: float) -> None:
        link = self.link
        if link is None or not self._waiting:
            return
        while self._waiting and link.room() > 0:
            self._send(self._waiting.pop(0), link, now_s)

    def _send(self, message: Outgoing, link: Link, now_s: float) -> None:
        tally = self._scene.ledger.tally
        message.times += 1
        message.sent_s = now_s
        tally.publishes += 1
        if message.what == READING:
            tally.sent += 1
            if message.times > 1:
                tally.resent += 1
                self._scene.ledger.doubled[self.index] += 1
        elif message.what == WORD:
            tally.words += 1
        else:
            tally.malformed += 1
        link.send(message)

    def _reboot(self) -> None:
        held = self._waiting if self._swapped is None else [*self._waiting, self._swapped]
        self._scene.ledger.tally.wiped += self._forget(held)
        self._waiting, self._swapped = [], None
        self._boot += 1
        self._who = self._identity(self._boot)
        self._seq = 0
        self.lose_connection(until_s=self._scene.now_s())

    def _come_back(self) -> None:
        scene = self._scene
        if scene.now_s() < self._away_until_s:
            scene.wheel.at(self._away_until_s, self._come_back)
        elif not scene.is_over or self._waiting:
            scene.connect(self)

    def _note(self, what: str, boot: int, seq: int, now_s: float) -> None:
        truth = self._scene.truth
        if truth.is_kept:
            who = self._who if boot == self._boot else self._identity(boot)
            truth.note(f'{{"at_s":{now_s:.6f},"what":"{what}",{who}{seq}}}')

    def _identity(self, boot: int) -> str:
        """The members of a JSON object that name a reading, up to the number itself."""
        return f'"device":"{self._name}","boot":"{self._scene.run}-{boot}","seq":'


def _is_rebirth(payload: bytes) -> bool:
    try:
        return bool(json.loads(payload) == {"cmd": "rebirth"})
    except ValueError:
        return False


@lru_cache(maxsize=8)
def _utc(at: float) -> str:
    """A time in seconds since 1970 as the protocol writes it, with six decimals."""
    whole = int(at)
    return f"{_second(whole)}.{int((at - whole) * 1e6):06d}Z"


@lru_cache(maxsize=64)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
