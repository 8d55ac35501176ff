"""What a life on a failing disk left, held against what it was promised and against the same life on a good disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random

import apsw

from edge_agent.adapters.household import HouseholdFile
from edge_agent.errors import HubError
from edge_agent.folder import HOUSEHOLD_FILE, STORE_FILE
from tests.campaign.disk.orders import Told
from tests.campaign.power.books import Books
from tests.campaign.power.life import Life
from tests.campaign.power.recording import Moment, Recorder, compared
from tests.campaign.power.stores import Scene, Stores
from tests.campaign.power.vfs import mounted

_TOLD = frozenset(  # OSError: of the household's file
    {"StoreFailedError", "StoreUnreadableError", "StoreCorruptError", "StoreMalformedError", "OSError"}
)


def good_life(seed: int, *, acts: int, folder: Path) -> list[Moment]:
    """How things stand after each act of this life, lived on a simulated disk that does not fail."""
    path = folder / "good.sqlite3"
    path.touch()
    books, stores = Books(), Stores.at(path)
    with mounted(Random(seed)) as vfs:
        recorder = Recorder(vfs, {}, path=path)
        with closing(stores.connection):
            recorder.note(stores.open, stores=stores, books=books)
            life = Life(Scene(stores, Random(seed), books), acknowledged=recorder.acknowledged)
            for _ in range(acts):
                recorder.note(life.act, stores=stores, books=books)
    return recorder.recording.moments


def faults(told: Told, moments: Sequence[Moment], *, folder: Path) -> Iterator[str]:
    """One line for everything that is not as it was promised."""
    yield from told.faults
    yield from (f"{name} is not one of our errors" for name in told.failed if name not in _TOLD)
    if not told.finished and not told.failed:
        yield "died without a word"
    first = max(0, told.acknowledged - 1)
    yield from _store_faults(folder / STORE_FILE, moments[first : told.acknowledged + 1])
    yield from _document_faults(folder / HOUSEHOLD_FILE, saved=told.saved)


def _store_faults(path: Path, standing: Sequence[Moment]) -> Iterator[str]:
    """The next start, on a disk that works again."""
    stores = Stores.at(path)
    with closing(stores.connection):
        try:
            stores.open()
            yield from compared(stores, standing)[1]
        except (HubError, apsw.Error, ValueError) as exc:
            yield f"unusable: {exc}"


def _document_faults(path: Path, *, saved: int) -> Iterator[str]:
    """The documents hold as many items as were saved, or as were being saved."""
    if not path.exists():
        if saved:
            yield "lost documents: there is no file"
        return
    try:
        found = len(HouseholdFile(path).load().items)
    except HubError as exc:
        yield f"unusable documents: {exc}"
        return
    if found < saved:
        yield f"lost documents: those of save {found} are read, and {saved} was done"
