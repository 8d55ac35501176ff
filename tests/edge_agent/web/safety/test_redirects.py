"""No page sends a browser to another site: every redirect is written down as an address of the hub."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent import web

SOURCE = Path(web.__file__).parent
# Names that stand for an address of the hub, each looked at.
NAMED = {
    ("pages/links.py", "look.PATH"): "a constant",
    ("pages/people.py", "_PEOPLE"): "a constant",
    ("pages/recalls.py", "ADDRESS"): "a constant",
    ("pages/recalls.py", "'/' if visit.form.get('back') == 'home' else ADDRESS"): "one of two constants",
    ("pages/scan.py", "f'{ADDRESS}?code={gs1.shown(told.gtin14)}'"): "a constant, and digits",
    ("pages/stock.py", "back"): "the item's own page, or the constant address of the scan page",
    ("setup/entrance.py", "next_step(visit)"): "one of its constants",
}
_OURS = re.compile(r"/(?![/\\])[a-z-]*(/|$|\?|#)?")


def targets(source: str) -> Iterator[ast.expr]:
    """What each redirect of a module goes to."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "RedirectResponse":
            yield node.args[0]


def is_ours(target: ast.expr) -> bool:
    """Whether the address begins, in the source itself, with a place of the hub."""
    match target:
        case ast.Constant(value=str(text)):
            return _OURS.match(text) is not None
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return re.match(r"/[a-z-]+[/?#]", text) is not None
        case ast.IfExp(body=body, orelse=orelse):
            return is_ours(body) and is_ours(orelse)
    return False


def test_every_redirect_stays_here() -> None:
    """Nothing that a person or a merchant gives decides where a browser goes."""
    found = [
        (str(path.relative_to(SOURCE)), target)
        for path in sorted(SOURCE.rglob("*.py"))
        for target in targets(path.read_text("utf-8"))
    ]
    assert len(found) > 10
    assert {(path, ast.unparse(target)) for path, target in found if not is_ours(target)} == set(NAMED)


@pytest.mark.parametrize(
    "code", ["x", "'https://a.test/'", "'//a.test'", "f'{x}'", "f'/{x}'", "'/' + x", "request.url"]
)
def test_a_redirect_to_anywhere_is_seen(code: str) -> None:
    """The reader of the source is not blind."""
    (target,) = targets(f"RedirectResponse({code})")
    assert not is_ours(target)
