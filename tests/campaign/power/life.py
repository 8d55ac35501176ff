"""A household's life as calls of the hub's stores, drawn from a seed: what a scenario of power loss is made of.

Each act is one call that promises to be durable when it returns; what it promised is put into the books, which stand
outside the store. To follow the store when it learns something new: add an act, and its promise to `Books`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

from edge_agent.core.leave.policy import Policy
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    Presence,
    Quarantined,
    QuarantineReason,
    RawMessage,
    Reading,
    StoredCursor,
)
from edge_agent.core.people import Account, Role, Session
from edge_agent.core.sparkplug.topics import RebirthRequest
from edge_agent.pipeline.ingest import Ingest
from tests.campaign.power.leave_life import LeaveLife
from tests.campaign.power.order_life import OrderLife
from tests.campaign.power.stores import Scene
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import NOW

Act = tuple[str, Callable[[], None]]

_FRIDGE = DeviceId("fridge")
_GROUP_MAX = 4
_AUDIT_ROWS_MAX = 30
_SHARE_AT_RANDOM = 0.5


class Life:
    """Goes on for as long as it is asked to; `acknowledged` is called when a device is told to forget.

    With `lived`, which counts what other lives have done, every other act is the rarest one that can be done now.
    """

    def __init__(self, scene: Scene, *, acknowledged: Callable[[], None], lived: Counter[str] | None = None) -> None:
        self._scene = scene
        self._lived = lived
        self._parts = (
            OrderLife(scene),
            LeaveLife(scene),
            _PeopleLife(scene),
            _DeviceLife(scene, acknowledged=acknowledged),
        )

    def act(self) -> str:
        """Do one thing that can be done now; returns its name."""
        name, act = self._chosen([act for part in self._parts for act in part.possible()])
        act()
        if self._lived is not None:
            self._lived[name] += 1
        self._scene.stores.clock.advance(seconds=self._scene.rng.randint(1, 900))
        return name

    def _chosen(self, acts: Sequence[Act]) -> Act:
        lived = self._lived
        if lived is None or self._scene.rng.random() < _SHARE_AT_RANDOM:
            return self._scene.rng.choice(acts)
        return min(acts, key=lambda act: lived[act[0]])


class _PeopleLife:
    """Accounts, sessions, the household's policy, and the hub's own upkeep."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._stores = scene.stores
        self._books = scene.books

    def possible(self) -> list[Act]:
        acts: list[Act] = [
            ("sign_in", self._sign_in),
            ("login_failed", self._fail_login),
            ("policy", self._set_policy),
            ("message_out", self._send_message),
            ("fold", self._fold),
        ]
        return [*acts, ("sign_out", self._sign_out)] if self._books.sessions else acts

    def _sign_in(self) -> None:
        name = self._scene.rng.choice(("anna", "ben"))
        if name not in self._books.accounts:
            self._stores.accounts.put_account(
                Account(name=name, role=Role.OWNER, password_hash="$argon2id$"), by="anna"
            )
            self._books.accounts.add(name)
            return
        now, token_hash = self._stores.clock.now(), self._scene.rng.randbytes(32).hex()
        self._stores.accounts.add_session(
            Session(
                token_hash=token_hash,
                account=name,
                role=Role.OWNER,
                csrf="c" * 32,
                created_at=now,
                expires_at=now + timedelta(days=365),
            )
        )
        self._books.sessions.add(token_hash)

    def _sign_out(self) -> None:
        token_hash = self._scene.rng.choice(sorted(self._books.sessions))
        self._stores.accounts.end_session(token_hash)
        self._books.sessions.discard(token_hash)

    def _fail_login(self) -> None:
        self._stores.accounts.record_login("anna", at=self._stores.clock.now(), succeeded=False)

    def _set_policy(self) -> None:
        policy = Policy(two_people_above_minor=self._scene.rng.randint(1, 10_000))
        self._stores.policies.save_policy(policy, signature=b"s" * 64, by="anna", at=self._stores.clock.now())
        self._books.policy = policy.two_people_above_minor

    def _send_message(self) -> None:
        body = self._scene.rng.randbytes(40)
        self._stores.egress.write_down(purpose="prices", recipient="bridge", method="POST", path="/v1", body=body)
        self._books.messages_out += 1

    def _fold(self) -> None:
        self._stores.chain.fold(rows_max=_AUDIT_ROWS_MAX)


class _DeviceLife:
    """Readings that come in through the real pipeline, late ones, doubled ones and strange ones."""

    def __init__(self, scene: Scene, *, acknowledged: Callable[[], None]) -> None:
        self._scene = scene
        self._acknowledged = acknowledged

    def possible(self) -> list[Act]:
        return [("readings", self._read), ("birth", self._be_born)]

    def _read(self) -> None:
        rng = self._scene.rng
        boot = f"b-{rng.randint(1, 2)}"
        first = self._scene.books.seq_max(_FRIDGE, boot) + rng.choice((0, 1, 1, 1, 2))
        messages = [self._message(boot, max(1, first) + n) for n in range(rng.randint(1, _GROUP_MAX))]
        group = _Group(messages, self._scene.stores.clock, self._acknowledged)
        ingest = Ingest(
            inbox=group,
            decoder=group,
            store=self._scene.stores.readings,
            devices=_Devices(),
            clock=self._scene.stores.clock,
            group_max=_GROUP_MAX,
            wait_s=0.0,
        )
        _finish(ingest.run_once())
        for message in messages:
            if isinstance(message, Decoded):
                self._scene.books.read(message)

    def _message(self, boot: str, seq: int) -> Decoded | Quarantined:
        now = self._scene.stores.clock.now()
        if self._scene.rng.random() < 0.1:
            return Quarantined(
                topic="t",
                device=_FRIDGE,
                reason=QuarantineReason.OUT_OF_RANGE,
                detail="amount",
                payload=self._scene.rng.randbytes(40),
                size_bytes=40,
                digest=self._scene.rng.randbytes(32).hex(),
                received_at=now,
                duplicate=False,
            )
        return Decoded(
            device=_FRIDGE,
            profile="restock.fridge",
            topic="restock/v1/h/fridge/reading",
            boot=boot,
            seq=seq,
            digest=sha256(f"{boot}/{seq}".encode()).hexdigest(),
            event_at=now,
            received_at=now,
            duplicate=False,
            readings=(Reading("milk.amount", Presence.VALUE, float(seq), "g"),),
        )

    def _be_born(self) -> None:
        boot = f"b-{self._scene.rng.randint(1, 2)}"
        birth = Birth(_FRIDGE, "restock.fridge", "1.0", boot, self._scene.stores.clock.now())
        self._scene.stores.readings.record_birth(birth)


class _Group:
    """Inbox and decoder of one group of messages; it notes when they are acknowledged."""

    def __init__(
        self, messages: Sequence[Decoded | Quarantined], clock: ManualClock, acknowledged: Callable[[], None]
    ) -> None:
        self._messages = messages
        self._clock = clock
        self._acknowledged = acknowledged

    async def receive(self, *, group_max: int, wait_s: float) -> list[RawMessage]:
        return [
            RawMessage("t", b"", retained=False, duplicate=False, received_at=NOW, receipt=number)
            for number in range(len(self._messages))
        ]

    def acknowledge(self, messages: Sequence[RawMessage]) -> None:
        self._acknowledged()

    def decode(self, message: RawMessage, *, now: object, since: object = None) -> Decoded | Quarantined:
        return self._messages[message.receipt]

    def is_private(self, topic: str) -> bool:
        return False


class _Devices:
    """Devices that hear everything and say nothing."""

    async def acknowledge(self, cursors: Sequence[StoredCursor]) -> None:
        """The broker's acknowledgement is the one that is watched."""

    async def ask_rebirth(self, device: DeviceId) -> None:
        """The device was born."""

    async def ask_node(self, request: RebirthRequest) -> None:
        """There is none."""


def _finish(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("an act waited for something outside")
