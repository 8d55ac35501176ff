"""Sparkplug B: metrics by name, whole numbers with their sign, and nothing guessed that only a birth could tell."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.formats.sparkplug import frame_tree, parse_sparkplug, read_frame
from edge_agent.errors import DecodeError

VARINT, EIGHT, LENGTH, FOUR = 0, 1, 2, 5


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def part(number: int, kind: int, body: bytes) -> bytes:
    """One field on the wire, written by hand, so that nothing here is described by the code under test."""
    return varint(number << 3 | kind) + (varint(len(body)) + body if kind == LENGTH else body)


def metric(name: str | None = "a", datatype: int | None = None, value: bytes = b"", **more: int) -> bytes:
    """One metric by the field numbers of the specification."""
    numbers = {"alias": 2, "timestamp": 3, "is_historical": 5, "is_transient": 6, "is_null": 7}
    body = b"" if name is None else part(1, LENGTH, name.encode())
    body += b"" if datatype is None else part(4, VARINT, varint(datatype))
    body += b"".join(part(numbers[key], VARINT, varint(each)) for key, each in more.items())
    return part(2, LENGTH, body + value)


def payload(*metrics: bytes, seq: int = 3) -> bytes:
    """A whole payload."""
    return part(1, VARINT, varint(1_700_000_000_000)) + b"".join(metrics) + part(3, VARINT, varint(seq))


def whole(number: int) -> bytes:
    """`int_value`."""
    return part(10, VARINT, varint(number))


def value_of(raw: bytes) -> Any:  # noqa: ANN401
    """What the metric `a` says."""
    tree = parse_sparkplug(payload(raw))
    assert isinstance(tree, dict)
    metrics = tree["metrics"]
    assert isinstance(metrics, dict)
    branch = metrics["a"]
    assert isinstance(branch, dict)
    return branch["value"]


@pytest.mark.parametrize(
    ("datatype", "field", "wanted"),
    [
        (1, whole(2**32 - 5), -5),
        (1, whole(251), -5),
        (1, whole(100), 100),
        (1, whole(300), None),
        (2, whole(2**32 - 5), -5),
        (2, whole(65_531), -5),
        (3, whole(2**32 - 5), -5),
        (4, part(11, VARINT, varint(2**64 - 5)), -5),
        (5, whole(200), 200),
        (5, whole(256), None),
        (7, whole(2**32 - 1), 2**32 - 1),
        (8, part(11, VARINT, varint(2**64 - 1)), 2**64 - 1),
        (9, part(12, FOUR, struct.pack("<f", 1.5)), 1.5),
        (9, part(12, FOUR, struct.pack("<f", float("nan"))), None),
        (10, part(13, EIGHT, struct.pack("<d", 47.25)), 47.25),
        (10, part(13, EIGHT, struct.pack("<d", float("inf"))), None),
        (11, part(14, VARINT, b"\x01"), True),
        (12, part(15, LENGTH, "Füllstand".encode()), "Füllstand"),
        (13, part(11, VARINT, varint(1_700_000_000_000)), 1_700_000_000_000),
        (11, whole(1), None),
        (9, whole(1), None),
        (99, whole(1), None),
        (None, whole(5), 5),
        (None, whole(2**32 - 5), None),
        (None, part(13, EIGHT, struct.pack("<d", 2.0)), 2.0),
        (12, part(16, LENGTH, b"bytes"), None),
        (16, part(17, LENGTH, b""), None),
        (3, b"", None),
    ],
)
def test_values(datatype: int | None, field: bytes, wanted: object) -> None:
    """Each type; a number whose sign or meaning is not told is unknown, and so is one that its type cannot hold."""
    got = value_of(metric(datatype=datatype, value=field))
    assert (type(got), got) == (type(wanted), wanted)


def test_a_tree() -> None:
    """Everything that a profile may point at."""
    tree = parse_sparkplug(payload(metric("tank/level", 10, part(13, EIGHT, struct.pack("<d", 3.5)), timestamp=9)))
    assert tree == {
        "timestamp": 1_700_000_000_000,
        "seq": 3,
        "metrics": {
            "tank/level": {
                "value": 3.5,
                "type": "Double",
                "timestamp": 9,
                "is_historical": False,
                "is_transient": False,
                "is_null": False,
            }
        },
        "unnamed": [],
    }


def test_null_and_historical_have_no_value() -> None:
    """`is_null` wins over a value beside it; what was true once is listed and not told."""
    assert value_of(metric(datatype=3, value=whole(5), is_null=1)) is None
    assert value_of(metric(datatype=3, value=whole(5), is_historical=1)) is None


def test_the_current_value_stands_beside_historical_ones() -> None:
    """A flush of stored values does not hide the newest, in whatever order they come."""
    old, new = metric(datatype=3, value=whole(5), is_historical=1), metric(datatype=3, value=whole(7))
    for order in ((old, old, new), (new, old), (old, new, old)):
        tree = parse_sparkplug(payload(*order))
        assert isinstance(tree, dict)
        assert tree["metrics"]["a"]["value"] == 7  # type: ignore[index,call-overload]


def test_an_alias_waits_for_its_birth() -> None:
    """Without a name there is no value; whoever knows the birth names it, with its type, and then there is."""
    raw = payload(metric(None, None, whole(2**32 - 5), alias=12))
    assert parse_sparkplug(raw) == {"timestamp": 1_700_000_000_000, "seq": 3, "metrics": {}, "unnamed": [12]}
    frame = read_frame(raw)
    named = replace(frame, metrics=tuple(replace(each, name="level", datatype=3) for each in frame.metrics))
    tree = frame_tree(named)
    assert isinstance(tree, dict)
    assert tree["metrics"]["level"]["value"] == -5  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "empty"),
        (b"{}", "not a Sparkplug B payload"),
        (b'{"timestamp": 1}', "not a Sparkplug B payload"),
        (payload()[:-1], "not a Sparkplug B payload"),
        (payload(seq=256), "0 to 255"),
        (payload(metric(datatype=3, value=whole(1)), metric(datatype=3, value=whole(2))), "twice"),
        (payload(part(2, LENGTH, part(1, LENGTH, b"\xff"))), "UTF-8"),
        (payload(metric("n" * 257)), "256"),
        (payload(metric(value=part(15, LENGTH, b"x" * 1_025))), "1024"),
        (payload(*[part(2, LENGTH, b"")] * 1_001), "1000 metrics"),
    ],
)
def test_what_is_refused(raw: bytes, says: str) -> None:
    """What is no payload, two current values of one name, and what is too long."""
    with pytest.raises(DecodeError, match=says):
        parse_sparkplug(raw)


@given(raw=st.binary(max_size=80))
def test_any_bytes(raw: bytes) -> None:
    """A tree or a DecodeError."""
    with suppress(DecodeError):
        parse_sparkplug(raw)
