"""The program whose disk fails: `python -m tests.campaign.disk.child` forks one life for each order on its input.

A life waits for the word to begin, so that somebody can take hold of it first. It tells on its log what it was promised
by the store; when the store fails it reads what a page would read, asks once more, and stops at the second failure.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import BinaryIO

from edge_agent.adapters.household import HouseholdFile
from edge_agent.core.catalogue import Household
from edge_agent.errors import FailClosedError, StoreBusyError
from edge_agent.folder import HOUSEHOLD_FILE, STORE_FILE
from tests.campaign.bugs import Bug, planted
from tests.campaign.disk.orders import Order
from tests.campaign.power.books import Books
from tests.campaign.power.life import Life
from tests.campaign.power.recording import state_of
from tests.campaign.power.stores import Scene, Stores
from tests.edge_agent.consumables import ITEMS

BALLAST = "ballast"


def main() -> None:
    """Fork a life for each order; say its process id, wait for the word, say how it ended."""
    logging.basicConfig(level=logging.CRITICAL)
    _say("ready")
    for line in sys.stdin:
        order = Order.from_json(line)
        waiting, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(waiting, 1)
            _run(order)
        _say(pid)
        sys.stdin.readline()
        os.write(go, b".")
        os.close(waiting)
        os.close(go)
        _say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _say(word: str | int) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def _run(order: Order) -> None:
    """Live, and leave without what an ordinary exit would still do; a life ends here whatever happens to it."""
    try:
        with Path(order.log).open("ab", buffering=0) as log, planted(Bug(order.bug) if order.bug else None):
            _Lived(order, log).live()
    finally:
        os._exit(0)


class _Lived:
    """One life, its log, and the limits of its disk."""

    def __init__(self, order: Order, log: BinaryIO) -> None:
        self._order = order
        self._log = log
        self._rng = Random(order.seed)
        self._stores = Stores.at(Path(order.folder) / STORE_FILE)

    def live(self) -> None:
        """Open, act, close; tell what was promised, and what went wrong otherwise than it may."""
        self._burden()
        try:
            self._go()
        except FailClosedError:
            return
        except BaseException as exc:  # noqa: BLE001 - whatever it is, it is a fault, and the log must say so
            self._tell(f"fault {type(exc).__name__}: {exc}")
            return
        self._tell("finished")

    def _go(self) -> None:
        self._insist(self._stores.open)
        scene = Scene(self._stores, self._rng, Books())
        life = Life(scene, acknowledged=lambda: self._tell("acknowledged"))
        for _ in range(self._order.acts):
            self._insist(life.act)
        self._save_documents()
        self._stores.connection.close()

    def _insist(self, act: Callable[[], object]) -> None:
        """Do it; after a failure read what a page reads, be relieved, and do it once more.

        Raises: FailClosedError when it fails again.
        """
        for is_last in (False, True):
            before = self._rng.getstate()
            try:
                act()
                break
            except FailClosedError as exc:
                self._tell(f"failed {type(exc).__name__}")
                self._read()
                if is_last:
                    raise
                self._rng.setstate(before)
                self._relieve()
        self._tell("ended")

    def _read(self) -> None:
        """What a page reads, of a store that is open; the sends must know that it has failed."""
        with suppress(StoreBusyError):  # it is not
            state_of(self._stores)
            self._tell("read")
            if self._stores.connection.failure is None:
                self._tell("fault: sends would go on after a failure of the store")

    def _save_documents(self) -> None:
        file = HouseholdFile(Path(self._order.folder) / HOUSEHOLD_FILE)
        for count in (1, 2, 3):
            try:
                file.save(Household(items=ITEMS[:count]))
            except OSError as exc:
                self._tell(f"failed {type(exc).__name__}")
            else:
                self._tell(f"saved {count}")

    def _burden(self) -> None:
        if self._order.file_bytes_max is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._order.file_bytes_max, resource.RLIM_INFINITY))
        if self._order.ballast_bytes:
            (Path(self._order.folder) / BALLAST).write_bytes(bytes(self._order.ballast_bytes))

    def _relieve(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        (Path(self._order.folder) / BALLAST).unlink(missing_ok=True)

    def _tell(self, line: str) -> None:
        self._log.write(f"{line}\n".encode())


if __name__ == "__main__":
    main()
