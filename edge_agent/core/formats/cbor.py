"""CBOR to a tree: the part of it that JSON has too, and nothing that a decoder would build objects from.

Source: RFC 8949. Refused: tags (big integers and shared values among them), byte strings, keys that are no texts, the
same key twice, numbers that are not finite, and anything after the first item. Items without a length of their own are
read within the same limits. The three bytes that only say "this is CBOR" may stand in front.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import NoReturn

import cbor2

from edge_agent.core.decoding.payload import Tree, TreeLimits, malformed
from edge_agent.core.formats.plain import plain

_SELF_DESCRIBED = b"\xd9\xd9\xf7"


class _NoTags(Mapping[int, object]):
    """A table of tags in which every look-up is refused: a shared value could unfold without end."""

    def __getitem__(self, tag: int) -> NoReturn:
        raise ValueError(f"tag {tag}")

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


_NO_TAGS = _NoTags()


def parse_cbor(payload: bytes, limits: TreeLimits) -> Tree:
    """One CBOR item, whole.

    Raises: DecodeError MALFORMED or TOO_LARGE.
    """
    stream = io.BytesIO(payload.removeprefix(_SELF_DESCRIBED))
    try:
        item = cbor2.CBORDecoder(
            stream,
            semantic_decoders=_NO_TAGS,  # type: ignore[arg-type]
            max_depth=limits.depth_max,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
            read_size=1,
        ).decode()
    except (cbor2.CBORDecodeError, ValueError, RecursionError, MemoryError, OverflowError, TypeError) as exc:
        raise malformed(f"not CBOR that this hub reads: {str(exc)[:80]}") from exc
    if stream.tell() != len(stream.getbuffer()):
        raise malformed("not CBOR: something follows the item")
    return plain(item, limits)
