"""An entry of a to-do list as an iCalendar text (RFC 5545, VTODO): written for the household, read back as ours.

What the household's own software makes of an entry is its business: beside the uid and what we wrote to know our own
entry by, only the status is read. The summary is never read back: a person may have changed it, and no number in it is
a count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from icalendar import Calendar, Component, Todo

from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchants.list_session import ListSession

CONTENT_TYPE = "text/calendar; charset=utf-8"
_PRODUCT = "-//Restock//Restock bridge//EN"
_REFERENCE = "X-RESTOCK-REFERENCE"
_QUANTITY = "X-RESTOCK-QUANTITY"
_SKU = "X-RESTOCK-SKU"
_WITHDRAWN = "X-RESTOCK-WITHDRAWN"
_TEXT_CHARS_MAX = 300


class Mark(Enum):
    """How the household left an entry."""

    OPEN = "open"
    TICKED = "ticked"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it stands on the list. `reference`, `sku` and `quantity` are None where they are not ours (any more).

    `withdrawn`: it is no entry to shop for, but stands for one that must not come any more.
    """

    uid: str
    mark: Mark
    reference: str | None = None
    sku: str | None = None
    quantity: int | None = None
    withdrawn: bool = False


def entry_text(session: ListSession, *, title: str, reference: str, at: datetime) -> bytes:
    """The entry that a session becomes: `2 x Whole milk 1 L`, with our reference."""
    todo = _todo(session, at=at)
    todo.add("summary", f"{session.quantity} x {title}")
    todo.add("status", "NEEDS-ACTION")
    todo.add(_REFERENCE, reference)
    return _calendar(todo)


def withdrawn_text(session: ListSession, *, title: str, at: datetime) -> bytes:
    """What takes the entry's place for good: cancelled, so that a task app hides it or strikes it through."""
    todo = _todo(session, at=at)
    todo.add("summary", f"{session.quantity} x {title}")
    todo.add("status", "CANCELLED")
    todo.add(_WITHDRAWN, "1")
    return _calendar(todo)


def read_entry(body: bytes) -> Entry:
    """The one entry in a text.

    Raises: MerchantUnclearError when it is none.
    """
    try:
        todos = Calendar.from_ical(body).walk("VTODO")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as exc:
        raise MerchantUnclearError(f"an answer that is no iCalendar text ({type(exc).__name__})") from exc
    if len(todos) != 1 or (uid := _text(todos[0], "UID")) is None:
        raise MerchantUnclearError("an answer that is not one entry with a uid")
    [todo] = todos
    return Entry(
        uid=uid,
        mark=_mark(todo),
        reference=_text(todo, _REFERENCE),
        sku=_text(todo, _SKU),
        quantity=_number(_text(todo, _QUANTITY)),
        withdrawn=_text(todo, _WITHDRAWN) is not None,
    )


def _todo(session: ListSession, *, at: datetime) -> Todo:
    todo = Todo()
    todo.add("uid", session.uid)
    todo.add("dtstamp", at)
    todo.add("created", at)
    todo.add(_SKU, session.sku)
    todo.add(_QUANTITY, str(session.quantity))
    return todo


def _calendar(todo: Todo) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add_component(todo)
    text: bytes = calendar.to_ical()
    return text


def _mark(todo: Component) -> Mark:
    """Source: RFC 5545 section 3.8.1.11; an app that sets only the day of completion has ticked it, too (3.8.2.1)."""
    match (_text(todo, "STATUS") or "").upper():
        case "COMPLETED":
            return Mark.TICKED
        case "CANCELLED":
            return Mark.CANCELLED
        case "":
            return Mark.TICKED if todo.get("COMPLETED") is not None else Mark.OPEN
        case _:
            return Mark.OPEN


def _text(todo: Component, name: str) -> str | None:
    """One property as a short text; None where it is missing, stands there twice, or is none."""
    value = todo.get(name)
    return str(value) if isinstance(value, str) and 0 < len(value) <= _TEXT_CHARS_MAX else None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and 1 <= len(text) <= 2 else None
