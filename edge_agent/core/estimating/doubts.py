"""Why an amount is not trusted more, in the household's words, and what to do."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.estimating.part import Part
from edge_agent.core.estimating.state import StockState, Track
from edge_agent.core.messages import Reason

DOUBTED = 0.4  # of the trust that is left

_STALE_AFTER_S = 24 * 3_600.0
_SHAKY_JUNK = 0.3
_DAY_S = 86_400.0


def doubted(part: Part, doubt: Reason) -> Part:
    """The part, trusted less, with one more doubt."""
    return replace(part, trust=part.trust * DOUBTED, doubts=(*part.doubts, doubt))


def stale(bound: Binding, age_s: float) -> tuple[Reason, ...]:
    """It has told nothing for long; empty where it has."""
    if age_s <= _STALE_AFTER_S:
        return ()
    text = f"{bound.device} has told nothing for {_days(age_s / _DAY_S)}. Is it on, and in reach?"
    return (Reason("stale", text),)


def shaky(track: Track, bound: Binding) -> tuple[Reason, ...]:
    """Many of its values were outvoted; empty where few were."""
    if track.junk < _SHAKY_JUNK:
        return ()
    text = f"{bound.device} jumps about: {round(10 * track.junk)} in 10 of its last values did not count."
    return (Reason("shaky", text),)


def stuck(bound: Binding, still_d: float) -> Reason:
    """It has said the same for longer than it mostly does."""
    text = (
        f"{bound.device} has said the same for {_days(still_d)}, longer than it mostly does: "
        "it may be stuck. Look once, and say here how much there is."
    )
    return Reason("stuck", text)


def creeps(bound: Binding, packs: float) -> Reason:
    """It has risen little by little, as goods do not."""
    text = (
        f"{bound.device} has risen by {packs:.1f} packs little by little, which goods do not do: its zero may wander. "
        "Count once, and say here how much there is."
    )
    return Reason("creeps", text)


def gone(bound: Binding) -> Reason:
    """All of it went at a stroke."""
    text = (
        f"{bound.device} says that all of it went at a stroke: was it taken away, or did the device lose its setting?"
    )
    return Reason("gone", text)


def not_in_the_cupboard(state: StockState, *, item: Item) -> Reason:
    """It has stood empty for long, though by the books there is more."""
    packs = (state.shelf.amount or 0.0) / item.product.pack_amount
    text = f"{item.name} is empty, though {packs:.1f} packs should be in the cupboard: look, and say what is there."
    return Reason("cupboard_doubtful", text)


def counted_less(state: StockState, *, item: Item) -> str:
    """A count said less than the sensor."""
    device = item.bindings[0].device if item.bindings else "the sensor"
    return f"You counted {state.shelf.dispute} packs, less than {device} said: its zero was put right by that."


def _days(days: float) -> str:
    return f"{days:.0f} days" if days >= 1.5 else f"{24 * days:.0f} hours"
