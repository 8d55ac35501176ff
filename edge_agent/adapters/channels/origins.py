"""Where messages may go: the origins that the household listed, and browsers' push services where it allowed those."""

from __future__ import annotations

from collections.abc import Callable, Collection
from urllib.parse import urlsplit

# Chrome and Edge on Android, Firefox, Safari, Edge on Windows. A leading dot: any name below.
PUSH_SERVICES = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    ".push.apple.com",
    ".notify.windows.com",
)


def allowed_origins(listed: Collection[str], *, web_push: bool) -> Callable[[str], bool]:
    """Whether a message may go to an origin such as `https://ntfy.sh`; the default ports may be left out."""
    known = frozenset(origin.lower().rstrip("/") for origin in listed)
    return lambda origin: origin.lower() in known or (web_push and _is_push_service(origin))


def _is_push_service(origin: str) -> bool:
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if parts.scheme != "https" or parts.netloc != host:
        return False
    return any(host.endswith(name) if name.startswith(".") else host == name for name in PUSH_SERVICES)
