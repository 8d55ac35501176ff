"""What the parts of the configuration share: a strict section, safe addresses, short texts."""

from __future__ import annotations

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Section(BaseModel):
    """Strict and closed: an unknown field is an error, not a surprise."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _safe_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("an http or https address without user, query or fragment is wanted")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("plain http is allowed on loopback only; use https")
    return url.rstrip("/")


SafeUrl = Annotated[str, AfterValidator(_safe_url)]
