"""The campaign: rounds of forgeries at the hub's page and at the bridge, with a genuine approval in each of them."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from random import Random

from tests.campaign.approvals.bridge_side import BridgeSide
from tests.campaign.approvals.home import furnished
from tests.campaign.approvals.hub_side import HubSide
from tests.campaign.approvals.tally import Tally
from tests.campaign.bugs import Bug, planted
from tests.campaign.figures import Figures
from tests.edge_agent.clock import ManualClock

HUB_SHARE = 0.4  # of all forgeries are tried at the hub's page, the others at the bridge


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Try `size` forgeries; each that is taken counts as unauthorised."""
    tally = Tally(seed)
    logging.disable(logging.CRITICAL)
    try:
        with planted(bug):
            asyncio.run(_attack(size, tally=tally, rng=Random(seed), folder=folder))
    finally:
        logging.disable(logging.NOTSET)
    return Figures(
        "approvals",
        tally.done,
        "forged approvals",
        lost=tally.lost,
        doubled=tally.doubled,
        unauthorised=tally.taken,
        covered=dict(sorted(tally.kinds.items())),
        wanted=WANTED,
        faults=tuple(tally.faults),
    )


async def _attack(size: int, *, tally: Tally, rng: Random, folder: Path) -> None:
    clock = ManualClock()
    with furnished(folder / "hub.sqlite3", rng=rng, clock=clock) as home:
        hub = HubSide(home, clock, tally)
        await hub.open()
        while tally.done < size * HUB_SHARE or hub.rounds < ROUNDS_MIN:
            await hub.attack()
        await hub.close()
    bridge = BridgeSide(rng, tally)
    while tally.done < size or tally.kinds["signed:sums"] == 0:
        await bridge.attack()


ROUNDS_MIN = 8  # so that every kind is met

# Families of tricks; each family has many members, and the figures count every one of them.
WANTED = (
    "control",
    "caller:other_household",
    *(f"field:{kind}" for kind in ("one_more", "one_less", "negative", "huge", "float", "text", "null", "true")),
    *(f"field:{kind}" for kind in ("one_letter", "upper", "lookalike", "line_end", "nul", "right_to_left", "long")),
    *(f"shape:{kind}" for kind in ("field_missing", "field_added", "key_twice", "terms_twice", "nan", "cut", "deep")),
    *(f"signature:{kind}" for kind in ("zero", "random", "one_bit", "plus_order", "negated", "small_order")),
    *(f"signature:{kind}" for kind in ("loose_bits", "url_safe", "unpadded", "truncated", "extended")),
    *(f"signed:{kind}" for kind in ("other_key", "spaced_json", "sums", "expired", "draw_at_class_c", "household")),
    *(f"replay:{kind}" for kind in ("intent_id", "nonce", "same_id_other_terms", "later", "parallel")),
    *(f"hash:{kind}" for kind in ("other_prompt", "upper", "empty", "cut", "missing", "twice", "unicode")),
    *(f"method:{kind}" for kind in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "query", "override")),
    *(f"who:{kind}" for kind in ("guest", "child", "anyone", "signed_out")),
    *("csrf:wrong", "csrf:missing", "origin:alien", "origin:fetch_site", "host:alien", "type:other"),
    *("path:spelling", "path:name", "prompt:other", "prompt:unknown", "late:ended"),
    *("pin:wrong", "pin:missing", "pin:locked"),
)
