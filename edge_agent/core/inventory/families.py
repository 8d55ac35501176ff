"""Topics that no profile is for, grouped: those that differ in one level and carry the same form are one family."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from edge_agent.core.decoding.payload import Tree, TreeLimits, parse_json
from edge_agent.core.drafting.match import is_mark
from edge_agent.core.drafting.redaction import is_private_text
from edge_agent.core.inventory.devices import FamilyLine
from edge_agent.errors import DecodeError

_SHAPE_MAX = 400
_MEMBERS_MAX = 24
_DEPTH_MAX = 4
_LEVELS_MAX = 12  # of a topic; what follows counts as one level
_LIMITS = TreeLimits()
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?")
_CODE = re.compile(r"[0-9a-fA-F]{8,}")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")


@dataclass(frozen=True, slots=True)
class Strange:
    """Messages of one topic that nobody understands; `payload` is the newest, perhaps cut to the store's limit."""

    topic: str
    payload: bytes
    size_bytes: int
    messages: int
    why: str
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class _Group:
    levels: tuple[str, ...]
    members: tuple[Strange, ...]
    shape: str


def families(strange: Iterable[Strange]) -> tuple[FamilyLine, ...]:
    """The families, the one with the newest message first."""
    by_levels: dict[tuple[str, ...], list[Strange]] = {}
    for each in strange:
        levels = tuple(
            "+" if at and is_mark(level) else level for at, level in enumerate(each.topic.split("/", _LEVELS_MAX - 1))
        )
        by_levels.setdefault(levels, []).append(each)
    groups = [_Group(levels, tuple(members), _commonest(members)) for levels, members in by_levels.items()]
    lines = [_line(group) for group in _merged(groups)]
    return tuple(sorted(lines, key=lambda line: (-line.newest_at.timestamp(), line.pattern)))


def shape_of(payload: bytes, *, size_bytes: int) -> str:
    """The names of places and the kinds of values, never a value; a name that is private itself is left out."""
    if len(payload) < size_bytes:
        return f"<{size_bytes} bytes, too large to keep>"
    try:
        tree = parse_json(payload, _LIMITS)
    except DecodeError:
        return _text_shape(payload)
    if not isinstance(tree, (dict, list)):
        return _text_shape(payload)
    said = _shape(tree, depth=_DEPTH_MAX)
    return said if len(said) <= _SHAPE_MAX else said[:_SHAPE_MAX] + "..."


def _commonest(members: Iterable[Strange]) -> str:
    counted = Counter(shape_of(each.payload, size_bytes=each.size_bytes) for each in members)
    return min(counted, key=lambda shape: (-counted[shape], shape))


def _merged(groups: Iterable[_Group]) -> list[_Group]:
    """Groups of one form that differ in one level become one, level after level from the last; the first stays."""
    left = list(groups)
    for place in range(max((len(group.levels) for group in left), default=0) - 1, 0, -1):
        buckets: dict[tuple[object, ...], list[_Group]] = {}
        for group in left:
            levels = group.levels
            key = (group.shape, *levels[:place], "+", *levels[place + 1 :]) if place < len(levels) else (group, levels)
            buckets.setdefault(key, []).append(group)
        left = [_one(bucket, place) for bucket in buckets.values()]
    return left


def _one(bucket: list[_Group], place: int) -> _Group:
    if len(bucket) == 1:
        return bucket[0]
    levels = bucket[0].levels
    members = tuple(member for group in bucket for member in group.members)
    return _Group((*levels[:place], "+", *levels[place + 1 :]), members, bucket[0].shape)


def _line(group: _Group) -> FamilyLine:
    newest = max(group.members, key=lambda member: member.newest_at)
    return FamilyLine(
        pattern="/".join(group.levels),
        topic=newest.topic,
        topics=len(group.members),
        messages=sum(member.messages for member in group.members),
        shape=group.shape,
        why=newest.why,
        newest_at=newest.newest_at,
    )


def _shape(tree: Tree, *, depth: int) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(_members(tree, depth)) + "}" if depth else "{...}"
    if isinstance(tree, list):
        inside = [_shape(each, depth=depth - 1) for each in tree[:1]] if depth else ["..."]
        return f"[{', '.join([*inside, *(['...'] if len(tree) > 1 and depth else [])])}]"
    return _kind(tree)


def _members(tree: Mapping[str, Tree], depth: int) -> list[str]:
    rows = [f"{_name(key)}: {_shape(value, depth=depth - 1)}" for key, value in list(tree.items())[:_MEMBERS_MAX]]
    return rows + (["..."] if len(tree) > _MEMBERS_MAX else [])


def _name(key: str) -> str:
    """A name that could be one device's or a person's, or that is no word, is not shown."""
    return "<name>" if not _PLAIN.fullmatch(key) or _CODE.fullmatch(key) or is_private_text(key) else key


def _kind(value: Tree) -> str:
    if value is None:
        return "<null>"
    if isinstance(value, bool):
        return "<flag>"
    if isinstance(value, str):
        return "<number in a text>" if _NUMBER.fullmatch(value.strip()) else "<text>"
    return "<number>"


def _text_shape(payload: bytes) -> str:
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return f"<{len(payload)} bytes>"
    if text.strip()[:1] in {"{", "["}:
        return f"<{len(payload)} bytes that are almost JSON>"
    return "<number>" if _NUMBER.fullmatch(text.strip()) else f"<text of {len(payload)} bytes>"
