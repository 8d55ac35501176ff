"""The comments of a drafted signal: what its name and its values let one suppose, and what is to be asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from edge_agent.core.drafting.hints import Hint
from edge_agent.core.drafting.leaves import Leaf
from edge_agent.core.drafting.redaction import looks_packed
from edge_agent.core.drafting.yaml import scalar
from edge_agent.core.quantity import unit_of

_SHOWN_MAX = 5
_SUSPECT = frozenset({0, -1, 254, 255, 65_535, 32_767, -127, 127, 999, 9_999})
_UNTAKEABLE: Mapping[str, str] = MappingProxyType(
    {"null": "; give a sample where it has a value", "mixed": "; give samples where it is of one type"}
)
_CLASS_NOTE: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("V", "mV"), "; likely setting, for a voltage is only measured; direction is then none")
)
_STATES = "ok | low | empty | replace | null (says nothing)"
_PAIRS = (("yes", "no"), ("on", "off"), ("true", "false"), ("y", "n"), ("open", "closed"), ("full", "empty"))
_YES_OR_NO = _PAIRS[:4]
_OTHER_WORD: Mapping[str, str] = MappingProxyType({one: other for pair in _PAIRS for one, other in (pair, pair[::-1])})
_AMOUNTS = frozenset({"mass", "volume", "length"})
_IS_PACKED = "packed bytes? See 'When the number is inside hex or base64' in docs/add-a-device.md"
TAKEN_OUT_NOTE = f"taken out: long hex or base64, so a key, or {_IS_PACKED}"


def name_note(names: Sequence[str], hint: Hint) -> str:
    """What the name may be; two of a kind are told apart by a number."""
    if names:
        turned = ", or turned: .remaining" if names[0].endswith((".distance", ".depth", ".used")) else ""
        return f"likely {' or '.join(names)}{turned}"
    if hint.names:
        subject, _, quantity = hint.names[0].partition(".")
        return (
            f"{hint.names[0]} stands above already: two of a kind are {subject}_1.{quantity} and {subject}_2.{quantity}"
        )
    return f"a name from the lists above, likely with {' or '.join(f'.{each}' for each in hint.quantities)}"


def sentinel_note(leaf: Leaf) -> str:
    """Numbers that may mean that nothing is known."""
    suspect = [value for value in leaf.values if type(value) in {int, float} and value in _SUSPECT]
    asked = f"does {json.dumps(suspect[0])} here mean a number, or 'not known'? " if suspect else ""
    return f"{asked}numbers that mean 'not known' or 'not set up', such as [-1, 255]; [] if there are none"


def class_note(leaf: Leaf) -> str:
    """What is only measured, by the unit that the payload says or the name suggests."""
    if leaf.hint.quantities[:1] == ("time_used",):
        return "; likely run_time, for hours of use; direction is then up"
    return next((_CLASS_NOTE[word] for word in (*leaf.unit_says, leaf.hint.unit) if word in _CLASS_NOTE), "")


def unit_note(leaf: Leaf) -> str:
    """What is known of the unit."""
    if leaf.unit_says:
        says = f"the payload says {_values_of(leaf.unit_says)}"
        return f"{says}; canonical: {_canonical(leaf)}{_gap(leaf)}"
    if leaf.hint.unit:
        return f"likely {scalar(leaf.hint.unit)}, by the name; nothing in the payload says"
    doubt = f"could be {leaf.hint.unit_doubt}; " if leaf.hint.unit_doubt else ""
    return f"{doubt}nothing in the payload says"


def _canonical(leaf: Leaf) -> str:
    """An amount is counted in the unit of the item; anything else stays what it is."""
    known = unit_of(leaf.unit_says[0])
    if known is not None and known.dimension not in _AMOUNTS:
        return f"likely {scalar(leaf.unit_says[0])} too"
    return "the unit of your item, such as mL or g"


def _gap(leaf: Leaf) -> str:
    """How a distance in a text becomes what is left."""
    lengths = [word for word in leaf.unit_says if (unit := unit_of(word)) is not None and unit.dimension == "length"]
    if leaf.kind != "measured" or not lengths:
        return ""
    return f'; where `transform` makes % of it, {{canonical: "%", measured: {lengths[0]}}}'


def direction_note(leaf: Leaf) -> str:
    """Where it goes with use."""
    likely = f"likely {leaf.hint.direction}, by the name; " if leaf.hint.direction else ""
    return f"{likely}down: falls as stock is used. up: rises; to feed an item, `transform` it. none: for a setting"


def words_to_answer(leaf: Leaf) -> list[str]:
    """The words of a state; with `yes` where only `no` was seen, and such pairs, written as the first."""
    if leaf.kind == "flag":
        return ["true", "false"]
    words = [str(value) for value in leaf.values]
    if len(words) != 1 or words[0].lower() not in _OTHER_WORD:
        return words
    other = _OTHER_WORD[words[0].lower()]
    return [*words, other.upper() if words[0].isupper() else other.title() if words[0].istitle() else other]


def words_note(leaf: Leaf) -> str:
    """What may stand for a word."""
    more = "" if leaf.kind == "flag" else "; add every word that it can say: with any other the signal is unknown"
    return f"{_STATES}{more}"


def state_rows(leaf: Leaf) -> list[str]:
    """What a machine does is no state of stock, and only a person can tell one from the other."""
    if leaf.kind == "flag" or any(str(value).lower() in pair for value in leaf.values for pair in _YES_OR_NO):
        return []
    return ["# If it says what the machine does (WORK, STANDBY) and not how its stock is, delete this whole signal."]


def passed_over_note(leaf: Leaf) -> str:
    """A place that did not become a signal."""
    texts = [each for each in leaf.values if isinstance(each, str)]
    packed = f"; {_IS_PACKED}" if leaf.kind == "text" and texts and all(looks_packed(each) for each in texts) else ""
    return f"{leaf.kind}, was {values(leaf)}{_UNTAKEABLE.get(leaf.kind, '')}{packed}"


def values(leaf: Leaf) -> str:
    """The first values that it had."""
    return _values_of(leaf.values)


def _values_of(values: Sequence[str | float | bool | None]) -> str:
    shown = [scalar(value if not isinstance(value, str) else value[:40]) for value in values[:_SHOWN_MAX]]
    return ", ".join(shown) + (", ..." if len(values) > _SHOWN_MAX else "")
