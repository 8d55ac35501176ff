"""What a person typed into a form, read strictly: each wrong entry is named beside its field, none is guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import TypeVar

from edge_agent.core.money import exponent
from edge_agent.core.said import say

Choice = TypeVar("Choice")

_MONEY_DIGITS_MAX = 9
_PACKS = re.compile(r"[0-9]{1,2}(\.[0-9]{1,2})?")
_CLOCK_TIME = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9])(?::[0-5][0-9])?")
_WHOLE = re.compile(r"[0-9]{1,6}")


class Entries:
    """The fields of one form. A reader gives None for a wrong or empty entry and notes in `errors` why."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self._form = form
        self.errors: dict[str, str] = {}

    def text(self, name: str, *, length_max: int, wanted: str) -> str | None:
        """One line of text, without the space around it."""
        typed = self._form.get(name, "").strip()
        if 0 < len(typed) <= length_max and typed.isprintable():
            return typed
        self.wrong(name, say("{wanted}, {number} characters at the most.", wanted=wanted, number=length_max))
        return None

    def whole(self, name: str, *, low: int, high: int, optional: bool = False) -> int | None:
        """A whole number within bounds."""
        typed = self._form.get(name, "").strip()
        if not typed and optional:
            return None
        if _WHOLE.fullmatch(typed) and low <= int(typed) <= high:
            return int(typed)
        if optional:
            self.wrong(name, say("A whole number from {low} to {high}, or nothing.", low=low, high=high))
        else:
            self.wrong(name, say("A whole number from {low} to {high}.", low=low, high=high))
        return None

    def packs(self, name: str, *, high: float) -> float | None:
        """A number of packs as people write it, `3`, `1.5` or `1,5`; two decimals at the most."""
        typed = self._form.get(name, "").strip().replace(",", ".")
        if _PACKS.fullmatch(typed) and float(typed) <= high:
            return float(typed)
        self.wrong(name, say("A number of packs from 0 to {high}, such as 2 or 1.5.", high=int(high)))
        return None

    def money(self, name: str, *, currency: str, low_minor: int = 1, optional: bool = False) -> int | None:
        """An amount as people write it, `12`, `12.5` or `12,50`; never rounded.

        Units: minor units of `currency`.
        """
        typed = self._form.get(name, "").strip()
        if not typed and optional:
            return None
        amount_minor = parse_money(typed, currency=currency)
        if amount_minor is not None and amount_minor >= low_minor:
            return amount_minor
        self.wrong(
            name, say("An amount in {currency}, such as {example}.", currency=currency, example=_example(currency))
        )
        return None

    def one_of(self, name: str, choices: Mapping[str, Choice]) -> Choice | None:
        """One of a closed list."""
        chosen = choices.get(self._form.get(name, ""))
        if chosen is None:
            self.wrong(name, say("One of the list."))
        return chosen

    def currency(self, name: str) -> str | None:
        """An ISO 4217 code."""
        typed = self._form.get(name, "").strip().upper()
        if re.fullmatch(r"[A-Z]{3}", typed):
            return typed
        self.wrong(name, say("Three letters, such as EUR."))
        return None

    def secret(self, name: str) -> str:
        """A password or PIN exactly as it was typed; checked by whoever reads it."""
        return self._form.get(name, "")

    def day(self, name: str, *, optional: bool = False) -> date | None:
        """A day as date fields send it, `2026-03-01`."""
        typed = self._form.get(name, "").strip()
        if not typed and optional:
            return None
        day = _parse_day(typed)
        if day is None:
            self.wrong(name, say("A day, such as 2026-12-31."))
        return day

    def clock_time(self, name: str) -> str | None:
        """A time on the wall as time fields send it, `07:30`; some browsers add the seconds, which are left out."""
        typed = self._form.get(name, "").strip()
        if not typed:
            return None
        found = _CLOCK_TIME.fullmatch(typed)
        if found is not None:
            return found[1]
        self.wrong(name, say("A time from 00:00 to 23:59, such as 22:30."))
        return None

    def wrong(self, name: str, text: str) -> None:
        """Note why an entry cannot be taken; the first word about a field stands."""
        self.errors.setdefault(name, text)


def parse_money(typed: str, *, currency: str) -> int | None:
    """Minor units of an amount as people write it; None where it is none, or has more places than the currency."""
    places = exponent(currency)
    shape = rf"([0-9]{{1,{_MONEY_DIGITS_MAX}}})" + (rf"(?:[.,]([0-9]{{1,{places}}}))?" if places else "()")
    found = re.fullmatch(shape, typed)
    if found is None:
        return None
    whole, part = str(found[1]), str(found[2] or "")
    return int(whole + part.ljust(places, "0"))


def typed_money(amount_minor: int | None, currency: str) -> str:
    """An amount as a form field holds it; empty for none."""
    if amount_minor is None:
        return ""
    places = exponent(currency)
    whole, rest = divmod(amount_minor, 10**places)
    return f"{whole}.{rest:0{places}d}" if places else str(whole)


def _parse_day(typed: str) -> date | None:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", typed) is None:
        return None
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


def _example(currency: str) -> str:
    return typed_money(1_250 * 10 ** max(0, exponent(currency) - 2), currency)
