"""A first profile from sample payloads: what can be seen is written down, what cannot be known is a TODO to answer.

A sample shows where values stand and of what type they are. It does not show their unit, where they go with use, what
0, 255 and -1 mean, or whether the next message is whole. Each of these stands in the draft as the value `TODO`, which
the loader refuses, with what the name suggests in the comment beside it. Nothing is guessed into a value.

This module orders the work; `drafting_text` writes the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import orjson

from edge_agent.core.decoding.payload import Tree, TreeLimits, parse_json, pointer_steps, select
from edge_agent.core.drafting import match as matching
from edge_agent.core.drafting.hints import hint_of
from edge_agent.core.drafting.leaves import NUMERIC, Leaf, choose, leaves_of
from edge_agent.core.drafting.redaction import Redaction, pointer, redacted
from edge_agent.core.drafting.text import Findings, Shown, written
from edge_agent.core.formats.decoding import check_installed, decoder
from edge_agent.core.profile import Decoding
from edge_agent.errors import DecodeError, DraftError, ProfileError

SAMPLES_MAX = 8
SIGNALS_MAX = 24
_BYTES_MAX = 65_536  # all samples together
_TEXT_MAX = 262_144  # what the loader reads of a file
_INNER_MAX = 8
_INNER_FROM = 2  # characters
_REMARKED_MAX = 20
_LIMITS = TreeLimits()

_NEXT = (
    ". If it holds a number in hex or base64, write `decode.inner` by hand and put a payload into the sample that "
    "gives nothing away: docs/add-a-device.md, 'When the number is inside hex or base64'"
)

Format = Literal["json", "text", "cbor", "msgpack"]
Encode = Callable[[str, Tree], bytes]
_BINARY: tuple[Format, ...] = ("cbor", "msgpack")


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of a profile file, how many signals and questions it has, and the places that were taken out."""

    text: str
    signals: int
    questions: int
    redacted: tuple[str, ...]

    @property
    def remarks(self) -> tuple[str, ...]:
        """Lines for the person who asked for it."""
        taken = ", ".join(self.redacted[:_REMARKED_MAX]) or "nothing"
        more = f" and {len(self.redacted) - _REMARKED_MAX} more" if len(self.redacted) > _REMARKED_MAX else ""
        return (
            f"{self.signals} signals, {self.questions} TODOs. Delete what you do not need, answer the rest.",
            f"Taken out of the sample, for it may be private: {taken}{more}. Look through the rest yourself.",
        )


@dataclass(frozen=True, slots=True)
class _Unfolded:
    """A sample as a tree in which JSON inside texts is opened; `inner` are the places of those, outermost first."""

    tree: Tree
    inner: tuple[str, ...]


def draft(
    payloads: Sequence[bytes],
    *,
    topic: str,
    encode: Encode,
    form: Format | None = None,
    signals: Sequence[str] = (),
) -> Draft:
    """The draft for a device that sent these payloads on this topic.

    `encode(format, tree)` writes CBOR and MessagePack. `signals` are JSON Pointers of the places that shall become
    signals; without any, those are taken whose name speaks of stock.
    Raises: DraftError, and nothing else, whatever the payloads are.
    """
    pattern = matching.topic_of(topic)
    _check_sizes(payloads)
    form = form or _form_of(payloads[0])
    unfolded = [_unfold(_tree(payload, form)) for payload in payloads]
    clean = [redacted(each.tree) for each in unfolded]
    leaves = _leaves(clean, form=form, topic=topic)
    chosen = choose(leaves, limit=SIGNALS_MAX, wanted=dict.fromkeys(signals))
    _check_choice(chosen, leaves, signals=signals, clean=clean)
    model = None if form == "text" else matching.model_of(leaves)
    findings = Findings(
        name=matching.name_of(pattern, "" if model is None else str(model.values[0])),
        topic=pattern,
        form=form,
        inner=tuple(dict.fromkeys(place for each in unfolded for place in each.inner))[:_INNER_MAX],
        samples=len(payloads),
        times=dict(time for each in clean for time in each.times.items()),
        model=model,
        chosen=chosen,
        others=tuple(leaf for leaf in leaves if leaf not in chosen and leaf is not model),
        redacted=tuple(dict.fromkeys(place for each in clean for place in each.places)),
        packed=_packed(clean),
        bodies=tuple(
            _shown(each.tree, inner=before.inner, form=form, encode=encode)
            for before, each in zip(unfolded, clean, strict=True)
        ),
    )
    text, questions = written(findings)
    if len(text.encode()) > _TEXT_MAX:
        raise DraftError(f"the draft would have more than {_TEXT_MAX} bytes: give fewer or smaller samples")
    return Draft(text=text, signals=len(chosen), questions=questions, redacted=findings.redacted)


def _check_sizes(payloads: Sequence[bytes]) -> None:
    if not 1 <= len(payloads) <= SAMPLES_MAX:
        raise DraftError(f"{len(payloads)} samples; 1 to {SAMPLES_MAX} are allowed")
    size = sum(len(payload) for payload in payloads)
    if size > _BYTES_MAX:
        raise DraftError(f"the samples have {size} bytes; {_BYTES_MAX} are allowed: give fewer, or smaller ones")


def _form_of(payload: bytes) -> Format:
    """How the payload is written. A bare number or word is a text, although JSON could read the number too."""
    if not payload.strip():
        raise DraftError("the payload is empty: give one that says something")
    if payload.strip()[:1] in {b"{", b"["}:
        if _reads(payload, "json"):
            return "json"
        if _is_printable(payload):
            _tree(payload, "json")  # says what is wrong with it
    if _is_printable(payload):
        return "text"
    read = [each for each in _BINARY if _reads(payload, each)]
    if len(read) == 1:
        return read[0]
    if read:
        raise DraftError("the payload can be read as CBOR and as MessagePack: say which with --format")
    raise DraftError(
        "the payload is neither JSON, text, CBOR nor MessagePack. Rows of bytes need a layout, which nobody can see in "
        "a sample: write one by hand, by the maker's document (device_profiles/README.md, decode.layout)"
    )


def _is_printable(payload: bytes) -> bool:
    try:
        return payload.decode("utf-8").strip().isprintable()
    except UnicodeDecodeError:
        return False


def _reads(payload: bytes, form: Format) -> bool:
    """Whether it decodes to something with places; a stray byte is a number in CBOR and in MessagePack."""
    try:
        return isinstance(_tree(payload, form), (dict, list))
    except DraftError:
        return False


def _tree(payload: bytes, form: Format) -> Tree:
    decoding = Decoding(format=form)
    try:
        check_installed(decoding)
        return decoder(decoding, _LIMITS)(payload)
    except ProfileError as exc:
        raise DraftError(str(exc)) from exc
    except DecodeError as exc:
        raise DraftError(f"the payload is not {_NAMES[form]} that the hub would take: {exc.detail}") from exc


_NAMES = MappingProxyType({"json": "JSON", "text": "text", "cbor": "CBOR", "msgpack": "MessagePack"})


def _unfold(tree: Tree) -> _Unfolded:
    """Open what is JSON inside a text, and inside that again."""
    inner: list[str] = []
    opened = _opened(tree, (), inner)
    return _Unfolded(opened, tuple(inner))


def _opened(tree: Tree, steps: tuple[str, ...], inner: list[str]) -> Tree:
    if isinstance(tree, dict):
        return {key: _opened(value, (*steps, key), inner) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_opened(value, (*steps, str(at)), inner) for at, value in enumerate(tree)]
    if not isinstance(tree, str) or len(tree) <= _INNER_FROM or len(inner) >= _INNER_MAX or not steps:
        return tree
    if tree[0] not in "{[" or len(pointer(steps)) > 200:
        return tree
    try:
        inside = parse_json(tree.encode(), _LIMITS)
    except DecodeError:
        return tree
    inner.append(pointer(steps))
    return _opened(inside, steps, inner)


def _leaves(clean: Sequence[Redaction], *, form: Format, topic: str) -> tuple[Leaf, ...]:
    hidden = frozenset(place for each in clean for place in (*each.places, *each.times))
    leaves = leaves_of([each.tree for each in clean], hidden=hidden)
    if form != "text":
        return leaves
    levels = tuple(level for level in topic.split("/") if level != "{device}")[-2:]  # only the topic names a bare text
    return tuple(replace(leaf, hint=hint_of(levels, is_number=leaf.kind in NUMERIC)) for leaf in leaves)


def _check_choice(
    chosen: Sequence[Leaf], leaves: Sequence[Leaf], *, signals: Sequence[str], clean: Sequence[Redaction]
) -> None:
    there = ", ".join(leaf.place for leaf in leaves[:12]) or "none"
    private = {place for each in clean for place in each.places}
    for place in signals:
        leaf = next((leaf for leaf in leaves if leaf.place == place), None)
        if place in private:
            raise DraftError(f"--signal {place}: looks like something private, and was taken out of the sample{_NEXT}")
        if leaf is None:
            raise DraftError(f"--signal {place}: no sample has a value there; the places are {there}")
        if leaf.kind in {"null", "mixed"}:
            raise DraftError(f"--signal {place}: is null, or of another type each time: give samples where it is not")
    if not chosen:
        raise DraftError(
            f"no number, flag or word in these samples could be a signal; the places are {there}. "
            f"Give a sample in which the device says more, or name places with --signal{_packed_note(clean)}"
        )


def _packed(clean: Sequence[Redaction]) -> tuple[str, ...]:
    """The places that were taken out and could hold numbers in bytes."""
    return tuple(dict.fromkeys(place for each in clean for place in each.packed))


def _packed_note(clean: Sequence[Redaction]) -> str:
    packed = _packed(clean)
    return f". Taken out: {', '.join(packed[:4])}{_NEXT}" if packed else ""


def _shown(tree: Tree, *, inner: Sequence[str], form: Format, encode: Encode) -> Shown:
    """The sample as the file holds it: private values gone, and what was inside a text inside a text again."""
    for place in reversed(inner):
        steps = pointer_steps(place)
        tree = _put(tree, steps, orjson.dumps(select(tree, steps)).decode())
    if form in _BINARY:
        try:
            return Shown(form=form, encoded=encode(form, tree).hex())
        except ValueError as exc:
            raise DraftError(f"the sample cannot be written as {_NAMES[form]}: {exc}") from exc
    return Shown(form=form, tree=tree)


def _put(tree: Tree, steps: Sequence[str], value: Tree) -> Tree:
    """The tree with `value` at a place that is there."""
    if not steps:
        return value
    if isinstance(tree, list):
        at = int(steps[0])
        return [*tree[:at], _put(tree[at], steps[1:], value), *tree[at + 1 :]]
    if isinstance(tree, dict):
        return tree | {steps[0]: _put(tree[steps[0]], steps[1:], value)}
    return tree
