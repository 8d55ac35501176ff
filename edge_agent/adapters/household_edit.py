"""Writes one change into the household's file without losing what somebody else writes at the same time.

The file is read, changed, checked as a whole, and put in place only while it is still what was read: otherwise all of
it is done again with what stands there now. An editor that renames its own file over ours in the instant between the
last look and the rename would still be overtaken; what it overtakes lies in `.last`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_agent.adapters.secret_file import flush
from edge_agent.core.household_edit import Edit, edited
from edge_agent.core.said import say
from edge_agent.errors import ConfigurationError, RefusedError
from edge_agent.ports import CrashHook, CrashPoint, no_crash

_TRIES_MAX = 5
_INDENT = re.compile(r"^\{\s*?\n([ \t]{1,8})\"")


def write_edit(path: Path, edit: Edit, *, check: Callable[[Path], object], crash_hook: CrashHook = no_crash) -> None:
    """Change the file, or leave it as it is; `check` reads a file and raises ConfigurationError where it does not fit.

    Raises: RefusedError when the change cannot be made, or the file changes again and again.
    """
    for _ in range(_TRIES_MAX):
        if _written(path, edit, check=check, crash_hook=crash_hook):
            return
    raise RefusedError(say("somebody else is writing the household's file: try again in a minute"))


def _written(path: Path, edit: Edit, *, check: Callable[[Path], object], crash_hook: CrashHook) -> bool:
    """Whether the changed file stands in place; False: it was another one by then."""
    before = path.read_text(encoding="utf-8") if path.exists() else "{}"
    temporary = path.with_suffix(".new")
    _write_through(temporary, _text(edited(_tables(path, before), edit), like=before))
    try:
        check(temporary)
    except ConfigurationError as exc:
        temporary.unlink()
        raise RefusedError(say("the household's file would not fit any more: {why}", why=_without_place(exc))) from exc
    crash_hook(CrashPoint.FILE_WRITTEN)
    if not _kept_aside(path, before):
        temporary.unlink()
        return False
    temporary.replace(path)
    crash_hook(CrashPoint.FILE_RENAMED)
    flush(path.parent)
    return True


def _tables(path: Path, text: str) -> dict[str, Any]:
    try:
        tables = json.loads(text)
    except ValueError as exc:
        raise RefusedError(
            say("{name} is no valid JSON at this moment: mend it first ({why})", name=path.name, why=str(exc))
        ) from exc
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise RefusedError(say("{name} is not as the hub wrote it: mend it first", name=path.name))
    return tables


def _text(tables: dict[str, Any], *, like: str) -> str:
    """As JSON, indented as the file was."""
    found = _INDENT.match(like)
    text = json.dumps(tables, indent=found[1] if found else 2, ensure_ascii=False)
    return text + "\n" if like.endswith("\n") else text


def _kept_aside(path: Path, text: str) -> bool:
    """Link what is about to be replaced as `.last`, and say whether it is what was read."""
    if not path.exists():
        return text == "{}"
    last = path.with_suffix(".last")
    last.unlink(missing_ok=True)
    os.link(path, last)
    return last.read_text(encoding="utf-8") == text


def _write_through(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o600)


def _without_place(error: ConfigurationError) -> str:
    """What is wrong, without the name of the file that was never there for anybody."""
    return str(error).split(": ", 1)[-1]
