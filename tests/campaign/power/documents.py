"""Power loss while the household's file is replaced: what is read afterwards is the old or the new one, or a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Protocol

from edge_agent.adapters.household import HouseholdFile
from edge_agent.core.catalogue import Household, Preferences
from edge_agent.errors import HubError
from tests.campaign.power.folder_spy import FolderSpy
from tests.campaign.power.medium import Image, Loss, Medium, contents
from tests.edge_agent.consumables import ITEMS

_NAME = "household.json"
_SAVES = 3
_DRAWS = 2


class DocumentFile(Protocol):
    """One file of a household's documents."""

    def load(self) -> Household:
        """What it holds."""

    def save(self, household: Household) -> None:
        """Replace it."""


def losses(
    folder: Path, rng: Random, *, opened: Callable[[Path], DocumentFile] = HouseholdFile
) -> Iterator[tuple[int, list[str]]]:
    """Save a few households, lose power at every step: the fingerprint of each image, and what is wrong with it."""
    with TemporaryDirectory(dir=folder) as work:
        yield from _losses(Path(work), rng, opened)


def _losses(folder: Path, rng: Random, opened: Callable[[Path], DocumentFile]) -> Iterator[tuple[int, list[str]]]:
    path = folder / _NAME
    saved = [_household(rng)]
    opened(path).save(saved[0])
    spy = FolderSpy(folder)
    ended = [0]
    for _ in range(_SAVES):
        saved.append(_household(rng))
        with spy.watching():
            opened(path).save(saved[-1])
        ended.append(len(spy.steps))
    medium = Medium.holding(spy.before)
    for step, taken in enumerate(spy.steps, start=1):
        medium.take(taken)
        acknowledged = max(number for number, end in enumerate(ended) if end <= step)
        for loss in (Loss.DROPPED, Loss.KEPT, *rng.choices(list(Loss), k=_DRAWS)):
            left = medium.lose_power(loss, rng)
            wrong = _wrong(left, saved[acknowledged : acknowledged + 2], opened)
            yield contents(left), [f"household file step {step} {loss}: {wrong}"] if wrong else []


def _wrong(left: Image, standing: list[Household], opened: Callable[[Path], DocumentFile]) -> str | None:
    with TemporaryDirectory() as folder:
        for name, content in left.items():
            (Path(folder) / name).write_bytes(content)
        try:
            found = opened(Path(folder) / _NAME).load()
        except (HubError, OSError, ValueError) as exc:
            return f"unusable: {exc}"
    return None if found in standing else "lost documents: neither the old nor the new ones are read"


def _household(rng: Random) -> Household:
    """Longer and shorter ones, so that a file that is written in place does not fit the one before."""
    items = ITEMS[: rng.randint(1, len(ITEMS))]
    return Household(items=items, preferences=Preferences(hold_s=rng.randint(1, 86_400)))
