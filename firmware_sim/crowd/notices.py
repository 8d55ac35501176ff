"""What a person must know to read a result: said at once, said once, and kept with what to change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_NUMBER = re.compile(r"[\d.]+")


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened, when, and what to change."""

    at_s: float
    what: str
    change: str


class Notices:
    """All of a run, in order. `say` gets each at once; what differs from an earlier one by its numbers only is none."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._all: list[Notice] = []
        self._kinds: set[str] = set()

    def add(self, what: str, change: str, *, at_s: float, reached: str) -> None:
        """Take one; `reached` is how far the run has come."""
        kind = _NUMBER.sub("", what)
        if kind in self._kinds:
            return
        self._kinds.add(kind)
        self._all.append(Notice(round(at_s, 3), what, change))
        self._say(f"{what} ({reached}); {change}")

    def __iter__(self) -> Iterator[Notice]:
        """The notices."""
        return iter(self._all)
