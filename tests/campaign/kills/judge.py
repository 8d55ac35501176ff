"""Holds the stores of a home that has settled against what the world has seen.

The merchants' ledgers are the only judge of what was bought. Source: RELIABILITY section 4, invariants I1 to I3, I6 to
I8, I18, and the counting protocol in 4.5.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.orders import Orders
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import PromptId
from tests.campaign.kills.setting import BRIDGE_STORE, Clock, hub_config
from tests.campaign.kills.world import Bought, World

_ALL = 1_000_000
_TOLD_MAX = 5  # of each kind of fault: one is enough to begin with
_BOUGHT = frozenset(
    {
        IntentState.PLACED,
        IntentState.SHIPPED,
        IntentState.DELIVERED,
        IntentState.PARTLY_DELIVERED,
        IntentState.NEVER_ARRIVED,
    }
)
_IN_DOUBT = frozenset({IntentState.UNKNOWN, IntentState.PARKED})
_UNSETTLED = frozenset({IntentState.APPROVED, IntentState.HELD, IntentState.SENDING})

Key = tuple[str, str, int]  # device, boot, seq


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one home."""

    orders: int
    lost: int
    doubled: int
    unauthorised: int
    overcharged: int
    in_doubt: int
    parked: int
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Books:
    """What hub and bridge have kept. `limits_minor` is what each intent allows by the terms that the bridge has."""

    messages: Counter[Key]
    apart: list[str]
    intents: list[IntentRecord]
    limits_minor: Mapping[str, int]
    unkept: list[str]
    chain: str | None

    def named(self) -> dict[Bought, IntentRecord]:
        """The intents by the merchant's order that they name."""
        return {Bought(each.merchant, each.merchant_order_id): each for each in self.intents if each.merchant_order_id}


def judge(world: World, folder: Path) -> Verdict:
    """Read the stores, and compare."""
    books = _read(world, folder)
    faults = {
        "lost": [*_lost(world, books)],
        "doubled": [*_doubled(world, books)],
        "unauthorised": [*_unauthorised(world, books)],
        "overcharged": [*_overcharged(world, books)],
        "other": [*_others(world, books)],
    }
    return Verdict(
        orders=len(world.bought()),
        lost=len(faults["lost"]),
        doubled=len(faults["doubled"]),
        unauthorised=len(faults["unauthorised"]),
        overcharged=len(faults["overcharged"]),
        in_doubt=sum(each.state is IntentState.UNKNOWN for each in books.intents),
        parked=sum(each.state is IntentState.PARKED for each in books.intents),
        faults=tuple(text for found in faults.values() for text in found[:_TOLD_MAX]),
    )


def _read(world: World, folder: Path) -> Books:
    with open_store(folder, hub_config(folder), wall=Clock(world.now)) as store:
        db, orders = store.connection.db, Orders(store.connection)
        problem = store.chain.check()
        rows = db.execute("SELECT device, boot, seq FROM message WHERE seq IS NOT NULL")
        apart = db.execute("SELECT device, seq, reason, detail FROM quarantine LIMIT ?", (_TOLD_MAX,))
        return Books(
            messages=Counter((str(device), str(boot), int(seq)) for device, boot, seq in rows),
            apart=[str(row) for row in apart],
            intents=orders.intents(live=False, limit=_ALL),
            limits_minor=_limits(folder),
            unkept=[prompt for prompt, wish in world.told.items() if not _is_kept(orders, prompt, wish)],
            chain=None if problem is None else problem.text,
        )


def _limits(folder: Path) -> dict[str, int]:
    with closing(sqlite3.connect(folder / BRIDGE_STORE)) as db:
        rows = db.execute("SELECT intent_id, terms FROM orders")
        return {intent: json.loads(terms)["total_max_minor"] for intent, terms in rows}


def _is_kept(orders: Orders, prompt: str, wish: str) -> bool:
    """Whether what the person was told is still so."""
    record = orders.prompt(PromptId(prompt))
    if record is None:
        return False
    if wish == "approve":
        return record.state == "approved" and orders.intent_of(PromptId(prompt)) is not None
    return record.state == "declined"


def _lost(world: World, books: Books) -> Iterator[str]:
    yield from (f"reading lost: {key}" for key in sorted(world.acked - books.messages.keys()))
    yield from (f"answer lost: prompt {prompt}" for prompt in books.unkept)
    bought = world.bought()
    for each in books.intents:
        if each.state in _BOUGHT and Bought(each.merchant, each.merchant_order_id or "") not in bought:
            yield f"intent {each.id} is {each.state} without an order"


def _doubled(world: World, books: Books) -> Iterator[str]:
    yield from (f"reading doubled: {key}" for key in _twice(books.messages.elements()))
    yield from (f"ordered twice under {key}" for key in _twice(each.reference for each in world.bought().values()))
    yield from (f"order {name}: its article was on its way already" for name in world.doubled_needs())


def _unauthorised(world: World, books: Books) -> Iterator[str]:
    """Orders that no intent stands for. One in doubt may stand for an order of its merchant and its quantity."""
    named = books.named()
    left = Counter((each.merchant, each.quantity) for each in books.intents if each.state in _IN_DOUBT)
    for name, sold in world.bought().items():
        if name in named:
            if named[name].id not in books.limits_minor:
                yield f"order {name}: the bridge has no signed terms for it"
            continue
        left[name.merchant, sold.quantity] -= 1
        if left[name.merchant, sold.quantity] < 0:
            yield f"order {name}: no intent stands for it"


def _overcharged(world: World, books: Books) -> Iterator[str]:
    named, bought = books.named(), world.bought()
    for name in named.keys() & bought.keys():
        limit_minor = books.limits_minor.get(named[name].id, 0)
        if bought[name].total_minor > limit_minor:
            yield f"order {name}: {bought[name].total_minor} is over {limit_minor}"


def _others(world: World, books: Books) -> Iterator[str]:
    for each in books.intents:
        # The offer's hold and the retries are long over for what is older than a day.
        if each.state in _UNSETTLED and (world.now - each.changed_at).days >= 1:
            yield f"intent {each.id} has not settled: {each.state}"
    yield from (f"a sound reading was kept apart: {row}" for row in books.apart)
    if books.chain is not None:
        yield f"the audit chain: {books.chain}"


def _twice(keys: Iterable[Key] | Iterable[str]) -> list[Key | str]:
    return [key for key, count in Counter[Key | str](keys).items() if count > 1]
