"""The one JSONPath form that profiles may use: a filter over the members of one array or object, and places around it.

`$.a['b.c'][?@.kind == 'OIL'].level` and nothing else, so that a query is a few loops and cannot grow into a language.
What it finds is what RFC 9535 says: a text is no number, `true` is not 1, and what is missing equals nothing. After the
filter, `[-1]` is the last element of a list. Queries that filter one array by one member share the walk over it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from edge_agent.core.decoding.payload import MISSING, Found, Tree

_NAME, _QUOTED, _INDEX = r"\.([A-Za-z_][A-Za-z0-9_]*)", r"\['([^'\\]*)'\]", r"\[(-1|\d{1,4})\]"
_STEP = re.compile(f"{_NAME}|{_QUOTED}|{_INDEX}")
_STEPS = _STEP.pattern.replace("(", "(?:")
_WHOLE = re.compile(
    rf"\$(?P<before>(?:{_STEPS})*)\[\?@(?P<inside>(?:{_STEPS})+) ?== ?"
    rf"(?P<literal>'[^'\\]*'|-?\d{{1,15}}|true|false)\](?P<after>(?:{_STEPS})*)"
)
_FLAGS = {"true": True, "false": False}

_Steps = tuple[str | int, ...]
_Members = dict[object, list[Found]]


@dataclass(frozen=True, slots=True)
class _Query:
    """A filter, taken apart: where the array is, what is compared with what, and where to go from there."""

    before: _Steps
    inside: _Steps
    wanted: object
    after: _Steps

    @classmethod
    def of(cls, text: str) -> _Query:
        parts = _WHOLE.fullmatch(text)
        if parts is None:
            raise ValueError(f"{text!r} is not a filter over one array")
        literal = parts["literal"]
        wanted = _FLAGS[literal] if literal in _FLAGS else literal[1:-1] if literal[0] == "'" else int(literal)
        return cls(_steps(parts["before"]), _steps(parts["inside"]), _mark(wanted), _steps(parts["after"]))


def array_steps(text: str) -> tuple[str, ...]:
    """The way to the array or object whose members the query filters."""
    return tuple(str(step) for step in _Query.of(text).before)


def finder(text: str) -> Callable[[Tree], Found]:
    """A function from a tree to the one value that the query finds; MISSING for none, and for more than one.

    `text` has the form that a profile's `jsonpath` is checked for.
    """
    find = all_finder([text])
    return lambda tree: find(tree)[0]


def all_finder(texts: Sequence[str]) -> Callable[[Tree], list[Found]]:
    """The same for several queries at once, in their order."""
    queries = [_Query.of(text) for text in texts]
    groups = sorted({(query.before, query.inside) for query in queries}, key=str)
    plan = [(groups.index((query.before, query.inside)), query.wanted, query.after) for query in queries]

    def find(tree: Tree) -> list[Found]:
        members = [_by_mark(_at(tree, before), inside) for before, inside in groups]
        return [_only(members[group].get(wanted, ()), after) for group, wanted, after in plan]

    return find


def _by_mark(among: Found, inside: _Steps) -> _Members:
    """The members of an array or object by what stands inside each."""
    elements = among if type(among) is list else among.values() if type(among) is dict else ()
    members: _Members = {}
    for each in elements:
        mark = _mark(_at(each, inside))
        if mark is not None:
            members.setdefault(mark, []).append(each)
    return members


def _only(fitting: Iterable[Found], after: _Steps) -> Found:
    found = [value for each in fitting if (value := _at(each, after)) is not MISSING]
    return found[0] if len(found) == 1 else MISSING  # of two that fit, neither is known to be the one


def _steps(text: str) -> _Steps:
    return tuple(int(number) if number else name or quoted for name, quoted, number in _STEP.findall(text))


def _at(tree: Found, steps: _Steps) -> Found:
    here = tree
    for step in steps:
        if isinstance(step, str):
            here = here.get(step, MISSING) if isinstance(here, dict) else MISSING
        else:
            here = here[step] if isinstance(here, list) and -len(here) <= step < len(here) else MISSING
        if here is MISSING:
            return MISSING
    return here


def _mark(found: object) -> object:
    """What equality compares: no flag is a number, and nothing but texts, numbers and flags equals anything."""
    kind = type(found)
    if kind is str or kind is int or kind is float:
        return found
    return (found,) if kind is bool else None
