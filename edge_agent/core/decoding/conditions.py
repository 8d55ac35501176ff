"""Whether a payload meets a profile's condition, and whether two conditions can be met by one payload."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from types import MappingProxyType

from edge_agent.core.decoding.payload import MISSING, Found, Tree, selector
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


def tester(condition: Condition) -> Callable[[Found], bool]:  # noqa: PLR0911 - one for each form of a test
    """The same for what stands at the condition's place. The common forms are one call: every value pays for it."""
    match condition.test:
        case "present":
            wanted = condition.present
            return lambda found: (found is not MISSING) is wanted
        case "eq":
            return _equal(condition.eq)
        case "ne":
            is_refused = _equal(condition.ne)
            return lambda found: found is not MISSING and not is_refused(found)
        case "one_of" if _are_words(condition.one_of):
            words = frozenset(condition.one_of)
            return lambda found: type(found) is str and found in words
        case "not_in" if _are_words(condition.not_in):
            refused = frozenset(condition.not_in)
            return lambda found: found is not MISSING and not (type(found) is str and found in refused)
        case "gt" | "ge" | "lt" | "le":
            return _compared(condition.test, getattr(condition, condition.test))
        case _:
            test = _test(condition)
            return lambda found: found is not MISSING and test(found)  # type: ignore[arg-type]


def _equal(value: Scalar) -> Callable[[Found], bool]:
    """Whether it is that value: `true` is not 1, and 1 is 1.0."""
    if value is None or isinstance(value, bool):
        return lambda found: found is value
    if isinstance(value, str):
        return lambda found: found == value
    return lambda found: found == value and found is not True and found is not False


def _compared(test: str, limit: float) -> Callable[[Found], bool]:
    compare = _ORDER[test]
    return lambda found: (type(found) is float or type(found) is int) and compare(found, limit)


def _are_words(values: Sequence[Scalar]) -> bool:
    return all(type(each) is str for each in values)


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
            return _compared(bound, getattr(condition, bound))


def _only_values(condition: Condition) -> tuple[Scalar, ...] | None:
    if condition.test == "eq":
        return (condition.eq,)
    return condition.one_of if condition.test == "one_of" else None


def _mark(found: Tree) -> object:
    """What equality compares: no flag is a number (`true` is not 1), and no container equals anything."""
    return (type(found) is bool, found) if not isinstance(found, (dict, list)) else None


def _marked(values: tuple[Scalar, ...]) -> frozenset[object]:
    return frozenset(_mark(value) for value in values)
