"""Strict JSON, and pointers into it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.decoding.payload import MISSING, Tree, TreeLimits, parse_json, pointer_steps, select
from edge_agent.errors import DecodeError

LIMITS = TreeLimits()


def _containers(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)


@pytest.mark.parametrize(
    ("payload", "reason", "detail"),
    [
        (b"", "malformed", "empty"),
        (b"   ", "malformed", "not JSON"),
        (b"{", "malformed", "not JSON"),
        (b"{} {}", "malformed", "unexpected content"),
        (b"NaN", "malformed", "not JSON"),
        (b'{"a":Infinity}', "malformed", "not JSON"),
        (b"[-Infinity]", "malformed", "not JSON"),
        (b"[1e999]", "malformed", "infinity"),
        (b'{"a":1,"b":2,"a":1}', "malformed", "a key stands twice"),
        (b'{"a\\"":1,"a\\"":2}', "malformed", "a key stands twice"),
        (b'{"\\u0061":1,"a":2}', "malformed", "a key stands twice"),
        (b'{"a:\\\\":1, "b":{"a:\\\\":1,"a:\\\\":1}}', "malformed", "a key stands twice"),
        (b'{"a":{"b":1,"b":2}}', "malformed", "a key stands twice"),
        (b'"\xff"', "malformed", "UTF-8"),
        (b'"\xed\xa0\x80"', "malformed", "UTF-8"),
        (b'"\\ud800"', "malformed", "surrogate"),
        (b'{"\\udfff":1}', "malformed", "surrogate"),
        (b"\xef\xbb\xbf{}", "malformed", "BOM"),
        ("{}".encode("utf-16"), "malformed", "not JSON"),
        (b"[" * 33 + b"]" * 33, "malformed", "deeper than 32"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "malformed", "deeper than 32"),
        (b"[" * 60_000, "malformed", "depth limit"),
        (b"1" * 4_300, "malformed", "infinity"),
        (b"[" + b",".join([b"1"] * 4_000) + b"]", "too_large", "4000 values"),
        (b'{"a":"\x00"}', "malformed", "control character"),
        (b"{'a':1}", "malformed", "not JSON"),
        (b'{"a":1,}', "malformed", "not JSON"),
    ],
)
def test_what_is_refused(payload: bytes, reason: str, detail: str) -> None:
    """Everything that JSON forbids and Python's reader forgives, and what is too deep or too large."""
    with pytest.raises(DecodeError) as refusal:
        parse_json(payload, LIMITS)
    assert refusal.value.reason == reason
    assert detail in refusal.value.detail


@pytest.mark.parametrize(
    "payload",
    [b"[" * 32 + b"]" * 32, b"[" + b",".join([b"1"] * 3_999) + b"]", b"1" * 15, b'"\\ud83d\\ude00"', b"null", b"-0.0"],
)
def test_what_stands_just_inside_the_limits(payload: bytes) -> None:
    """The limits refuse what is beyond them and nothing else."""
    assert parse_json(payload, LIMITS) == json.loads(payload)


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), _containers, max_leaves=30))
def test_any_tree_that_json_writes(tree: Tree) -> None:
    """Quotes, colons, brackets and backslashes inside texts are no structure."""
    for text in (json.dumps(tree), json.dumps(tree, ensure_ascii=False, indent=1)):
        try:
            text.encode()
        except UnicodeEncodeError:
            continue
        assert parse_json(text.encode(), LIMITS) == tree


@given(st.binary(max_size=200))
def test_any_bytes(payload: bytes) -> None:
    """Whatever comes: a tree that JSON knows, or a reason."""
    try:
        tree = parse_json(payload, LIMITS)
    except DecodeError:
        return
    assert json.loads(json.dumps(tree, allow_nan=False)) == tree


@pytest.mark.parametrize(
    ("pointer", "wanted"),
    [
        ("/a.b/c~1d", 1),
        ("/m~0n", 2),
        ("/list/0", 3),
        ("/list/1", MISSING),
        ("/list/00", MISSING),
        ("/list/-", MISSING),
        ("/list/-1", MISSING),
        ("/nothing", None),
        ("/nothing/deeper", MISSING),
        ("/text/0", MISSING),
        ("/absent", MISSING),
        ("/", 4),
    ],
)
def test_pointer(pointer: str, wanted: object) -> None:
    """RFC 6901, with null told apart from what is not there."""
    tree: Tree = {"a.b": {"c/d": 1}, "m~n": 2, "list": [3], "nothing": None, "text": "abc", "": 4}
    assert select(tree, pointer_steps(pointer)) is wanted or select(tree, pointer_steps(pointer)) == wanted


TEXTS = st.text(st.sampled_from('a:"\\{}[], \n'), max_size=4)
BLANKS = st.sampled_from(["", " ", "\n", "\t "])


@st.composite
def documents(draw: st.DrawFn, depth: int = 3) -> str:
    """JSON as somebody else might write it: blanks anywhere, escapes for anything, and now and then a key twice."""
    blank, kind = draw(BLANKS), draw(st.sampled_from(["text", "number", "list", "object"] if depth else ["text"]))
    if kind == "number":
        return blank + draw(st.sampled_from(["1", "-0.5", "true", "null"])) + blank
    if kind == "list":
        return f"[{','.join(draw(st.lists(documents(depth - 1), max_size=3))) or blank}]{blank}"
    if kind == "object":
        members = draw(st.lists(st.tuples(_texts(draw), documents(depth - 1)), max_size=3))
        return f"{{{','.join(f'{blank}{key}{blank}:{value}' for key, value in members) or blank}}}{blank}"
    return draw(_texts(draw))


def _texts(draw: st.DrawFn) -> st.SearchStrategy[str]:
    """A JSON string, with its colons and brackets escaped or not."""
    hide = draw(st.sampled_from(["", ":", "[]", ":[]{}"]))
    table = str.maketrans({each: f"\\u{ord(each):04x}" for each in hide})
    return TEXTS.map(lambda text: json.dumps(text).translate(table))


class Members(list[tuple[str, object]]):
    """An object as it was written, with every member."""


@given(documents())
def test_a_key_that_stands_twice_is_found_however_it_is_written(text: str) -> None:
    """The same verdict as that of a reader that keeps every member; and the same depth."""
    written = json.loads(text, object_pairs_hook=Members)
    depth, verdict = _depth(written), "twice" if _is_doubled(written) else ""
    assert _refusal(text, TreeLimits(depth_max=depth)) == verdict
    if depth:
        assert _refusal(text, TreeLimits(depth_max=depth - 1)) == "deeper"


def _refusal(text: str, limits: TreeLimits) -> str:
    """The word by which the payload is refused; empty where it is taken."""
    try:
        assert parse_json(text.encode(), limits) == json.loads(text)
    except DecodeError as exc:
        return next(word for word in ("twice", "deeper") if word in exc.detail)
    return ""


def _inside(tree: object) -> list[object]:
    return [each for _, each in tree] if isinstance(tree, Members) else tree if isinstance(tree, list) else []


def _depth(tree: object) -> int:
    return 1 + max(map(_depth, _inside(tree)), default=0) if isinstance(tree, list) else 0


def _is_doubled(tree: object) -> bool:
    return (isinstance(tree, Members) and len(dict(tree)) < len(tree)) or any(map(_is_doubled, _inside(tree)))
