"""Addresses that a merchant hands over for a person to finish at. The bridge shows them and never opens one.

A `continue_url` is believed only when it is an absolute address on the merchant's own origin, by https (CHK-004), and
is no request for an authorisation that somebody else has filled in beforehand (IDL-044).
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchants.ucp_versions import same_origin
from cloud_bridge.sections import is_loopback

_PREBAKED = frozenset({"client_id", "code_challenge", "redirect_uri", "response_type"})


def checked_handoff(url: str | None, *, origin: str) -> str:
    """The address, if a person may be sent there. Plain http only where the merchant itself is on loopback.

    Raises: MerchantUnclearError.
    """
    if url is None or not url.isascii() or not url.isprintable() or any(c in url for c in "\\ <>\"'`{}|^"):
        raise MerchantUnclearError("a buyer has to go on, and no proper address is given")
    if not same_origin(url, origin):
        raise MerchantUnclearError("a buyer has to go on, at an address that is not the merchant's")
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise MerchantUnclearError("a buyer has to go on, over a connection that anybody can read")
    if _PREBAKED & {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}:
        raise MerchantUnclearError("a buyer has to go on, with an authorisation that is filled in already")
    return url
