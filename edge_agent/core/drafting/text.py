"""The text of a drafted profile. Comments carry what a name suggests; values are seen, or `TODO`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_agent.core.decoding.payload import Tree
from edge_agent.core.drafting.hints import quantity_words, range_hint, subject_words
from edge_agent.core.drafting.leaves import NUMERIC, Leaf
from edge_agent.core.drafting.match import Topic
from edge_agent.core.drafting.notes import (
    TAKEN_OUT_NOTE,
    class_note,
    direction_note,
    name_note,
    passed_over_note,
    sentinel_note,
    state_rows,
    unit_note,
    values,
    words_note,
    words_to_answer,
)
from edge_agent.core.drafting.yaml import flow, quoted, scalar
from edge_agent.core.quantity import unit_of
from edge_agent.errors import DraftError

TODO = "TODO"
_WIDTH = 118
_OTHERS_MAX = 40
_PLACES_MAX = 12
_NODES_MAX = 1_500  # a larger sample stands as one text
_DEPTH_MAX = 16
_SAMPLE_MAX = 65_536
_UNIT_LIST = '"%" mL L g kg [oz_av] [lb_av] [gal_us] s min h d mo km [mi_i] cm mm V mV [ppm] "{cup}" "{page}"'


@dataclass(frozen=True, slots=True)
class Shown:
    """The body of one sample: a tree for JSON and text, hex for binary formats."""

    form: str
    tree: Tree = None
    encoded: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was seen in the samples and the topic. Places are JSON Pointers."""

    name: str
    topic: Topic
    form: str
    inner: tuple[str, ...]
    samples: int
    times: Mapping[str, str]
    model: Leaf | None
    chosen: tuple[Leaf, ...]
    others: tuple[Leaf, ...]
    redacted: tuple[str, ...]
    packed: tuple[str, ...]  # of `redacted`, what could be numbers in bytes
    bodies: tuple[Shown, ...]


def written(found: Findings) -> tuple[str, int]:
    """The file, and how many TODOs stand in its values."""
    lines = [
        *_head(found),
        *_match(found),
        *_decode(found),
        *_time(found),
        *_units(found),
        *_signals(found),
        *_others(found),
        *_samples(found),
    ]
    questions = sum(line.split(" # ", 1)[0].count(TODO) for line in lines if not line.lstrip().startswith("#"))
    return "\n".join(lines) + "\n", questions


def _head(found: Findings) -> list[str]:
    count = "one sample payload" if found.samples == 1 else f"{found.samples} sample payloads"
    return [
        *_note(
            f"A draft from {count}. The hub refuses this file until every TODO is answered; "
            "`restock-hub profiles check FOLDER` says which are left. What a comment calls likely comes from a name "
            "alone: look at the device, or at its maker's document, before you believe it."
        ),
        f"profile: {found.name} # vendor.family, in a-z 0-9 _ and a dot; another name is as good",
        "version: 1",
        f"title: {scalar(found.name.replace('.', ' ').replace('_', ' '))} # for people",
        "source: Payloads of one device # better: the maker's document and its section",
    ]


def _match(found: Findings) -> list[str]:
    lines = ["match:", *_note(found.topic.why, indent=2), f"  topic: {quoted(found.topic.pattern)}"]
    if not found.topic.has_device:
        lines.append(f"  device: {TODO} # a name of yours for the one device on this topic: a-z 0-9 _ -")
    if found.form == "text":
        return lines
    place = found.chosen[0].place
    condition = f"{{path: {scalar(place)}, present: true}}"
    if found.model is not None:
        condition = f"{{path: {scalar(found.model.place)}, eq: {scalar(found.model.values[0])}}}"
    lines.append("  require: # what must hold, so that nothing else on such a topic is taken for this device")
    return [*lines, f"    - {condition}"]


def _decode(found: Findings) -> list[str]:
    if not found.inner:
        return [f"decode: {{format: {found.form}}}"]
    rows = [f"    - {{path: {scalar(place)}, format: json}} # JSON inside a text" for place in found.inner]
    return ["decode:", f"  format: {found.form}", "  inner:", *rows]


def _time(found: Findings) -> list[str]:
    """Snapshot or delta, and how old a message may be."""
    lines = []
    if found.form == "text":
        lines += _note("One value a message. Where the device uses a topic for each value, see `merge: per_topic`.")
    else:
        partly = [leaf for leaf in (*found.chosen, *found.others) if leaf.seen < found.samples]
        seen = f". Some samples lack {len(partly)} of the places" if partly else ""
        lines.append(f"merge: {TODO} # snapshot: each message says everything. delta: only what has changed{seen}")
    if not found.times:
        return [*lines, *_note("No time was found inside: a message counts as true when the hub hears it.")]
    place, form = next(iter(found.times.items()))
    rule = f"{{path: {scalar(place)}, form: {form}, max_age_s: 86400}}"
    return [*lines, f"freshness: {TODO} # {rule}, if that is when it was measured; null: as fresh as its message"]


def _units(found: Findings) -> list[str]:
    """Behind a number only the words stand that the profile names; at a place of its own UCUM is read as it is."""
    words = dict.fromkeys(word for leaf in found.chosen for word in leaf.unit_says if unit_of(word) is None)
    behind = {word for leaf in found.chosen if leaf.kind == "measured" for word in leaf.unit_says} - words.keys()
    if not words and not behind:
        return []
    rows = [f"  {quoted(word)}: {TODO} # in UCUM" for word in words]
    rows += [f"  {quoted(word)}: {quoted(word)}" for word in sorted(behind)]
    return ["units: # the device's own words for units; add those that it can say besides", *rows]


def _signals(found: Findings) -> list[str]:
    lines = [
        "signals:",
        *_note(
            "A name is <subject>.<quantity>, from closed lists; a subject may have a number (food_2). Subjects: "
            f"{' '.join(subject_words())}. Quantities: {' '.join(quantity_words())}.",
            indent=2,
        ),
        *_note(f"Units are UCUM: {_UNIT_LIST}.", indent=2),
        *_note(
            "class is level (how much is left), counter, run_time (hours of use) or setting (a constant, a "
            "threshold, or what is only measured and never stock, such as a voltage). "
            "Delete what you do not need: one level is enough to keep an item in stock.",
            indent=2,
        ),
    ]
    taken: set[str] = set()
    for number, leaf in enumerate(found.chosen, start=1):
        lines += _signal(leaf, number, taken=taken, samples=found.samples)
    return lines


def _signal(leaf: Leaf, number: int, *, taken: set[str], samples: int) -> list[str]:
    names = [name for name in leaf.hint.names if name not in taken]
    if len(names) == 1:
        name, remark = names[0], "by its name; another, if that is not what it is"
        taken.add(name)
    else:
        name, remark = f"{TODO}_{number}", name_note(names, leaf.hint)
    some = f", in {leaf.seen} of {samples} samples" if leaf.seen < samples else ""
    lines = [f"  {name}: # {remark}", f"    select: {scalar(leaf.place)} # was {values(leaf)}{some}"]
    if some:
        lines.append(f"    missing: {TODO} # unknown, or not_applicable where it means that there is no such part")
    if leaf.kind in NUMERIC:
        return lines + _number(leaf)
    return lines + _state(leaf)


def _number(leaf: Leaf) -> list[str]:
    unit = f"{{canonical: {TODO}, path: {scalar(leaf.unit_at)}}}" if leaf.unit_at else f"{{canonical: {TODO}}}"
    bounds = f"; likely {likely}" if (likely := range_hint(leaf.hint.unit)) else ""
    return [
        f"    sentinels: {TODO} # {sentinel_note(leaf)}",
        f"    parse: {leaf.kind}",
        f"    unit: {unit} # {unit_note(leaf)}",
        f"    range: {TODO} # [lowest, highest] that a sound device can say, in the canonical unit{bounds}",
        f"    class: {TODO} # level | counter | run_time | setting{class_note(leaf)}",
        f"    direction: {TODO} # {direction_note(leaf)}",
    ]


def _state(leaf: Leaf) -> list[str]:
    words = words_to_answer(leaf)
    table = ", ".join(f"{quoted(word)}: {TODO}" for word in words)
    return [
        *(f"    {row}" for row in state_rows(leaf)),
        f"    parse: {leaf.kind}",
        "    transform:",
        f"      - lookup: {{{table}}} # {words_note(leaf)}",
        "    class: flag",
        "    direction: none",
    ]


def _others(found: Findings) -> list[str]:
    """What did not become a signal, so that a person sees what was passed over."""
    rows = [f"  #   {scalar(leaf.place)} ({passed_over_note(leaf)})" for leaf in found.others[:_OTHERS_MAX]]
    rows += [f"  #   {scalar(place)} ({TAKEN_OUT_NOTE})" for place in found.packed[:_PLACES_MAX]]
    if not rows:
        return []
    more = max(len(found.others) - _OTHERS_MAX, 0)
    head = _note(
        "Not taken. A place that is added by hand has no sample to judge it: to have one of them as a signal, draft "
        "again with --signal and its place, and with --signal for each one above that shall stay.",
        indent=2,
    )
    return [*head, *rows, *([f"  #   and {more} more"] if more else [])]


def _samples(found: Findings) -> list[str]:
    lines = ["samples:"]
    if found.redacted:
        places = " ".join(scalar(place) for place in found.redacted[:_PLACES_MAX])
        more = f" and {len(found.redacted) - _PLACES_MAX} more" if len(found.redacted) > _PLACES_MAX else ""
        lines += _note(f"Taken out, for they may be private: {places}{more}. Look through the rest.", indent=2)
    if found.times:
        lines += _note("Times were moved to just before 2026-01-01T12:00:00Z, when samples are checked.", indent=2)
    for number, body in enumerate(found.bodies, start=1):
        lines += [
            f"  - name: as recorded{f', {number}' if found.samples > 1 else ''}",
            f"    {_body(body)}",
            f"    expect: {TODO} # answer all else first: the check then says what comes out, to be copied if right",
        ]
    return lines


def _body(body: Shown) -> str:
    if body.encoded:
        return f"hex: {_limited(body.encoded)}"
    if body.form == "text" and isinstance(body.tree, dict):
        return f"text: {quoted(str(body.tree['text']))}"
    if _fits(body.tree):
        return f"payload: {flow(body.tree, indent=4)}"
    return f"text: {quoted(_limited(json.dumps(body.tree, separators=(',', ':'))))}"


def _limited(text: str) -> str:
    if len(text) > _SAMPLE_MAX:
        raise DraftError(f"a sample would have more than {_SAMPLE_MAX} characters in the file: give a smaller one")
    return text


def _fits(tree: Tree) -> bool:
    """Whether a reader of YAML with limits takes the tree as it stands."""
    level, nodes = [tree], 0
    for _ in range(_DEPTH_MAX):
        nodes += len(level)
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return nodes <= _NODES_MAX
    return False


def _inside(tree: Tree) -> Sequence[Tree]:
    if isinstance(tree, dict):
        return list(tree.values())
    return tree if isinstance(tree, list) else ()


def _note(text: str, *, indent: int = 0) -> list[str]:
    before = " " * indent + "# "
    return textwrap.wrap(text, width=_WIDTH, initial_indent=before, subsequent_indent=before, break_on_hyphens=False)
