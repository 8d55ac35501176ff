"""The code that proves, at the first run, that whoever is at the page also stands at the hub. Time is an argument.

It fits once, for a limited time, and is compared in constant time. Wrong guesses are throttled by who makes them and
all together, so that one guesser neither gets through nor keeps everybody else out. A code that was taken or is over is
never checked again; only a restart of the hub makes another one.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from enum import StrEnum

from edge_agent.core.token_bucket import TokenBucket

# Letters and digits that nobody takes for one another. Source: Crockford's base 32.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})
CODE_BYTES = 10
CODE_LIFE_MS = 30 * 60_000
_GROUP = 5
_TYPED_MAX = 64
_TRIES_BURST, _TRY_EVERY_MS = 5, 30_000
_ALL_TRIES_BURST, _ALL_TRY_EVERY_MS = 60, 1_000
_VISITORS_MAX = 64


class Claim(StrEnum):
    """What became of a try. Only `FITS` opens anything, and only once."""

    FITS = "fits"
    WRONG = "wrong"
    TOO_MANY_TRIES = "too many tries"
    OVER = "over"
    TAKEN = "taken"


def code_of(random: bytes) -> str:
    """A code such as `7K2QM-0XWTD`, of `CODE_BYTES` random bytes; 5 bits of each count, 50 in all."""
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in random)
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


class SetupCode:
    """One code from when it was printed (`printed_ms`, milliseconds of a clock that only goes forward)."""

    def __init__(self, code: str, *, printed_ms: int, life_ms: int = CODE_LIFE_MS) -> None:
        self._code = _plain(code)
        self._over_ms = printed_ms + life_ms
        self._is_taken = False
        self._all = TokenBucket(burst=_ALL_TRIES_BURST, every_ms=_ALL_TRY_EVERY_MS)
        self._visitors: OrderedDict[str, TokenBucket] = OrderedDict()

    @property
    def is_taken(self) -> bool:
        """Whether somebody has given it."""
        return self._is_taken

    def claim(self, typed: str, *, visitor: str, at_ms: int) -> Claim:
        """Try it once; `visitor` is the address that the try came from."""
        if self._is_taken:
            return Claim.TAKEN
        if at_ms >= self._over_ms:
            return Claim.OVER
        if not self._may_try(visitor, at_ms=at_ms):
            return Claim.TOO_MANY_TRIES
        if not hmac.compare_digest(_plain(typed).encode(), self._code.encode()):
            return Claim.WRONG
        self._is_taken = True
        return Claim.FITS

    def _may_try(self, visitor: str, *, at_ms: int) -> bool:
        own = self._visitors.pop(visitor, None) or TokenBucket(burst=_TRIES_BURST, every_ms=_TRY_EVERY_MS)
        self._visitors[visitor] = own
        if len(self._visitors) > _VISITORS_MAX:
            self._visitors.popitem(last=False)
        return own.take(at_ms=at_ms) and self._all.take(at_ms=at_ms)


def _plain(typed: str) -> str:
    """As people type it: any case, with or without the dash and spaces, letters taken for digits."""
    kept = (char for char in typed[:_TYPED_MAX].upper() if char.isalnum())
    return "".join(kept).translate(_READ_AS)
