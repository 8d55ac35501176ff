"""A message of which something is never kept, taken apart: what may be stored, and what is looked at in passing.

Where a vehicle goes says where a person is. So nothing that is stored is made of the whole payload, not even a digest:
there are few enough places on earth to try them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import orjson

from edge_agent.core.decoding.payload import Tree, select
from edge_agent.core.messages import Decoded, Reading
from edge_agent.core.profile import Profile


def parted(told: Decoded, in_passing: Collection[str]) -> Decoded:
    """The same message with the readings that are never kept apart from the others."""
    kept = tuple(reading for reading in told.readings if reading.signal not in in_passing)
    return told._replace(
        readings=kept,
        in_passing=tuple(reading for reading in told.readings if reading.signal in in_passing),
        digest=_digest(kept),
        leaves_nothing=not kept and told.seq is None,
    )


def public_part(tree: Tree, profile: Profile) -> bytes:
    """A native device's message with those of its values alone that a signal which is kept is read from."""
    kept = [signal.steps for name, signal in profile.signals.items() if name not in profile.in_passing]
    values = select(tree, ("values",))
    if not isinstance(tree, dict) or not isinstance(values, dict):
        return b""
    named = {steps[1] for steps in kept if len(steps) > 1 and steps[0] == "values"}
    shown = {name: value for name, value in values.items() if name in named}
    return orjson.dumps({**tree, "values": shown}, option=orjson.OPT_SORT_KEYS) if shown else b""


def _digest(readings: tuple[Reading, ...]) -> str:
    said = [[signal, presence.value, value, unit] for signal, presence, value, unit in readings]
    return hashlib.sha256(orjson.dumps(said)).hexdigest()
