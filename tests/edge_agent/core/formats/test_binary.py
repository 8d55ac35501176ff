"""CBOR and MessagePack: what JSON has too comes through, everything else is refused."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import cbor2
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.decoding.payload import Tree, TreeLimits
from edge_agent.core.formats.cbor import parse_cbor
from edge_agent.core.formats.msgpack import parse_msgpack
from edge_agent.errors import DecodeError

LIMITS = TreeLimits(depth_max=8, nodes_max=50)
PARSERS = {"cbor": parse_cbor, "msgpack": parse_msgpack}
WRITERS: dict[str, Callable[[object], bytes]] = {"cbor": cbor2.dumps, "msgpack": msgpack.packb}
BOTH = pytest.mark.parametrize("name", ["cbor", "msgpack"])

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
TREES = st.recursive(
    SCALARS | st.text(max_size=20),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=8), below, max_size=4),
    max_leaves=12,
)


@BOTH
@given(tree=TREES)
def test_a_tree_comes_back_as_it_was(name: str, tree: Tree) -> None:
    """Whatever JSON could say is read from either format."""
    assert PARSERS[name](WRITERS[name](tree), TreeLimits()) == tree


@BOTH
@given(payload=st.binary(max_size=60))
def test_any_bytes(name: str, payload: bytes) -> None:
    """A tree or a DecodeError, and nothing else."""
    with suppress(DecodeError):
        PARSERS[name](payload, LIMITS)


@BOTH
@given(tree=TREES, cut=st.integers(1, 30))
def test_a_truncated_item(name: str, tree: Tree, cut: int) -> None:
    """Half an item is none."""
    whole = WRITERS[name](tree)
    with pytest.raises(DecodeError):
        PARSERS[name](whole[: max(0, len(whole) - cut)], LIMITS)


@BOTH
@pytest.mark.parametrize(
    "item",
    [
        math.nan,
        math.inf,
        -math.inf,
        b"bytes",
        [b""],
        {b"a": 1},
        {"a": [1, math.nan]},
    ],
)
def test_what_json_has_not(name: str, item: object) -> None:
    """Bytes, keys that are no texts, and numbers without an end are refused wherever they stand."""
    with pytest.raises(DecodeError, match="malformed"):
        PARSERS[name](WRITERS[name](item), TreeLimits())


@BOTH
def test_limits(name: str) -> None:
    """Depth and number of values, the last allowed and the first refused."""

    def nested(levels: int) -> Tree:
        tree: Tree = 1
        for _ in range(levels):
            tree = [tree]
        return tree

    assert PARSERS[name](WRITERS[name](nested(8)), LIMITS) == nested(8)
    assert len(PARSERS[name](WRITERS[name]([0] * 49), LIMITS)) == 49  # type: ignore[arg-type]
    very_deep = (b"\x81" if name == "cbor" else b"\x91") * 3_000 + b"\x01"
    for payload in (*map(WRITERS[name], (nested(9), [0] * 50, [[0] * 25] * 2)), very_deep):
        with pytest.raises(DecodeError):
            PARSERS[name](payload, LIMITS)


@BOTH
def test_something_after_the_item(name: str) -> None:
    """One payload is one item."""
    with pytest.raises(DecodeError):
        PARSERS[name](WRITERS[name]({"a": 1}) + b"\x01", LIMITS)


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"\xa2\x61a\x01\x61a\x02", "Duplicate"),
        (b"\xbf\x61a\x01\x61a\x02\xff", "Duplicate"),
        (b"\xa1\x01\x02", "key"),
        (b"\xc2\x41\x05", "tag"),
        (b"\xc1\x1a\x65\x00\x00\x00", "tag"),
        (b"\xd8\x1c\x81\xd8\x1d\x00", "tag"),
        (b"\x82\xd8\x1c\x80\xd8\x1d\x00", "tag"),
        (b"\xd9\x01\x02\x80", "tag"),
        (b"\x3b" + b"\xff" * 8, "64 bits"),
        (b"\xf7", "Undefined"),
        (b"\xe0", "Simple"),
        (b"\x5f\xff", "bytes"),
        (b"\x61\xff", "text"),
        (b"\x7b\x00\x00\x00\x7f\xff\xff\xff\xff", "not CBOR"),
        (b"\x9b\x7f" + b"\xff" * 7, "not CBOR"),
        (b"\xff", "break"),
        (b"", "not CBOR"),
    ],
)
def test_cbor_that_is_refused(payload: bytes, says: str) -> None:
    """Keys twice, tags of every kind (shared values would unfold), odd simple values, lengths that are not there."""
    with pytest.raises(DecodeError, match=says):
        parse_cbor(payload, LIMITS)


@pytest.mark.parametrize(
    ("payload", "tree"),
    [
        (b"\xbf\x61a\x9f\x01\x02\xff\xff", {"a": [1, 2]}),
        (b"\x7f\x61a\x61b\xff", "ab"),
        (b"\xd9\xd9\xf7\xa1\x61a\xf9\x3c\x00", {"a": 1.0}),
        (b"\x1b" + b"\xff" * 8, 2**64 - 1),
    ],
)
def test_cbor_that_is_read(payload: bytes, tree: Tree) -> None:
    """Items without a length of their own, the mark that says CBOR, and the largest number."""
    assert parse_cbor(payload, LIMITS) == tree


@pytest.mark.parametrize(
    "payload",
    [
        b"\xd6\xff\x00\x00\x00\x01",
        b"\xd4\x05\x01",
        b"\xc7\x00\x05",
        b"\xc4\x00",
        b"\x81\x01\x02",
        b"\xc1",
        b"\xa1\xff",
        b"\xdd\x7f\xff\xff\xff",
        b"\xdb\x7f\xff\xff\xff",
    ],
)
def test_messagepack_that_is_refused(payload: bytes) -> None:
    """Timestamps and other extensions, binary data, keys that are numbers, and sizes that are not there."""
    with pytest.raises(DecodeError):
        parse_msgpack(payload, LIMITS)


def test_a_messagepack_key_twice() -> None:
    """The first or the last would be a guess."""
    with pytest.raises(DecodeError, match="twice"):
        parse_msgpack(b"\x82\xa1a\x01\xa1a\x02", LIMITS)


def test_a_messagepack_time_is_no_number() -> None:
    """A timestamp written by the library itself is refused."""
    with pytest.raises(DecodeError):
        parse_msgpack(msgpack.packb({"at": datetime(2026, 1, 1, tzinfo=UTC)}, datetime=True), LIMITS)


def test_shared_values_do_not_unfold() -> None:
    """A few bytes that name one list many times are refused before anything is built."""
    stream = io.BytesIO()
    shared: list[object] = []
    for _ in range(30):
        shared = [shared, shared]
    cbor2.CBOREncoder(stream, value_sharing=True).encode(shared)
    with pytest.raises(DecodeError, match="tag"):
        parse_cbor(stream.getvalue(), LIMITS)
