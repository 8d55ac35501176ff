"""What the household, the devices and the bridge were told, kept outside the store; and the judge of a store by it.

The judge reads the tables with its own SQL and reckons the audit chain by itself: it shares no code with the store.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Self

import apsw

from edge_agent.core.messages import Decoded, DeviceId

Reading = tuple[str, str | None, int | None]  # device, boot, seq

_HALVES = {"intent": "id", "authority": "intent", "ledger": "intent"}


@dataclass(slots=True)
class Books:
    """Everything that was acknowledged so far."""

    readings: dict[Reading, str] = field(default_factory=dict)  # its digest
    prompts: set[str] = field(default_factory=set)
    approved: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # intent: its prompt, the body of its order
    waiting: set[str] = field(default_factory=set)  # intents that the bridge has not answered for
    accounts: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    wishes: set[str] = field(default_factory=set)  # orders that a person wants back
    endorsements: set[tuple[str, str]] = field(default_factory=set)
    mandates: dict[str, str] = field(default_factory=dict)  # its state
    policy: int | None = None  # above which amount two people must agree
    messages_out: int = 0
    prices: int = 0
    cursor: int = 0

    def copy(self) -> Self:
        """The books as they stand."""
        return deepcopy(self)

    def seq_max(self, device: DeviceId, boot: str) -> int:
        """The highest number of this boot that was acknowledged, 0 without one."""
        return max((seq or 0 for d, b, seq in self.readings if (d, b) == (device, boot)), default=0)

    def read(self, message: Decoded) -> None:
        """A device was told to forget this message."""
        self.readings[message.device, message.boot, message.seq] = message.digest

    def approve(self, intent: str, *, prompt: str, body: bytes) -> None:
        """A person was told that this is ordered."""
        self.approved[intent] = (prompt, body)
        self.waiting.add(intent)

    def answer(self, intent: str) -> None:
        """The bridge was told that its answer has come."""
        self.waiting.discard(intent)

    # --- the judge ---

    def faults(self, db: apsw.Connection, waiting: dict[str, bytes]) -> list[str]:
        """One line for each thing that was promised and is not so. `waiting`: the bodies that would be sent now."""
        return [
            *self._reading_faults(db),
            *self._hand_over_faults(db),
            *self._outbox_faults(waiting),
            *self._leave_faults(db),
            *self._other_faults(db),
            *_chain_faults(db),
        ]

    def _reading_faults(self, db: apsw.Connection) -> Iterator[str]:
        stored = db.execute(
            "SELECT device, boot, seq, max(digest), count(*), "
            "sum((SELECT count(*) FROM reading WHERE message_id = message.id)) FROM message GROUP BY device, boot, seq"
        ).fetchall()
        found = {(device, boot, seq): digest for device, boot, seq, digest, _, _ in stored}
        yield from (f"lost reading {key}" for key in sorted(self.readings.keys() - found.keys(), key=str))
        yield from (f"changed reading {k}" for k, v in self.readings.items() if found.get(k, v) != v)
        yield from (f"doubled reading {row[:3]}" for row in stored if row[4] != 1 or row[5] != 1)

    def _hand_over_faults(self, db: apsw.Connection) -> Iterator[str]:
        """I13: approval, intent, authority, reserved money and audit are all there or all absent, and none twice."""
        halves = {name: _column(db, f"SELECT {key} FROM {name}") for name, key in _HALVES.items()}  # noqa: S608
        if db.execute("SELECT count(*) FROM audit_checkpoint").get == 0:  # else the older events are folded
            halves["audit"] = _column(db, "SELECT event ->> 'intent' FROM audit WHERE event ->> 'event' = 'approved'")
        anywhere = set().union(*halves.values())
        for name, found in halves.items():
            yield from (f"lost {name} of {intent}" for intent in sorted(self.approved.keys() - set(found)))
            yield from (f"doubled {name} of {intent}" for intent in sorted(set(found)) if found.count(intent) > 1)
            yield from (f"half a hand-over: {intent} without {name}" for intent in sorted(anywhere - set(found)))
        burned = set(_column(db, "SELECT id FROM prompt WHERE state = 'approved'"))
        led = set(_column(db, "SELECT prompt FROM intent"))
        yield from (f"half a hand-over: prompt {prompt} approved without an intent" for prompt in sorted(burned - led))
        yield from (f"half a hand-over: prompt {prompt} not approved" for prompt in sorted(led - burned))

    def _outbox_faults(self, waiting: dict[str, bytes]) -> Iterator[str]:
        for intent in sorted(self.waiting):
            if intent not in waiting:
                yield f"lost order {intent}: approved, not answered for, and no longer in the outbox"
            elif waiting[intent] != self.approved[intent][1]:
                yield f"changed body of {intent}"

    def _leave_faults(self, db: apsw.Connection) -> Iterator[str]:
        """Mandates stand where a person left them (I22), and no period holds more than its budget (I5)."""
        found = dict(db.execute("SELECT id, state FROM mandate"))
        yield from (
            f"lost mandate {name}: {found.get(name)}"
            for name, state in self.mandates.items()
            if found.get(name) != state
        )
        for mandate, period in db.execute(
            "SELECT mandate, period_index FROM ledger JOIN mandate ON mandate.id = ledger.mandate "
            "WHERE ledger.state IN ('reserved', 'spent') GROUP BY mandate, period_index "
            "HAVING sum(amount_minor) > CAST(mandate.terms AS TEXT) ->> '$.budget.max_minor'"
        ):
            yield f"overdrawn mandate {mandate} in period {period}"
        policy = db.execute(
            "SELECT CAST(document AS TEXT) ->> 'two_people_above_minor' FROM policy ORDER BY number DESC LIMIT 1"
        ).get
        if policy != self.policy:
            yield f"lost policy: {policy} instead of {self.policy}"

    def _other_faults(self, db: apsw.Connection) -> Iterator[str]:
        for query, promised in (
            ("SELECT id FROM prompt", self.prompts),
            ("SELECT name FROM account", self.accounts),
            ("SELECT token_hash FROM session", self.sessions),
            ("SELECT intent FROM cancel_wish", self.wishes),
            ("SELECT prompt || ' by ' || name FROM endorsement", {f"{p} by {name}" for p, name in self.endorsements}),
        ):
            yield from (f"lost {query.split()[-1]} {name}" for name in sorted(promised - set(_column(db, query))))
        for query, least in (
            ("SELECT count(*) FROM price", self.prices),
            ("SELECT count(*) FROM egress", self.messages_out),
            ("SELECT coalesce(max(seq), 0) FROM cursor", self.cursor),
        ):
            if (count := db.execute(query).get) < least:
                yield f"lost rows of {query.split()[-1]}: {count} instead of {least}"


def _chain_faults(db: apsw.Connection) -> Iterator[str]:
    """I18: each row's hash is over the one before it and its event (if salted, its digest); the numbers have no gap."""
    seq, before = db.execute("SELECT seq, hash FROM audit_checkpoint").fetchone() or (0, "0" * 64)
    for row in db.execute("SELECT seq, prev_hash, hash, event FROM audit ORDER BY seq"):
        said = hashlib.sha256(row[3].encode()).hexdigest() if "salt" in json.loads(row[3]) else row[3]
        following = hashlib.sha256(f"{before}{said}".encode()).hexdigest()
        if row[:3] != (seq + 1, before, following):
            yield f"broken audit chain at {row[0]}"
            return
        seq, before = row[0], following


def _column(db: apsw.Connection, query: str) -> list[str]:
    return [str(value) for (value,) in db.execute(query)]
