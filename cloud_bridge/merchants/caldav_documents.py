"""WebDAV documents of a list: what is asked of its collection, and the answers (RFC 4918, RFC 6578).

Answers are read by a parser that takes no document type and no entities, out of a body that is bounded already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from cloud_bridge.errors import MerchantUnclearError

CONTENT_TYPE = "application/xml; charset=utf-8"
_DAV = "{DAV:}"
_CALDAV = "{urn:ietf:params:xml:ns:caldav}"


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as its server describes it. `token` marks its present state; None where the server keeps none."""

    is_calendar: bool
    token: str | None


def collection_query() -> bytes:
    """PROPFIND: whether it is a calendar collection, and the mark of its state."""
    root = ET.Element(f"{_DAV}propfind")
    wanted = ET.SubElement(root, f"{_DAV}prop")
    ET.SubElement(wanted, f"{_DAV}resourcetype")
    ET.SubElement(wanted, f"{_DAV}sync-token")
    return _bytes(root)


def changes_query(token: str) -> bytes:
    """REPORT: what has changed in the collection since `token`."""
    root = ET.Element(f"{_DAV}sync-collection")
    ET.SubElement(root, f"{_DAV}sync-token").text = token
    ET.SubElement(root, f"{_DAV}sync-level").text = "1"
    ET.SubElement(ET.SubElement(root, f"{_DAV}prop"), f"{_DAV}getetag")
    return _bytes(root)


def read_collection(body: bytes) -> Collection:
    """The answer to `collection_query`.

    Raises: MerchantUnclearError.
    """
    responses = list(_responses(body))
    if len(responses) != 1:
        raise MerchantUnclearError("an answer about one collection that tells of another number of them")
    found = [stat.find(f"{_DAV}prop") for stat in responses[0].iter(f"{_DAV}propstat") if _status(stat) == "200"]
    props = [prop for prop in found if prop is not None]
    tokens = [token.text.strip() for prop in props for token in prop.iter(f"{_DAV}sync-token") if token.text]
    is_calendar = any(True for prop in props for _ in prop.iter(f"{_CALDAV}calendar"))
    return Collection(is_calendar=is_calendar, token=tokens[0] if len(tokens) == 1 and tokens[0] else None)


def was_removed(body: bytes, *, name: str) -> bool | None:
    """Whether the answer to `changes_query` says that the member `name` was there and is not any more.

    None where the answer does not tell all, or the member is there.
    Source: RFC 6578 section 3.5.2, by which what came and went since the token must be told as removed; section 3.6
    for an answer that was cut short.
    Raises: MerchantUnclearError.
    """
    told = {_last(response): _status(response) for response in _responses(body)}
    if any(status not in {"404", ""} for status in told.values()):  # cut short
        return None
    if name not in told:
        return False
    return True if told[name] == "404" else None


def _responses(body: bytes) -> Iterator[ET.Element]:
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as exc:
        raise MerchantUnclearError(f"an answer that is no XML to be read ({type(exc).__name__})") from exc
    if root.tag != f"{_DAV}multistatus":
        raise MerchantUnclearError("an answer that is no multistatus")
    return iter(root.findall(f"{_DAV}response"))


def _status(element: ET.Element) -> str:
    """The code of an element's own status line; empty where it has none."""
    parts = (element.findtext(f"{_DAV}status") or "").split()
    return parts[1] if len(parts) > 1 else ""


def _last(response: ET.Element) -> str:
    path = urlsplit((response.findtext(f"{_DAV}href") or "").strip()).path
    return unquote(path).rsplit("/", 1)[-1]


def _bytes(root: ET.Element) -> bytes:
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text
