"""The catalogues: in step with the sources, complete, usable, and shipped."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from edge_agent.web.language import _LOCALES, ENGLISH, LANGUAGES, Languages
from tests import texts

_MARKS = {"say": 1, "say_many": 2}


def test_every_language_has_a_catalogue() -> None:
    """What a person can choose is what the tool keeps in step."""
    assert set(_LOCALES) == set(LANGUAGES) - {ENGLISH}
    assert set(_LOCALES.values()) == set(texts.TRANSLATED)
    assert [Languages.shipped().of(code).code for code in LANGUAGES] == list(LANGUAGES)


@pytest.fixture(scope="module")
def sources() -> texts.Catalog:
    """Every text of the sources, extracted once."""
    return texts.extracted()


def test_the_template_is_in_step_with_the_sources(sources: texts.Catalog) -> None:
    """`make texts` was run after the last change of a text."""
    assert texts.TEMPLATE.read_bytes() == texts.as_po(sources)


@pytest.mark.parametrize("locale", texts.TRANSLATED)
def test_a_catalogue_is_in_step_with_the_sources(locale: str, sources: texts.Catalog) -> None:
    """It holds exactly the texts of the sources, and the hub reads what people edited."""
    kept = texts.po_file(locale).read_bytes()
    assert texts.as_po(texts.in_step(texts.stored(locale), sources)) == kept
    assert texts.po_file(locale).with_suffix(".mo").read_bytes() == texts.as_mo(texts.stored(locale))


@pytest.mark.parametrize("locale", texts.TRANSLATED)
def test_a_catalogue_is_complete_and_usable(locale: str) -> None:
    """Every text is translated, with its placeholders and its markup, and none in doubt."""
    catalogue = texts.stored(locale)
    assert [message.id for message in texts.missing(catalogue)] == []
    assert [(message.id, why) for message, why in texts.wrong(catalogue)] == []


@pytest.mark.parametrize(
    ("text", "translation", "is_right"),
    [
        ("{item} is low.", "{item} 快用完了。", True),
        ("{item} is low.", "快用完了。", False),
        ("Low.", "{item} 快用完了。", False),
        ("{item} is low.", "{item", False),
        (("{number} pack", "{number} packs"), ("{number} 包",), True),
        (("{number} pack", "{number} packs"), ("包",), False),
        (("One pack", "{number} packs"), ("一包",), False),
        ("Buy <bdi>%(item)s</bdi>?", "购买<bdi>%(item)s</bdi>吗?", True),
        ("Buy <bdi>%(item)s</bdi>?", "购买%(item)s吗?", False),
        ("Buy %(item)s?", "购买%(items)s吗?", False),
        ("Buy %(item)s?", "购买<b>%(item)s</b>吗?", False),
        ("Close", '"关闭"', False),
    ],
)
def test_a_wrong_translation_is_found(
    text: str | tuple[str, ...], translation: str | tuple[str, ...], *, is_right: bool
) -> None:
    """Placeholders that are lacking or invented, and markup of its own, are named."""
    catalogue = texts.Catalog(locale="zh_Hans_CN")
    catalogue.add(text, translation)
    assert (texts.wrong(catalogue) == []) is is_right


def test_a_mark_stands_at_a_literal_text() -> None:
    """What is marked in the sources is a text that the extractor can read: no name, no f-string, no sum of parts."""
    others = {"said.py", "stored_texts.py"}  # what makes texts, and what reads them from the store
    for file in sorted(texts.SOURCES.rglob("*.py")):
        if file.name not in others and "from edge_agent.core.said import" in file.read_text():
            assert _unread(file) == [], file


def _unread(file: Path) -> list[int]:
    lines, tree = [], ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MARKS:
            marked = node.args[: _MARKS[node.func.id]]
            is_text = all(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in marked)
            lines += [] if is_text else [node.lineno]
    return lines
