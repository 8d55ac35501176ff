"""The outcome of a check for a person, and for a script."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Any

from firmware_sim.conform.book import Result, Status
from firmware_sim.conform.live import Outcome

_MARKS = {Status.KEPT: "pass", Status.BROKEN: "FAIL", Status.NOT_SEEN: "-"}


class Verdict(StrEnum):
    """What the whole comes to."""

    SOUND = "pass"
    FAIL = "fail"
    INCOMPLETE = "incomplete"  # nothing is broken, and something that every device shows was not seen


def verdict(outcome: Outcome, *, strict: bool) -> Verdict:
    """Strict: what needs an occasion must have been seen too."""
    if any(each.status is Status.BROKEN for each in outcome.results):
        return Verdict.FAIL
    unseen = [each for each in outcome.results if each.status is Status.NOT_SEEN]
    wanted = [each for each in unseen if strict or not each.rule.occasion]
    return Verdict.INCOMPLETE if wanted else Verdict.SOUND


def document(outcome: Outcome, *, strict: bool) -> dict[str, Any]:
    """One JSON object."""
    return {
        "home": outcome.subject.home,
        "device": outcome.subject.device,
        "verdict": verdict(outcome, strict=strict).value,
        "messages": outcome.messages,
        "rules": [_rule(each) for each in outcome.results],
    }


def lines(outcome: Outcome, *, strict: bool) -> list[str]:
    """Text for a terminal."""
    counted = Counter(each.status for each in outcome.results)
    said = [f"{outcome.subject.base}: {outcome.messages} messages of the device"]
    if not outcome.messages:
        said.append("    nothing came: check device id and home, and that this user may read the device's topics")
    for each in outcome.results:
        said += _lines(each)
    tally = f"{counted[Status.KEPT]} pass, {counted[Status.BROKEN]} fail, {counted[Status.NOT_SEEN]} not seen"
    return [*said, f"{verdict(outcome, strict=strict)}: {tally}"]


def broken(outcome: Outcome) -> str:
    """Only the rules that are broken, each with the first message that broke it; empty where none is."""
    return "\n".join(line for each in outcome.results if each.status is Status.BROKEN for line in _lines(each))


def _lines(result: Result) -> list[str]:
    said = [f"{_MARKS[result.status]:>4}  {result.rule.id:<18}{result.rule.text}"]
    if result.status is Status.BROKEN:
        said.append(f"      what: {result.problem}{_times(result.broken)}")
        if result.excerpt:
            said.append(f"      seen: {result.topic.rpartition('/')[2]} {result.excerpt}")
        said.append(f"      do:   {result.rule.remedy} ({result.rule.link})")
    elif result.status is Status.NOT_SEEN:
        said.append(f"      not seen; to see it: {result.rule.occasion or 'listen for longer'}")
    return said


def _times(count: int) -> str:
    return f" (and {count - 1} times more)" if count > 1 else ""


def _rule(result: Result) -> dict[str, Any]:
    return {
        "id": result.rule.id,
        "status": result.status.value.replace(" ", "_"),
        "text": result.rule.text,
        "doc": result.rule.link,
        "kept": result.kept,
        "broken": result.broken,
        "problem": result.problem,
        "topic": result.topic,
        "excerpt": result.excerpt,
        "do": result.rule.remedy if result.status is Status.BROKEN else result.rule.occasion,
    }
