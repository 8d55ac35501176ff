"""YAML as far as it is JSON: one document of mappings, lists, texts, numbers, true, false and null.

Refused: aliases and anchors (a few lines of them can unfold to gigabytes), tags, merges, the same key twice, keys that
are no texts, and documents that are too deep or hold too many values. `yes`, `0o7`, `1:30` and dates stay texts.

The parser is libyaml's where it is installed (ten times as fast) and PyYAML's own elsewhere. The tree is built here
from its events, one after the other, so that nothing is recursive and a refusal comes before anything unfolds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

_DEPTH_MAX = 24
_NODES_MAX = 20_000
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_WHOLE = re.compile(r"-?\d{1,40}")
_WORDS = {"true": True, "false": False, "null": None, "": None}
_ENDS = frozenset({yaml.MappingEndEvent, yaml.SequenceEndEvent})
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Place = tuple[str | int, ...]


class StrictYamlError(ValueError):
    """The text is not what this module reads; the message names line and column where they are known."""


@dataclass(slots=True)
class _Open:
    """A mapping or list that is not closed yet. `key` is the one whose value comes next."""

    node: dict[str, Any] | list[Any]
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    """Events to a tree. `marks` says where each value began, if somebody asks for it."""

    marks: dict[Place, Any] | None = None
    documents: list[Any] = field(default_factory=list)
    _stack: list[_Open] = field(default_factory=list)
    _nodes: int = 0

    def take(self, event: yaml.Event) -> None:
        """One event more."""
        if type(event) in _ENDS:
            self._stack.pop()
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)
        elif isinstance(event, yaml.DocumentStartEvent) and self.documents:
            raise _problem("another document begins", event)

    def _node(self, event: Any) -> None:  # noqa: ANN401 - the stubs do not know that each of them has a tag
        if event.anchor is not None:  # an alias has one too, and nothing else
            raise _problem("anchors and aliases are not allowed", event)
        if event.tag is not None:
            raise _problem("tags are not allowed", event)
        self._nodes += 1
        if len(self._stack) > _DEPTH_MAX - 1 or self._nodes > _NODES_MAX:
            raise _problem(f"deeper than {_DEPTH_MAX} levels or more than {_NODES_MAX} values", event)
        here = self._stack[-1] if self._stack else None
        if here is not None and isinstance(here.node, dict) and here.key is None:
            here.key = _key(event, here.node)
            return
        is_scalar = type(event) is yaml.ScalarEvent
        node: Any = _scalar(event) if is_scalar else _container(event)
        self._put(node, here)
        if self.marks is not None:
            self.marks[self._place()] = event.start_mark
        if not is_scalar:
            self._stack.append(_Open(node))

    def _put(self, node: object, here: _Open | None) -> None:
        if here is None:
            self.documents.append(node)
        elif isinstance(here.node, list):
            here.node.append(node)
        elif here.key is not None:
            here.node[here.key] = node
            here.key = None

    def _place(self) -> Place:
        """Where the value stands that was put last."""
        return tuple(
            len(each.node) - 1 if isinstance(each.node, list) else next(reversed(each.node)) for each in self._stack
        )


def load_yaml(text: bytes) -> Any:  # noqa: ANN401 - a tree of plain values, checked by the caller's model
    """The one document in `text`.

    Raises: StrictYamlError for anything that is not JSON in other clothes.
    """
    return _built(text, _Builder())


def locate(text: bytes, place: Sequence[str | int]) -> str:
    """`line 3, column 5`: where the value at that place begins, or what is nearest around it; empty if it is nowhere.

    `text` is a document that `load_yaml` reads.
    """
    marks: dict[Place, Any] = {}
    _built(text, _Builder(marks=marks))
    for length in range(len(place), 0, -1):
        mark = marks.get(tuple(place[:length]))
        if mark is not None:
            return _where(mark)
    return ""


def _built(text: bytes, builder: _Builder) -> Any:  # noqa: ANN401
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.MarkedYAMLError as exc:
        where = f"{_where(exc.problem_mark)}: " if exc.problem_mark else ""
        raise StrictYamlError(f"{where}{exc.problem or 'not YAML'}") from exc
    except yaml.YAMLError as exc:
        raise StrictYamlError(f"not YAML: {str(exc).splitlines()[0]}") from exc
    return builder.documents[0] if builder.documents else None


def _events(text: bytes) -> Iterator[yaml.Event]:
    loader = _PARSER(text)
    try:
        yield from iter(loader.get_event, None)
    finally:
        loader.dispose()


def _key(event: yaml.NodeEvent, mapping: dict[str, Any]) -> str:
    key = _scalar(event) if type(event) is yaml.ScalarEvent else None
    if not isinstance(key, str):
        raise _problem(f"a key must be a text: put {str(getattr(event, 'value', 'it'))[:40]} in quotes", event)
    if key in mapping:
        raise _problem(f"the key {key!r} stands twice", event)
    return key


def _container(event: yaml.NodeEvent) -> dict[str, Any] | list[Any]:
    return {} if isinstance(event, yaml.MappingStartEvent) else []


def _scalar(event: yaml.ScalarEvent) -> Any:  # noqa: ANN401
    """Words and numbers as JSON has them; everything else, and everything in quotes, is a text."""
    text = str(event.value)
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if not _NUMBER.fullmatch(text):
        return text
    value = int(text) if _WHOLE.fullmatch(text) else float(text)
    if not math.isfinite(value):
        raise _problem(f"{text[:40]} is not finite", event)
    return value


def _where(mark: Any) -> str:  # noqa: ANN401 - either parser's
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _problem(text: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    mark: Any = event.start_mark
    return yaml.MarkedYAMLError(None, None, text, mark)
