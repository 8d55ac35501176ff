"""A list that takes entries from anybody and remembers nothing: an order is an entry with our mark in it.

There is no key, so the list is read before anything is put there, and read again afterwards: what stands there was
placed, whatever an answer said. An entry that is not there may have been bought and cleared away, so that proves
nothing, ever (class C): nothing is put there a second time. An order is named by the mark's uid and the list's own id:
a person who rewrites an entry may take one of the two away.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import Protocol

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
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchant_config import GrocyConfig, HaTodoConfig
from cloud_bridge.merchants.capabilities import capability_of
from cloud_bridge.merchants.http import Answer
from cloud_bridge.merchants.list_marks import ListMark, marks_in
from cloud_bridge.merchants.list_session import ListSession, free_quote, is_uid, session_of, wanted_session
from cloud_bridge.wire import Intent

log = logging.getLogger(__name__)

_ID_CHARS_MAX = 200
# Nothing was added: the input was refused, no leave, no such thing.
_REFUSED = frozenset({400, 401, 403, 404, 405, 413, 415})


@dataclass(frozen=True, slots=True)
class ListEntry:
    """An entry as it stands on the list. `id` is the list's own name for it, `text` whatever a mark can stand in.

    `ticked` None: it is neither open nor done in any way that we know.
    """

    id: str | None
    text: str
    ticked: bool | None


class ListEntries(Protocol):
    """One list at its server."""

    async def read(self) -> tuple[ListEntry, ...]:
        """All that stands on it, done or not.

        Raises: MerchantAwayError, also where the list itself is not there; MerchantUnclearError.
        """

    async def add(self, text: str, *, quantity: int, mark: str) -> None:
        """Put an entry there. What came of it is told by `read`.

        Raises: MerchantRefusedError when it is clearly not there; MerchantAwayError; MerchantUnclearError.
        """


def check_read(answer: Answer, what: str) -> Answer:
    """An answer to a request that changes nothing.

    Raises: MerchantAwayError where it is none.
    """
    if answer.status != 200:
        raise MerchantAwayError(f"{what}: status {answer.status}", retry_after_s=answer.retry_after_s)
    return answer


def check_added(answer: Answer, what: str) -> None:
    """An answer to a request that adds an entry.

    Raises: MerchantRefusedError when the request was refused as it stood; MerchantUnclearError.
    """
    if answer.status in _REFUSED:
        raise MerchantRefusedError(Detail.MERCHANT_REFUSED, f"{what}: status {answer.status}")
    if answer.status != 200:
        raise MerchantUnclearError(f"{what}: status {answer.status}")


class MarkedListMerchant:
    """One list."""

    def __init__(self, config: HaTodoConfig | GrocyConfig, *, entries: ListEntries) -> None:
        self._config = config
        self._capability = capability_of(config)
        self._entries = entries

    @property
    def capability(self) -> Capability:
        """Class C: an entry that stands there can be found, and one that does not proves nothing."""
        return self._capability

    @property
    def currency(self) -> str:
        """The household's own: nothing is paid in it."""
        return self._config.currency

    def delivers_to(self, delivery_ref: str) -> bool:  # noqa: ARG002  nobody delivers what stands on a list
        """Whoever shops takes it home."""
        return True

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """A session for an entry that is not there. Nothing changes on the list, and the price is no price.

        Raises: MerchantAwayError; MerchantRefusedError for a session whose entry is there.
        """
        session = wanted_session(wanted, key=key, session_id=session_id)
        try:
            is_there = bool(await self._found(session.uid))
        except MerchantUnclearError as exc:
            raise MerchantAwayError(str(exc)) from exc
        if is_there:
            raise MerchantRefusedError(Detail.SESSION_CLOSED, "the entry is there", session_id=session.name)
        return free_quote(session, title=self._title(session), currency=self.currency)

    def order_digest(self, session_id: str, *, leave: Intent | None = None) -> str:  # noqa: ARG002  it is not shown
        """SHA-256 over what stands on the list, but for the key that it is put there under."""
        session = session_of(session_id)
        text = "" if session is None else f"{session.name} {self._title(session)}"
        return hashlib.sha256(text.encode()).hexdigest()

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:  # noqa: ARG002
        """Put the entry on the list, unless it is there, and look whether it is."""
        session = session_of(session_id)
        if session is None:
            return Rejected(Detail.SESSION_CLOSED)
        try:
            if there := await self._there(session, key=key):
                return there
            mark = ListMark(session, key).text
            await self._entries.add(self._title(session), quantity=session.quantity, mark=mark)
            return await self._there(session, key=key) or Unknown(Detail.NO_ANSWER)
        except MerchantRefusedError as exc:
            log.info("not_put uid=%s reason=%s", session.uid, exc.detail)
            return Rejected(exc.code)
        except MerchantAwayError:
            return Unknown(Detail.MERCHANT_AWAY)
        except MerchantUnclearError as exc:
            log.info("put_unclear uid=%s reason=%s", session.uid, exc)
            return Unknown(Detail.NO_ANSWER)

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:
        """The entry by its session, or by our reference; `Open` where it is not there, which proves nothing.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        session = session_of(session_id)
        sought = reference if session is None else session.uid
        if sought is None:
            return Standing.MISSING
        found = await self._found(sought)
        if found:
            return self._placed(*found[0])
        return Standing.MISSING if session is None else Open(0, self.currency)

    async def cancel(self, session_id: str) -> None:
        """Nothing: a session is only a name, and no list keeps an entry from coming that is on its way."""

    async def events(self, merchant_order_id: str, *, session_id: str | None = None) -> Followed:
        """Ticked off is bought, all of it; removed is the household's cancel. Of copies, every one has to be ticked.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        uid, _, entry_id = merchant_order_id.partition("/")
        if not is_uid(uid):
            raise MerchantAwayError(f"{merchant_order_id[:64]!r} is no entry of this list")
        entries = [
            entry for entry in await self._entries.read() if entry.id == (entry_id or uid) or uid in _uids(entry.text)
        ]
        if not entries:
            return Followed(Progress.CANCELLED, by_household=True)
        if any(entry.ticked is None for entry in entries):
            raise MerchantUnclearError(f"{uid} is neither open nor done")
        session = session_of(session_id or "")
        sessions = [session] if session else [mark.session for each in entries for mark in marks_in(each.text)]
        quantity = sessions[0].quantity if sessions else None
        if all(entry.ticked for entry in entries):
            return Followed(Progress.DELIVERED, ordered=quantity, delivered=quantity)
        return Followed(Progress.PREPARING, ordered=quantity)

    def hint(self, body: bytes) -> Hint:  # noqa: ARG002  a list sends none
        """Nothing."""
        return Hint(session_id=None, merchant_order_id=None)

    async def _found(self, sought: str) -> list[tuple[ListEntry, ListMark]]:
        """Entries whose mark has this uid or this reference."""
        marked = [(entry, mark) for entry in await self._entries.read() for mark in marks_in(entry.text)]
        return [(entry, mark) for entry, mark in marked if sought in {mark.session.uid, mark.reference}]

    async def _there(self, session: ListSession, *, key: str) -> Outcome | None:
        """What stands there under the session's name: ours by this key, or not to be believed; None: nothing."""
        found = await self._found(session.uid)
        if any(mark != ListMark(session, key) for _, mark in found):
            return Unknown(Detail.ANOTHER_ORDER_SHOWN)
        return self._placed(*found[0]) if found else None

    def _placed(self, entry: ListEntry, mark: ListMark) -> Placed:
        uid = mark.session.uid
        return Placed(
            f"{uid}/{entry.id}" if _is_short(entry.id) else uid,
            0,
            self.currency,
            reference=mark.reference,
            sku=mark.session.sku,
            quantity=mark.session.quantity,
        )

    def _title(self, session: ListSession) -> str:
        return self._config.articles.get(session.sku, session.sku)


def _uids(text: str) -> set[str]:
    return {mark.session.uid for mark in marks_in(text)}


def _is_short(entry_id: str | None) -> bool:
    return entry_id is not None and entry_id.isprintable() and 0 < len(entry_id) <= _ID_CHARS_MAX
