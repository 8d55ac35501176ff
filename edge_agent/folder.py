"""The one folder that the hub writes to, and the names of what lies in it."""

from __future__ import annotations

from pathlib import Path

from edge_agent.config import HubConfig

STORE_FILE = "hub.sqlite3"
HOUSEHOLD_FILE = "household.json"
PROFILE_CACHE = "profiles.cache"  # may be deleted at any time


def data_folder(config: HubConfig) -> Path:
    """The folder, made on first use, closed to other users."""
    folder = Path(config.home.data_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
