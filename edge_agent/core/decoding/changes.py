"""What a message tells of a device that sends changes only.

A change comes into a picture of everything that was told before. The picture is for understanding it; it is no new
evidence. One odd weight that stands in the picture while the temperature comes in again would be its own confirmation.

- A signal is told where the message holds the value that it is read from.
- One that is not told, and that can no longer be trusted, is said to be unknown (or not applicable) once.
- A value is never told by a later message: a weight that came while the door was open stays unknown when the door is
  closed, until it comes again.
- A retained copy tells nothing. Of a device with one value a topic it is kept where guards, units and second numbers
  are read, since what is published once at start would otherwise never be known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from edge_agent.core.decoding.extract import Readings
from edge_agent.core.decoding.filtering import array_steps
from edge_agent.core.decoding.payload import MISSING, Found, Tree, pointer_steps, selector
from edge_agent.core.decoding.places import Places
from edge_agent.core.messages import Presence
from edge_agent.core.profile import DivideBy, Minus, Profile, Signal, Times


def told_by(profile: Profile) -> Callable[[Tree, Tree], list[bool]]:
    """A function from (what came, the whole picture) to whether each signal is told, in their order."""
    places = Places()
    signals = [
        [(places.number(steps), selector(steps)) for steps in _value_places(signal)]
        for signal in profile.signals.values()
    ]
    mark = places.marker()

    def told(change: Tree, picture: Tree) -> list[bool]:
        marks = mark(change)
        return [marks[among[0][0] if len(among) == 1 else _read_from(among, picture)] for among in signals]

    return told


def news(whole: Readings, told: Sequence[bool], *, said: Mapping[str, Presence]) -> Readings:
    """Of all signals those that are told, and those that are no longer what was `said` of them."""
    both = [*zip(whole.readings, told, strict=True)]
    names = {reading.signal for reading, is_told in both if is_told}
    return Readings(
        tuple(
            reading
            for reading, is_told in both
            if is_told or (reading.presence is not Presence.VALUE and said.get(reading.signal) is not reading.presence)
        ),
        tuple(fault for fault in whole.faults if fault.signal in names),
    )


def context_keys(profile: Profile) -> frozenset[str]:
    """Of a device with one value a topic: the names of those that only help to understand others."""
    signals = profile.signals.values()
    values = {steps[0] for signal in signals for steps in _value_places(signal) if steps}
    helpers = {steps[0] for signal in signals for steps in _other_places(signal) if steps}
    helpers |= {condition.steps[0] for condition in profile.match.require}
    return frozenset(helpers - values) if profile.merge == "per_topic" else frozenset()


def _read_from(among: Sequence[tuple[int, Callable[[Tree], Found]]], picture: Tree) -> int:
    """The place that a value is read from: the first at which anything stands."""
    return next((number for number, find in among if find(picture) is not MISSING), among[0][0])


def _value_places(signal: Signal) -> list[tuple[str, ...]]:
    if signal.jsonpath is not None:
        return [array_steps(signal.jsonpath)]
    return [pointer_steps(each) for each in (signal.select or "", *signal.instead)]


def _other_places(signal: Signal) -> Iterator[tuple[str, ...]]:
    yield from (guard.steps for guard in signal.guard)
    yield signal.unit.steps if signal.unit is not None else ()
    for step in signal.transform:
        if isinstance(step, (DivideBy, Minus, Times)):
            yield array_steps(step.place) if step.place.startswith("$") else pointer_steps(step.place)
