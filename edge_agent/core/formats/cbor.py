"""CBOR to a tree: the part of it that JSON has too, and nothing that a decoder would build objects from.

Source: RFC 8949. Refused: tags, byte strings, keys that are no texts, the same key twice, numbers that are not finite,
and anything after the first item.
"""

from __future__ import annotations

import io
from typing import Any, NoReturn

import cbor2

from edge_agent.core.formats.plain import plain
from edge_agent.core.payload import Tree, TreeLimits, malformed


def parse_cbor(payload: bytes, limits: TreeLimits) -> Tree:
    """One CBOR item, whole.

    Raises: DecodeError MALFORMED or TOO_LARGE.
    """
    stream = io.BytesIO(payload)
    try:
        item = cbor2.CBORDecoder(stream, tag_hook=_refuse_tag).decode()
    except (cbor2.CBORDecodeError, ValueError, RecursionError, MemoryError, OverflowError, TypeError) as exc:
        raise malformed(f"not CBOR: {type(exc).__name__}") from exc
    if stream.read(1):
        raise malformed("not CBOR: something follows the item")
    return plain(item, limits)


def _refuse_tag(_decoder: Any, tag: Any) -> NoReturn:  # noqa: ANN401 - the library's own types
    raise ValueError(f"tag {tag.tag}")
