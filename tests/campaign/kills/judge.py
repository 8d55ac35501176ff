"""Holds the stores of a home that has settled against what the world has seen.

The merchant's ledger is the only judge of what was bought. Source: RELIABILITY section 4, invariants I1, I3, I6, I7,
I8, I18 and I26, and the counting protocol in 4.5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud_bridge.merchants.simulated import Sold
from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.orders import Orders
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import PromptId
from tests.campaign.kills.setting import Clock, hub_config
from tests.campaign.kills.world import Bought, World

_ALL = 1_000_000
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


def judge(world: World, folder: Path) -> Verdict:
    """Read the hub's store, and compare."""
    with open_store(folder, hub_config(folder), wall=Clock(world.now)) as store:
        connection = store.connection
        orders = Orders(connection)
        intents = orders.intents(live=False, limit=_ALL)
        stored = Counter(
            (str(device), str(boot), int(seq))
            for device, boot, seq in connection.db.execute(
                "SELECT device, boot, seq FROM message WHERE seq IS NOT NULL"
            )
        )
        apart = [
            f"{row}" for row in connection.db.execute("SELECT device, seq, reason, detail FROM quarantine LIMIT 5")
        ]
        limits = {intent: leave.total_max_minor for intent, leave in orders.signers().items()}
        unkept = [prompt for prompt, wish in world.told.items() if not _kept(orders, prompt, wish)]
        broken = store.chain.check()
    lost_readings = sorted(world.acked - stored.keys())
    doubled_readings = sorted(key for key, count in stored.items() if count > 1)
    bought = world.bought()
    known = {Bought(each.merchant, each.merchant_order_id): each for each in intents if each.merchant_order_id}
    again = [key for key, count in Counter(each.reference for each in bought.values()).items() if count > 1]
    doubtful = [each for each in intents if each.state in _IN_DOUBT]
    stray = _stray(bought, known, doubtful)
    not_bought = [each for each in intents if each.state in _BOUGHT and _name(each) not in bought]
    over = [name for name, sold in bought.items() if name in known
            and sold.total_minor > limits.get(known[name].id, 0)]  # fmt: skip
    return Verdict(
        orders=len(bought),
        lost=len(lost_readings) + len(unkept) + len(not_bought),
        doubled=len(doubled_readings) + len(again),
        unauthorised=len(stray) + sum(each.id not in limits for each in intents),
        overcharged=len(over),
        in_doubt=sum(each.state is IntentState.UNKNOWN for each in intents),
        parked=sum(each.state is IntentState.PARKED for each in intents),
        faults=tuple(
            [f"reading lost {key}" for key in lost_readings[:5]]
            + [f"reading doubled {key}" for key in doubled_readings[:5]]
            + [f"answer lost: prompt {prompt}" for prompt in unkept[:5]]
            + [f"ordered twice under {key}" for key in again[:5]]
            + [f"order {name} at the merchant, and no intent stands for it" for name in stray[:5]]
            + [f"intent {each.id} is {each.state} without an order" for each in not_bought[:5]]
            + [f"order {name} is over its limit" for name in over[:5]]
            + [f"intent {each.id} has not settled: {each.state}" for each in intents if _unsettled(each, world)][:5]
            + [f"a sound reading was kept apart: {row}" for row in apart]
            + ([] if broken is None else [f"the audit chain: {broken.text}"])
        ),
    )


def _stray(
    bought: Mapping[Bought, Sold], known: Mapping[Bought, IntentRecord], doubtful: Sequence[IntentRecord]
) -> list[Bought]:
    """Orders that no intent names; an intent in doubt may stand for one of its merchant and its quantity."""
    left = Counter((each.merchant, each.quantity) for each in doubtful)
    stray = []
    for name, sold in bought.items():
        if name not in known:
            left[name.merchant, sold.quantity] -= 1
            stray += [name] if left[name.merchant, sold.quantity] < 0 else []
    return stray


def _name(intent: IntentRecord) -> Bought:
    return Bought(intent.merchant, intent.merchant_order_id or "")


def _kept(orders: Orders, prompt: str, wish: str) -> bool:
    """Whether what the person was told is still so."""
    record = orders.prompt(PromptId(prompt))
    if record is None:
        return False
    if wish == "approve":
        return record.state == "approved" and orders.intent_of(PromptId(prompt)) is not None
    return record.state == "declined"


def _unsettled(intent: IntentRecord, world: World) -> bool:
    """The offer's hold and the retries are long over for what is older than a day."""
    return intent.state in _UNSETTLED and (world.now - intent.changed_at).days >= 1
