"""The few value templates that are a place in a payload, and nothing more; every other one is refused with the reason.

A template is code, and a profile holds none. What can be said without code: `{{ value }}` is the whole payload, and
`{{ value_json.a['b'][0] }}` a place in it. `float`, `int` and `round` behind it only say that a number is meant: the
hub takes the device's own digits, without rounding, and nothing where there is no number; a default is never a value.
`is_defined` is what the hub does by itself.

Source: Home Assistant, MQTT (value templates) and Templating; Jinja, Template Designer (variables).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_agent.core.importing.device import NotReadableError

_TEMPLATE_MAX = 500
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_STEP = rf"\.(?:{_NAME}|\d{{1,4}})|\[\s*(?:'[^'\\]*'|\"[^\"\\]*\"|\d{{1,4}})\s*\]"
_NUMBER = r"-?\d{1,9}(?:\.\d{1,9})?"
_FILTER = rf"\s*\|\s*(?:is_defined|float|int|round)\b(?:\s*\(\s*(?:(?:default\s*=\s*)?(?:{_NUMBER}|none|None))?\s*\))?"
_WHOLE = re.compile(rf"\{{\{{-?\s*(value_json|value)((?:{_STEP})*)((?:{_FILTER})*)\s*-?\}}\}}")
_STEPS = re.compile(_STEP)
_FILTERS = re.compile(r"\|\s*(is_defined|float|int|round)")
# What Jinja finds on an object before it looks for a key of that name.
_METHODS = frozenset(
    {"clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"}
)
_NUMERIC = frozenset({"float", "int", "round"})
_SIGNS = (
    ("{%", "statements and conditions are code"),
    (" if ", "a condition is code"),
    ("states(", "it reads Home Assistant's own states"),
    ("this.", "it reads Home Assistant's own states"),
    ("(", "a call is code"),
    ("|", "of the filters only float, int, round and is_defined say nothing that changes a value"),
    ("~", "putting texts together is code"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a template looks. `steps` is None for the whole payload; `lists` are places that must hold a list.

    `is_number` where it says that a number is meant; `rounds` where Home Assistant would show fewer digits.
    """

    steps: tuple[str, ...] | None
    lists: tuple[tuple[str, ...], ...] = ()
    is_number: bool = False
    rounds: bool = False


def place_of(template: str) -> Place:
    """The place that a template names.

    Raises: NotReadableError with the reason why it is more than that.
    """
    text = template.strip()
    found = _WHOLE.fullmatch(text) if len(text) <= _TEMPLATE_MAX else None
    if found is None:
        raise NotReadableError(f"its template is more than a place in the payload: {_why(text)}")
    root, way, filters = found.groups()
    names = frozenset(_FILTERS.findall(filters))
    is_number, rounds = bool(names & _NUMERIC), bool(names & {"int", "round"})
    if root == "value":
        if way:
            raise NotReadableError("its template looks into `value`, which is a text: value_json is what has parts")
        return Place(None, is_number=is_number, rounds=rounds)
    if not way:
        raise NotReadableError("its template is the whole of value_json; a profile needs a place in it")
    steps, lists = _taken_apart(way)
    return Place(steps, lists, is_number=is_number, rounds=rounds)


def _taken_apart(way: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    steps: list[str] = []
    lists: list[tuple[str, ...]] = []
    for step in _STEPS.findall(way):
        inside = step[1:].strip() if step[0] == "." else step[1:-1].strip()
        if inside.isdigit():
            if not steps:
                raise NotReadableError("its template takes an element of the whole payload")
            lists.append(tuple(steps))
            steps.append(str(int(inside)))
        elif step[0] == "." and inside in _METHODS:
            raise NotReadableError(f"in a template, .{inside} is a method and no key: ['{inside}'] is the key")
        else:
            steps.append(inside if step[0] == "." else inside[1:-1])
    return tuple(steps), tuple(lists)


def _why(text: str) -> str:
    if len(text) > _TEMPLATE_MAX:
        return f"it has more than {_TEMPLATE_MAX} characters"
    if text.count("{{") != 1 or not text.startswith("{{") or not text.endswith("}}"):
        return "statements and conditions are code" if "{%" in text else "there is text around it"
    for sign, reason in _SIGNS:
        if sign in text:
            return reason
    return "calculating is code"
