"""The one folder that the hub writes to, and the names of what lies in it."""

from __future__ import annotations

from pathlib import Path

from edge_agent.config import HubConfig
from edge_agent.errors import ConfigurationError

STORE_FILE = "hub.sqlite3"
HOUSEHOLD_FILE = "household.json"
PROFILE_CACHE = "profiles.cache"  # may be deleted at any time
RESTORE_FOLDER = ".restoring"  # a backup, while it is put back
RESTORE_MARK = "whole"  # in it, once every file is there and only names must be changed


def data_folder(config: HubConfig) -> Path:
    """The folder, made on first use, closed to other users.

    Raises: ConfigurationError when a backup was put back only in part: half of one home and half of another is none.
    """
    folder = Path(config.home.data_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if is_half_restored(folder):
        raise ConfigurationError(f"{folder}: a backup was put back only in part: run restock-hub restore once more")
    return folder


def is_half_restored(folder: Path) -> bool:
    """Whether the putting back of a backup was cut off after its first file had taken its place."""
    return (folder / RESTORE_FOLDER / RESTORE_MARK).exists()
