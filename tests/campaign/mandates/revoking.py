"""Revocations at every point of a send: once one is acknowledged, nothing more leaves the home for that mandate.

The one request that is on the wire by then may be answered; it is reported, and no other one follows: neither a first
one, nor one that goes again because nobody answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any, cast

from edge_agent.adapters.bridge import BridgeClient
from edge_agent.adapters.egress import Answer, Egress, Purpose
from edge_agent.adapters.store.merchants import Merchants
from edge_agent.core.leave.mandate import MandateRecord
from edge_agent.errors import BridgeUnreachableError
from edge_agent.ports import CrashPoint
from tests.campaign.approvals.home import LeaveHome
from tests.campaign.mandates.purse import Purse, Wall
from tests.campaign.mandates.races import OWNER, Races

POINTS = ("before_send", "on_the_wire", "between_sends", "before_answer", "unanswered")


@dataclass(slots=True)
class Revoking:
    """A drain of the outbox, in whose middle a person revokes."""

    home: LeaveHome
    wall: Wall
    purse: Purse
    rng: Random

    async def run(self) -> None:
        """One mandate with some orders waiting, revoked at each point in turn."""
        for point in POINTS:
            self.wall.true += timedelta(days=2)
            self.wall.behind = timedelta(0)
            races = Races(self.home, self.wall, self.purse, self.rng, names=count(10**6 + self.purse.attempts * 10))
            record = races._make()
            races._draws(record, 6)
            await self._drain(record, point)
            if record.id not in self.purse.revoked:
                self._revoke(record)
            races._draws(record, 1)

    async def _drain(self, record: MandateRecord, point: str) -> None:
        egress = _Gate(self, record, point)
        client = BridgeClient(
            egress=cast("Egress", egress),
            orders=self.home.orders,
            merchants=Merchants(self.home.connection),
            clock=self.home.clock,
            hear_time=lambda _: None,
            crash_hook=egress.passed,
        )
        for _ in range(8):  # the outbox is taken in groups
            try:
                await client.drain(check=lambda: None)
            except BridgeUnreachableError:
                if point == "unanswered":
                    egress.revoke()

    def _revoke(self, record: MandateRecord) -> None:
        self.home.leave.mandates.revoke(record.id, by=OWNER)
        self.purse.revoked.add(record.id)

    def claimed(self) -> set[str]:
        """The orders that are marked as about to leave."""
        rows = self.home.connection.db.execute("SELECT intent FROM outbox WHERE claimed_ms IS NOT NULL")
        return {str(row[0]) for row in rows}

    def revoke_at(self, record: MandateRecord, point: str) -> None:
        """A person revokes, once, and is told that it holds."""
        if record.id not in self.purse.revoked:
            self._revoke(record)
            self.purse.met[f"revoked:{point}"] += 1


class _Gate:
    """The gate out: it writes down what leaves, and lets the person act at the point of this drain."""

    def __init__(self, revoking: Revoking, record: MandateRecord, point: str) -> None:
        self._revoking = revoking
        self._record = record
        self._point = point
        self._mine = 0
        self._sent: set[str] = set()
        self._may_leave: set[str] = set()  # what was about to leave for the first time when the person revoked

    async def send(self, purpose: Purpose, target: str, *, body: bytes = b"", trace: str | None = None) -> Answer:
        """One request; the bridge takes it."""
        del target
        assert purpose is Purpose.ORDER
        intent = str(json.loads(body)["terms"]["intent_id"])
        drawn = self._revoking.purse.draws.get(intent)
        mine = drawn is not None and drawn.mandate == self._record.id
        if drawn is not None and drawn.mandate in self._revoking.purse.revoked and intent not in self._may_leave:
            self._revoking.purse.unauthorised += 1
            self._revoking.purse.fault(f"intent {intent} left the home after its mandate was revoked")
        self._may_leave.discard(intent)
        self._sent.add(intent)
        self._mine += mine
        if mine and self._point == "on_the_wire":
            self.revoke()
        if mine and self._point == "unanswered":
            raise BridgeUnreachableError("no answer")
        receipt = {"intent_id": intent, "state": "held", "accepted_at": self._revoking.home.clock.now().isoformat()}
        return Answer(200, json.dumps(receipt).encode())

    def passed(self, point: CrashPoint) -> None:
        """Crash points, at which the person acts instead of the process dying."""
        acts: dict[str, Any] = {
            "before_send": CrashPoint.OUTBOX_CLAIMED,
            "between_sends": CrashPoint.REPLY_STORED,
            "before_answer": CrashPoint.REPLY_READ,
        }
        if acts.get(self._point) is point and (self._mine or self._point == "before_send"):
            self.revoke()

    def revoke(self) -> None:
        """The person revokes; from here on only what is being sent for the first time at this moment may leave."""
        if self._record.id not in self._revoking.purse.revoked:
            draws, mine = self._revoking.purse.draws, self._record.id
            claimed = {intent for intent in self._revoking.claimed() if draws[intent].mandate == mine}
            if self._point == "before_send":
                self._may_leave = claimed - self._sent
            self._revoking.purse.met["held_back"] += len(claimed & self._sent)
            self._revoking.revoke_at(self._record, self._point)
