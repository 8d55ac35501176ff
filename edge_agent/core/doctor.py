"""What may be wrong with a hub, and what to do about it: findings, and the rules that make them of what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from edge_agent.core.clock_trust import RELEASED_AT

EXPIRES_SOON = timedelta(days=30)
_BEHIND_MAX = timedelta(minutes=5)  # of the wall clock behind the greatest time that the store has seen
_AHEAD_MAX = timedelta(days=30)
_LOW_TIMES = 4  # so many times the reserve is little room
_MIB = 1 << 20


class Severity(StrEnum):
    """How bad it is. Only a `PROBLEM` makes the examination fail."""

    FINE = "fine"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, where, and what to do about it; nothing is to be done where all is well."""

    severity: Severity
    what: str
    where: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, in the order in which they were made."""

    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is a problem."""
        return all(each.severity is not Severity.PROBLEM for each in self.findings)

    def as_text(self) -> str:
        """For people: the worst first."""
        ranked = sorted(self.findings, key=lambda each: _RANKS[each.severity])
        lines = [line for each in ranked for line in _lines(each)]
        problems = sum(each.severity is Severity.PROBLEM for each in self.findings)
        notes = sum(each.severity is Severity.NOTE for each in self.findings)
        counted = (_counted(problems, "problem"), _counted(notes, "note"), _counted(len(self.findings), "check"))
        return "\n".join([*lines, ", ".join(counted)])


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


_RANKS = {Severity.PROBLEM: 0, Severity.NOTE: 1, Severity.FINE: 2}


def fine(what: str, where: str) -> Finding:
    """All is well there."""
    return Finding(Severity.FINE, what, where)


def note(what: str, where: str, do: str = "") -> Finding:
    """Worth knowing; nothing is broken."""
    return Finding(Severity.NOTE, what, where, do)


def problem(what: str, where: str, do: str) -> Finding:
    """Something is broken, or will be for sure."""
    return Finding(Severity.PROBLEM, what, where, do)


def judge_room(*, free_bytes: int, store_bytes: int, reserve_mib: int, size_max_mib: int, where: str) -> Finding:
    """The disk under the store."""
    free_mib, store_mib = free_bytes // _MIB, store_bytes // _MIB
    if free_mib < reserve_mib:
        what = f"{free_mib} MiB are free, and the last {reserve_mib} MiB are kept for orders: readings are not stored."
        return problem(what, where, "Make room on this disk; the hub goes on by itself.")
    if store_mib >= size_max_mib - reserve_mib:
        what = f"The store has {store_mib} MiB, and store.size_max_mib allows {size_max_mib}: readings are not stored."
        return problem(what, where, "Set store.size_max_mib higher, if the disk has the room.")
    if free_mib < _LOW_TIMES * reserve_mib:
        what = f"Only {free_mib} MiB are free; below {reserve_mib} MiB readings are not stored any more."
        return note(what, where, "Make room on this disk soon.")
    return fine(f"{free_mib} MiB are free, and the store has {store_mib} MiB.", where)


def judge_clock(*, now: datetime, high_water: datetime | None) -> Finding:
    """The clock of this machine, by itself and by what the store has seen."""
    where, do = f"{now:%Y-%m-%d %H:%M:%S} UTC", "Set the clock: timedatectl shows it, and whether it is synchronised."
    if now < RELEASED_AT:
        return problem("The clock shows a time before this program was released, so nothing is sent.", where, do)
    if high_water is not None and now < high_water - _BEHIND_MAX:
        what = f"The clock is behind the hub's own records, which go to {high_water:%Y-%m-%d %H:%M} UTC."
        return problem(f"{what} Nothing is sent.", where, do)
    if high_water is not None and now > high_water + _AHEAD_MAX:
        what = f"The hub last ran at {high_water:%Y-%m-%d %H:%M} UTC by its own records, more than a month ago."
        return note(what, where, f"If that is not so: {do[0].lower()}{do[1:]}")
    return fine("The clock agrees with what the hub knows.", where)


def judge_bridge_clock(*, now: datetime, theirs: datetime, apart_max: timedelta, where: str) -> Finding:
    """This machine's clock against the bridge's."""
    apart = abs(now - theirs)
    if apart > apart_max:
        what = f"The clocks of this machine and of the order service are {apart.total_seconds():.0f} s apart."
        return problem(f"{what} Nothing is sent.", where, "Set this machine's clock (timedatectl), or theirs.")
    return fine(f"The order service's clock is {apart.total_seconds():.0f} s from this one.", where)


def judge_certificate(*, begins: datetime, ends: datetime, now: datetime, where: str, do: str) -> Finding:
    """How long a certificate is still good."""
    if now < begins:
        return problem(f"The certificate is good only from {begins:%Y-%m-%d}.", where, "Look at the clock first.")
    if now >= ends:
        return problem(f"The certificate ended on {ends:%Y-%m-%d}: it is refused.", where, do)
    if now >= ends - EXPIRES_SOON:
        return note(f"The certificate ends on {ends:%Y-%m-%d}.", where, do)
    return fine(f"The certificate is good until {ends:%Y-%m-%d}.", where)


def _lines(finding: Finding) -> Sequence[str]:
    first = f"{finding.severity.value:8} {finding.where}: {finding.what}"
    return [first, *([f"{'':8} -> {finding.do}"] if finding.do else [])]
