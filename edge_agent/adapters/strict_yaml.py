"""YAML as far as it is JSON: one document of mappings, lists, texts, numbers, true, false and null.

Refused: aliases and anchors (a few lines of them can unfold to gigabytes), tags, merges, the same key twice, keys that
are no texts, and documents that are too deep or hold too many values. `yes`, `0o7`, `1:30` and dates stay texts.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

_DEPTH_MAX = 24
_NODES_MAX = 20_000


class StrictYamlError(ValueError):
    """The text is not what this module reads; the message names line and column where they are known."""


class _Loader(yaml.SafeLoader):
    """SafeLoader with JSON's scalars only, and with limits."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - the library's own name

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One node, counted; everything that JSON has not is refused here."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _problem("anchors and aliases are not allowed", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise _problem("tags are not allowed", event.start_mark)
        self._nodes += 1
        self._depth += 1
        if self._depth > _DEPTH_MAX or self._nodes > _NODES_MAX:
            raise _problem(f"deeper than {_DEPTH_MAX} levels or more than {_NODES_MAX} values", event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """A mapping whose keys are texts, each once."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise _problem("a key must be a text", key.start_mark)
            if key.value in seen:
                raise _problem(f"the key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_number(self, node: yaml.ScalarNode) -> float:
        """As JSON reads it, and finite."""
        text = str(node.value)
        value = int(text) if re.fullmatch(r"-?\d{1,40}", text) else float(text)
        if not math.isfinite(value):
            raise _problem(f"{text[:40]} is not finite", node.start_mark)
        return value


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), ["t", "f"])
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(null|)$"), ["n", ""])
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$"), list("-0123456789")
)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_number)


def load_yaml(text: bytes) -> Any:  # noqa: ANN401 - a tree of plain values, checked by the caller's model
    """The one document in `text`.

    Raises: StrictYamlError for anything that is not JSON in other clothes.
    """
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_data()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise StrictYamlError(f"{where}{exc.problem or 'not YAML'}") from exc
    except yaml.YAMLError as exc:
        raise StrictYamlError(f"not YAML: {str(exc).splitlines()[0]}") from exc
    finally:
        if loader is not None:
            loader.dispose()


def _problem(text: str, mark: yaml.Mark | None) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, text, mark)
