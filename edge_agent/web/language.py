"""The languages of the pages: which one a person reads, and any text of ours said again in it.

English is the language of the source: it needs no catalogue, and a text that a catalogue lacks, or has with other
placeholders than its own, is shown in English. Everything that comes back is plain text: who shows it escapes it.

Source: RFC 9110 section 12.5.4 (Accept-Language); Unicode CLDR, by Babel, for dates, money and lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from string import Formatter

from babel import Locale, negotiate_locale
from babel.dates import format_skeleton
from babel.lists import format_list
from babel.numbers import format_currency

from edge_agent.core.money import exponent
from edge_agent.core.said import Day, Names, Opening, Part, Said, Sum

ENGLISH = "en"
CHINESE = "zh-Hans"
LANGUAGES: Mapping[str, str] = {ENGLISH: "English", CHINESE: "简体中文"}  # each by its own name

_LOCALES = {CHINESE: "zh_Hans_CN"}
_ASKED_FOR = {"en": ENGLISH, "zh": CHINESE, "zh-hans": CHINESE, "zh-hans-cn": CHINESE}
_HEADER_CHARS_MAX = 200
_RANGES_MAX = 10
_RANGE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,3})\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")
_PERCENT = re.compile(r"%(?:(%)|\((\w+)\)s)?")
_KEPT = 4_096  # patterns that were looked up already: more than the sources hold

Fields = Callable[[str], object]  # the placeholders of a pattern; equal for a text and its translation


class Language:
    """One language of the pages; this one is English. `code` is its BCP 47 tag."""

    code = ENGLISH

    def say(self, text: str) -> str:
        """`text` in this language, with its dates, money and lists; a `str` that is no `Said` as it is."""
        return text

    def gettext(self, message: str) -> str:
        """A template's text, its `%(name)s` still in it."""
        return message

    def ngettext(self, one: str, several: str, number: int) -> str:
        """A template's text that counts, its `%(name)s` still in it."""
        return one if number == 1 else several


class Translated(Language):
    """A language with a catalogue."""

    def __init__(self, code: str, *, locale: str, translations: NullTranslations) -> None:
        self.code = code
        self._locale = Locale.parse(locale)
        self._translations = translations
        self._one = lru_cache(_KEPT)(self._find_one)
        self._many = lru_cache(_KEPT)(self._find_many)

    def say(self, text: str) -> str:
        """`text` in this language, with its dates, money and lists; a `str` that is no `Said` as it is."""
        if not isinstance(text, Said):
            return text
        if not text.parts:
            return self._one(text.pattern, _no_fields)
        if text.plural is None or text.number is None:
            pattern = self._one(text.pattern, brace_fields)
        else:
            pattern = self._many(text.pattern, text.plural, text.number, brace_fields)
        return pattern.format_map({name: self._part(part) for name, part in text.parts.items()})

    def gettext(self, message: str) -> str:
        """A template's text, its `%(name)s` still in it."""
        return self._one(message, percent_fields)

    def ngettext(self, one: str, several: str, number: int) -> str:
        """A template's text that counts, its `%(name)s` still in it."""
        return self._many(one, several, number, percent_fields)

    def _part(self, part: Part) -> object:
        match part:
            case Day():
                return format_skeleton("yMMMEd" if part.with_year else "MMMEd", part.on, locale=self._locale)
            case Sum():
                amount = Decimal(part.amount_minor).scaleb(-exponent(part.currency))
                return format_currency(amount, part.currency, locale=self._locale)
            case Names():
                return format_list([self.say(name) for name in part.each], locale=self._locale)
            case Opening():
                return Opening(self.say(part.text))
            case str():
                return self.say(part)
            case _:
                return part

    def _find_one(self, message: str, fields: Fields) -> str:
        found = self._translations.gettext(message) if message else message
        return found if found and fields(found) == fields(message) else message

    def _find_many(self, one: str, several: str, number: int, fields: Fields) -> str:
        found = self._translations.ngettext(one, several, number)
        if found and (fields(found) == fields(several) or (number == 1 and fields(found) == fields(one))):
            return found
        return one if number == 1 else several


@dataclass(frozen=True, slots=True)
class Languages:
    """All languages of the pages, each made when somebody first reads it."""

    make: Callable[[str], Language]

    @staticmethod
    def shipped() -> Languages:
        """Those that come with the hub."""
        return Languages(lru_cache(len(LANGUAGES))(_shipped))

    def of(self, chosen: str | None, *, header: str = "") -> Language:
        """What a person chose; else the best that the browser asks for (`Accept-Language`); else English."""
        return self.make(asked_for(header) if chosen is None or chosen not in LANGUAGES else chosen)


def asked_for(header: str) -> str:
    """The code of the language that an `Accept-Language` header asks for; English where it names none of ours.

    A header that is too long says nothing; a part of it that cannot be read is passed over.
    """
    if len(header) > _HEADER_CHARS_MAX:
        return ENGLISH
    found = [_RANGE.fullmatch(part) for part in header.split(",", _RANGES_MAX)[:_RANGES_MAX]]
    weighed = [(float(part[2] or 1), part[1].lower()) for part in found if part is not None]
    wanted = [tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]
    best = negotiate_locale(wanted, list(_ASKED_FOR), sep="-", aliases={})
    return _ASKED_FOR[best] if best is not None else ENGLISH


def brace_fields(pattern: str) -> object:
    """The `{placeholders}` of a pattern, each with how it is formatted; None where it is no pattern."""
    try:
        return frozenset(part[1:] for part in Formatter().parse(pattern) if part[1] is not None)
    except ValueError:
        return None


def percent_fields(pattern: str) -> object:
    """The `%(placeholders)s` of a template's text; None where a percent sign stands alone."""
    found = _PERCENT.findall(pattern)
    return frozenset(name for _, name in found) if all(sign or name for sign, name in found) else None


def _no_fields(_pattern: str) -> object:
    return ()


def _shipped(code: str) -> Language:
    if code == ENGLISH:
        return Language()
    locale = _LOCALES[code]
    with files("edge_agent").joinpath("locale", locale, "LC_MESSAGES", "restock.mo").open("rb") as catalogue:
        return Translated(code, locale=locale, translations=GNUTranslations(catalogue))
