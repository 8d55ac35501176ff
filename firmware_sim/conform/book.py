"""What was seen of each rule: how often it was put to the test, and the first message that broke it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from firmware_sim.conform.rules import RULES, Rule

_EXCERPT_CHARACTERS = 200


class Status(StrEnum):
    """How a rule came out."""

    KEPT = "pass"
    BROKEN = "fail"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as an observer gets it. `at` is the observer's own time."""

    topic: str
    payload: bytes
    qos: int
    retained: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """One rule in the end. `problem`, `topic` and `excerpt` are of the first time that it was broken, else empty."""

    rule: Rule
    status: Status
    kept: int
    broken: int
    problem: str
    topic: str
    excerpt: str


class Book:
    """The tally of every rule."""

    def __init__(self) -> None:
        self._kept = dict.fromkeys(RULES, 0)
        self._broken = dict.fromkeys(RULES, 0)
        self._first: dict[str, tuple[str, Heard | None]] = {}

    def keep(self, *rules: str) -> None:
        """These were put to the test and kept."""
        for rule in rules:
            self._kept[rule] += 1

    def fault(self, rule: str, problem: str, heard: Heard | None = None) -> None:
        """This one is broken, by that message where one message did it."""
        self._broken[rule] += 1
        self._first.setdefault(rule, (problem, heard))

    def judge(self, rule: str, problem: str | None, heard: Heard | None = None) -> None:
        """Kept where there is no problem."""
        if problem is None:
            self.keep(rule)
        else:
            self.fault(rule, problem, heard)

    def results(self) -> tuple[Result, ...]:
        """Every rule, in the order of the table."""
        return tuple(self._result(rule) for rule in RULES.values())

    def broken(self) -> Mapping[str, int]:
        """The rules that are broken, and how often."""
        return {rule: count for rule, count in self._broken.items() if count}

    def _result(self, rule: Rule) -> Result:
        kept, broken = self._kept[rule.id], self._broken[rule.id]
        status = Status.BROKEN if broken else Status.KEPT if kept else Status.NOT_SEEN
        problem, heard = self._first.get(rule.id, ("", None))
        return Result(
            rule=rule,
            status=status,
            kept=kept,
            broken=broken,
            problem=problem,
            topic="" if heard is None else heard.topic,
            excerpt="" if heard is None else excerpt(heard.payload),
        )


def excerpt(payload: bytes) -> str:
    """The beginning of a payload in one line of printable characters."""
    text = payload[: 4 * _EXCERPT_CHARACTERS].decode(errors="backslashreplace")
    shown = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text[:_EXCERPT_CHARACTERS])
    return shown + (f"... ({len(payload)} bytes)" if len(text) > _EXCERPT_CHARACTERS else "")
