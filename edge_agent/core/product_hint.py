"""What Open Food Facts tells of a product by its bar code: a hint for a person who fills in a form, and never more.

Anybody writes there, so nothing of a record is taken at its word: wrong types, endless texts and markup are left out, a
number without its check digit names nothing, and what is not clear is not there. No price is read, and a list that
names no allergen does not say that there is none.

Source: Open Food Facts, `product_base` and `product_base_tags` (API v2; a line of the JSONL export has the same names)
and the columns of the CSV export, where lists are texts with commas. The data is under the Open Database License.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from itertools import islice
from typing import Literal

from edge_agent.core import gs1
from edge_agent.core.net_quantity import NetQuantity, net_quantity
from edge_agent.errors import RefusedError

Source = Literal["file", "online"]
FIELDS = (
    "code,lang,product_name,product_name_en,product_name_zh,generic_name,brands,quantity,product_quantity,"
    "product_quantity_unit,allergens_tags,labels_tags,last_modified_t"
)  # what is asked for online
UNKNOWN_LANGUAGE = ""
NAME_CHARS_MAX = 120
BRAND_CHARS_MAX = 60
LABEL_CHARS_MAX = 40
LANGUAGES_MAX = 8
TAGS_MAX = 32
_RAW_CHARS_MAX = 2_000
_FIELDS_MAX = 5_000  # of a record; real ones have a few hundred
_FIRST_LANGUAGES = ("en", "zh")  # the pages' own: kept first where a record has many
_NAME_FIELD = re.compile(r"product_name_([a-z]{2,3})")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_TAG = re.compile(r"[a-z]{2,3}:[^\s,:]{1,80}")
_MARKUP = re.compile(r"<[^<>]{0,500}>")
_DIGITS = re.compile(r"[0-9]{1,11}")
_SECONDS_MAX = 4_102_444_800  # the year 2100


@dataclass(frozen=True, slots=True)
class ProductHint:
    """One product. `names` are pairs of language and name, the main language first; "" is one that is not told.

    `label` is the quantity as the pack says it, `quantity` what that means if it is clear. `allergens` and `labels` are
    tags such as `en:milk`; an empty list says nothing. `changed_at`: when somebody last edited the record.
    """

    gtin14: str
    names: tuple[tuple[str, str], ...] = ()
    brand: str = ""
    label: str = ""
    quantity: NetQuantity | None = None
    allergens: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    changed_at: datetime | None = None

    def name_in(self, language: str) -> str:
        """The name in a language (BCP 47), or else in the product's own; "" where it has none."""
        by_language = dict(self.names)
        return by_language.get(language.partition("-")[0].lower()) or next(iter(by_language.values()), "")

    def title_in(self, language: str) -> str:
        """What stands on the pack: brand, name and quantity, as far as they are known."""
        name = self.name_in(language)
        has_brand = self.brand and self.brand.casefold() not in name.casefold()
        whole = " ".join(part for part in (self.brand if has_brand else "", name) if part)
        return ", ".join(part for part in (whole, self.label) if part)


@dataclass(frozen=True, slots=True)
class KnownProduct:
    """What is kept of a number: `hint` None: Open Food Facts was asked, and has no such product."""

    hint: ProductHint | None
    source: Source
    kept_at: datetime


def read_product(record: object) -> ProductHint | None:
    """The hint in one record; None where it names no product of every shop, or says nothing of use."""
    if not isinstance(record, Mapping) or len(record) > _FIELDS_MAX:
        return None
    number = _gtin(record.get("code"))
    if number is None:
        return None
    label = _text(record.get("quantity"), LABEL_CHARS_MAX)
    hint = ProductHint(
        gtin14=number,
        names=_names(record),
        brand=next((_text(each, BRAND_CHARS_MAX) for each in _listed(record.get("brands"))), ""),
        label=label,
        quantity=net_quantity(label, amount=record.get("product_quantity"), unit=record.get("product_quantity_unit")),
        allergens=_tags(record.get("allergens_tags") or record.get("allergens")),
        labels=_tags(record.get("labels_tags")),
        changed_at=_at(record.get("last_modified_t")),
    )
    return hint if hint.names or hint.quantity or hint.brand else None


def countries_of(record: object) -> frozenset[str]:
    """Where it is sold, as tags such as `en:germany`; empty where nobody said."""
    return frozenset(_tags(record.get("countries_tags"))) if isinstance(record, Mapping) else frozenset()


def _gtin(code: object) -> str | None:
    """The number, if it is one that means the same product in every shop."""
    if not isinstance(code, str):
        return None
    try:
        number = gs1.gtin14(code.strip())
    except RefusedError:
        return None
    return None if gs1.is_restricted(number) or not number.strip("0") else number


def _names(record: Mapping[object, object]) -> tuple[tuple[str, str], ...]:
    """By language: the product's own first, then those of the pages, then the rest by their codes."""
    spoken = record.get("lang") or record.get("lc")
    main = spoken if isinstance(spoken, str) and _LANGUAGE.fullmatch(spoken) else UNKNOWN_LANGUAGE
    found: dict[str, str] = {main: _text(record.get("product_name"), NAME_CHARS_MAX)}
    for field, value in record.items():
        language = _NAME_FIELD.fullmatch(field) if isinstance(field, str) else None
        if language is not None and not found.get(language[1]):
            found[language[1]] = _text(value, NAME_CHARS_MAX)
    if not any(found.values()):
        found[main] = _text(record.get("generic_name"), NAME_CHARS_MAX)
    order = dict.fromkeys((main, *_FIRST_LANGUAGES, *sorted(found)))
    return tuple(islice(((code, found[code]) for code in order if found.get(code)), LANGUAGES_MAX))


def _text(value: object, chars_max: int) -> str:
    """A line of plain text without markup; "" for everything else, and for what no pack has room for."""
    if not isinstance(value, str) or len(value) > _RAW_CHARS_MAX:
        return ""
    bare = re.sub("[<>]", "", _MARKUP.sub(" ", unescape(value)))
    spaced = " ".join(bare.split())
    line = unicodedata.normalize("NFC", spaced)
    if not line.isprintable():
        line = "".join(char for char in line if char.isprintable()).strip()
    return line if len(line) <= chars_max else line[: chars_max - 1].rstrip() + "…"


def _tags(value: object) -> tuple[str, ...]:
    found = dict.fromkeys(tag for tag in _listed(value) if isinstance(tag, str) and _TAG.fullmatch(tag))
    return tuple(islice((tag for tag in found if tag.isprintable()), TAGS_MAX))


def _listed(value: object) -> Iterator[object]:
    """The first parts of a list, or of a text with commas."""
    if isinstance(value, str):
        value = [part.strip() for part in value[:_RAW_CHARS_MAX].split(",")]
    yield from value[: 4 * TAGS_MAX] if isinstance(value, list) else ()


def _at(seconds: object) -> datetime | None:
    if isinstance(seconds, str) and _DIGITS.fullmatch(seconds):
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds < _SECONDS_MAX:
        return None
    return datetime.fromtimestamp(seconds, UTC)
