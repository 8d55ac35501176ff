"""What is wrong with a profile file, for the person who wrote it: the line, the field, what stands there, what may."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from edge_agent.adapters.strict_yaml import locate
from edge_agent.core.profile import json_schema

_CHOICES = frozenset({"literal_error", "enum"})
_UNTELLING = frozenset({"missing", "value_error", "extra_forbidden"})
_RANK = {"extra_forbidden": 2, "value_error": 1}  # of faults at one place
_EXAMPLES = (  # by how the pattern begins
    ("^(/(", "should be a place of the payload, such as /salt/max"),
    (r"^\$(", "a filter, such as $.parts[?@.kind == 'OIL'].level"),
)
_NAMED = "should be names with values, such as {name: value}"
_LISTED = "should be a list, such as [0, 100]"
_KINDS = {  # by the kind of fault
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type", "mapping_type"), _NAMED),
    **dict.fromkeys(("list_type", "tuple_type"), _LISTED),
}
_VALUE_MAX, _FORMS_MAX = 60, 3

_Steps = tuple[str | int, ...]
_Fault = tuple[ErrorDetails, _Steps]
_Schema = dict[str, Any]


def first_fault(error: ValidationError, text: bytes, tree: object) -> str:
    """One fault of a file that holds `tree`. Of a choice of forms, the one that comes nearest."""
    every = [(each, _in_the_file(each["loc"], tree)) for each in error.errors(include_url=False)]
    faults = [each for each in every if not _is_of_another_form(each, every)]
    first, steps = max(faults, key=lambda each: (len(each[1]), _RANK.get(each[0]["type"], 0)))
    says = _says(first, steps, [each for each, other in faults if other == steps])
    if first["type"] == "value_error":
        steps = _named_first(says, tree) or steps
    at = locate(text, steps)
    name = (first["loc"][-1],) if first["type"] == "missing" else ()
    where = ".".join(str(step) for step in (*_in_the_file(first["loc"], tree), *name))
    given = "" if first["type"] in _UNTELLING else f" = {_given(first['input'])}"
    meant = "" if len(faults) == len(every) else _meaning(_in_the_file(first["loc"], tree), tree)
    return ": ".join(each for each in (at, f"{where}{given}", says + meant) if each)


def _given(value: object) -> str:
    return "nothing" if value is None else f"{str(value)[:_VALUE_MAX]!r}"


def _is_of_another_form(fault: _Fault, every: Sequence[_Fault]) -> bool:
    """Whether the field is known and one form of a choice knows better what is wrong with it than those without it."""
    (each, steps) = fault
    if each["type"] != "extra_forbidden" or str(steps[-1]) not in _fields_at(steps[:-1]):
        return False
    return any(
        (other["type"] != "extra_forbidden" and there[: len(steps)] == steps)
        or (other["type"] == "value_error" and there == steps[:-1])
        for other, there in every
    )


def _meaning(steps: _Steps, tree: object) -> str:
    """What the form is for, of a choice of forms, that stands at this place or around it, with its first field."""
    schema = _schema()
    for end in range(len(steps), 0, -1):
        here: Any = tree
        for step in steps[:end]:
            here = here[step]
        for node in _nodes_at(steps[:end], schema):
            named = [*node.get("properties", {})]
            if isinstance(here, dict) and [*here] == named and "description" in node:
                return f" ({named[0]}: {' '.join(node['description'].split())})"
    return ""


def _says(first: ErrorDetails, steps: _Steps, there: Sequence[ErrorDetails]) -> str:
    """What may stand there; `there` are all faults of that place, one or more for each form that it may have."""
    if first["type"] == "extra_forbidden":
        if str(steps[-1]) in _fields_at(steps[:-1]):
            return "does not go together with what stands beside it"
        return f"no such field; allowed here: {', '.join(sorted(_fields_at(steps[:-1])))}"
    choices = [each["ctx"]["expected"] for each in there if each["type"] in _CHOICES]
    if first["type"] in _CHOICES and len(choices) > 1:
        return f"Input should be {' or '.join(dict.fromkeys(choices))}"
    forms = dict.fromkeys(_in_words(each) for each in there if each["type"] == first["type"])
    return "; or ".join([*forms][:_FORMS_MAX]).removeprefix("Value error, ")


def _in_words(fault: ErrorDetails) -> str:
    """A pattern that people need not read is shown by an example."""
    if fault["type"] in _KINDS:
        return _KINDS[fault["type"]]
    pattern = fault.get("ctx", {}).get("pattern", "")
    return next((words for start, words in _EXAMPLES if pattern.startswith(start)), fault["msg"])


def _in_the_file(loc: Sequence[str | int], tree: object) -> _Steps:
    """The steps of a place that are in the file: a validator adds names of its own choices."""
    here: Any = tree
    steps: list[str | int] = []
    for part in loc:
        inside = isinstance(here, dict) and part in here
        if inside or (isinstance(here, list) and isinstance(part, int) and part < len(here)):
            here = here[part]
            steps.append(part)
    return tuple(steps)


def _named_first(says: str, tree: object) -> _Steps:
    """The place that a rule between fields names before its colon; names may hold dots."""
    here, steps, left = tree, [], says.partition(":")[0]
    while isinstance(here, dict) and left:
        step = next((key for key in here if left == key or left.startswith(f"{key}.")), None)
        if step is None:
            break
        here, left = here[step], left[len(step) + 1 :]
        steps.append(step)
    return tuple(steps)


@functools.cache
def _schema() -> _Schema:
    """The language's schema, which takes longer to make than a file to read."""
    return json_schema()


def _fields_at(steps: _Steps) -> set[str]:
    """The fields that the language has at a place of a file."""
    return {name for each in _nodes_at(steps, _schema()) for name in each.get("properties", {})}


def _nodes_at(steps: _Steps, schema: _Schema) -> list[_Schema]:
    """The forms that a place of a file may have."""
    here = [schema]
    for step in steps:
        here = [below for each in _forms(here, schema) for below in _below(each, step)]
    return [*_forms(here, schema)]


def _forms(nodes: Iterable[_Schema], schema: _Schema) -> Iterator[_Schema]:
    """What each node of the schema may be, references followed."""
    for node in nodes:
        if "$ref" in node:
            yield from _forms([schema["$defs"][node["$ref"].rpartition("/")[2]]], schema)
        elif "anyOf" in node:
            yield from _forms(node["anyOf"], schema)
        else:
            yield node


def _below(node: _Schema, step: str | int) -> list[_Schema]:
    if isinstance(step, int):
        return [each for each in (node.get("items"),) if isinstance(each, dict)]
    named = node.get("properties", {}).get(step)
    free = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
    return [each for each in ([named] if named else free) if isinstance(each, dict)]
