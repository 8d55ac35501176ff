"""Why an amount is not trusted more, in the household's words, and what to do."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.estimating.part import Part
from edge_agent.core.estimating.state import StockState, Track
from edge_agent.core.messages import Reason
from edge_agent.core.said import Said, say

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
    text = say(
        "{device} has told nothing for {duration}. Is it on, and in reach?",
        device=bound.device,
        duration=_days(age_s / _DAY_S),
    )
    return (Reason("stale", text),)


def shaky(track: Track, bound: Binding) -> tuple[Reason, ...]:
    """Many of its values were outvoted; empty where few were."""
    if track.junk < _SHAKY_JUNK:
        return ()
    text = say(
        "{device} jumps about: {number} in 10 of its last values did not count.",
        device=bound.device,
        number=round(10 * track.junk),
    )
    return (Reason("shaky", text),)


def stuck(bound: Binding, still_d: float) -> Reason:
    """It has said the same for longer than it mostly does."""
    text = say(
        "{device} has said the same for {duration}, longer than it mostly does: "
        "it may be stuck. Look once, and say here how much there is.",
        device=bound.device,
        duration=_days(still_d),
    )
    return Reason("stuck", text)


def creeps(bound: Binding, packs: float) -> Reason:
    """It has risen little by little, as goods do not."""
    text = say(
        "{device} has risen by {packs} packs little by little, which goods do not do: its zero may wander. "
        "Count once, and say here how much there is.",
        device=bound.device,
        packs=f"{packs:.1f}",
    )
    return Reason("creeps", text)


def gone(bound: Binding) -> Reason:
    """All of it went at a stroke."""
    text = say(
        "{device} says that all of it went at a stroke: was it taken away, or did the device lose its setting?",
        device=bound.device,
    )
    return Reason("gone", text)


def not_in_the_cupboard(state: StockState, *, item: Item) -> Reason:
    """It has stood empty for long, though by the books there is more."""
    packs = (state.shelf.amount or 0.0) / item.product.pack_amount
    text = say(
        "{item} is empty, though {packs} packs should be in the cupboard: look, and say what is there.",
        item=item.name,
        packs=f"{packs:.1f}",
    )
    return Reason("cupboard_doubtful", text)


def counted_less(state: StockState, *, item: Item) -> Said:
    """A count said less than the sensor."""
    packs = state.shelf.dispute
    if not item.bindings:
        return say("You counted {packs} packs, less than the sensor said: its zero was put right by that.", packs=packs)
    return say(
        "You counted {packs} packs, less than {device} said: its zero was put right by that.",
        packs=packs,
        device=item.bindings[0].device,
    )


def _days(days: float) -> Said:
    if days >= 1.5:
        return say("{number} days", number=f"{days:.0f}")
    return say("{number} hours", number=f"{24 * days:.0f}")
