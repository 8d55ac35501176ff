"""The mark by which an entry of ours is known again on a list that takes no name of ours for it.

It is a short text in the entry: the session's name and our reference, so it says what was wanted, too. A person can
change it or copy it; then the entry is not known any more, or there are two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cloud_bridge.merchants.list_session import ListSession, is_uid, session_of

_MARK = re.compile(r"\[restock (?P<session>[A-Za-z0-9._: -]{1,140}) (?P<reference>[0-9a-f-]{36})\]", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListMark:
    """What an entry of ours says of itself."""

    session: ListSession
    reference: str

    @property
    def text(self) -> str:
        """As it stands in the entry."""
        return f"[restock {self.session.name} {self.reference}]"


def marks_in(text: str) -> tuple[ListMark, ...]:
    """The marks in a text of an entry."""
    found = ((session_of(each["session"]), each["reference"]) for each in _MARK.finditer(text))
    return tuple(ListMark(session, reference) for session, reference in found if session and is_uid(reference))
