"""Rows of bytes to named values: fixed places, or records of tag, length and value, and nothing that computes.

What a row is too short for is not there, which is not zero. A row that contradicts its own lengths is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping

from edge_agent.core.decoding.payload import Tree, malformed
from edge_agent.core.profile.decoding import Field, Key, Layout, Records

_RECORDS_MAX = 64
_FLOATS = {(4, "big"): ">f", (8, "big"): ">d", (4, "little"): "<f", (8, "little"): "<d"}

ReadRow = Callable[[bytes], dict[str, Tree]]


def row_reader(layout: Layout) -> ReadRow:
    """A function from a row to every field that it is long enough for.

    Raises, when called: DecodeError MALFORMED for records that run over the end, repeat a tag, or are too many.
    """
    head, tail = layout.head, layout.tail
    read = _fields_reader(layout.fields or {}) if layout.records is None else _records_reader(layout.records)
    return read if head == tail == 0 else lambda row: read(row[head : max(0, len(row) - tail)])


def key_reader(key: Key) -> Callable[[bytes], str | None]:
    """A function from a row to its name, as lower-case hex; None when the row is too short for it."""
    begin, end = key.offset, key.offset + key.length
    return lambda row: row[begin:end].hex() if len(row) >= end else None


def _fields_reader(fields: Mapping[str, Field]) -> ReadRow:
    plan = [(name, each.offset, each.offset + each.length, _value_reader(each)) for name, each in fields.items()]

    def read(row: bytes) -> dict[str, Tree]:
        size = len(row)
        return {name: value_of(row[begin:end]) for name, begin, end, value_of in plan if end <= size}

    return read


def _records_reader(records: Records) -> ReadRow:
    known = {tag: _fields_reader(fields) for tag, fields in records.tags.items()}

    def read(row: bytes) -> dict[str, Tree]:
        tree: dict[str, Tree] = {}
        for tag, value in _records(row, records):
            if tag in tree:
                raise malformed(f"the tag {tag} stands twice")
            if tag in known:
                tree[tag] = known[tag](value)
        return tree

    return read


def _value_reader(field: Field) -> Callable[[bytes], Tree]:  # noqa: PLR0911 - one for each type of the language
    endian, mask, shift = field.endian, field.mask, field.shift
    match field.type:
        case "uint" if mask is None and shift == 0:
            return lambda raw: int.from_bytes(raw, endian)
        case "uint":
            bits = -1 if mask is None else mask
            return lambda raw: (int.from_bytes(raw, endian) & bits) >> shift
        case "int":
            return lambda raw: int.from_bytes(raw, endian, signed=True)
        case "float":
            form = struct.Struct(_FLOATS[field.length, endian])
            return lambda raw: _finite(form.unpack(raw)[0])
        case "bcd":
            return lambda raw: _decimal(raw if endian == "big" else raw[::-1])
        case "hex":
            return bytes.hex
        case "text":
            return _text


def _finite(value: float) -> float | None:
    return value if value - value == 0 else None  # infinite, or no number


def _decimal(raw: bytes) -> int | None:
    digits = raw.hex()
    return int(digits) if digits.isdecimal() else None


def _text(raw: bytes) -> str | None:
    """ASCII up to the first zero byte; anything else is nothing that can be compared."""
    text = raw.split(b"\0", 1)[0]
    return text.decode("ascii") if text.isascii() else None


def _records(row: bytes, records: Records) -> Iterator[tuple[str, bytes]]:
    place, count = 0, 0
    while place < len(row):
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
