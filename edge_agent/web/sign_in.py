"""Who is at the page: sign-in with a limit on guesses, sessions by a token of which only the hash is kept.

Before there is a session, the sign-in form carries a token of its own, bound to a cookie by a key that lives as long
as this process.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto

from starlette.requests import Request
from starlette.responses import Response

from edge_agent.core.people import Account, Session
from edge_agent.errors import HubError
from edge_agent.web.cookies import Cookies
from edge_agent.web.parts import WebParts

SESSION_COOKIE = "restock_session"
FORM_COOKIE = "restock_sign_in"
TOKEN_BYTES = 32
FAILURES_WINDOW = timedelta(minutes=15)
FAILURES_MAX = 5  # of one name from one address
FAILURES_OF_ADDRESS_MAX = 25
FAILURES_OF_ALL_MAX = 200
NAME_MAX = 64
PASSWORD_MAX = 1_024

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_EVERYBODY = ""  # failures of all together are counted under the one name that nobody can have


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session and its token, which is told to the browser and to nobody else."""

    token: str
    session: Session


class Refusal(Enum):
    """Why nobody was signed in: an unknown name and a wrong password look the same."""

    WRONG = auto()
    TOO_MANY_FAILURES = auto()


class SignIn:
    """Checks passwords and keeps sessions. All of it goes by the hub's clock."""

    def __init__(self, parts: WebParts, *, session_days: int, form_key: bytes, cookies: Cookies | None = None) -> None:
        self.cookies = cookies or Cookies()
        self._parts = parts
        self._session_life = timedelta(days=session_days)
        self._form_key = form_key

    async def sign_in(self, name: str, password: str, *, address: str) -> SignedIn | Refusal:
        """A session for the person, or why not; `address` is where the browser asks from.

        Failures count for the name at this address, so that a guesser elsewhere keeps nobody out, then for the address,
        then for all. The first is counted before the check and taken back after a success, so many guesses at once
        count too; it is also taken back when there was no check. A try that is refused unchecked counts as nothing.

        Raises: RetryLaterError, FailClosedError when the password could not be checked.
        """
        now = self._parts.clock.now()
        guesser = f"{name}@{address}"
        if self._is_throttled(guesser, address=address):
            return Refusal.TOO_MANY_FAILURES
        self._parts.accounts.record_login(guesser, at=now, succeeded=False)
        account = self._parts.accounts.account(name)
        try:
            fits = await self._parts.passwords.verify(account.password_hash if account else None, password)
        except HubError:
            self._parts.accounts.take_failure_back(guesser, at=now)
            raise
        if account is None or not fits:
            for counted in (f"@{address}", _EVERYBODY):
                self._parts.accounts.record_login(counted, at=now, succeeded=False)
            return Refusal.WRONG
        renewed = await self._parts.passwords.renew(account.password_hash, password)
        current = self._parts.accounts.account(name)
        if current is None or current.password_hash != account.password_hash:
            return Refusal.WRONG  # removed, or given another password, while this one was checked
        self._parts.accounts.record_login(guesser, at=now, succeeded=True)
        if renewed is not None:
            self._parts.accounts.put_account(replace(current, password_hash=renewed))
        return self._start(current)

    def current(self, request: Request) -> Session | None:
        """The session that a request belongs to."""
        token = self.cookies.read(request, SESSION_COOKIE)
        if _TOKEN.fullmatch(token) is None:
            return None
        return self._parts.accounts.session(_hash(token), now=self._parts.clock.now())

    def end(self, session: Session) -> None:
        """Sign out: the token is worth nothing from now on."""
        self._parts.accounts.end_session(session.token_hash)

    def form_token(self, nonce: str) -> str:
        """The token of a sign-in form whose cookie holds `nonce`."""
        return hmac.new(self._form_key, nonce.encode("ascii", "replace"), hashlib.sha256).hexdigest()

    def form_fits(self, request: Request, token: str) -> bool:
        """Whether a sign-in form was sent by the browser that fetched it."""
        nonce = self.cookies.read(request, FORM_COOKIE)
        return _TOKEN.fullmatch(nonce) is not None and same(token, self.form_token(nonce))

    def give_cookie(self, response: Response, signed_in: SignedIn, *, request: Request) -> None:
        """Tell the browser its token."""
        life_s = int(self._session_life.total_seconds())
        self.cookies.give(response, SESSION_COOKIE, signed_in.token, request=request, life_s=life_s)
        self.cookies.give(response, FORM_COOKIE, "", request=request, life_s=0)

    def give_form_cookie(self, response: Response, nonce: str, *, request: Request) -> None:
        """Bind the sign-in form to this browser for an hour."""
        self.cookies.give(response, FORM_COOKIE, nonce, request=request, life_s=3_600)

    def forget_cookie(self, response: Response, *, request: Request) -> None:
        """Take the session cookie back."""
        self.cookies.give(response, SESSION_COOKIE, "", request=request, life_s=0)

    def _start(self, account: Account) -> SignedIn:
        now = self._parts.clock.now()
        token = new_token()
        session = Session(
            token_hash=_hash(token),
            account=account.name,
            role=account.role,
            csrf=new_token(),
            created_at=now,
            expires_at=now + self._session_life,
        )
        self._parts.accounts.add_session(session)
        return SignedIn(token, session)

    def _is_throttled(self, guesser: str, *, address: str) -> bool:
        since = self._parts.clock.now() - FAILURES_WINDOW
        limits = {
            guesser: FAILURES_MAX,
            f"@{address}": FAILURES_OF_ADDRESS_MAX,
            _EVERYBODY: FAILURES_OF_ALL_MAX,
        }
        return any(self._parts.accounts.failed_logins(who, since=since) >= most for who, most in limits.items())


def new_token() -> str:
    """256 random bits as 43 characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def same(given: str, expected: str) -> bool:
    """Compare secrets without telling by the time taken where they differ."""
    return secrets.compare_digest(given.encode(), expected.encode())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("ascii")).hexdigest()
