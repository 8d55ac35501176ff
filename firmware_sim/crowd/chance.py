"""What happens to whom, all of it from one seed: no clock, no socket, the same words give the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Outage:
    """A share of all lose their connection without a word, for so long.

    Units: seconds since the start of the run; the share from 0 to 1.
    """

    at_s: float
    for_s: float
    share: float


def chance(seed: int, what: str) -> float:
    """A number from 0 up to 1 that belongs to this seed and these words, whenever it is asked for."""
    drawn = blake2b(f"{seed}:{what}".encode(), digest_size=7).digest()
    return int.from_bytes(drawn) / (1 << 56)


def drawn(seed: int, what: str, share: float, *, of: int) -> Iterator[int]:
    """Which ones of so many belong to a share."""
    return (index for index in range(of) if chance(seed, f"{what}:{index}") < share)
