"""`restock-hub backup` and `restock-hub restore`: the whole data folder in one sealed file, and back.

A backup is made while the hub runs or not. It is put back with the hub stopped, into an empty folder, or in the place
of what lies there, which is kept. What came between the backup and now, the hub asks the bridge before it sends
anything (`pipeline.restore`), so that nothing is ordered twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path

import apsw

from edge_agent import __version__
from edge_agent.adapters.backup import restoring
from edge_agent.adapters.backup.parts import FORM, Contents, Part, gather, present, write_parts
from edge_agent.adapters.backup.sealed_file import PASSPHRASE_LENGTH_MIN, Cost, SealedFile, sealing, unsealing
from edge_agent.adapters.clock import MappedClock
from edge_agent.adapters.device_credentials import locked
from edge_agent.adapters.keys import has_keys, load_or_create
from edge_agent.adapters.sealing import has_secret
from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.snapshot import snapshot
from edge_agent.adapters.store.ways_in import end_ways_in
from edge_agent.commands.administer import checked_own, own_folder
from edge_agent.config import HubConfig
from edge_agent.errors import BackupError, ConfigurationError, HubError
from edge_agent.folder import STORE_FILE, is_half_restored

CLEAR_WORD = "replace"
_BROKER_FOLDER = "broker"
_NEXT = (
    "Start the hub: before it sends anything it asks the order service what came after the backup was made. "
    "Never run it beside the hub that the backup is of. Everybody signs in anew, and programs get new tokens. "
    "People who were shut out since then are in again: look at the page People."
)


def back_up(
    config: HubConfig,
    target: Path,
    *,
    passphrase: str,
    cost: Cost | None = None,
    now: datetime | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Mapping[str, object]:
    """Make the backup, and say what is in it and what is not. `progress` hears the share that is done.

    Raises: ConfigurationError for a passphrase that is too short or a place that cannot be; BackupError.
    """
    if len(passphrase) < PASSPHRASE_LENGTH_MIN:
        raise ConfigurationError(
            f"passphrase: {len(passphrase)} characters; at least {PASSPHRASE_LENGTH_MIN} are needed"
        )
    folder = own_folder(config)
    if not has_secret(folder):
        raise ConfigurationError(f"{folder}: no hub was ever set up here, so there is nothing to back up")
    if target.resolve().is_relative_to(folder.resolve()):
        raise ConfigurationError(f"{target} lies in the data folder, and would be lost with it: name another place")
    broker = folder / _BROKER_FOLDER
    progress(0.0)  # the copy of the store comes first, and is not counted
    with _disk_errors(folder), snapshot(folder) as store:
        with locked(broker) if broker.is_dir() else nullcontext():
            gathered = gather(folder)
        small = tuple(Part(name=name, size_bytes=len(content)) for name, content in gathered.files.items())
        contents = Contents(
            form=FORM,
            made_at=now or MappedClock(config.clock).now(),
            program=__version__,
            home=config.home.id,
            hub=config.home.hub,
            files=(*small, Part(name=STORE_FILE, size_bytes=store.stat().st_size)),
        )
        with sealing(target, passphrase, cost=cost) as out:
            write_parts(out, contents, gathered.files, store, progress=progress)
    return {
        **_told(contents),
        "backup": str(target),
        "size_bytes": target.stat().st_size,
        "left_out": list(gathered.left_out),
        "outside": _outside(config, folder),
    }


def put_back(
    config: HubConfig,
    source: Path,
    *,
    passphrase: str,
    replace: bool = False,
    now: datetime | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Mapping[str, object]:
    """Put the backup back, and say what was in it and where that lies which it replaced.

    All of it is verified before the first byte is written. `progress` hears the share that is done.
    Raises: ConfigurationError when the folder is not empty, or is another home's; BackupError.
    """
    folder = Path(config.home.data_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    checked_own(folder)
    at = now or MappedClock(config.clock).now()
    with _disk_errors(folder), restoring.alone(folder):
        if is_half_restored(folder):
            return {"finished": True, "replaced": _named(restoring.finish(folder)), "next": _NEXT}
        _check_free(folder, replace=replace)
        with unsealing(source, passphrase) as sealed:
            sealed.verify(progress=lambda share: progress(share / 2))
            contents = restoring.contents_of(sealed)
            _check_home(contents, config)
            _unpack(sealed, folder, config, contents, progress=lambda share: progress((1 + share) / 2))
        aside = restoring.put_in_place(folder, at=at)
    return {**_told(contents), "replaced": _named(aside), "next": _NEXT}


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """What the disk or its rights do not allow, in words that a person can act on."""
    try:
        yield
    except OSError as exc:
        raise BackupError(
            f"{exc.filename or folder}: {exc.strerror}; mend that, and run the command once more"
        ) from exc


def _check_free(folder: Path, *, replace: bool) -> None:
    """Whether a backup may be put here."""
    names = present(folder)
    if names and not replace:
        shown = ", ".join(names[:5])
        raise ConfigurationError(
            f"{folder} is not empty ({shown}): name an empty folder in home.data_dir, or add --replace, which keeps "
            "what lies there in a folder inside it"
        )
    store = folder / STORE_FILE
    if names and store.exists() and _is_held(store):
        raise BackupError(f"{store} is held by another process: stop the hub first")


def _unpack(
    sealed: SealedFile, folder: Path, config: HubConfig, contents: Contents, *, progress: Callable[[float], None]
) -> None:
    """Beside the data folder's files, checked as the hub would at its start."""
    staging = restoring.unpack(sealed, folder, progress=progress)
    try:
        if not has_keys(staging):
            raise BackupError("the household's keys are not in this backup")
        load_or_create(staging)
        with open_store(staging, config, keep_time=False) as store:
            fault = store.chain.check()
            if fault is not None:
                raise BackupError(f"the store in this backup is not whole: {fault.text}")
            end_ways_in(store.connection)
            store.chain.record({"event": "backup_put_back", "made_at": contents.made_at.isoformat()})
    except HubError:
        restoring.drop(folder)
        raise


def _is_held(store: Path) -> bool:
    db = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(2_000)
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA user_version").fetchall()
    except apsw.BusyError:
        return True
    except apsw.Error:
        return False  # damaged: that is why it is replaced
    finally:
        db.close()
    return False


def _check_home(contents: Contents, config: HubConfig) -> None:
    if (contents.home, contents.hub) != (config.home.id, config.home.hub):
        raise ConfigurationError(
            f"the backup is of home.id = {contents.home!r}, home.hub = {contents.hub!r}, and the configuration says "
            f"{config.home.id!r}, {config.home.hub!r}: set the names of the backup first"
        )


def _outside(config: HubConfig, folder: Path) -> list[str]:
    """Files that the hub needs and that lie elsewhere: whoever runs the hub keeps them."""
    named = (config.mqtt.ca_file, config.mqtt.cert_file, config.mqtt.key_file, config.model.artefact_dir)
    places = [each for each in (*named, *config.profiles) if each]
    return [each for each in places if not Path(each).resolve().is_relative_to(folder.resolve())]


def _told(contents: Contents) -> dict[str, object]:
    return {
        "made_at": contents.made_at.isoformat(),
        "home": contents.home,
        "hub": contents.hub,
        "files": [part.name for part in contents.files],
    }


def _named(aside: Path | None) -> str | None:
    return None if aside is None else str(aside)
