"""The profiles that come with Restock, read once in each process: whoever adds some makes a registry of their own."""

from __future__ import annotations

import functools
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_agent.adapters.profiles import load_profiles, profile_folders
from edge_agent.core.registry import Registry
from edge_agent.folder import PROFILE_CACHE


@functools.cache
def shipped_registry() -> Registry:
    """All of them, with their samples."""
    return load_profiles(profile_folders()).registry


def give_known_profiles(folder: Path) -> None:
    """Make a hub's folder one of a second start, which need not parse the shipped profiles anew."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / PROFILE_CACHE).write_bytes(_profile_cache())


@functools.cache
def _profile_cache() -> bytes:
    with TemporaryDirectory() as folder:
        cache = Path(folder) / PROFILE_CACHE
        load_profiles(profile_folders(), cache=cache)
        return cache.read_bytes()
