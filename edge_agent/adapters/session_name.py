"""The name of the hub's session at the broker.

The same over restarts, since the session hangs on it; hard to guess, since whoever connects with it takes it over.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from edge_agent.adapters.secret_file import load_or_make

_FILE = "mqtt-session"


def session_name(folder: Path) -> str:
    """The client id that is kept in `folder`, made on first use."""
    return load_or_make(folder / _FILE, make=_new_name).decode()


def _new_name() -> bytes:
    return f"restock-{secrets.token_hex(12)}".encode()
