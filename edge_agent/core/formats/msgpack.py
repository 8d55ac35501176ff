"""MessagePack to a tree: the part of it that JSON has too.

Source: the MessagePack specification. Refused: extension types (timestamps too), binary data, keys that are no texts,
the same key twice, numbers that are not finite, and anything after the first object.
"""

from __future__ import annotations

from typing import NoReturn

import msgpack

from edge_agent.core.decoding.payload import Tree, TreeLimits, malformed
from edge_agent.core.formats.plain import plain, unique


def parse_msgpack(payload: bytes, limits: TreeLimits) -> Tree:
    """One object, whole.

    Raises: DecodeError MALFORMED or TOO_LARGE.
    """
    try:
        item = msgpack.unpackb(
            payload,
            raw=False,
            strict_map_key=True,
            object_pairs_hook=unique,
            ext_hook=_refuse_extension,
            max_str_len=len(payload),
            max_bin_len=0,
            max_array_len=limits.nodes_max,
            max_map_len=limits.nodes_max,
            max_ext_len=0,
        )
    except (msgpack.exceptions.UnpackException, ValueError, RecursionError, TypeError) as exc:
        raise malformed(f"not MessagePack that this hub reads: {type(exc).__name__}") from exc
    return plain(item, limits)


def _refuse_extension(code: int, _data: bytes) -> NoReturn:
    raise ValueError(f"extension {code}")
