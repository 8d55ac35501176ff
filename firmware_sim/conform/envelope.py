"""A device's payload, read as docs/protocol.md says: strictly, and apart from how the hub reads it. Pure.

Every reader returns the record, or raises BrokenError with the rule that is broken and what is wrong.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn, TypeVar

PAYLOAD_BYTES_MAX = 65_536
DEPTH_MAX = 32
VALUES_MAX = 64
SEQ_MAX = 2**53

_DEVICE = re.compile(r"[a-z0-9_-]{1,64}")
_BOOT = re.compile(r"[a-z0-9-]{1,32}")
_PROFILE = re.compile(r"[a-z0-9_.]{1,64}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FIRMWARE_MAX, _TEXT_MAX, _UNIT_MAX = 64, 120, 16
_DIGITS_MAX = 20  # of a whole number; a longer one is read as any other number

Plain = bool | int | float | str
_R = TypeVar("_R")


class BrokenError(Exception):
    """A payload breaks a rule."""

    def __init__(self, rule: str, problem: str) -> None:
        super().__init__(problem)
        self.rule = rule
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Birth:
    """A birth certificate."""

    device: str
    profile: str
    boot: str
    at: datetime
    first_seq: int


@dataclass(frozen=True, slots=True)
class State:
    """A presence."""

    device: str
    boot: str
    online: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading; `values` are (value, unit) by name."""

    device: str
    boot: str
    seq: int
    at: datetime
    values: Mapping[str, tuple[Plain, str]]


def read_birth(payload: bytes) -> Birth:
    """A birth.

    Raises: BrokenError.
    """
    fields = _Fields(payload, rule="birth.schema")
    return fields.whole(
        Birth(
            device=fields.text("device", _DEVICE),
            profile=fields.text("profile", _PROFILE),
            boot=fields.text("boot", _BOOT),
            at=fields.instant(),
            first_seq=fields.count("first_seq", instead=1),
        ),
        besides=fields.firmware(),
    )


def read_state(payload: bytes) -> State:
    """A state.

    Raises: BrokenError.
    """
    fields = _Fields(payload, rule="state.schema")
    word = fields.text("state", re.compile("online|offline"))
    return fields.whole(
        State(device=fields.text("device", _DEVICE), boot=fields.text("boot", _BOOT), online=word == "online")
    )


def read_reading(payload: bytes) -> Reading:
    """A reading.

    Raises: BrokenError.
    """
    fields = _Fields(payload, rule="reading.schema")
    return fields.whole(
        Reading(
            device=fields.text("device", _DEVICE),
            boot=fields.text("boot", _BOOT),
            seq=fields.count("seq"),
            at=fields.instant(),
            values=fields.values(),
        )
    )


def read_object(payload: bytes) -> dict[str, object]:
    """One JSON object, strictly.

    Raises: BrokenError `payload.json` or `payload.size`.
    """
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise BrokenError("payload.size", f"{len(payload)} bytes; {PAYLOAD_BYTES_MAX} are allowed")
    try:
        tree = _READER.decode(payload.decode())
    except BrokenError:
        raise
    except UnicodeDecodeError as exc:
        raise BrokenError("payload.json", f"not UTF-8 at byte {exc.start}") from exc
    except (ValueError, RecursionError) as exc:
        raise BrokenError("payload.json", f"not JSON: {str(exc)[:120] or type(exc).__name__}") from exc
    if not isinstance(tree, dict):
        raise BrokenError("payload.json", "an object is needed")
    _check_tree(tree)
    return tree


class _Fields:
    """The members of one object, each asked for once; the rest is too many."""

    def __init__(self, payload: bytes, *, rule: str) -> None:
        self._left = read_object(payload)
        self._rule = rule

    def text(self, name: str, pattern: re.Pattern[str]) -> str:
        found = self._take(name)
        if not isinstance(found, str) or not pattern.fullmatch(found):
            self._fail(f"{name}: a text of the form {pattern.pattern} is needed")
        return found

    def firmware(self) -> str:
        found = self._take("firmware")
        if not isinstance(found, str) or not 1 <= len(found) <= _FIRMWARE_MAX:
            self._fail(f"firmware: a text of 1 to {_FIRMWARE_MAX} characters is needed")
        return found

    def count(self, name: str, *, instead: int | None = None) -> int:
        found = self._left.pop(name, instead) if instead is not None else self._take(name)
        if type(found) is not int or not 1 <= found <= SEQ_MAX:
            self._fail(f"{name}: a whole number from 1 to 2^53 is needed")
        return found

    def instant(self) -> datetime:
        text = self.text("at", _INSTANT)
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except ValueError:
            self._fail(f"at: {text} is no time")

    def values(self) -> Mapping[str, tuple[Plain, str]]:
        found = self._take("values")
        if not isinstance(found, dict) or not 1 <= len(found) <= VALUES_MAX:
            self._fail(f"values: an object of 1 to {VALUES_MAX} members is needed")
        return {self._name(name): self._measured(name, each) for name, each in found.items()}

    def whole(self, record: _R, *, besides: object = None) -> _R:
        """The record, once nothing is left over."""
        del besides
        if self._left:
            self._fail(f"{next(iter(self._left))[:40]!r} is not a field of this message")
        return record

    def _name(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            self._fail(f"values: {name[:40]!r} is no name of the form {_NAME.pattern}")
        return name

    def _measured(self, name: str, found: object) -> tuple[Plain, str]:
        if not isinstance(found, dict) or found.keys() != {"value", "unit"}:
            self._fail(f'values.{name}: {{"value": ..., "unit": ...}} is needed')
        value, unit = found["value"], found["unit"]
        if not isinstance(value, bool | int | float | str) or (isinstance(value, str) and len(value) > _TEXT_MAX):
            self._fail(f"values.{name}.value: a number, a flag or a text of at most {_TEXT_MAX} characters is needed")
        if not isinstance(unit, str) or len(unit) > _UNIT_MAX:
            self._fail(f"values.{name}.unit: a text of at most {_UNIT_MAX} characters is needed")
        return value, unit

    def _take(self, name: str) -> object:
        if name not in self._left:
            self._fail(f"{name} is missing")
        return self._left.pop(name)

    def _fail(self, problem: str) -> NoReturn:
        raise BrokenError(self._rule, problem)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BrokenError("payload.json", "a key stands twice in one object")
    return members


def _constant(word: str) -> NoReturn:
    raise BrokenError("payload.json", f"{word} is not JSON")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BrokenError("payload.json", f"{text[:40]} overflows")
    return number


def _whole(text: str) -> float:
    return int(text) if len(text) <= _DIGITS_MAX else _number(text)


_READER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_number, parse_int=_whole)


def _check_tree(tree: object) -> None:
    """Depth, and texts that are no Unicode: a lone half of a surrogate pair."""
    level: list[object] = [tree]
    for _ in range(DEPTH_MAX + 1):
        texts = [each for each in level if isinstance(each, str)]
        texts += [name for each in level if isinstance(each, dict) for name in each]
        if any("\ud800" <= letter <= "\udfff" for text in texts for letter in text):
            raise BrokenError("payload.json", "a text is not Unicode")
        level = [inner for each in level for inner in _inside(each)]
    if level:
        raise BrokenError("payload.json", f"nested deeper than {DEPTH_MAX} levels")


def _inside(node: object) -> list[object]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []
