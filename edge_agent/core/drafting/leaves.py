"""The places of sample payloads that could be signals, each with every value that it had."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from edge_agent.core.decoding.measured import parts_of
from edge_agent.core.decoding.payload import Tree, select
from edge_agent.core.drafting.hints import Hint, hint_of, is_unit_word
from edge_agent.core.drafting.redaction import pointer, words_of

Kind = Literal["number", "digits", "measured", "flag", "text", "mixed", "null"]
NUMERIC: frozenset[Kind] = frozenset({"number", "digits", "measured"})

_POINTER_MAX = 200
_WORD_MAX = 40
_DIGITS = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?")
_UNIT_MAX = 16
_NEIGHBOURS_MAX = 32
_UNIT_KEYS = ("unit", "units", "uom", "unit_of_measurement")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One place. `values` are those that it had, in the order of the samples, each once; `seen` in how many samples.

    `unit_at` is the pointer of a neighbour that seems to tell the unit, `unit_says` what it said; of `measured`, a
    number with its unit in one text, `unit_says` are those units.
    """

    steps: tuple[str, ...]
    kind: Kind
    values: tuple[str | float | bool | None, ...]
    seen: int
    hint: Hint
    unit_at: str = ""
    unit_says: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The JSON Pointer."""
        return pointer(self.steps)


@dataclass(slots=True)
class _Found:
    values: list[str | float | bool | None] = field(default_factory=list)
    seen: int = 0


def leaves_of(trees: Sequence[Tree], *, hidden: frozenset[str]) -> tuple[Leaf, ...]:
    """Every scalar place of the samples in their order, but those in `hidden`, and those that no pointer can name."""
    found: dict[tuple[str, ...], _Found] = {}
    for tree in trees:
        _walk(tree, (), found)
    leaves = []
    for steps, each in found.items():
        if 0 < len(pointer(steps)) <= _POINTER_MAX and not _is_hidden(steps, hidden):
            leaves.append(_leaf(steps, each, trees))
    return tuple(leaves)


def _is_hidden(steps: tuple[str, ...], hidden: frozenset[str]) -> bool:
    """Whether the place, or one around it, is private: nothing below a name that was taken out is anybody else's."""
    return any(pointer(steps[:depth]) in hidden for depth in range(1, len(steps) + 1))


def _walk(tree: Tree, steps: tuple[str, ...], found: dict[tuple[str, ...], _Found]) -> None:
    if isinstance(tree, dict):
        for key, value in tree.items():
            _walk(value, (*steps, key), found)
    elif isinstance(tree, list):
        for at, value in enumerate(tree):
            _walk(value, (*steps, str(at)), found)
    else:
        here = found.setdefault(steps, _Found())
        here.seen += 1
        if not any(type(known) is type(tree) and known == tree for known in here.values):
            here.values.append(tree)


def _leaf(steps: tuple[str, ...], found: _Found, trees: Sequence[Tree]) -> Leaf:
    kind = _kind(found.values)
    unit_at, unit_says = _unit_beside(steps, trees) if kind in {"number", "digits"} else ("", _units_behind(found))
    return Leaf(
        steps=steps,
        kind=kind,
        values=tuple(found.values),
        seen=found.seen,
        hint=hint_of(steps, is_number=kind in NUMERIC, said=unit_says[0] if kind == "measured" else ""),
        unit_at=unit_at,
        unit_says=unit_says,
    )


def _kind(values: Sequence[str | float | bool | None]) -> Kind:
    kinds = {_kind_of(value) for value in values if value is not None}
    if not kinds:
        return "null"
    if "measured" in kinds and kinds <= NUMERIC:
        return "measured"
    if kinds == {"number", "digits"}:
        return "digits"
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _kind_of(value: str | float | bool) -> Kind:  # noqa: FBT001 - one of the scalars
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, str):
        if _DIGITS.fullmatch(value.strip()):
            return "digits"
        return "measured" if _unit_behind(value) else "text"
    return "number"


def _unit_behind(text: str) -> str:
    """`kPa` of `250 kPa`, where that is how devices write a unit; else empty."""
    told = parts_of(text)
    return told[1] if told is not None and told[1] and _is_unit(told[1]) else ""


def _units_behind(found: _Found) -> tuple[str, ...]:
    """The units of the texts that are numbers with one, each once."""
    words = [_unit_behind(value) for value in found.values if isinstance(value, str)]
    return tuple(dict.fromkeys(word for word in words if word))


def _unit_beside(steps: tuple[str, ...], trees: Sequence[Tree]) -> tuple[str, tuple[str, ...]]:
    """`/tank/unit` for `/tank/left`, `/tank/left_unit`, or any neighbour that says `ml`: the first that is a text."""
    own, parent = steps[-1], steps[:-1]
    around = [select(tree, parent) for tree in trees]
    near = [each for each in around if isinstance(each, dict) and len(each) <= _NEIGHBOURS_MAX]
    also = [key for each in near for key, text in each.items() if _is_unit(text)]
    for key in (f"{own}_unit", f"{own}Unit", f"{own}_units", *_UNIT_KEYS, *also):
        told = [each[key] for each in around if isinstance(each, dict) and key in each]
        words = [each for each in told if isinstance(each, str) and 0 < len(each) <= _UNIT_MAX]
        if words and len(words) == len(told):
            return pointer((*parent, key)), tuple(dict.fromkeys(words))
    return "", ()


def _is_unit(value: Tree) -> bool:
    return isinstance(value, str) and len(value) <= _UNIT_MAX and is_unit_word(value)


def is_word(leaf: Leaf) -> bool:
    """Whether a text is one of a few words, such as a state, and no sentence or name."""
    texts = [value for value in leaf.values if isinstance(value, str)]
    return leaf.kind == "text" and all(len(text) <= _WORD_MAX and len(words_of(text)) <= 4 for text in texts)


def choose(leaves: Sequence[Leaf], *, limit: int, wanted: Mapping[str, None]) -> tuple[Leaf, ...]:
    """The places that become signals: those that were named, else those that speak of stock, else all numbers."""
    if wanted:
        return tuple(leaf for leaf in leaves if leaf.place in wanted)[:limit]
    able = [leaf for leaf in leaves if leaf.kind in {*NUMERIC, "flag"} or is_word(leaf)]
    units = {leaf.unit_at for leaf in able}
    able = [leaf for leaf in able if leaf.place not in units and not all(_is_unit(each) for each in leaf.values)]
    about = [leaf for leaf in able if leaf.hint.role in {"stock", "setting"}]
    fallback = [leaf for leaf in able if leaf.hint.role != "never" and leaf.kind != "text"]
    return tuple((about or fallback)[:limit])
