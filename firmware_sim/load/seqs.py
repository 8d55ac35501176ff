"""A set of sequence numbers that is small where the numbers follow each other: kept as runs (first, last)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator


class Seqs:
    """Which numbers are in; two machine words for each unbroken run of them."""

    __slots__ = ("_edges",)

    def __init__(self) -> None:
        self._edges: list[int] = []  # first, last, first, last ...; in order, and no two runs touch

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.runs())

    def __contains__(self, seq: int) -> bool:
        at = bisect_left(self._edges, seq)
        return at % 2 == 1 or (at < len(self._edges) and self._edges[at] == seq)

    def runs(self) -> Iterator[tuple[int, int]]:
        """The runs in order, both ends included."""
        edges = self._edges
        return zip(edges[::2], edges[1::2], strict=True)

    def add(self, seq: int) -> bool:
        """Take a number in; False when it was in already."""
        edges = self._edges
        if edges and seq == edges[-1] + 1:
            edges[-1] = seq
            return True
        if seq in self:
            return False
        at = bisect_left(edges, seq)
        after = at > 0 and edges[at - 1] + 1 == seq
        before = at < len(edges) and edges[at] - 1 == seq
        if after and before:
            del edges[at - 1 : at + 1]
        elif after:
            edges[at - 1] = seq
        elif before:
            edges[at] = seq
        else:
            edges[at:at] = [seq, seq]
        return True

    def beyond(self, other: Seqs | None) -> int:
        """How many are in this one and not in the other."""
        if other is None:
            return len(self)
        shared, theirs = 0, list(other.runs())
        at = 0
        for first, last in self.runs():
            while at < len(theirs) and theirs[at][1] < first:
                at += 1
            within = at
            while within < len(theirs) and theirs[within][0] <= last:
                shared += min(last, theirs[within][1]) - max(first, theirs[within][0]) + 1
                within += 1
        return len(self) - shared
