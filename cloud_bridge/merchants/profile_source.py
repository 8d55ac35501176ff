"""A merchant's profile, fetched from its well-known place and kept for as long as HTTP says, within bounds.

A signature under a key that is not known fetches it once more, and not again within the shortest time of keeping: a
sender of made-up key ids cannot make us hammer a merchant. Redirects are not followed.
Source: UCP 2026-08-25 OVR-007, and the rules for hosting profiles.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable

from cloud_bridge.errors import MerchantAwayError, MerchantUnclearError
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.ucp_profile import MerchantProfile, read_profile

PATH = "/.well-known/ucp"
KEPT_MIN_S = 60.0
KEPT_MAX_S = 86_400.0
_PAUSE_S = 1.0  # after a failure: whoever waits in line behind it is told at once
_MAX_AGE = re.compile(r"max-age=\"?([0-9]{1,9})", re.ASCII | re.IGNORECASE)


class ProfileSource:
    """One merchant's profile. `ticks` counts real seconds from anywhere, and never backwards."""

    def __init__(self, http: MerchantHttp, *, origin: str, ticks: Callable[[], float]) -> None:
        self._http = http
        self._origin = origin
        self._ticks = ticks
        self._lock = asyncio.Lock()
        self._kept: MerchantProfile | None = None
        self._fetched_at = 0.0
        self._tried_at: float | None = None
        self._good_for_s = 0.0

    @property
    def url(self) -> str:
        """Where the profile stands: what the merchant calls itself by."""
        return self._http.origin + PATH

    async def current(self) -> MerchantProfile:
        """The profile, fetched anew when its time is over.

        Raises: MerchantAwayError.
        """
        async with self._lock:
            if self._kept is None or self._ticks() >= self._fetched_at + self._good_for_s:
                return await self._fetch()
            return self._kept

    async def refreshed(self) -> MerchantProfile:
        """The profile, fetched anew unless that was done a moment ago.

        Raises: MerchantAwayError.
        """
        async with self._lock:
            if self._kept is None or self._since_try_s() >= KEPT_MIN_S:
                return await self._fetch()
            return self._kept

    def _since_try_s(self) -> float:
        return math.inf if self._tried_at is None else self._ticks() - self._tried_at

    async def _fetch(self) -> MerchantProfile:
        if self._since_try_s() < _PAUSE_S:
            raise MerchantAwayError("the merchant's profile could not be fetched a moment ago")
        self._tried_at = self._ticks()
        try:
            answer = await self._http.ask("GET", PATH, headers={})
        except MerchantUnclearError as exc:
            raise MerchantAwayError(str(exc)) from exc
        if answer.status != 200:
            message = f"the merchant's profile: status {answer.status}"
            raise MerchantAwayError(message, retry_after_s=answer.retry_after_s)
        self._kept = read_profile(answer.body, origin=self._origin)
        self._fetched_at = self._ticks()
        self._good_for_s = good_for_s(answer.headers.get("cache-control", ""))
        return self._kept


def good_for_s(cache_control: str) -> float:
    """How long a profile is kept, in real seconds, from its Cache-Control header; never outside the bounds."""
    stated = _MAX_AGE.search(cache_control)
    return min(max(float(stated[1]), KEPT_MIN_S), KEPT_MAX_S) if stated else KEPT_MIN_S
