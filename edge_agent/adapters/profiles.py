"""Profile files to a registry: found, read safely, checked; a broken one is refused by name and the others load.

The YAML that is read is JSON in other clothes: no anchors, aliases, merges, tags or duplicate keys, no `yes` that is a
flag and no `1:30` that is a number, and a limit on size, depth and count, so that no file can hang or fill the hub.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from edge_agent.adapters.strict_yaml import StrictYamlError, load_yaml
from edge_agent.core.profile import Profile
from edge_agent.core.registry import Registry
from edge_agent.errors import ConfigurationError, ProfileError

_FILES_MAX = 2_000
_FILE_BYTES_MAX = 262_144
_DEPTH_MAX = 3  # folders below the one that was named


@dataclass(frozen=True, slots=True)
class LoadedProfiles:
    """What could be loaded, and what was refused, each with file, field and reason."""

    registry: Registry
    refused: tuple[ProfileError, ...]


def shipped_profiles() -> Traversable:
    """The folder of profiles that comes with Restock."""
    return importlib.resources.files("device_profiles")


def load_profiles(folders: Sequence[Traversable]) -> LoadedProfiles:
    """Every `*.yaml` in the folders, in order; what comes first stands when two collide.

    Raises: ConfigurationError when a folder cannot be read.
    """
    registry, refused = Registry(), []
    for folder in folders:
        for name, file in _files(folder):
            try:
                registry.add(read_profile(file, name=name))
            except ProfileError as exc:
                refused.append(exc if str(exc).startswith(name) else ProfileError(f"{name}: {exc}"))
    return LoadedProfiles(registry, tuple(refused))


def profile_folders(more: Iterable[str] = ()) -> tuple[Traversable, ...]:
    """The shipped folder, and then the household's own ones."""
    return (shipped_profiles(), *(Path(folder) for folder in more))


def read_profile(file: Traversable, *, name: str) -> Profile:
    """One file.

    Raises: ProfileError naming the file, the field and what is allowed.
    """
    try:
        with file.open("rb") as stream:
            text = stream.read(_FILE_BYTES_MAX + 1)
    except OSError as exc:
        raise ProfileError(f"{name}: cannot be read ({exc.strerror})") from exc
    if len(text) > _FILE_BYTES_MAX:
        raise ProfileError(f"{name}: larger than {_FILE_BYTES_MAX} bytes")
    try:
        return Profile.model_validate_json(json.dumps(load_yaml(text)))
    except StrictYamlError as exc:
        raise ProfileError(f"{name}: {exc}") from exc
    except ValidationError as exc:
        raise ProfileError(f"{name}: {_first_error(exc)}") from exc


def _files(folder: Traversable) -> list[tuple[str, Traversable]]:
    """(path below the folder, file), sorted, so that every start loads in the same order."""
    if not folder.is_dir():
        raise ConfigurationError(f"profiles: {folder} is not a folder")
    found = sorted(_walk(folder, prefix="", depth=_DEPTH_MAX), key=lambda each: each[0])
    if len(found) > _FILES_MAX:
        raise ConfigurationError(f"profiles: {folder} holds {len(found)} files; {_FILES_MAX} are allowed")
    return found


def _walk(folder: Traversable, *, prefix: str, depth: int) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir():
        if entry.name.endswith(".yaml"):
            found.append((prefix + entry.name, entry))
        elif depth and entry.is_dir() and not entry.name.startswith((".", "_")):
            found.extend(_walk(entry, prefix=f"{prefix}{entry.name}/", depth=depth - 1))
    return found


def _first_error(exc: ValidationError) -> str:
    first = exc.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "(whole file)"
    given = "" if first["type"] in {"missing", "value_error"} else f" = {str(first['input'])[:60]!r}"
    return f"{where}{given}: {first['msg'].removeprefix('Value error, ')}"
