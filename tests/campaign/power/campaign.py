"""The power-loss campaign: lives drawn from a seed, cut at every I/O step, reopened and judged.

A state is one distinct image of the disk after a power loss, reopened by the real `Connection` and judged. Rounds are
independent of one another: a run of `size` states goes through the rounds from `offset` on, so that a long campaign
can be taken up again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

from tests.campaign.bugs import Bug, planted
from tests.campaign.figures import Figures
from tests.campaign.power.books import Books
from tests.campaign.power.documents import losses
from tests.campaign.power.homes import home_of_schema_1
from tests.campaign.power.life import Life
from tests.campaign.power.medium import Image, Loss, Medium, contents
from tests.campaign.power.recording import Moment, Recorder, Recording, is_one_of, judge
from tests.campaign.power.stores import OPENING, Scene, Stores
from tests.campaign.power.vfs import PowerVfs, mounted

_FAULTS_MAX = 20
# By depth: a power loss, another one while the store recovers from it, and a third.
_ACTS = {1: 10, 2: 1, 3: 1}
_DRAWS = {1: 3, 2: 1, 3: 1}  # images at random at each step, beside those with nothing and everything kept
_FURTHER = {1: 8, 2: 2, 3: 0}  # images of a life from which another life goes on
_CHECKPOINT_PAGES = (None, 8, 24)
_ACTS_BEFORE_MAX = 30
_HOMES = ("a home", "a home", "an empty disk", "schema 1")  # they take turns
_DRAWN = (Loss.SUBSET, Loss.SUBSET, Loss.TORN, Loss.TORN, Loss.LAST_TORN, Loss.RUBBISH)
_WANTED = (
    "checkpoint", "close", "depth 1", "depth 2", "depth 3", "dropped", "household file", "kept", "last_torn",
    "opening what was left", "rubbish", "subset", "torn",
)  # fmt: skip
# What a longer run meets by and by.
_LONG_RUN = 10_000
WANTED_LONG = (
    "answered", "approval", "attempt", "birth", "cancel", "cancel_answered", "claim", "clock_jump", "decline", "draw",
    "endorsement", "login_failed", "mandate", "mandate_change", "message_out", "opening an empty disk",
    "opening schema 1", "policy", "prices", "prompt", "readings", "sign_in", "sign_out", "snooze", "status", "wake",
)  # fmt: skip


@dataclass(slots=True)
class _Tally:
    """What was done and found so far."""

    size: int
    faults_max: int
    seen: set[int] = field(default_factory=set)
    covered: Counter[str] = field(default_factory=Counter)
    lived: Counter[str] = field(default_factory=Counter)  # acts of lives that are cut
    faults: list[str] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether the run has done what it was asked for, or has found enough."""
        return len(self.seen) >= self.size or len(self.faults) >= self.faults_max

    def count(self, digest: int) -> bool:
        """Count an image, once; whether it was new."""
        known = len(self.seen)
        self.seen.add(digest)
        return len(self.seen) > known

    def found(self, kind: str) -> int:
        """How many of the faults are of this kind."""
        return sum(f": {kind} " in fault for fault in self.faults)


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None, offset: int = 0) -> Figures:
    """Judge `size` states, beginning with round `offset`."""
    tally = _Tally(size, faults_max=1 if bug else _FAULTS_MAX)  # one fault is enough to catch a bug
    path = folder / "hub.sqlite3"
    path.touch()  # the store closes its file to others; its content is on the simulated disk
    with planted(bug):
        _explore_documents(tally, Random(f"{seed}/{offset}/documents"), folder=folder)
        for number in count(offset):
            if tally.is_full:
                break
            rng = Random(f"{seed}/{number}")
            with mounted(rng) as vfs:
                a_round = _Round(vfs, path, rng, tally=tally, where=f"seed {seed} round {number}")
                a_round.run(_HOMES[number % len(_HOMES)])
            tally.covered["rounds"] += 1
    return Figures(
        name="power",
        done=len(tally.seen),
        unit="power losses",
        lost=tally.found("lost"),
        doubled=tally.found("doubled"),
        covered=dict(sorted(tally.covered.items())),
        wanted=(*_WANTED, *WANTED_LONG) if size >= _LONG_RUN else _WANTED,
        faults=tuple(tally.faults),
    )


def _explore_documents(tally: _Tally, rng: Random, *, folder: Path) -> None:
    """A hundredth of the run, and 20 states at the least, goes to the household's file."""
    share = max(20, tally.size // 100)
    while tally.covered["household file"] < share and not tally.is_full:
        for digest, faults in losses(folder, rng):
            tally.count(digest)
            tally.covered["household file"] += 1
            tally.faults += faults


class _Round:
    """One home, its life before, and its life on the disk that is cut."""

    def __init__(self, vfs: PowerVfs, path: Path, rng: Random, *, tally: _Tally, where: str) -> None:
        self._vfs = vfs
        self._path = path
        self._rng = rng
        self._tally = tally
        self._where = where
        self._stood: dict[int, Moment] = {}  # by the fingerprint of a disk
        self._judged: dict[int, Moment] = {}  # by the fingerprint of a database

    def run(self, home: str) -> None:
        """Live, and lose power at every step of it."""
        books = Books()
        image: Image = {}
        if home == "schema 1":
            image, books = home_of_schema_1(self._vfs, path=self._path)
        elif home == "a home":
            before = Recorder(self._vfs, {}, path=self._path)
            self._live(before, books, acts=self._rng.randint(0, _ACTS_BEFORE_MAX))
            image = before.image()
        self._explore(image, books, depth=1, home=home)

    def _explore(self, image: Image, books: Books, *, depth: int, home: str) -> None:
        """Go on from an image, and cut that life at every step; from some of what is left, go on again."""
        recorder = Recorder(self._vfs, image, path=self._path)
        self._live(recorder, books.copy(), acts=_ACTS[depth], lived=self._tally.lived)
        recording, further = recorder.recording, []
        store = recording.files_of(self._path)
        for step, loss, left in self._losses(recording, draws=_DRAWS[depth]):
            if self._tally.is_full:
                return
            standing = [recording.moments[number] for number in recording.standing(step)]
            where = f"{self._where} depth {depth} step {step} {loss}"
            moment, is_new = self._judge(left, standing=standing, where=where)
            if moment is None:
                continue
            during = f"opening {home}" if standing[-1].act == OPENING else standing[-1].act
            checkpoint = ["checkpoint"] if recording.writes_into(store, step=step) else []
            self._tally.covered.update([during, loss, f"depth {depth}", *checkpoint])
            if is_new:
                further.append((left, moment.books))
        for left, told in self._chosen(further, depth=depth):
            self._explore(left, told, depth=depth + 1, home="what was left")

    def _chosen(self, further: list[tuple[Image, Books]], *, depth: int) -> list[tuple[Image, Books]]:
        """Some at random, and the last one that was left without a log.

        An opening that finds a log goes on in it and writes nothing, so only where there is none can power be lost in
        it; of a hundred images hardly one is like that, and a draw of eight meets it by chance only.
        """
        if not _FURTHER[depth]:
            return []
        bare = [each for each in further if f"{self._path}-wal" not in each[0]][-1:]
        return [*bare, *self._rng.sample(further, min(len(further), _FURTHER[depth]))]

    def _live(self, recorder: Recorder, books: Books, *, acts: int, lived: Counter[str] | None = None) -> None:
        """Open, do so many things, and close."""
        stores = Stores.at(self._path)
        with closing(stores.connection):
            recorder.note(stores.open, stores=stores, books=books)
            self._shorten_log(stores)
            life = Life(Scene(stores, self._rng, books), acknowledged=recorder.acknowledged, lived=lived)
            for _ in range(acts):
                recorder.note(life.act, stores=stores, books=books)
            recorder.end("close", stores.connection.close)
        self._tally.faults += [f"{self._where}: {fault}" for fault in recorder.faults]

    def _shorten_log(self, stores: Stores) -> None:
        """Sometimes checkpoint after a few pages, where the hub would after a thousand."""
        pages = self._rng.choice(_CHECKPOINT_PAGES)
        if pages is not None:
            stores.connection.db.wal_autocheckpoint(pages)

    def _losses(self, recording: Recording, *, draws: int) -> Iterator[tuple[int, Loss, Image]]:
        """At each step: everything that was not synced gone, all of it kept, and some of it at random."""
        medium = Medium.holding(recording.image)
        for step, taken in enumerate(recording.steps, start=1):
            medium.take(taken)
            for loss in (Loss.DROPPED, Loss.KEPT, *self._rng.choices(_DRAWN, k=draws)):
                yield step, loss, medium.lose_power(loss, self._rng)

    def _judge(self, left: Image, *, standing: list[Moment], where: str) -> tuple[Moment | None, bool]:
        """The moment where an image stands, None when it is wrong; and whether it was met for the first time."""
        digest = contents(left)
        known = self._stood.get(digest)
        if known is not None and is_one_of(known, standing):
            return known, False
        moment, faults = judge(self._vfs, left, path=self._path, standing=standing, judged=self._judged)
        self._tally.faults += [f"{where}: {fault}" for fault in faults]
        if moment is not None:
            self._stood[digest] = moment
        return moment, self._tally.count(digest)
