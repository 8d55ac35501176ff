"""A session at a list: nothing is opened there, so all that a session is stands in its own name.

The name holds the entry's uid, quantity and sku, and a mark of the list as it was before anything was asked of it. By
that mark a list that keeps it can tell later whether an entry was there and was removed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from cloud_bridge.core.order import Detail
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantRefusedError

_UID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAME = re.compile(
    rf"(?P<uid>{_UID}) (?P<quantity>[1-9][0-9]?) (?P<sku>[A-Za-z0-9._:-]{{1,64}})"
    r"(?: (?P<mark>[\x21-\x7e]+))?",
    re.ASCII,
)
_NAME_CHARS_MAX = 255


@dataclass(frozen=True, slots=True)
class ListSession:
    """One entry that may be put on a list. `mark` is None where the list gives none, or one that is too long."""

    uid: str
    sku: str
    quantity: int
    mark: str | None = None

    @property
    def name(self) -> str:
        """The session's id."""
        bare = f"{self.uid} {self.quantity} {self.sku}"
        marked = f"{bare} {self.mark}"
        fits = self.mark is not None and len(marked) <= _NAME_CHARS_MAX and _NAME.fullmatch(marked)
        return marked if fits else bare


def uid_of(key: str) -> str:
    """The uid of the one entry that a session opened under this key can become."""
    return str(uuid5(NAMESPACE_URL, f"restock:list:{key}"))


def is_uid(text: str) -> bool:
    """Whether an entry of ours can have this uid."""
    return re.fullmatch(_UID, text, re.ASCII) is not None


def session_of(name: str) -> ListSession | None:
    """The session with this id; None where no list gave it."""
    found = _NAME.fullmatch(name) if len(name) <= _NAME_CHARS_MAX else None
    if found is None:
        return None
    return ListSession(found["uid"], found["sku"], int(found["quantity"]), found["mark"])


def wanted_session(wanted: Wanted, *, key: str, session_id: str | None) -> ListSession:
    """The session for what is wanted: the given one, or the one under this key.

    Raises: MerchantRefusedError for one that is not for that.
    """
    fresh = ListSession(uid_of(key), wanted.sku, wanted.quantity)
    session = fresh if session_id is None else session_of(session_id)
    if session is None or (session.sku, session.quantity) != (wanted.sku, wanted.quantity):
        raise MerchantRefusedError(Detail.SESSION_CLOSED, "this list has no such session")
    return session


def free_quote(session: ListSession, *, title: str, currency: str) -> Quote:
    """The price at a list, which is no price."""
    return Quote(
        session_id=session.name,
        sku=session.sku,
        title=title,
        quantity=session.quantity,
        unit_price_minor=0,
        delivery_minor=0,
        total_minor=0,
        currency=currency,
    )
