"""Addresses that a merchant hands over for a person to open. The bridge passes them on and never opens one.

    a page to pay at (`continue_url`)    the merchant's own origin only (CHK-004)
    a page to look at (where a parcel    any host by its full name, on the usual port: carriers are many, and
    is, the order's own page)            whoever opens it sees the host before, and whose word it is

Both by https, without a user name in front of the host, in letters that no browser reads in two ways, and no request
for an authorisation that somebody else has filled in beforehand (IDL-044).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchants.ucp_versions import same_origin
from cloud_bridge.sections import is_loopback

_PREBAKED = frozenset({"client_id", "code_challenge", "redirect_uri", "response_type"})
_HTTPS_PORTS = frozenset({None, 443})
# Two labels or more, the last one no number: neither an address of a machine nor a name that only the home knows.
_FULL_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_HOST_CHARS_MAX = 253


def checked_handoff(url: str | None, *, origin: str) -> str:
    """The address, if a person may be sent there. Plain http only where the merchant itself is on loopback.

    Raises: MerchantUnclearError.
    """
    if url is None or not _is_plain(url):
        raise MerchantUnclearError("a buyer has to go on, and no proper address is given")
    if not same_origin(url, origin):
        raise MerchantUnclearError("a buyer has to go on, at an address that is not the merchant's")
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise MerchantUnclearError("a buyer has to go on, over a connection that anybody can read")
    if _is_prebaked(url):
        raise MerchantUnclearError("a buyer has to go on, with an authorisation that is filled in already")
    return url


def place_to_look(told: Iterable[str | None], *, origin: str) -> str | None:
    """The first of these addresses that a person may look at; None where there is none.

    On the merchant's own origin the rules are those of `checked_handoff`.
    """
    return next((url for url in told if url is not None and _may_be_looked_at(url, origin=origin)), None)


def _may_be_looked_at(url: str, *, origin: str) -> bool:
    try:
        return checked_handoff(url, origin=origin) == url
    except MerchantUnclearError:
        return _is_plain(url) and _is_elsewhere(url) and not _is_prebaked(url)


def _is_elsewhere(url: str) -> bool:
    """Whether it names a host of the open network, by https and as a whole."""
    try:
        parts, port = urlsplit(url), urlsplit(url).port
    except ValueError:
        return False
    host = parts.hostname or ""
    is_named = len(host) <= _HOST_CHARS_MAX and _FULL_NAME.fullmatch(host) is not None
    return parts.scheme == "https" and "@" not in parts.netloc and port in _HTTPS_PORTS and is_named


def _is_plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and not any(c in url for c in "\\ <>\"'`{}|^")


def _is_prebaked(url: str) -> bool:
    return bool(_PREBAKED & {name.lower() for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)})
