"""A payload to one tree, as its profile says: the outer format first, then what is encoded once more inside.

An inner text that cannot be decoded is left out of the tree: what it would have told is then missing, and the rest of the
message stands. The outer one is refused as a whole.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence

from edge_agent.core.formats.layout import read_key, read_layout
from edge_agent.core.payload import Missing, Tree, TreeLimits, malformed, parse_json, selector
from edge_agent.core.profile.decoding import Decoding, Encoding, Inner, Layout
from edge_agent.errors import DecodeError

Decode = Callable[[bytes], Tree]

_TEXT_BYTES_MAX = 32_768
_EACH_MAX = 256


def decoder(decoding: Decoding, limits: TreeLimits) -> Decode:
    """A function from payload to tree. Raises, when called: DecodeError MALFORMED or TOO_LARGE."""
    outer = _outer(decoding, limits)
    inner = [_inner(each, limits) for each in decoding.inner]
    if not inner:
        return outer

    def decode(payload: bytes) -> Tree:
        tree = outer(payload)
        for replace in inner:
            tree = replace(tree)
        return tree

    return decode


def outer_key(decoding: Decoding) -> str:
    """What two profiles must have in common for a message to be decoded once for both."""
    return decoding.model_dump_json()


def _outer(decoding: Decoding, limits: TreeLimits) -> Decode:
    match decoding.format:
        case "json":
            return lambda payload: parse_json(payload, limits)
        case "text":
            return text_tree
        case "bytes":
            layout, encoding = decoding.layout, decoding.encoding
            return lambda payload: _row(payload, encoding, layout)
        case "cbor":
            from edge_agent.core.formats.cbor import parse_cbor  # noqa: PLC0415 - an extra of the hub

            return lambda payload: parse_cbor(payload, limits)
        case "msgpack":
            from edge_agent.core.formats.msgpack import parse_msgpack  # noqa: PLC0415 - an extra of the hub

            return lambda payload: parse_msgpack(payload, limits)
        case "sparkplug_b":
            from edge_agent.core.formats.sparkplug import parse_sparkplug  # noqa: PLC0415 - an extra of the hub

            return lambda payload: parse_sparkplug(payload, limits)


def text_tree(payload: bytes) -> Tree:
    """`{"text": ...}`: the whole payload without blanks around it, so that a pointer has something to point at.

    Raises: DecodeError MALFORMED for what is empty, too long, or no UTF-8.
    """
    if len(payload) > _TEXT_BYTES_MAX:
        raise malformed(f"a text of {len(payload)} bytes; {_TEXT_BYTES_MAX} are allowed")
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError as exc:
        raise malformed(f"not UTF-8 at byte {exc.start}") from exc
    if not text:
        raise malformed("the payload is empty")
    return {"text": text}


def _inner(rule: Inner, limits: TreeLimits) -> Callable[[Tree], Tree]:
    find = selector(rule.steps)

    def replace(tree: Tree) -> Tree:
        found = find(tree)
        if isinstance(found, Missing):
            return tree
        try:
            decoded: Tree | Missing = _each(found, rule) if rule.each else _one(found, rule, limits)
        except DecodeError:
            decoded = Missing()
        return _with(tree, rule.steps, decoded)

    return replace


def _one(found: Tree, rule: Inner, limits: TreeLimits) -> Tree:
    if not isinstance(found, str):
        raise malformed("what is encoded inside must be a text")
    if rule.format == "json":
        return parse_json(found.encode(), limits)
    return text_tree(found.encode()) if rule.format == "text" else _row(found.encode(), rule.encoding, rule.layout)


def _each(found: Tree, rule: Inner) -> Tree:
    if not isinstance(found, list) or len(found) > _EACH_MAX or rule.key is None:
        raise malformed(f"a list of at most {_EACH_MAX} texts is needed")
    tree: dict[str, Tree] = {}
    for element in found:
        if not isinstance(element, str):
            continue
        row = _unpacked(element.encode(), rule.encoding)
        name = read_key(row, rule.key)
        if name is not None and rule.layout is not None:
            tree.setdefault(name, read_layout(row, rule.layout))
    return tree


def _row(payload: bytes, encoding: Encoding | None, layout: Layout | None) -> Tree:
    row = _unpacked(payload, encoding)
    if not row or layout is None:
        raise malformed("the payload is empty")
    return read_layout(row, layout)


def _unpacked(payload: bytes, encoding: Encoding | None) -> bytes:
    try:
        match encoding:
            case None:
                return payload
            case "hex":
                return bytes.fromhex(payload.decode("ascii"))
            case "base64":
                return base64.b64decode(payload.strip(), validate=True)
    except (ValueError, binascii.Error) as exc:
        raise malformed(f"not {encoding}") from exc


def _with(tree: Tree, steps: Sequence[str], value: Tree | Missing) -> Tree:
    """A copy of the tree along the way to the place, with the value there, or without it."""
    if not steps:
        return None if isinstance(value, Missing) else value
    step, rest = steps[0], steps[1:]
    if isinstance(tree, list):
        whole = list(tree)
        whole[int(step)] = _with(whole[int(step)], rest, value)
        return whole
    if not isinstance(tree, dict):
        return tree
    members = dict(tree)
    if not rest and isinstance(value, Missing):
        del members[step]
    else:
        members[step] = _with(members[step], rest, value)
    return members
