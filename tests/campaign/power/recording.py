"""One life on a simulated disk, step by step, and what may be found after a power loss at each of the steps.

A store that comes back must stand exactly where it stood after the last call that was acknowledged, or where the call
in flight would have put it. Nothing in between, nothing else: that one comparison covers lost, doubled and half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from edge_agent.adapters.store.connection import Connection
from edge_agent.errors import HubError
from tests.campaign.power.books import Books
from tests.campaign.power.medium import Image, Rename, Step, Write
from tests.campaign.power.stores import OPENING, Stores
from tests.campaign.power.vfs import Disk, PowerVfs

_OUTBOX_MAX = 100

State = Mapping[str, tuple[object, ...]]  # every row of every table, and the outbox as the hub reads it
# A store whose opening was cut may be sealed a moment earlier or later than one that was not.
_SEALS = frozenset({"audit_end", "clock"})
# A row of the audit log has random bits, and its hash and all later ones follow from them, and so does the hash that a
# folded log begins with: two lives that did the same differ there. Whether the chain holds is looked at by itself.
_WITHOUT_SALT = {
    "audit": "SELECT seq, json_remove(event, '$.salt', '$.hash') FROM audit ORDER BY seq",
    "audit_end": "SELECT seq FROM audit_end",
    "audit_checkpoint": "SELECT seq, counts FROM audit_checkpoint",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One act: with which step it began, by which step it was acknowledged, and how things stood after it."""

    act: str
    begun: int
    acknowledged: int
    state: State
    books: Books


@dataclass(slots=True)
class Recording:
    """The steps of a life that began with `image`. The first moment is the opening of the store."""

    image: Image
    steps: Sequence[Step]
    moments: list[Moment] = field(default_factory=list)

    def standing(self, step: int) -> range:
        """The moments where the store may stand when the power goes after so many steps."""
        acknowledged = max((n for n, one in enumerate(self.moments) if one.acknowledged <= step), default=0)
        begun = max((n for n, one in enumerate(self.moments) if one.begun < step), default=0)
        return range(acknowledged, max(acknowledged, begun) + 1)

    def files_of(self, path: Path) -> set[int]:
        """The numbers of the files that ever stood under this name."""
        made = {one.file for one in self.steps if isinstance(one, Rename) and one.name == str(path)}
        return made | {number for number, name in enumerate(self.image) if name == str(path)}

    def writes_into(self, files: set[int], *, step: int) -> bool:
        """Whether the last step before the power went wrote there: into the database itself, that is a checkpoint."""
        taken = self.steps[step - 1]
        return isinstance(taken, Write) and taken.file in files


class Recorder:
    """Notes the steps and moments of one life on the disk that it mounts.

    `faults`: what was wrong with the store while the power was on.
    """

    def __init__(self, vfs: PowerVfs, image: Image, *, path: Path) -> None:
        self._disk = vfs.disk = Disk(image)
        self._path = path
        self._acknowledged: int | None = None
        self.recording = Recording(image, self._disk.steps)
        self.faults: list[str] = []

    def acknowledged(self) -> None:
        """Somebody outside was told that what is being done is done."""
        self._acknowledged = len(self._disk.steps)

    def note(self, act: Callable[[], str], *, stores: Stores, books: Books) -> None:
        """Do one act and keep how things stand after it."""
        self._acknowledged = None
        begun = len(self._disk.steps)
        name = act()
        ended = len(self._disk.steps)
        told = ended if self._acknowledged is None else min(self._acknowledged, ended)
        self.recording.moments.append(Moment(name, begun, told, state_of(stores), books.copy()))
        self.faults += [f"{fault} (after {name})" for fault in _told(stores, books)]

    def end(self, name: str, act: Callable[[], object]) -> None:
        """The last act, which changes nothing that can be seen."""
        last = self.recording.moments[-1]
        begun = len(self._disk.steps)
        act()
        self.recording.moments.append(Moment(name, begun, begun, last.state, last.books))

    def image(self) -> Image:
        """The disk as it stands, all of it durable."""
        return {name: self._disk.read(name) for name in self._disk.names}


def state_of(stores: Stores) -> State:
    """Everything that the store holds."""
    db = stores.connection.db
    tables = db.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    ).fetchall()
    rows = {str(table): tuple(db.execute(f"SELECT * FROM {table}")) for (table,) in tables}  # noqa: S608 - from the schema
    rows |= {table: tuple(db.execute(query)) for table, query in _WITHOUT_SALT.items() if table in rows}
    waiting = tuple((row.id, row.intent, row.body) for row in stores.orders.outbox(limit=_OUTBOX_MAX))
    return {**rows, "what would be sent": waiting}


def judge(
    vfs: PowerVfs, image: Image, *, path: Path, standing: Sequence[Moment], judged: dict[int, Moment]
) -> tuple[Moment | None, list[str]]:
    """Reopen an image with the real stores: the moment where it stands, or what is wrong. Nothing of it is kept.

    Many disks are recovered to the same database. Its pages are read after each opening, and all of `compared` follows
    from them: `judged` keeps which pages were found good, and for which moment.
    """
    vfs.disk = Disk(image)
    stores = Stores.at(path)
    try:
        stores.open()
        return _judged_by_pages(stores, standing, judged)
    except (HubError, apsw.Error, ValueError) as exc:
        return None, [f"unusable: {exc}"]
    finally:
        _dropped(stores.connection)


def _judged_by_pages(
    stores: Stores, standing: Sequence[Moment], judged: dict[int, Moment]
) -> tuple[Moment | None, list[str]]:
    pages = hash(stores.connection.db.serialize("main"))
    known = judged.get(pages)
    if known is not None and is_one_of(known, standing):
        return known, []
    moment, faults = compared(stores, standing)
    if moment is not None:
        judged[pages] = moment
    return moment, faults


def is_one_of(known: Moment, standing: Sequence[Moment]) -> bool:
    """Whether a store that stands at this moment stands where it may."""
    return any(known is moment or known.state == moment.state for moment in standing)


def compared(stores: Stores, standing: Sequence[Moment]) -> tuple[Moment | None, list[str]]:
    """The moment where an open store stands, or what is wrong with it."""
    damage = stores.connection.db.pragma("integrity_check")
    if damage != "ok":
        return None, [f"damaged: {damage}"]
    problem = stores.chain.check()
    if problem is not None:
        return None, [f"stopped: {problem.text}"]
    state = state_of(stores)
    for moment in standing:
        if state == moment.state or (moment.act == OPENING and _without_seals(state) == _without_seals(moment.state)):
            return moment, []
    return None, _told(stores, standing[0].books) or [
        f"torn: the store stands neither before nor after {standing[-1].act}"
    ]


def _without_seals(state: State) -> State:
    return {table: rows for table, rows in state.items() if table not in _SEALS}


def _told(stores: Stores, books: Books) -> list[str]:
    waiting: dict[str, bytes] = {row.intent: row.body for row in stores.orders.outbox(limit=_OUTBOX_MAX)}
    return books.faults(stores.connection.db, waiting)


def _dropped(connection: Connection) -> None:
    """Close without a checkpoint: the image is thrown away."""
    with suppress(HubError):  # it did not open
        connection.db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()
