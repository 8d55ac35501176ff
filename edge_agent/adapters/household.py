"""The household's own documents in one TinyDB file, which people may read and edit.

TinyDB alone rewrites its file in place; here every write goes to a temporary file that is flushed, renamed and made
durable, and the last good copy is kept. Nothing that costs money lives here.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from tinydb import TinyDB
from tinydb.storages import Storage

from edge_agent.core.catalogue import Household, Item, Preferences
from edge_agent.errors import ConfigurationError
from edge_agent.ports import CrashHook, CrashPoint, no_crash

log = logging.getLogger(__name__)

_FILE_BYTES_MAX = 1_048_576
_ITEMS = "items"
_PREFERENCES = "preferences"


class AtomicJsonStorage(Storage):
    """TinyDB storage: temporary file, fsync, rename, fsync of the folder; the file before is kept as `.last`."""

    def __init__(self, path: str, crash_hook: CrashHook = no_crash) -> None:
        self._path = Path(path)
        self._crash_hook = crash_hook

    def read(self) -> dict[str, dict[str, Any]] | None:
        """The whole document, or None when there is none yet."""
        if not self._path.exists():
            return None
        if self._path.stat().st_size > _FILE_BYTES_MAX:
            raise ConfigurationError(f"{self._path}: larger than {_FILE_BYTES_MAX} bytes")
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except ValueError as exc:
            last = self._path.with_suffix(".last")
            raise ConfigurationError(
                f"{self._path}: not valid JSON ({exc}); the last good copy is {last.name}"
            ) from exc
        if not isinstance(document, dict):
            raise ConfigurationError(f"{self._path}: must hold a JSON object")
        return document

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Replace the file so that a crash leaves the old one or the new one."""
        temporary = self._path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(data, file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o600)
        self._crash_hook(CrashPoint.FILE_WRITTEN)
        if self._path.exists():
            last = self._path.with_suffix(".last")
            last.unlink(missing_ok=True)
            os.link(self._path, last)
        temporary.replace(self._path)
        self._crash_hook(CrashPoint.FILE_RENAMED)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class HouseholdFile:
    """Fulfils `ports.HouseholdStore`; reads the file again only when it has changed.

    Raises: ConfigurationError naming the item and the field, when the file does not fit at the first reading. Later, an
    edit that does not fit is logged, and the household goes on as it was.
    """

    def __init__(self, path: Path, *, crash_hook: CrashHook = no_crash) -> None:
        self._path = path
        self._crash_hook = crash_hook
        self._seen: tuple[int, int] | None = None
        self._household: Household | None = None

    def load(self) -> Household:
        """The household as it stands; while an edit does not fit, as it last did."""
        stamp = self._stamp()
        if self._household is None:
            self._household = self._read()
        elif stamp != self._seen:
            try:
                self._household = self._read()
            except ConfigurationError as exc:
                log.error("household_edit_refused error=%s; the last good documents go on", exc)  # noqa: TRY400
        self._seen = stamp
        return self._household

    def save(self, household: Household) -> None:
        """Write all documents anew."""
        with TinyDB(str(self._path), self._crash_hook, storage=AtomicJsonStorage) as database:
            database.storage.write(
                {
                    _ITEMS: _numbered([item.model_dump(mode="json") for item in household.items]),
                    _PREFERENCES: _numbered([household.preferences.model_dump(mode="json")]),
                }
            )

    def _stamp(self) -> tuple[int, int] | None:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        return stat.st_mtime_ns, stat.st_size

    def _read(self) -> Household:
        try:
            with TinyDB(str(self._path), storage=AtomicJsonStorage) as database:
                items = [dict(document) for document in database.table(_ITEMS).all()]
                preferences = [dict(document) for document in database.table(_PREFERENCES).all()]
        except (AttributeError, TypeError, ValueError, OSError) as exc:
            raise ConfigurationError(f"{self._path}: not as the hub wrote it ({exc})") from exc
        try:
            return Household(
                items=tuple(_item(document) for document in items),
                preferences=Preferences.model_validate(preferences[0]) if preferences else Preferences(),
            )
        except ValidationError as exc:
            first = exc.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise ConfigurationError(f"{self._path}: {field} = {first['input']!r}: {first['msg']}") from exc


def _numbered(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A table as TinyDB keeps it. Written whole, so that the copy that is kept is whole too."""
    return {str(number): document for number, document in enumerate(documents, start=1)}


def _item(document: dict[str, Any]) -> Item:
    return Item.model_validate_json(json.dumps(document))
