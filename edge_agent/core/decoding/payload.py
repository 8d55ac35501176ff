"""Bytes from a device to one tree of plain values, strictly, and JSON Pointers into that tree.

What Python's own reader lets through is refused here: NaN and Infinity, numbers that overflow, the same key twice,
text that is no Unicode, and trees that are too deep or too large to be a status message. The parser is orjson, which is
strict about all of it but two: it takes the last of two equal keys, and knows no limit of ours.

Both are checked on bytes, so that no tree is walked. A key that stood twice is missing from what the writer makes of
the tree: the colons tell, all of them where no escape can hide one in a string, and those between the strings if not.

Source: RFC 8259 (JSON), RFC 7493 (I-JSON), RFC 6901 (JSON Pointer).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import orjson

from edge_agent.core.messages import QuarantineReason
from edge_agent.errors import DecodeError

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | None"

_ARRAY_INDEX = re.compile(r"^(0|[1-9]\d{0,8})$")
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_NO_MARKS = bytes(byte for byte in range(256) if byte not in b'[]{}"')


class Missing:
    """The type of MISSING: nothing stands at that place. Not the same as null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
Found: TypeAlias = "Tree | Missing"


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """How large a tree may be: levels of nesting, and values counted with their containers."""

    depth_max: int = 32
    nodes_max: int = 4_000


def parse_json(payload: bytes, limits: TreeLimits) -> Tree:
    """One JSON document, whole.

    Raises: DecodeError MALFORMED, or TOO_LARGE when the tree has more values than `limits` allows.
    """
    if not payload:
        raise malformed("the payload is empty")
    try:
        tree: Tree = orjson.loads(payload)
    except orjson.JSONDecodeError as exc:
        raise malformed(f"not JSON: {exc.msg} at character {exc.pos}") from exc
    if payload[:1] in b"{[ \t\r\n":
        _check_structure(payload, tree, limits)
    return tree


def pointer_steps(pointer: str) -> tuple[str, ...]:
    """The reference tokens of a JSON Pointer, unescaped. `pointer` is valid: empty, or starting with a slash."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def select(tree: Tree, steps: Sequence[str]) -> Tree | Missing:
    """The value at the end of the steps, or MISSING."""
    here = tree
    for step in steps:
        if isinstance(here, dict):
            if step not in here:
                return MISSING
            here = here[step]
        elif isinstance(here, list) and _ARRAY_INDEX.fullmatch(step) and int(step) < len(here):
            here = here[int(step)]
        else:
            return MISSING
    return here


def selector(steps: Sequence[str]) -> Callable[[Tree], Found]:
    """`select` for one place, made ready once."""
    path = tuple((step, int(step) if _ARRAY_INDEX.fullmatch(step) else None) for step in steps)

    def find(tree: Tree) -> Tree | Missing:
        here = tree
        for step, index in path:
            if type(here) is dict:
                if step not in here:
                    return MISSING
                here = here[step]
            elif type(here) is list and index is not None and index < len(here):
                here = here[index]
            else:
                return MISSING
        return here

    return find


def malformed(detail: str) -> DecodeError:
    """What cannot be read as it should be."""
    return DecodeError(QuarantineReason.MALFORMED, detail)


def too_large(limits: TreeLimits) -> DecodeError:
    """A tree of more values than is allowed."""
    return DecodeError(QuarantineReason.TOO_LARGE, f"more than {limits.nodes_max} values")


def too_deep(limits: TreeLimits) -> DecodeError:
    """A tree of more levels than is allowed."""
    return malformed(f"nested deeper than {limits.depth_max} levels")


def _check_structure(payload: bytes, tree: Tree, limits: TreeLimits) -> None:
    """Limits first, where the payload is not too short or too flat for them; then keys."""
    if len(payload) > 2 * limits.nodes_max:
        _check_nodes(payload, limits)
    if payload.count(b"{") + payload.count(b"[") > limits.depth_max:
        _check_depth(payload, limits)
    written = orjson.dumps(tree)
    if b"\\" in payload:
        payload, written = _between_strings(payload), _between_strings(written)
    if payload.count(b":") != written.count(b":"):
        raise malformed("a key stands twice in one object")


def _check_nodes(payload: bytes, limits: TreeLimits) -> None:
    """Each value follows a comma or an opening bracket: exact but for empty containers, which count one too many."""
    between = _between_strings(payload)
    if 1 + between.count(b",") + between.count(b"{") + between.count(b"[") > limits.nodes_max:
        raise too_large(limits)


def _check_depth(payload: bytes, limits: TreeLimits) -> None:
    """Each round takes away the innermost pairs."""
    left = _brackets(payload)
    for _ in range(limits.depth_max):
        left = left.replace(b"[]", b"")
        if not left:
            return
    raise too_deep(limits)


def _brackets(payload: bytes) -> bytes:
    """All brackets of the structure, as square ones."""
    if b"\\" not in payload:
        marks = payload.translate(_SQUARE, _NO_MARKS).replace(b'""', b"")
        if b'"' not in marks:  # a bracket in a string has a quote on either side that finds no other
            return marks
    return _between_strings(payload).translate(_SQUARE, _NO_BRACKETS)


def _between_strings(text: bytes) -> bytes:
    """JSON without its strings; of a valid document, so that an odd piece between two quotes is a string."""
    if b"\\" in text:
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    return b"".join(text.split(b'"')[::2])
