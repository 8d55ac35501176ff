"""What the campaign asks of its child, and what the child tells: one JSON object a line, both ways."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Order:
    """One life to live in a folder. `log` lies on a disk that does not fail.

    `file_bytes_max` is the size over which no file may grow; `ballast_bytes` fill the disk until relief comes, which is
    when the life has met its first failure.
    """

    folder: str
    log: str
    seed: int
    acts: int
    bug: str | None = None
    file_bytes_max: int | None = None
    ballast_bytes: int = 0

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Back from its line."""
        return cls(**json.loads(line))


@dataclass(frozen=True, slots=True)
class Told:
    """What a life told on its log.

    How many moments were acknowledged, which documents were saved last, what failed, how often a page was read after
    that, and what should not have happened.
    """

    acknowledged: int
    saved: int
    failed: tuple[str, ...]
    read: int
    faults: tuple[str, ...]
    finished: bool

    @classmethod
    def from_log(cls, text: str) -> Self:
        """A moment counts from its first acknowledgement on, by whatever came first: the call's return or a device."""
        moments, saved, failed, faults, read, finished = 0, 0, [], [], 0, False
        told = False  # the moment that is going on was acknowledged before its call returned
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            match word:
                case "acknowledged":
                    moments, told = moments + (not told), True
                case "ended":
                    moments, told = moments + (not told), False
                case "saved":
                    saved = int(rest)
                case "failed":
                    failed.append(rest)
                case "read":
                    read += 1
                case "finished":
                    finished = True
                case _:
                    faults.append(line)
        return cls(moments, saved, tuple(failed), read, tuple(faults), finished)
