"""The texts of the pages for translators: `python -m tests.texts` brings the catalogues in step with the sources.

It extracts every marked text, writes the template and each language's `.po` and `.mo`, and lists what has no
translation yet, or one that cannot be used. A text that is gone from the sources goes from the catalogues.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

import edge_agent
from edge_agent.web.language import brace_fields, percent_fields

SOURCES = Path(edge_agent.__file__).parent
LOCALE = SOURCES / "locale"
TEMPLATE = LOCALE / "restock.pot"
TRANSLATED = ("zh_Hans_CN",)

_METHODS = [("**.py", "python"), ("web/templates/**.html", "jinja2")]
_OPTIONS = {
    "web/templates/**.html": {
        "extensions": "jinja2.ext.i18n",
        "newstyle_gettext": "true",
        "trimmed": "true",
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "silent": "false",
    }
}
_KEYWORDS = {"say": None, "say_many": (1, 2), "_": None, "gettext": None, "ngettext": (1, 2)}
_CHANGING = re.compile(  # header lines that name a time, a person or a version of a tool
    r'^"(?:Project-Id-Version|Report-Msgid-Bugs-To|POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team'
    r'|Generated-By): .*"\n',
    re.MULTILINE,
)
_NO_TIME = datetime(2026, 1, 1, tzinfo=UTC)  # the format asks for one; the same files give the same bytes
_FIELD = re.compile(r"\{\w*\}|%\(\w+\)s")
_TAG = re.compile(r"</?[a-z][^>]*>")


def extracted() -> Catalog:
    """Every marked text of the sources, with the files that it stands in."""
    catalogue = Catalog(project="Restock", header_comment="", fuzzy=False)
    found = extract_from_dir(SOURCES, _METHODS, _OPTIONS, keywords=_KEYWORDS)
    for file, _line, message, _comments, _context in sorted(found, key=lambda each: (each[0], each[1])):
        if _says_something(message):
            catalogue.add(message, locations=[(f"edge_agent/{file}", 0)])
    return catalogue


def po_file(locale: str) -> Path:
    """The catalogue that people edit."""
    return LOCALE / locale / "LC_MESSAGES" / "restock.po"


def stored(locale: str) -> Catalog:
    """A language's catalogue as it is kept; an empty one where there is none."""
    file = po_file(locale)
    if not file.exists():
        return Catalog(locale=locale, header_comment="", fuzzy=False)
    with file.open("rb") as po:
        return read_po(po, locale=locale)


def in_step(catalogue: Catalog, sources: Catalog) -> Catalog:
    """The catalogue with the texts of the sources, and the translations that it has of them."""
    catalogue.update(sources, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


def as_po(catalogue: Catalog) -> bytes:
    """The file: sorted, files without line numbers, and nothing that differs from one run to the next."""
    out = io.BytesIO()
    write_po(out, catalogue, width=120, sort_output=True, include_lineno=False)
    return _CHANGING.sub("", out.getvalue().decode()).encode()


def as_mo(catalogue: Catalog) -> bytes:
    """The file that the hub reads."""
    whole = read_po(io.BytesIO(as_po(catalogue)), locale=catalogue.locale)
    whole.creation_date = whole.revision_date = _NO_TIME
    for message in missing(whole):
        whole.delete(message.id)
    out = io.BytesIO()
    write_mo(out, whole)
    return out.getvalue()


def missing(catalogue: Catalog) -> list[Message]:
    """What has no translation."""
    return [message for message in messages(catalogue) if not all(_forms(message.string)) or message.fuzzy]


def wrong(catalogue: Catalog) -> list[tuple[Message, str]]:
    """What has a translation that cannot be used, and why."""
    checked = ((message, _fault(message)) for message in messages(catalogue))
    return [(message, fault) for message, fault in checked if fault is not None]


def messages(catalogue: Catalog) -> Iterator[Message]:
    """The texts, without the catalogue's header."""
    return (message for message in catalogue if message.id)


def _forms(text: str | Iterable[str] | None) -> tuple[str, ...]:
    return (text or "",) if text is None or isinstance(text, str) else tuple(text)


def _says_something(message: str | tuple[str, ...]) -> bool:
    """Whether there is anything beside what fills it; a full stop differs between languages too."""
    return any(_FIELD.sub("", text).strip() for text in _forms(message))


def _fault(message: Message) -> str | None:
    last = _forms(message.id)[-1]
    for text in filter(None, _forms(message.string)):
        if brace_fields(text) != brace_fields(last) or percent_fields(text) != percent_fields(last):
            return "other placeholders than the text"
        if sorted(_TAG.findall(text)) != sorted(_TAG.findall(last)):
            return "other markup than the text"
        if re.search(r'[<>"]', _TAG.sub("", text)) and not re.search(r'[<>"]', _TAG.sub("", last)):
            return "a sign that would be taken for markup"
    return None


def main() -> int:
    """Bring everything in step; 1 where something is left to translate."""
    sources = extracted()
    LOCALE.mkdir(exist_ok=True)
    TEMPLATE.write_bytes(as_po(sources))
    left = 0
    for locale in TRANSLATED:
        catalogue = in_step(stored(locale), sources)
        file = po_file(locale)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(as_po(catalogue))
        file.with_suffix(".mo").write_bytes(as_mo(catalogue))
        left += _tell(locale, catalogue)
    return 1 if left else 0


def _tell(locale: str, catalogue: Catalog) -> int:
    todo = [(message, "no translation") for message in missing(catalogue)] + wrong(catalogue)
    for message, why in todo:
        where = ", ".join(sorted({file for file, _ in message.locations}))
        print(f"{where}: {why}: {' | '.join(_forms(message.id))}")  # noqa: T201 - the tool's answer
    print(f"{locale}: {len(list(messages(catalogue)))} texts, {len(todo)} left")  # noqa: T201
    return len(todo)


if __name__ == "__main__":
    sys.exit(main())
