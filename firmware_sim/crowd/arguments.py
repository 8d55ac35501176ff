"""Arguments that commands about many have in common: numbers within bounds, shares, outages, files that must be new."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from firmware_sim.crowd.chance import Outage
from firmware_sim.listening import WrongArgumentsError

DAY_S = 86_400.0


class whole:  # noqa: N801 - used as a function
    """A whole number within bounds."""

    def __init__(self, low: int, high: int) -> None:
        self._low, self._high = low, high

    def __call__(self, text: str) -> int:
        """The number that the text says."""
        if not text.isdecimal() or not self._low <= int(text) <= self._high:
            raise argparse.ArgumentTypeError(f"{text!r}: a whole number from {self._low} to {self._high} is wanted")
        return int(text)


class number:  # noqa: N801 - used as a function
    """A number within bounds."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high

    def __call__(self, text: str) -> float:
        """The number that the text says."""
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not self._low <= number <= self._high:
            raise argparse.ArgumentTypeError(f"{text!r}: a number from {self._low:g} to {self._high:g} is wanted")
        return number


def outage(text: str) -> Outage:
    """`AT,FOR,SHARE`.

    Raises: argparse.ArgumentTypeError, like everything here that reads an argument.
    """
    at_s, for_s, share = parts(text, "AT,FOR,SHARE", least=3, most=3)
    return Outage(at_s, positive(for_s), share_of(share))


def parts(text: str, form: str, *, least: int, most: int) -> list[float]:
    """Times and shares, between commas; `form` names them."""
    words = text.split(",")
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if not least <= len(numbers) <= most or not all(0 <= number <= DAY_S for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r}: {form} is wanted, in seconds and shares")
    return numbers


def share_of(share: float) -> float:
    """The share itself, where it is one."""
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{share:g}: a share above 0 and up to 1 is wanted")
    return share


def positive(duration_s: float) -> float:
    """The time itself, where it is above 0."""
    if duration_s <= 0:
        raise argparse.ArgumentTypeError("a time above 0 is wanted")
    return duration_s


@contextmanager
def new_file(path: Path | None, option: str) -> Iterator[FileIO | None]:
    """The file of an option, open for writing; None where it was not given.

    Raises: WrongArgumentsError where there is such a file already, or cannot be one.
    """
    if path is None:
        yield None
        return
    try:
        file = FileIO(path, "x")
    except FileExistsError:
        raise WrongArgumentsError(f"{option} {path}: exists already; name a new file") from None
    except OSError as exc:
        raise WrongArgumentsError(f"{option} {path}: cannot be written ({exc.strerror})") from exc
    with file:
        yield file


def write_files(texts: Iterable[tuple[str, Path | None, Iterator[str]]], *, say: Callable[[str], None]) -> bool:
    """The files of options, those that were given; says what cannot be written, and keeps the rest."""
    done = True
    for option, path, text in texts:
        if path is None:
            continue
        try:
            with path.open("w", encoding="utf-8") as file:
                file.writelines(text)
        except OSError as exc:
            say(f"{option} {path}: cannot be written ({exc.strerror}), or not whole; the rest of the result is")
            done = False
    return done
