"""Who may set the hub up: the one browser that gave the code, and nobody else until the hub restarts.

The token of that browser is kept as its hash, in memory only: after a restart the code, which is another one then, is
asked again.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from edge_agent.core.setup.code import Claim, SetupCode
from edge_agent.web.cookies import Cookies
from edge_agent.web.sign_in import new_token, same

INSIDE_COOKIE = "restock_setup"
FORM_COOKIE = "restock_setup_form"
IDLE_MAX_MS = 60 * 60_000
_COOKIE_LIFE_S = 7_200


class Door:
    """Opens once. `ticks_ms` is a clock that only goes forward; `form_key` is new with each start."""

    def __init__(
        self, code: SetupCode, *, ticks_ms: Callable[[], int], form_key: bytes, cookies: Cookies | None = None
    ) -> None:
        self._cookies = cookies or Cookies()
        self._code = code
        self._ticks_ms = ticks_ms
        self._form_key = form_key
        self._inside_hash = ""
        self._until_ms = 0
        self.csrf = ""

    @property
    def is_taken(self) -> bool:
        """Whether somebody sets the hub up, or did in this run."""
        return self._code.is_taken

    def knock(self, typed: str, *, visitor: str) -> tuple[Claim, str]:
        """Try the code; with `Claim.FITS` comes the token for the browser."""
        claim = self._code.claim(typed, visitor=visitor, at_ms=self._ticks_ms())
        if claim is not Claim.FITS:
            return claim, ""
        token, self.csrf = new_token(), new_token()
        self._inside_hash = _hash(token)
        self._until_ms = self._ticks_ms() + IDLE_MAX_MS
        return claim, token

    def is_inside(self, request: Request) -> bool:
        """Whether this browser is the one; an hour without a request ends it."""
        token = self._cookies.read(request, INSIDE_COOKIE)
        now_ms = self._ticks_ms()
        if not self._inside_hash or now_ms >= self._until_ms or not same(_hash(token), self._inside_hash):
            return False
        self._until_ms = now_ms + IDLE_MAX_MS
        return True

    def form_token(self, nonce: str) -> str:
        """The token of a code form whose cookie holds `nonce`."""
        return hmac.new(self._form_key, nonce.encode("ascii", "replace"), hashlib.sha256).hexdigest()

    def form_fits(self, request: Request, token: str) -> bool:
        """Whether the code form was sent by the browser that fetched it."""
        nonce = self._cookies.read(request, FORM_COOKIE)
        return bool(nonce) and same(token, self.form_token(nonce))

    def give_cookie(self, response: Response, name: str, value: str, *, request: Request) -> None:
        """One for this browser, for as long as a set-up takes."""
        self._cookies.give(response, name, value, request=request, life_s=_COOKIE_LIFE_S)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
