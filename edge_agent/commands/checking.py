"""`restock-hub check-record FILE`: whether the record of an order holds; needs no hub, no store, no key, no network."""

from __future__ import annotations

from pathlib import Path

from edge_agent.adapters.signatures import is_signed
from edge_agent.core.leave.record import RECORD_BYTES_MAX
from edge_agent.core.leave.record_check import Checked, check
from edge_agent.errors import ConfigurationError, RefusedError


def check_record(path: Path, *, wanted: str | None) -> Checked:
    """What the file proves, or the first thing in it that does not hold.

    `wanted` is the fingerprint that the household's key is known to have.

    Raises: ConfigurationError when the file cannot be read or is no record.
    """
    try:
        with path.open("rb") as file:
            document = file.read(RECORD_BYTES_MAX + 1)
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read ({exc.strerror})") from exc
    try:
        return check(document, verify=is_signed, wanted=wanted)
    except RefusedError as exc:
        raise ConfigurationError(f"{path} is no record of an order: {exc}") from exc
