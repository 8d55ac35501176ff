"""Whether a payload meets a profile's condition, and whether two conditions can be met by one payload."""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import MappingProxyType

from edge_agent.core.payload import MISSING, Found, Tree, selector
from edge_agent.core.profile import Condition, Scalar

Check = Callable[[Tree], bool]

_ORDER = MappingProxyType({"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le})
_KINDS = MappingProxyType(
    {
        "object": (dict,),
        "array": (list,),
        "number": (int, float),
        "text": (str,),
        "flag": (bool,),
        "null": (type(None),),
    }
)


def checker(condition: Condition) -> Check:
    """The condition made ready: a function of a tree. A place that is missing meets only `present: false`."""
    find, test = selector(condition.steps), tester(condition)
    return lambda tree: test(find(tree))


def tester(condition: Condition) -> Callable[[Found], bool]:
    """The same for what stands at the condition's place."""
    if condition.test == "present":
        wanted = condition.present
        return lambda found: (found is not MISSING) is wanted
    words = _only_values(condition) or (condition.not_in if condition.test == "not_in" else ())
    if words and all(type(each) is str for each in words):
        return _words_test(frozenset(words), wanted=condition.test != "not_in")
    test = _test(condition)
    return lambda found: found is not MISSING and test(found)  # type: ignore[arg-type]


def _words_test(words: frozenset[Scalar], *, wanted: bool) -> Callable[[Found], bool]:
    """The commonest tests: one of these texts, or none of them."""
    if wanted:
        return lambda found: type(found) is str and found in words
    return lambda found: found is not MISSING and not (type(found) is str and found in words)


def holds(condition: Condition, tree: Tree) -> bool:
    """Whether the condition is met."""
    return checker(condition)(tree)


def contradict(one: Condition, other: Condition) -> bool:
    """Whether no payload can meet both, as far as that can be told from the conditions alone."""
    if one.path != other.path:
        return False
    if one.test == other.test == "present":
        return one.present != other.present
    if "present" in {one.test, other.test}:
        absent = one if one.test == "present" else other
        return not absent.present
    for first, second in ((one, other), (other, one)):
        values = _only_values(first)
        if values is not None and not any(_test(second)(value) for value in values):
            return True
    if one.test == other.test == "starts_with":
        return not (one.starts_with.startswith(other.starts_with) or other.starts_with.startswith(one.starts_with))
    return one.test == other.test == "type" and one.type != other.type


def _test(condition: Condition) -> Callable[[Tree], bool]:  # noqa: PLR0911 - one for each test of the language
    match condition.test:
        case "eq" | "one_of":
            allowed = _marked(_only_values(condition) or ())
            return lambda found: _mark(found) in allowed
        case "ne":
            refused = _mark(condition.ne)
            return lambda found: _mark(found) != refused
        case "not_in":
            refusals = _marked(condition.not_in)
            return lambda found: _mark(found) not in refusals
        case "type":
            kinds = _KINDS[condition.type]
            return lambda found: type(found) in kinds
        case "starts_with":
            start = condition.starts_with
            return lambda found: isinstance(found, str) and found.startswith(start)
        case "lacks":
            banned = _mark(condition.lacks)
            return lambda found: not (isinstance(found, list) and any(_mark(each) == banned for each in found))
        case "present":
            return lambda _: condition.present
        case bound:
            compare, limit = _ORDER[bound], getattr(condition, bound)
            return lambda found: type(found) in {int, float} and bool(compare(found, limit))  # type: ignore[arg-type]


def _only_values(condition: Condition) -> tuple[Scalar, ...] | None:
    if condition.test == "eq":
        return (condition.eq,)
    return condition.one_of if condition.test == "one_of" else None


def _mark(found: Tree) -> object:
    """What equality compares: no flag is a number (`true` is not 1), and no container equals anything."""
    return (type(found) is bool, found) if not isinstance(found, (dict, list)) else None


def _marked(values: tuple[Scalar, ...]) -> frozenset[object]:
    return frozenset(_mark(value) for value in values)
