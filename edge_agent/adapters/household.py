"""The household's own documents in one TinyDB file, which people may read and edit.

TinyDB alone rewrites its file in place; here every write goes to a temporary file that is flushed, renamed and made
durable, and the file before is kept. What was last read well lies beside it (`household.good`): while an edit does not
fit, or the file is gone, the hub goes on with that and says so. Nothing that costs money lives here.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from tinydb import TinyDB
from tinydb.storages import Storage

from edge_agent.adapters.household_edit import write_edit
from edge_agent.adapters.secret_file import flush
from edge_agent.core.catalogue import Household, Item, NamedPlace, Preferences
from edge_agent.core.household_edit import Edit
from edge_agent.core.said import say
from edge_agent.errors import ConfigurationError, RefusedError
from edge_agent.ports import CrashHook, CrashPoint, no_crash

log = logging.getLogger(__name__)

_Model = TypeVar("_Model", bound=BaseModel)
_FILE_BYTES_MAX = 1_048_576
_ITEMS = "items"
_PREFERENCES = "preferences"
_PLACES = "places"


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
            line = f", line {exc.lineno}" if isinstance(exc, json.JSONDecodeError) else ""
            raise ConfigurationError(
                f"{self._path}{line}: not valid JSON ({exc}); the file before it is {last.name}"
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
        flush(self._path.parent)


class HouseholdFile:
    """Fulfils `ports.HouseholdStore`; reads the file again only when it has changed.

    An edit that does not fit is told by `problem`, and the household goes on as it was last read well, over a restart
    too.

    Raises: ConfigurationError naming file, line and field, when the file does not fit and nothing was ever read well.
    """

    def __init__(self, path: Path, *, crash_hook: CrashHook = no_crash) -> None:
        self._path = path
        self._good = path.with_suffix(".good")
        self._crash_hook = crash_hook
        self._seen: tuple[int, int] | None = None
        self._household: Household | None = None
        self._problem: str | None = None

    def load(self) -> Household:
        """The household as it stands; while an edit does not fit, as it last did."""
        stamp = _stamp(self._path)
        if self._household is None or stamp != self._seen:
            self._household = self._read_again()
            self._seen = stamp
        return self._household

    def problem(self) -> str | None:
        """What is wrong with the file: which line, and what the hub does meanwhile; None: it fits."""
        self.load()
        return self._problem

    def save(self, household: Household) -> None:
        """Write all documents anew."""
        with TinyDB(str(self._path), self._crash_hook, storage=AtomicJsonStorage) as database:
            database.storage.write(_document(household))

    def edit(self, edit: Edit) -> None:
        """Change what is to be changed and nothing else, in the file as it stands at this moment.

        Raises: RefusedError when it cannot be changed so: the file needs mending first, what is changed is gone or was
        edited meanwhile, or somebody else writes it again and again.
        """
        problem = self.problem()
        if problem is not None:
            raise RefusedError(
                say("the household's file must be mended before it is changed: {problem}", problem=problem)
            )
        write_edit(self._path, edit, check=_read, crash_hook=self._crash_hook)

    def _read_again(self) -> Household:
        try:
            household = self._read_present()
        except ConfigurationError as exc:
            last = self._household or self._last_good()
            if last is None:
                raise
            log.error("household_edit_refused error=%s; the last good documents go on", exc)  # noqa: TRY400
            self._problem = f"{exc}. The hub goes on with what it last read well, which lies in {self._good}"
            return last
        self._problem = None
        self._keep(household)
        return household

    def _read_present(self) -> Household:
        """A hub without documents keeps nothing yet; one that had some has lost them."""
        if not self._path.exists() and self._good.exists():
            raise ConfigurationError(f"{self._path}: the file is gone")
        return _read(self._path)

    def _last_good(self) -> Household | None:
        try:
            return _read(self._good) if self._good.exists() else None
        except ConfigurationError as exc:
            log.warning("household_good_unreadable error=%s", exc)
            return None

    def _keep(self, household: Household) -> None:
        """A copy for when the file is broken; a disk that does not take it stops nothing."""
        if household == self._last_good():
            return
        try:
            _write_durably(self._good, _document(household), temporary=self._good.with_suffix(".good.new"))
        except OSError as exc:
            log.warning("household_good_not_kept error=%s", exc)


def read_file(path: Path) -> Household:
    """The documents in this file as they stand, without keeping a copy of them.

    Raises: ConfigurationError naming file, line and field.
    """
    return _read(path)


class Edits:
    """Whether the household's file has changed since this was last asked: by its entry, without reading it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _stamp(path)

    def __call__(self) -> bool:
        """Once for each change."""
        seen, self._seen = self._seen, _stamp(self._path)
        return seen != self._seen


def _document(household: Household) -> dict[str, dict[str, Any]]:
    return {
        _ITEMS: _numbered([item.model_dump(mode="json") for item in household.items]),
        _PREFERENCES: _numbered([household.preferences.model_dump(mode="json")]),
        **(
            {_PLACES: _numbered([place.model_dump(mode="json") for place in household.places])}
            if household.places
            else {}
        ),
    }


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _read(path: Path) -> Household:
    try:
        with TinyDB(str(path), storage=AtomicJsonStorage) as database:
            items = [(document.doc_id, dict(document)) for document in database.table(_ITEMS).all()]
            preferences = [(document.doc_id, dict(document)) for document in database.table(_PREFERENCES).all()]
            places = [(document.doc_id, dict(document)) for document in database.table(_PLACES).all()]
    except (AttributeError, TypeError, ValueError, OSError, RecursionError) as exc:
        raise ConfigurationError(f"{path}: not as the hub wrote it ({exc})") from exc
    try:
        return Household(
            items=tuple(_checked(path, _ITEMS, number, document, model=Item) for number, document in items),
            preferences=_checked(path, _PREFERENCES, *preferences[0], model=Preferences)
            if preferences
            else Preferences(),
            places=tuple(_checked(path, _PLACES, number, document, model=NamedPlace) for number, document in places),
        )
    except ValidationError as exc:
        raise ConfigurationError(f"{path}: {_first(exc)}") from exc


def _checked(path: Path, table: str, number: int, document: dict[str, Any], *, model: type[_Model]) -> _Model:
    """One document as its model. Raises: ConfigurationError with the line, as far as it can be found."""
    try:
        return model.model_validate_json(json.dumps(document))
    except ValidationError as exc:
        field = exc.errors(include_url=False)[0]["loc"]
        line = line_of(path.read_text(encoding="utf-8"), (table, str(number), *(str(part) for part in field)))
        named = str(document.get("id", number))
        raise ConfigurationError(f"{path}, line {line}: {table}.{named}.{_first(exc, table)}") from exc


def line_of(text: str, keys: Sequence[str]) -> int:
    """The line on which the last of nested keys stands; where one is missing, that of the one before it."""
    at = 0
    for key in keys:
        found = re.compile(rf"{re.escape(json.dumps(key))}\s*:").search(text, at)
        if found is None:
            break
        at = found.start()
    return text.count("\n", 0, at) + 1


def _first(error: ValidationError, table: str = "") -> str:
    """Where and why, with the value that stands there; where a place lies is told to no page and no log."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    shown = "" if _PLACES in {table, *first["loc"]} else f" = {first['input']!r}"
    return f"{field}{shown}: {first['msg']}"


def _numbered(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A table as TinyDB keeps it. Written whole, so that the copy that is kept is whole too."""
    return {str(number): document for number, document in enumerate(documents, start=1)}


def _write_durably(path: Path, data: Mapping[str, object], *, temporary: Path) -> None:
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(data, file, indent=2, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(0o600)
    temporary.replace(path)
    flush(path.parent)
