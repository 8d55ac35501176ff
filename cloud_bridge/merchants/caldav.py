"""A household's to-do list on a CalDAV server (RFC 4791): an order is an entry that a person shops for and ticks off.

It sells nothing and charges nothing. An entry is put there under a name of its own that only its session has, and only
where nothing is under that name (`If-None-Match: *`), so a repeated request finds the first one's entry. Once an entry
was there it is never put there again, although a person may have removed it meanwhile: the server is asked what was
removed since the session began (RFC 6578), and where it cannot tell, the outcome stays unknown.
"""

from __future__ import annotations

import hashlib
import logging
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import assert_never
from urllib.parse import urlsplit

from pydantic import SecretStr

from cloud_bridge.core.capability import Capability
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import (
    Followed,
    Hint,
    Lookup,
    Open,
    Outcome,
    Placed,
    Progress,
    Rejected,
    Standing,
    Unknown,
)
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchant_config import CalDavConfig
from cloud_bridge.merchants import caldav_documents as documents
from cloud_bridge.merchants import caldav_entry as entries
from cloud_bridge.merchants.caldav_documents import Collection
from cloud_bridge.merchants.caldav_entry import Entry, Mark
from cloud_bridge.merchants.capabilities import capability_of
from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.merchants.list_session import ListSession, free_quote, is_uid, session_of, wanted_session
from cloud_bridge.wire import Intent

log = logging.getLogger(__name__)

_STORED = frozenset({200, 201, 204})
_THERE_ALREADY = 412
# Answers to a PUT by which nothing was stored: no leave, no such list, no room, not this kind of text.
_REFUSED = frozenset({400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 507})
_GONE = frozenset({404, 410})
_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class CalDavMerchant:
    """One list. `now` gives the bridge's time, which stands in the entries."""

    def __init__(
        self, config: CalDavConfig, *, http: MerchantHttp, password: SecretStr, now: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._capability = capability_of(config)
        self._http = http
        self._now = now
        self._path = urlsplit(config.url).path + "/"
        login = b64encode(f"{config.user}:{password.get_secret_value()}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}"}

    @property
    def capability(self) -> Capability:
        """Class A: an entry's name is its key."""
        return self._capability

    @property
    def currency(self) -> str:
        """The household's own: nothing is paid in it."""
        return self._config.currency

    def delivers_to(self, delivery_ref: str) -> bool:  # noqa: ARG002  nobody delivers what stands on a list
        """Whoever shops takes it home."""
        return True

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """A session for an entry that is not there yet. Nothing changes on the list, and the price is no price.

        Raises: MerchantAwayError; MerchantRefusedError for a session whose entry is there, or was.
        """
        session = wanted_session(wanted, key=key, session_id=session_id)
        try:
            is_spent = await self._read(session.uid) is not None or await self._was_removed(session) is True
            if session_id is None and not is_spent:
                session = replace(session, mark=(await self._collection()).token)
        except MerchantUnclearError as exc:
            raise MerchantAwayError(str(exc)) from exc
        if is_spent:
            raise MerchantRefusedError(Detail.SESSION_CLOSED, "the entry is there, or was", session_id=session.name)
        return free_quote(session, title=self._title(session), currency=self.currency)

    def order_digest(self, session_id: str, *, leave: Intent | None = None) -> str:  # noqa: ARG002  it is not shown
        """SHA-256 over the entry, but for the key that it is put there under, and the time."""
        session = session_of(session_id)
        text = b"" if session is None else self._text(session, reference="", at=_NO_TIME)
        return hashlib.sha256(text).hexdigest()

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:  # noqa: ARG002
        """Put the entry on the list, unless something is there under its name."""
        session = session_of(session_id)
        if session is None:
            return Rejected(Detail.SESSION_CLOSED)
        try:
            answer = await self._put(session, self._text(session, reference=key, at=self._now()))
            if answer.status == _THERE_ALREADY:
                return await self._there_already(session, key=key)
        except MerchantAwayError:
            return Unknown(Detail.MERCHANT_AWAY)
        except MerchantUnclearError as exc:
            log.info("put_unclear uid=%s reason=%s", session.uid, exc)
            return Unknown(Detail.NO_ANSWER)
        if answer.status in _STORED:
            return self._placed(session, reference=key)
        log.info("put_not_stored uid=%s status=%d", session.uid, answer.status)
        # RFC 4791 section 5.3.2.1: the same uid stands under another name, so the entry may be there all the same.
        is_elsewhere = b"no-uid-conflict" in answer.body
        refused = answer.status in _REFUSED and not is_elsewhere
        return Rejected(Detail.MERCHANT_REFUSED) if refused else Unknown(Detail.NO_ANSWER)

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:  # noqa: ARG002  the entry says it
        """Whether the entry is there, was there and was removed, can still come, or never will.

        Raises: MerchantAwayError; MerchantUnclearError, also where it is not there and the server cannot tell why.
        """
        session = session_of(session_id)
        if session is None:
            return Standing.MISSING
        entry = await self._read(session.uid)
        if entry is not None:
            return Standing.CLOSED if entry.withdrawn else self._ours(session, entry)
        match await self._was_removed(session):
            case True:
                return self._placed(session)
            case False:
                return Open(0, self.currency)
            case None:
                raise MerchantUnclearError(f"{session.uid} is not on the list, and was there or not: nobody can tell")
            case unforeseen:
                assert_never(unforeseen)

    async def cancel(self, session_id: str) -> None:
        """Put something in the entry's place, so that it cannot come any more; an entry that is there stays.

        Raises: MerchantAwayError.
        """
        session = session_of(session_id)
        if session is None:
            return
        text = entries.withdrawn_text(session, title=self._title(session), at=self._now())
        try:
            answer = await self._put(session, text)
        except MerchantUnclearError as exc:
            raise MerchantAwayError(str(exc)) from exc
        if answer.status not in _STORED | {_THERE_ALREADY}:
            raise _away(answer, f"{session.uid} was not withdrawn")

    async def events(self, merchant_order_id: str, *, session_id: str | None = None) -> Followed:  # noqa: ARG002
        """Ticked off is bought, all of it; cancelled or removed is the household's cancel.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        if not is_uid(merchant_order_id):
            raise MerchantAwayError(f"{merchant_order_id[:64]!r} is no entry of this list")
        entry = await self._read(merchant_order_id)
        if entry is None:
            await self._collection()  # it is there, and tells that this entry is not
            return Followed(Progress.CANCELLED, by_household=True)
        match entry.mark:
            case Mark.TICKED:
                return Followed(Progress.DELIVERED, ordered=entry.quantity, delivered=entry.quantity)
            case Mark.CANCELLED:
                return Followed(Progress.CANCELLED, by_household=True)
            case Mark.OPEN:
                return Followed(Progress.PREPARING, ordered=entry.quantity)
            case unforeseen:
                assert_never(unforeseen)

    def hint(self, body: bytes) -> Hint:  # noqa: ARG002  a list sends none
        """Nothing."""
        return Hint(session_id=None, merchant_order_id=None)

    # what an entry says

    async def _there_already(self, session: ListSession, *, key: str) -> Outcome:
        """Something is there under the entry's name: ours by this key, or not to be believed."""
        entry = await self._read(session.uid)
        if entry is None:  # and was a moment ago: removed by somebody
            return Unknown(Detail.NO_ANSWER)
        if entry.withdrawn:
            return Rejected(Detail.SESSION_CLOSED)
        placed = self._ours(session, entry)
        return placed if placed.reference == key else Unknown(Detail.ANOTHER_ORDER_SHOWN)

    def _ours(self, session: ListSession, entry: Entry) -> Placed:
        if entry.reference is None:
            raise MerchantUnclearError(f"an entry under {session.uid} that is not ours")
        return self._placed(session, reference=entry.reference, sku=entry.sku, quantity=entry.quantity)

    def _placed(
        self,
        session: ListSession,
        *,
        reference: str | None = None,
        sku: str | None = None,
        quantity: int | None = None,
    ) -> Placed:
        return Placed(
            session.uid,
            0,
            self.currency,
            reference=reference,
            sku=sku or session.sku,
            quantity=quantity or session.quantity,
        )

    def _text(self, session: ListSession, *, reference: str, at: datetime) -> bytes:
        return entries.entry_text(session, title=self._title(session), reference=reference, at=at)

    def _title(self, session: ListSession) -> str:
        return self._config.articles.get(session.sku, session.sku)

    # requests

    async def _put(self, session: ListSession, text: bytes) -> Answer:
        headers = {**self._headers, "Content-Type": entries.CONTENT_TYPE, "If-None-Match": "*"}
        return await self._http.ask("PUT", self._path + _name(session.uid), headers=headers, body=text)

    async def _read(self, uid: str) -> Entry | None:
        """What is on the list under this uid. Raises: MerchantError."""
        answer = await self._http.ask("GET", self._path + _name(uid), headers=self._headers)
        if answer.status in _GONE:
            return None
        if answer.status != 200:
            raise _away(answer, f"entry {uid}")
        entry = entries.read_entry(answer.body)
        if entry.uid != uid:
            raise MerchantUnclearError(f"asked for entry {uid}, told about another")
        return entry

    async def _was_removed(self, session: ListSession) -> bool | None:
        """Whether an entry that is not there was there since the session began; None where nobody can tell."""
        if session.mark is None:
            return None
        answer = await self._ask_collection("REPORT", documents.changes_query(session.mark))
        if answer.status == 207:
            return documents.was_removed(answer.body, name=_name(session.uid))
        if answer.status in {401, 429} or answer.status >= 500:
            raise _away(answer, "changes of the list")
        return None  # the server has forgotten the mark, or never keeps one

    async def _collection(self) -> Collection:
        """The list itself. Raises: MerchantError, also where it is something else."""
        answer = await self._ask_collection("PROPFIND", documents.collection_query())
        if answer.status != 207:
            raise _away(answer, "the list")
        found = documents.read_collection(answer.body)
        if not found.is_calendar:  # a text that is put into another folder may become anything
            raise MerchantAwayError("the list is no calendar collection (any more)")
        return found

    async def _ask_collection(self, method: str, body: bytes) -> Answer:
        headers = {**self._headers, "Content-Type": documents.CONTENT_TYPE, "Depth": "0"}
        return await self._http.ask(method, self._path, headers=headers, body=body)


def _name(uid: str) -> str:
    return f"{uid}.ics"


def _away(answer: Answer, what: str) -> MerchantError:
    """An answer that does nothing for us, with the pause that the server asks for."""
    return MerchantAwayError(f"{what}: status {answer.status}", retry_after_s=answer.retry_after_s)
