"""From the folded state to what is left now: an amount with its 80 % interval, how far it is trusted, and why not more.

Sensors of one container are weighed by their precision where they agree; where they do not, the first one that is alive
stands and the interval holds both. Containers and shelf add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce
from math import sqrt

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.estimating import shelf as shelves
from edge_agent.core.estimating.containers import counted, is_pool, leads
from edge_agent.core.estimating.cupboard import holding, in_cupboard, is_left_empty
from edge_agent.core.estimating.doubts import (
    DOUBTED,
    counted_less,
    creeps,
    doubted,
    gone,
    not_in_the_cupboard,
    shaky,
    stale,
    stuck,
)
from edge_agent.core.estimating.part import BY_HAND_TRUST, Z80, Part, freshness, seconds_since
from edge_agent.core.estimating.signs import (
    LIFTED_FOR,
    has_crept,
    is_gone,
    is_plain_use,
    is_stuck,
    noise_of,
    quiet_limit_d,
    stands_d,
)
from edge_agent.core.estimating.state import Container, StockState, Track
from edge_agent.core.estimating.use import reckoned
from edge_agent.core.messages import Range, Reason
from edge_agent.core.quantity import unit_of
from edge_agent.core.said import Names, Said, say

_WANDER_G, _WANDER_SHARE = 3.2, 0.0004  # the zero of a scale, and of what it carries; one standard deviation
_UNMODELLED = 1.15  # what else may be off: found on simulated homes, where 80 % were to be covered
_STEP_SHARE = 0.4  # 80 % of the half step that a whole number hides
_SETTLED_SHARE, _JUST_CHANGED_SHARE = 0.18, 0.7  # of the noise's variance, after many values and after two
_COUNTED_ON_PACKS = 0.1
_DISPUTED = 0.7
_DAY_S = 86_400.0


def fused(state: StockState, use: Range, *, item: Item, now: datetime, is_home_quiet: bool) -> Part | None:
    """All there is at home, None where a part of it is unknown."""
    boxes = [_box(box, use, item=item, now=now, is_home_quiet=is_home_quiet) for box in holding(state, item=item)]
    shelf = in_cupboard(state, use, item=item, now=now)
    if shelf is not None and not is_home_quiet and is_left_empty(state, item=item, now=now):
        shelf = doubted(replace(shelf, value=0.0, low=0.0), not_in_the_cupboard(state, item=item))
    parts = [part for part in (*boxes, shelf) if part is not None]
    if None in boxes or not parts:
        return None
    besides = 0.0
    if not is_pool(item):
        besides = shelves.besides(state.shelf, now, item=item)
    value = max(0.0, sum(part.value for part in parts))
    low = value - sqrt(sum((part.value - part.low) ** 2 for part in parts))
    high = value + sqrt(sum((part.high - part.value) ** 2 for part in parts)) + besides
    trust = min(part.trust for part in parts)
    doubts = tuple(doubt for part in parts for doubt in part.doubts)
    if state.shelf.dispute:
        trust *= _DISPUTED
        doubts = (*doubts, Reason("counted_less", counted_less(state, item=item)))
    return Part(value, min(value, max(0.0, low)), high, trust, doubts)


def _box(box: Container, use: Range, *, item: Item, now: datetime, is_home_quiet: bool) -> Part | None:
    bindings = [bound for bound in item.bindings if bound.holder == box.name]
    told = [
        (number, _told(track, box, use, bound=bound, item=item, now=now, is_home_quiet=is_home_quiet))
        for number, (track, bound) in enumerate(zip(box.tracks, bindings, strict=True))
        if track.level is not None
    ]
    if not told:
        return _by_rate(box, bindings[0], item=item, now=now)
    first = next((part for number, part in told if leads(box, number, at=now)), told[0][1])
    others = [part for _, part in told if part is not first]
    part = _agreed(first, others, bindings=bindings, item=item)
    return _with_flags(part, box, bindings, item=item)


def _agreed(first: Part, others: Sequence[Part], *, bindings: Sequence[Binding], item: Item) -> Part:
    """Several sensors of one container."""
    if first.doubts and any(not other.doubts for other in others):
        others = [first, *(other for other in others if other.doubts)] + [o for o in others if not o.doubts]
        first, others = others[-1], others[:-1]
    near = [other for other in others if _overlap(first, other, item=item)]
    far = [other for other in others if other not in near]
    if far and not near and len(far) > 1 and _overlap(far[0], far[1], item=item):
        return _contradicted(_weighed(far), [first], bindings=bindings, item=item)
    whole = _weighed([first, *(other for other in near if not other.doubts)])
    return _contradicted(whole, far, bindings=bindings, item=item) if far else whole


def _overlap(one: Part, other: Part, *, item: Item) -> bool:
    """Whether two intervals meet, each made twice as wide."""
    slack = 0.02 * item.product.pack_amount
    return one.value - other.value <= 2 * (one.value - one.low) + 2 * (other.high - other.value) + slack and (
        other.value - one.value <= 2 * (other.value - other.low) + 2 * (one.high - one.value) + slack
    )


def _weighed(parts: Sequence[Part]) -> Part:
    """The mean by precision; the interval is the narrowest of them, moved."""
    if len(parts) == 1:
        return parts[0]
    weights = [1.0 / max(part.high - part.low, 1e-6) ** 2 for part in parts]
    value = sum(part.value * weight for part, weight in zip(parts, weights, strict=True)) / sum(weights)
    best = min(parts, key=lambda part: part.high - part.low)
    return Part(
        value=value,
        low=value - (best.value - best.low),
        high=value + (best.high - best.value),
        trust=max(part.trust for part in parts),
        doubts=parts[0].doubts,
    )


def _contradicted(part: Part, far: Sequence[Part], *, bindings: Sequence[Binding], item: Item) -> Part:
    pack = item.product.pack_amount
    text = say(
        "{device} contradicts itself ({signals}): {amounts} packs. Count once, and say so here.",
        device=bindings[0].device,
        signals=Names(tuple(dict.fromkeys(bound.signal for bound in bindings if bound.kind != "flag"))),
        amounts=reduce(_against, [f"{each.value / pack:.1f}" for each in (part, *far)]),
    )
    return replace(
        part,
        low=min(part.low, *(each.low for each in far)),
        high=max(part.high, *(each.high for each in far)),
        trust=part.trust * DOUBTED,
        doubts=(*part.doubts, Reason("contradictory", text)),
    )


def _against(one: str, other: str) -> Said:
    return say("{one} against {other}", one=one, other=other)


def _with_flags(part: Part, box: Container, bindings: Sequence[Binding], *, item: Item) -> Part:
    """A flag of the same container that cannot be true together with the level."""
    for track, bound in zip(box.tracks, bindings, strict=True):
        if track.is_low is None or bound.low_amount is None:
            continue
        slack = 0.15 * item.product.pack_amount
        if track.is_low and part.low > 2 * bound.low_amount + slack:
            text = say(
                "{device} warns that {item} is nearly empty, but its level says otherwise.",
                device=bound.device,
                item=item.name,
            )
            part = replace(part, low=min(part.low, bound.low_amount))
        elif not track.is_low and part.high < 0.5 * bound.low_amount:
            text = say(
                "{device} says that {item} is nearly gone, but it does not warn.", device=bound.device, item=item.name
            )
            part = replace(part, high=max(part.high, bound.low_amount))
        else:
            continue
        return replace(part, trust=part.trust * DOUBTED, doubts=(*part.doubts, Reason("contradictory", text)))
    return part


def _by_rate(box: Container, bound: Binding, *, item: Item, now: datetime) -> Part | None:
    """A container whose sensor tells no level: reckoned on from the last fact."""
    stood = reckoned(box, at=now, item=item)
    if stood.amount is None:
        return None
    margin, age_s = Z80 * sqrt(stood.variance), seconds_since(_last(box), now)
    low = max(0.0, stood.amount - margin)
    trust = BY_HAND_TRUST * freshness(age_s) * max(0.0, 1.0 - margin / (2 * item.product.pack_amount))
    track = box.tracks[0] if box.tracks else None
    if track is not None and track.is_low is False and bound.low_amount is not None and stood.amount < bound.low_amount:
        stood, low = replace(stood, amount=bound.low_amount), min(low, bound.low_amount)  # it would warn
    amount = stood.amount or 0.0
    return Part(amount, min(low, amount), amount + margin, trust, stale(bound, age_s))


def _told(
    track: Track, box: Container, use: Range, *, bound: Binding, item: Item, now: datetime, is_home_quiet: bool
) -> Part:
    """What one sensor says is in its container; what is pending, what may be put back, and silence widen it."""
    pack, level = item.product.pack_amount, track.level or 0.0
    margin, age_s = _margin(track, item=item), seconds_since(track.as_of, now)
    pending = track.pending.level if track.pending is not None else level
    least, most = min(level, pending), max(level, pending)
    if is_plain_use(track, item=item):
        level = pending
        most = level if noise_of(track, pack=pack) == 0.0 else most  # who shakes may be outvoted
    lifted = track.lifted
    if lifted is not None and track.as_of is not None and track.as_of - lifted.at <= LIFTED_FOR:
        most = max(most, lifted.level)
    part = Part(
        value=level,
        low=max(0.0, least - margin - use.high * age_s / _DAY_S),
        high=most + margin,
        trust=track.values / (track.values + 1) * freshness(age_s) * (1.0 - track.junk),
        doubts=(*stale(bound, age_s), *shaky(track, bound)),
    )
    if lifted is not None and is_gone(track, pack=pack, now=now):
        used = use.value * seconds_since(lifted.at, now) / _DAY_S
        return doubted(replace(part, value=max(part.low, lifted.level - used), high=lifted.level), gone(bound))
    if has_crept(track, item=item):
        value = max(0.0, level - track.crept)
        return doubted(replace(part, value=value, low=max(0.0, min(part.low, part.low - track.crept))), creeps(
            bound, track.crept / pack
        ))  # fmt: skip
    used_on = counted(box) - track.counted_at_move
    if used_on > max(_COUNTED_ON_PACKS * pack, 3 * margin):
        value = max(0.0, level - used_on)
        return doubted(replace(part, value=value, low=0.7 * value), stuck(bound, stands_d(track, now)))
    still_d, limit_d = stands_d(track, now), quiet_limit_d(track)
    if limit_d is not None and still_d > limit_d / 2 and not is_home_quiet:
        part = replace(part, low=max(0.0, min(part.low, level - margin - use.high * still_d)))
    if is_stuck(track, now) and not is_home_quiet:
        # Below nothing: what it would have used beyond its level came out of the cupboard.
        value = level - use.value * max(0.0, still_d - (track.quiet_d or 0.0))
        low = level - margin - use.high * still_d
        return doubted(replace(part, value=value, low=min(low, value)), stuck(bound, still_d))
    return part


def _margin(track: Track, *, item: Item) -> float:
    """Half of the 80 % interval of a settled level, in the item's unit."""
    noise = noise_of(track, pack=item.product.pack_amount)
    variance = noise**2 * max(_SETTLED_SHARE, _JUST_CHANGED_SHARE / (1 + track.calm))
    unit = unit_of(item.unit)
    if noise > 0 and unit is not None and unit.dimension == "mass":
        variance += (_WANDER_G / unit.factor + _WANDER_SHARE * track.peak) ** 2
    return sqrt(_UNMODELLED**2 * Z80**2 * variance + (_STEP_SHARE * track.step) ** 2)


def _last(box: Container) -> datetime | None:
    return max((track.as_of for track in box.tracks if track.as_of is not None), default=None)
