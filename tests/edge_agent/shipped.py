"""The profiles that come with Restock, read once in each process: whoever adds some makes a registry of their own."""

from __future__ import annotations

import functools

from edge_agent.adapters.profiles import load_profiles, profile_folders
from edge_agent.core.registry import Registry


@functools.cache
def shipped_registry() -> Registry:
    """All of them, with their samples."""
    return load_profiles(profile_folders()).registry
