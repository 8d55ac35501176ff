"""A payload to one tree, as its profile says: the outer format first, then what is encoded once more inside.

An inner text that cannot be decoded is left out of the tree: what it would have told is then missing, and the rest of
the message stands. The outer one is refused as a whole.
"""

from __future__ import annotations

import base64
import binascii
import functools
import importlib.util
from collections.abc import Callable, Sequence
from types import MappingProxyType

from edge_agent.core.decoding.measured import unit_of_last
from edge_agent.core.decoding.payload import Missing, Tree, TreeLimits, malformed, parse_json, selector
from edge_agent.core.formats.layout import key_reader, row_reader
from edge_agent.core.profile.decoding import Decoding, Encoding, Inner
from edge_agent.errors import DecodeError, ProfileError

Decode = Callable[[bytes], Tree]

_TEXT_BYTES_MAX = 32_768
_NEEDS = MappingProxyType({"cbor": "cbor2", "msgpack": "msgpack", "sparkplug_b": "google.protobuf"})
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


def check_installed(decoding: Decoding) -> None:
    """Nothing, where what reads this format is there.

    Raises: ProfileError with what to install.
    """
    needed = _NEEDS.get(decoding.format)
    if needed is not None and not _is_installed(needed):
        raise ProfileError(
            f"decode.format = {decoding.format!r}: {needed.partition('.')[0]} is not installed; "
            "pip install 'restock[formats]' brings it"
        )


@functools.lru_cache(maxsize=8)
def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is not there
        return False


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
            return _row_decoder(decoding)
        case "cbor":
            from edge_agent.core.formats.cbor import parse_cbor  # noqa: PLC0415 - an extra of the hub

            return lambda payload: parse_cbor(payload, limits)
        case "msgpack":
            from edge_agent.core.formats.msgpack import parse_msgpack  # noqa: PLC0415 - an extra of the hub

            return lambda payload: parse_msgpack(payload, limits)
        case "sparkplug_b":
            from edge_agent.core.formats.sparkplug import parse_sparkplug  # noqa: PLC0415 - an extra of the hub

            return parse_sparkplug


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
    find, decode = selector(rule.steps), _each(rule) if rule.each else _one(rule, limits)

    def replace(tree: Tree) -> Tree:
        found = find(tree)
        if isinstance(found, Missing):
            return tree
        try:
            decoded: Tree | Missing = decode(found)
        except DecodeError:
            decoded = Missing()
        return _with(tree, rule.steps, decoded)

    return replace


def _one(rule: Inner, limits: TreeLimits) -> Callable[[Tree], Tree]:
    decode = _text_decoder(rule, limits)

    def one(found: Tree) -> Tree:
        if not isinstance(found, str):
            raise malformed("what is encoded inside must be a text")
        return decode(found)

    return one


def _text_decoder(rule: Inner, limits: TreeLimits) -> Callable[[str], Tree]:
    match rule.format:
        case "json":
            return lambda text: parse_json(text.encode(), limits)
        case "list":
            return _measures if rule.unit == "last" else _parts
        case "text":
            return lambda text: text_tree(text.encode())
        case _:
            row = _row_decoder(rule)
            return lambda text: row(text.encode())


def _parts(found: str) -> list[Tree]:
    parts = found.split(",", _EACH_MAX)
    if len(parts) > _EACH_MAX:
        raise malformed(f"a list of at most {_EACH_MAX} texts is needed")
    return [part.strip() for part in parts]


def _measures(found: str) -> list[Tree]:
    return [*unit_of_last([str(part) for part in _parts(found)])]


def _each(rule: Inner) -> Callable[[Tree], Tree]:
    if rule.key is None or rule.layout is None:
        raise ValueError("each goes with key and layout")
    name_of, read, encoding = key_reader(rule.key), row_reader(rule.layout), rule.encoding

    def each(found: Tree) -> Tree:
        if not isinstance(found, list) or len(found) > _EACH_MAX:
            raise malformed(f"a list of at most {_EACH_MAX} texts is needed")
        tree: dict[str, Tree] = {}
        for element in found:
            if isinstance(element, str):
                row = _unpacked(element.encode(), encoding)
                name = name_of(row)
                if name is not None and name not in tree:
                    tree[name] = read(row)
        return tree

    return each


def _row_decoder(coded: Inner | Decoding) -> Decode:
    if coded.layout is None:
        raise ValueError("bytes go with a layout")
    read, encoding = row_reader(coded.layout), coded.encoding

    def decode(payload: bytes) -> Tree:
        row = _unpacked(payload, encoding)
        if not row:
            raise malformed("the payload is empty")
        return read(row)

    return decode


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
