"""Profile files to a registry: found, read safely, checked; a broken one is refused by name and the others load.

The YAML that is read is JSON in other clothes: no anchors, aliases, merges, tags or duplicate keys, no `yes` that is a
flag and no `1:30` that is a number, and a limit on size, depth and count, so that no file can hang or fill the hub.

A file that was sound once need not be parsed again: a cache keeps its tree, without the samples, under the SHA-256 of
the file's bytes and this program's version. What comes out of it goes through the same checks as a file does, so that a
cache that is damaged or old can at worst cost time. An installation may bring one for the shipped files, beside them; a
hub keeps its own for the rest.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from edge_agent.core.profile import Compiled, Profile
from edge_agent.core.registry import Registry
from edge_agent.errors import ConfigurationError, ProfileError

_FILES_MAX = 2_000
_FILE_BYTES_MAX = 262_144
_CACHE_BYTES_MAX = 67_108_864
_DEPTH_MAX = 3  # folders below the one that was named
_CACHE_FORM = 1
_SHIPPED_CACHE = "profiles.cache"


@dataclass(frozen=True, slots=True)
class LoadedProfiles:
    """What could be loaded, and what was refused, each with file, field and reason."""

    registry: Registry
    refused: tuple[ProfileError, ...]


def shipped_profiles() -> Traversable:
    """The folder of profiles that comes with Restock."""
    return importlib.resources.files("device_profiles")


def load_profiles(
    folders: Sequence[Traversable],
    *,
    samples: bool = True,
    cache: Path | None = None,
    shipped: Traversable | None = None,
) -> LoadedProfiles:
    """Every `*.yaml` in the folders, in order; what comes first stands when two collide.

    `cache` is a file of compiled profiles that may be missing; profiles then come without their samples. `shipped` is
    one that is only read: without it the one that this installation brought, if it did.
    Raises: ConfigurationError when a folder cannot be read.
    """
    registry, refused, compiled = Registry(), list[ProfileError](), None
    if cache is not None or not samples:
        compiled = _Compiled(shipped=_known(shipped or _shipped_cache()), own=_known(cache))
    for folder in folders:
        for name, file in _files(folder):
            try:
                registry.add(read_profile(file, name=name) if compiled is None else compiled.profile(file, name))
            except ProfileError as exc:
                refused.append(exc if str(exc).startswith(name) else ProfileError(f"{name}: {exc}"))
    if compiled is not None and cache is not None:
        compiled.write(cache)
    return LoadedProfiles(registry, tuple(refused))


def compile_shipped() -> Path:
    """Bring the shipped profiles compiled, beside them, for whoever installs; gives the file.

    Raises: ConfigurationError when the folder cannot be read or written.
    """
    into = Path(str(_shipped_cache()))
    compiled = _Compiled(shipped={}, own={})
    for name, file in _files(shipped_profiles()):
        compiled.profile(file, name)
    try:
        _write(into, compiled.used)
        into.chmod(0o644)  # for every user of the machine, as the profiles are
    except OSError as exc:
        raise ConfigurationError(f"profiles: {into} cannot be written ({exc.strerror})") from exc
    return into


def profile_folders(more: Iterable[str] = ()) -> tuple[Traversable, ...]:
    """The shipped folder, and then the household's own ones, each once."""
    return (shipped_profiles(), *(Path(folder) for folder in dict.fromkeys(more)))


def read_profile(file: Traversable, *, name: str) -> Profile:
    """One file.

    Raises: ProfileError naming the file, the line where it is known, the field and what is allowed.
    """
    text = _text(file, name=name)
    return _checked(Profile, text, _tree(text, name=name), name=name)


@dataclass(slots=True)
class _Compiled:
    """Trees of files that were read before, as JSON, by the SHA-256 of the file; `used` is what `own` is to hold."""

    shipped: Mapping[str, bytes]
    own: Mapping[str, bytes]
    used: dict[str, bytes] = field(default_factory=dict)

    def profile(self, file: Traversable, name: str) -> Profile:
        """The file's profile without its samples, which are checked where the file is read for the first time."""
        text = _text(file, name=name)
        mark = hashlib.sha256(text).hexdigest()
        for known in (self.shipped, self.own):
            if mark in known:
                with suppress(ValidationError):
                    profile = Compiled.model_validate_json(known[mark])
                    if known is self.own:
                        self.used[mark] = known[mark]
                    return profile
        tree = _tree(text, name=name)
        _checked(Profile, text, tree, name=name)
        self.used[mark] = _json({key: each for key, each in tree.items() if key != "samples"})
        return Compiled.model_validate_json(self.used[mark])

    def write(self, cache: Path) -> None:
        """Keep what was used, whole or not at all; a start does not fail for it."""
        if self.used != self.own:
            with suppress(OSError):
                _write(cache, self.used)


def _shipped_cache() -> Traversable:
    return shipped_profiles().joinpath(_SHIPPED_CACHE)


def _known(cache: Traversable | None) -> Mapping[str, bytes]:
    """What a cache holds; nothing where it cannot be read, or is another version's."""
    if cache is None:
        return {}
    try:
        with cache.open("rb") as stream:
            lines = stream.read(_CACHE_BYTES_MAX).splitlines()
    except OSError:
        return {}
    if not lines or lines[0] != _cache_head():
        return {}
    return {mark.decode("ascii", "replace"): tree for mark, _, tree in (line.partition(b" ") for line in lines[1:])}


def _write(cache: Path, trees: Mapping[str, bytes]) -> None:
    beside = cache.with_name(f"{cache.name}.new")
    beside.write_bytes(b"\n".join([_cache_head(), *(mark.encode() + b" " + tree for mark, tree in trees.items())]))
    os.replace(beside, cache)  # noqa: PTH105 - the same, and says that it replaces


def _cache_head() -> bytes:
    return f"restock profiles {_CACHE_FORM} {importlib.metadata.version('restock')}".encode()


def _text(file: Traversable, *, name: str) -> bytes:
    try:
        with file.open("rb") as stream:
            text = stream.read(_FILE_BYTES_MAX + 1)
    except OSError as exc:
        raise ProfileError(f"{name}: cannot be read ({exc.strerror})") from exc
    if len(text) > _FILE_BYTES_MAX:
        raise ProfileError(f"{name}: larger than {_FILE_BYTES_MAX} bytes")
    return text


def _tree(text: bytes, *, name: str) -> Any:  # noqa: ANN401 - checked by the model
    from edge_agent.adapters.strict_yaml import StrictYamlError, load_yaml  # noqa: PLC0415 - not for what is cached

    try:
        return load_yaml(text)
    except StrictYamlError as exc:
        raise ProfileError(f"{name}: {exc}") from exc


def _checked(model: type[Profile], text: bytes, tree: Any, *, name: str) -> Profile:  # noqa: ANN401
    try:
        return model.model_validate_json(_json(tree))
    except ValidationError as exc:
        raise ProfileError(f"{name}: {_said(exc, text, tree)}") from exc


def _said(fault: ValidationError, text: bytes, tree: Any) -> str:  # noqa: ANN401
    """What is wrong with a file, for who wrote it; loaded only where a file is wrong."""
    from edge_agent.adapters.profile_faults import first_fault  # noqa: PLC0415
    from edge_agent.adapters.unanswered import first_question  # noqa: PLC0415

    return first_question(tree, text) or first_fault(fault, text, tree)


def _json(tree: Any) -> bytes:  # noqa: ANN401
    """The tree as JSON on one line."""
    try:
        return orjson.dumps(tree)
    except TypeError:  # a number of more than 64 bits: the model says whether it may be there
        return json.dumps(tree).encode()


def _files(folder: Traversable) -> list[tuple[str, Traversable]]:
    """(name, file), sorted, so that every start loads in the same order; a shipped file goes without its folder."""
    if not folder.is_dir():
        raise ConfigurationError(f"profiles: {folder} is not a folder")
    prefix = "" if folder == shipped_profiles() else f"{folder}/"
    found = sorted(_walk(folder, prefix=prefix, depth=_DEPTH_MAX), key=lambda each: each[0])
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
