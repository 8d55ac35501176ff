"""What stands in a bar code on a pack: its GTIN, and where the code tells them the batch and the dates.

Read are a GTIN of 8, 12, 13 or 14 digits, GS1 element strings (with FNC1 as a scanner sends it, or with brackets as
people write them), and GS1 Digital Link addresses of any host. The compressed form of a Digital Link is not read, and
neither are numbers that name no product (pallets, places). A number is believed only with its right check digit, and a
batch or serial only in the characters and the length that GS1 allows: what stands beside it decides about a recall.
Which identifiers there are, how long each is and what its dates mean is read by python-stdnum.

Source: GS1 General Specifications (sections 3 and 7); GS1 Digital Link Standard: URI Syntax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from stdnum import ean, gs1_128
from stdnum.exceptions import ValidationError

from edge_agent.core.said import Said, say
from edge_agent.core.stock_events import Label
from edge_agent.errors import RefusedError

CODE_MAX = 400  # characters; the longest symbol holds fewer element strings than that
_GTIN_DIGITS = 14
_GTIN_LENGTHS = frozenset({8, 12, 13, 14})
_FNC1 = "\x1d"
_SYMBOLOGY = re.compile(r"^\][A-Za-z][0-9A-Za-z]")  # which kind of symbol it was, as some scanners say first
_BRACKETED = re.compile(r"\((\d{2,4})\)")
_COMPRESSED = re.compile(r"(?!\d+$)[A-Za-z0-9_-]{8,}")
_GTIN, _BATCH, _PACKED, _BEST_BEFORE, _USE_BY, _SERIAL = "01", "10", "13", "15", "17", "21"
_TOLD = (_BATCH, _PACKED, _BEST_BEFORE, _USE_BY, _SERIAL)
_QUERY_MAX = 32
# The characters of GS1's set 82 and the length of a batch and a serial. python-stdnum asks of neither.
_NAMED = re.compile(r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}""")
# python-stdnum takes brackets out of what it reads, and so out of a batch that has some.
_ASIDE, _BACK = str.maketrans("()", "\x01\x02"), str.maketrans("\x01\x02", "()")
_LINK = "https://id.gs1.org"

EMPTY = say("Type the number under the bar code, or what a scanner read.")
TOO_LONG = say("That is too long for a bar code.")
NOT_READ = say("That is no bar code that the hub can read. Type the number under the bar code: 8 to 14 digits.")
WRONG_LENGTH = say("A product's number has 8, 12, 13 or 14 digits. Look at it once more.")
WRONG_CHECK = say("The last digit does not fit the others: one of them is mistyped. Look at it once more.")
NO_PRODUCT = say("This code names no product. Type the number under the bar code.")
COMPRESSED = say(
    "This link is in the compressed form, which the hub does not read. Type the number under the bar code."
)


@dataclass(frozen=True, slots=True)
class PackCode:
    """What a code tells. `gtin14` has 14 digits, zeros in front where the pack's number is shorter.

    `use_by` is the day after which it is no longer safe (AI 17), `best_before` that until which it is at its best
    (AI 15), `packed_on` when it was packed (AI 13); None where the code does not tell them, and the names "".
    """

    gtin14: str
    batch: str = ""
    best_before: date | None = None
    use_by: date | None = None
    packed_on: date | None = None
    serial: str = ""

    @property
    def keeps_until(self) -> date | None:
        """The last day on which it is good: the earlier of the two dates."""
        return min((day for day in (self.use_by, self.best_before) if day is not None), default=None)


def read(code: str) -> PackCode:
    """What a code tells that was typed or scanned.

    Raises: RefusedError with a sentence for a person.
    """
    text = _SYMBOLOGY.sub("", code.strip(" \t\r\n"))
    if not text:
        raise RefusedError(EMPTY)
    if len(text) > CODE_MAX:
        raise RefusedError(TOO_LONG)
    if re.match(r"https?://", text, re.IGNORECASE):
        return _told(_of_link(text))
    plain = re.sub(r"[ -]", "", text)
    if plain.isascii() and plain.isdigit() and len(plain) <= _GTIN_DIGITS:
        return PackCode(gtin14(plain))
    return _told(_element_string(text))


def label(told: PackCode) -> Label | None:
    """What is kept of a pack that came in; None where the code tells nothing but the product."""
    if not (told.batch or told.keeps_until):
        return None
    return Label(told.gtin14, told.batch, told.best_before, told.use_by)


def gtin14(digits: str) -> str:
    """A GTIN of any length as 14 digits.

    Raises: RefusedError with a sentence for a person.
    """
    if not (digits.isascii() and digits.isdigit()):
        raise RefusedError(NOT_READ)
    if len(digits) not in _GTIN_LENGTHS:
        raise RefusedError(WRONG_LENGTH)
    if not ean.is_valid(digits):
        raise RefusedError(WRONG_CHECK)
    return digits.zfill(_GTIN_DIGITS)


def is_restricted(gtin14: str) -> bool:
    """Whether a number is for use inside one shop or company only: elsewhere it is another product, or none.

    Source: GS1 General Specifications, restricted circulation numbers (RCN-8, RCN-12, RCN-13).
    """
    if gtin14.startswith("000000"):
        return gtin14[6] in "02"
    return gtin14[0] == "0" and (gtin14[1] == "2" or gtin14[1:3] in {"02", "04"})


def shown(number: str) -> str:
    """A GTIN as it stands on the pack: without the zeros that fill it up to 14 digits."""
    needed = len(number.lstrip("0"))
    return number[-min(length for length in _GTIN_LENGTHS if length >= needed) :]


def written(told: PackCode) -> str:
    """A code as people write it, which reads as the same again: as a link where brackets would be ambiguous."""
    days = [(_USE_BY, told.use_by), (_BEST_BEFORE, told.best_before), (_PACKED, told.packed_on)]
    dates = [(name, f"{day:%y%m%d}") for name, day in days if day is not None]
    names = [(name, value) for name, value in ((_BATCH, told.batch), (_SERIAL, told.serial)) if value]
    if not dates and not names:
        return shown(told.gtin14)
    if any(set("()") & set(value) for _, value in names):
        path = "".join(f"/{name}/{quote(value, safe='')}" for name, value in [(_GTIN, told.gtin14), *names])
        return f"{_LINK}{path}?{'&'.join(f'{name}={value}' for name, value in dates)}".rstrip("?")
    return "".join(f"({name}){value}" for name, value in [(_GTIN, told.gtin14), *dates, *names])


def _of_link(link: str) -> str:
    """The element string of a Digital Link: the key and its qualifiers from the path, the rest from the query."""
    try:
        parts = urlsplit(link)
        query = parse_qsl(parts.query, max_num_fields=_QUERY_MAX)
    except ValueError as exc:
        raise RefusedError(NOT_READ) from exc
    steps = [unquote(step) for step in parts.path.split("/")]
    at = next((i for i, step in enumerate(steps[:-1]) if step == _GTIN and steps[i + 1].isdigit()), None)
    if at is None:
        raise RefusedError(COMPRESSED if _COMPRESSED.fullmatch(steps[-1]) else NO_PRODUCT)
    told = dict(query)
    qualifiers = dict(zip(steps[at + 2 :: 2], steps[at + 3 :: 2], strict=False))
    told.update(qualifiers)
    rest = [(name, told[name]) for name in _TOLD if told.get(name)]
    return _joined([(_GTIN, gtin14(steps[at + 1])), *rest])


def _element_string(text: str) -> str:
    """As a scanner sends it; brackets, which people read by, say where one part ends."""
    if not text.startswith("("):
        return text
    pieces = _BRACKETED.split(text)
    if pieces[0].strip():
        raise RefusedError(NOT_READ)
    return _joined([(name, value.strip()) for name, value in zip(pieces[1::2], pieces[2::2], strict=True)])


def _joined(parts: list[tuple[str, str]]) -> str:
    """One element string. What is said twice, or would end early, could be read as another story."""
    if len({name for name, _ in parts}) != len(parts) or any(_FNC1 in value for _, value in parts):
        raise RefusedError(NOT_READ)
    return _FNC1.join(f"{name}{value}" for name, value in parts)


def _told(text: str) -> PackCode:
    """Every element must be one that GS1 knows: a guess at a damaged code could be another product."""
    text = text.translate(_ASIDE)
    try:
        gs1_128.validate(text, _FNC1)
        found = gs1_128.info(text, _FNC1)
    except ValidationError as exc:
        raise RefusedError(_why(text)) from exc
    if _GTIN not in found:
        raise RefusedError(NO_PRODUCT)
    return PackCode(
        gtin14=gtin14(str(found[_GTIN])),
        batch=_name(found.get(_BATCH)),
        best_before=_day(found.get(_BEST_BEFORE)),
        use_by=_day(found.get(_USE_BY)),
        packed_on=_day(found.get(_PACKED)),
        serial=_name(found.get(_SERIAL)),
    )


def batch_named(typed: str) -> str:
    """A batch as somebody types it.

    Raises: RefusedError when no pack could bear it.
    """
    return _name(typed.strip())


def _name(told: object) -> str:
    if not told:
        return ""
    name = str(told).translate(_BACK)
    if _NAMED.fullmatch(name) is None:
        raise RefusedError(NOT_READ)
    return name


def _day(told: object) -> date | None:
    return told if isinstance(told, date) else None


def _why(text: str) -> Said:
    found = re.match(rf"{_GTIN}(\d{{14}})", text)
    return WRONG_CHECK if found is not None and not ean.is_valid(found[1]) else NOT_READ
