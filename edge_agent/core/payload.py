"""Bytes from a device to one tree of plain values, strictly, and JSON Pointers into that tree.

What Python's own reader lets through is refused here: NaN and Infinity, numbers that overflow, the same key twice,
text that is no Unicode, and trees that are too deep or too large to be a status message.

Source: RFC 8259 (JSON), RFC 7493 (I-JSON), RFC 6901 (JSON Pointer).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias

from edge_agent.core.messages import QuarantineReason
from edge_agent.errors import DecodeError

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | None"

_INTEGER_DIGITS_MAX = 40
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ARRAY_INDEX = re.compile(r"^(0|[1-9]\d{0,8})$")


class Missing:
    """The type of MISSING: nothing stands at that place. Not the same as null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """How large a tree may be: levels of nesting, and values counted with their containers."""

    depth_max: int = 32
    nodes_max: int = 2_000


def parse_json(payload: bytes, limits: TreeLimits) -> Tree:
    """One JSON document, whole.

    Raises: DecodeError MALFORMED, or TOO_LARGE when the tree has more values than `limits` allows.
    """
    if not payload:
        raise _malformed("the payload is empty")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise _malformed(f"not UTF-8 at byte {exc.start}") from exc
    try:
        tree: Tree = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
        )
    except json.JSONDecodeError as exc:
        raise _malformed(f"not JSON: {exc.msg} at character {exc.pos}") from exc
    except RecursionError as exc:
        raise _malformed(f"nested deeper than {limits.depth_max} levels") from exc
    _check_tree(tree, limits)
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


def _malformed(detail: str) -> DecodeError:
    return DecodeError(QuarantineReason.MALFORMED, detail)


def _object(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    members: dict[str, Tree] = {}
    for key, value in pairs:
        if key in members:
            raise _malformed(f"the key {key[:40]!r} stands twice in one object")
        members[key] = value
    return members


def _integer(digits: str) -> int:
    if len(digits) > _INTEGER_DIGITS_MAX:
        raise _malformed(f"an integer of {len(digits)} digits")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _malformed(f"the number {digits[:40]} is not finite")
    return value


def _constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not JSON")


def _check_tree(tree: Tree, limits: TreeLimits) -> None:
    """Level by level, so that depth costs no recursion."""
    level, nodes = [tree], 0
    for depth in range(limits.depth_max + 1):
        nodes += len(level)
        if nodes > limits.nodes_max:
            raise DecodeError(QuarantineReason.TOO_LARGE, f"more than {limits.nodes_max} values")
        if depth == limits.depth_max and any(isinstance(node, (dict, list)) for node in level):
            raise _malformed(f"nested deeper than {limits.depth_max} levels")
        level = _below(level)


def _below(level: list[Tree]) -> list[Tree]:
    """The values one level down; texts of this one are checked on the way."""
    below: list[Tree] = []
    for node in level:
        if isinstance(node, dict):
            _check_text("".join(node))
            below.extend(node.values())
        elif isinstance(node, list):
            below.extend(node)
        elif isinstance(node, str):
            _check_text(node)
    return below


def _check_text(text: str) -> None:
    if not text.isascii() and _SURROGATE.search(text):
        raise _malformed("half of a surrogate pair in a text")
