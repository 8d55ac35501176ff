"""What tells the cookies of this hub's pages from those of another hub on the same machine.

Kept with the hub's data, since neither port nor folder is its own where it runs in a container. It is no secret.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from edge_agent.adapters.secret_file import load_or_make

_FILE = "page-mark"
_SHAPE = re.compile(rb"[0-9a-f]{8}")


def page_mark(folder: Path) -> str:
    """Eight letters and digits that are kept in `folder`, made on first use, or anew where they were spoilt."""
    kept = load_or_make(folder / _FILE, make=_new_mark)
    if _SHAPE.fullmatch(kept) is None:
        (folder / _FILE).unlink()
        kept = load_or_make(folder / _FILE, make=_new_mark)
    return kept.decode()


def _new_mark() -> bytes:
    return secrets.token_hex(4).encode()
