"""Values as YAML that a strict reader takes back: JSON in other clothes, so what could be misread is quoted."""

from __future__ import annotations

import json
import re

from edge_agent.core.decoding.payload import Tree

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_WIDTH = 100


def scalar(value: str | float | bool | None) -> str:  # noqa: FBT001 - one of the five scalars
    """One scalar."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return quoted(value)


def quoted(text: str) -> str:
    """A text in double quotes, on one line; what is not printable is escaped."""
    return '"' + "".join(_character(each) for each in text) + '"'


def flow(tree: Tree, *, indent: int) -> str:
    """A tree, on one line where it is short; `indent` is that of the line it begins on."""
    short = _short(tree)
    if not isinstance(tree, (dict, list)) or (len(short) + indent <= _WIDTH):
        return short
    inner, close = " " * (indent + 2), " " * indent
    if isinstance(tree, dict):
        rows = [f"{inner}{_key(key)}: {flow(value, indent=indent + 2)}" for key, value in tree.items()]
        return "{\n" + ",\n".join(rows) + f"\n{close}}}"
    rows = [f"{inner}{flow(value, indent=indent + 2)}" for value in tree]
    return "[\n" + ",\n".join(rows) + f"\n{close}]"


def _short(tree: Tree) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{_key(key)}: {_short(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(_short(value) for value in tree) + "]"
    return scalar(tree)


def _key(key: str) -> str:
    return scalar(key)


def _character(char: str) -> str:
    if char in {'"', "\\"}:
        return "\\" + char
    if " " <= char <= "~" or (char.isprintable() and char > "\xa0"):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
