"""`restock-hub replay FILE`: a decision made again from its bundle; needs no hub, no store and no configuration."""

from __future__ import annotations

from pathlib import Path

from edge_agent import __version__
from edge_agent.core.deciding.replay import BUNDLE_BYTES_MAX, Replayed, replay
from edge_agent.errors import ConfigurationError, RefusedError


def replay_file(path: Path) -> dict[str, object]:
    """What the file says was decided, what this program decides, and what differs.

    Raises: ConfigurationError when the file cannot be read or is no bundle.
    """
    try:
        with path.open("rb") as file:
            said = file.read(BUNDLE_BYTES_MAX + 1)
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read ({exc.strerror})") from exc
    try:
        return _told(replay(said))
    except RefusedError as exc:
        raise ConfigurationError(f"{path}: {exc}") from exc


def _told(replayed: Replayed) -> dict[str, object]:
    return {
        "program_then": replayed.program,
        "program_now": __version__,
        "decided": replayed.now.model_dump(mode="json"),
        "differs": list(replayed.differs),
    }
