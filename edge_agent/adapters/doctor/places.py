"""The data folder as the file system shows it: whose it is, who may read it, what room it has, whether a hub runs."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from edge_agent.config import HubConfig
from edge_agent.core.doctor import Finding, fine, judge_room, problem
from edge_agent.folder import STORE_FILE, is_half_restored

_OTHERS = 0o077
_NAMED_MAX = 10
_FILES_MAX = 10_000
# Where SQLite locks a file for readers (os_unix.c: SHARED_FIRST, SHARED_SIZE). Source: sqlite.org/lockingv3.html.
_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510


def look_at_folder(folder: Path, config: HubConfig) -> Iterator[Finding]:
    """Owner, rights and room. Nothing more can be looked at where there is no folder."""
    where = str(folder)
    if not folder.is_dir():
        yield problem(
            "There is no data folder, so no home was set up here.",
            where,
            "Look at home.data_dir in the configuration; for a new home: restock-hub setup.",
        )
        return
    yield from _whose(folder)
    yield from _open_to_others(folder)
    if is_half_restored(folder):
        yield problem("A backup was put back only in part.", where, "Run restock-hub restore once more.")
    yield judge_room(
        free_bytes=shutil.disk_usage(folder).free,
        store_bytes=sum(file.stat().st_size for file in folder.glob(f"{STORE_FILE}*") if ".damaged" not in file.name),
        reserve_mib=config.store.reserve_mib,
        size_max_mib=config.store.size_max_mib,
        where=where,
    )


def is_held(store: Path) -> bool:
    """Whether another process has the store for itself, as a running hub does. Nothing is opened for writing."""
    handle = os.open(store, os.O_RDONLY)
    try:
        fcntl.lockf(handle, fcntl.LOCK_SH | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _whose(folder: Path) -> Iterator[Finding]:
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        yield problem(
            f"The folder belongs to {_name(owner)}, and doctor runs as {_name(os.geteuid())}.",
            str(folder),
            f"Run it as the hub's user: runuser -u {_name(owner)} -- restock-hub doctor ...",
        )
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield problem("The hub cannot write here.", str(folder), f"chmod 700 {folder}, or mount the disk for writing.")


def _open_to_others(folder: Path) -> Iterator[Finding]:
    """Keys and receipts are for the hub's own user. Files of another one would stop the hub."""
    loose, foreign = [], []
    for number, path in enumerate((folder, *folder.rglob("*"))):
        if number > _FILES_MAX:
            break
        facts = path.lstat()
        if not stat.S_ISLNK(facts.st_mode) and facts.st_mode & _OTHERS:
            loose.append(str(path))
        if facts.st_uid != folder.stat().st_uid:
            foreign.append(str(path))
    if loose:
        yield problem("Other users can read or change this.", _shown(loose), f"chmod -R go= {folder}")
    if foreign:
        owner = _name(folder.stat().st_uid)
        yield problem("This is not the hub's own.", _shown(foreign), f"chown -R {owner} {folder} (as root)")
    if not loose and not foreign:
        yield fine("Only the hub's own user can read and write here.", str(folder))


def _shown(paths: list[str]) -> str:
    more = f" and {len(paths) - _NAMED_MAX} more" if len(paths) > _NAMED_MAX else ""
    return ", ".join(paths[:_NAMED_MAX]) + more


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
