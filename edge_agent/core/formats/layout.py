"""Rows of bytes to named values: fixed places, or records of tag, length and value. A closed list, and no loops of its own.

What a row is too short for is not there, which is not zero. A row that contradicts its own lengths is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from edge_agent.core.payload import Tree, malformed
from edge_agent.core.profile.decoding import Field, Key, Layout, Records

_RECORDS_MAX = 64
_FLOATS = {(4, "big"): ">f", (8, "big"): ">d", (4, "little"): "<f", (8, "little"): "<d"}


def read_layout(row: bytes, layout: Layout) -> dict[str, Tree]:
    """Every field that the row is long enough for.

    Raises: DecodeError MALFORMED for records that run over the end, repeat a tag, or are too many.
    """
    body = row[layout.head : len(row) - layout.tail]
    if layout.fields is not None:
        return _fields(body, layout.fields)
    tree: dict[str, Tree] = {}
    for tag, value in _records(body, layout.records):
        if tag in tree:
            raise malformed(f"the tag {tag} stands twice")
        known = layout.records.tags.get(tag) if layout.records else None
        if known is not None:
            tree[tag] = _fields(value, known)
    return tree


def read_key(row: bytes, key: Key) -> str | None:
    """The name of an element, as lower-case hex; None when the row is too short for it."""
    named = row[key.offset : key.offset + key.length]
    return named.hex() if len(named) == key.length else None


def _fields(row: bytes, fields: dict[str, Field]) -> dict[str, Tree]:
    tree: dict[str, Tree] = {}
    for name, field in fields.items():
        raw = row[field.offset : field.offset + field.length]
        if len(raw) == field.length:
            tree[name] = _value(raw, field)
    return tree


def _value(raw: bytes, field: Field) -> Tree:
    match field.type:
        case "uint":
            number = int.from_bytes(raw, field.endian)
            return (number if field.mask is None else number & field.mask) >> field.shift
        case "int":
            return int.from_bytes(raw, field.endian, signed=True)
        case "float":
            value = float(struct.unpack(_FLOATS[field.length, field.endian], raw)[0])
            return value if value - value == 0 else None  # infinite, or no number
        case "bcd":
            digits = (raw if field.endian == "big" else raw[::-1]).hex()
            return int(digits) if digits.isdecimal() else None
        case "hex":
            return raw.hex()
        case "text":
            return _text(raw)


def _text(raw: bytes) -> str | None:
    """ASCII up to the first zero byte; anything else is nothing that can be compared."""
    text = raw.split(b"\0", 1)[0]
    return text.decode("ascii") if text.isascii() else None


def _records(row: bytes, records: Records | None) -> Iterator[tuple[str, bytes]]:
    place, count = 0, 0
    while records is not None and place < len(row):
        count += 1
        if count > _RECORDS_MAX:
            raise malformed(f"more than {_RECORDS_MAX} records")
        tag, place = _take(row, place, records.tag_length)
        if records.length == "by_tag":
            if tag.hex() not in records.sizes:
                return  # what follows cannot be told apart
            size = records.sizes[tag.hex()]
        else:
            length, place = _take(row, place, records.length)
            size = int.from_bytes(length, records.endian)
        value, place = _take(row, place, size)
        yield tag.hex(), value


def _take(row: bytes, place: int, size: int) -> tuple[bytes, int]:
    taken = row[place : place + size]
    if len(taken) != size:
        raise malformed(f"a record runs over the end of {len(row)} bytes")
    return taken, place + size
