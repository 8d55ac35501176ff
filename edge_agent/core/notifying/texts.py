"""What a message to a person says. Where others carry it, it names no goods, unless the household allows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.news import About, News, need_a_person
from edge_agent.core.notifying.plan import IfUnanswered, Question
from edge_agent.core.said import Day, Names, Said, say, say_many

IF_UNANSWERED: Mapping[IfUnanswered, str] = {
    IfUnanswered.ASKED_AGAIN: say(
        "Without an answer nothing is bought. As long as it is needed you are asked again, more and more rarely."
    ),
    IfUnanswered.LEFT_ALONE: say(
        "Without an answer nothing is bought, and you are not asked again before it was refilled."
    ),
}
_EITHER = say("Without an answer nothing is bought.")

_TOLD: Mapping[About, Said] = {
    About.IN_DOUBT: say(
        "Nobody can tell whether an order was made. Look at the merchant, then say on the order's page what you found."
    ),
    About.TO_BE_COUNTED: say(
        "Something else came than was ordered. Count what is there: until then the stock is not known."
    ),
    About.TAKEN_BACK: say(
        "An order was taken back before it was sent: its goods were bought elsewhere. Its page can order it anyway."
    ),
    About.CANCELLED: say(
        "A merchant cancelled an order, or the rest of one. If it is still needed, you are asked again."
    ),
    About.SHORT: say("A part of an order does not come. Its page says how much came."),
    About.LOST: say("An order has not come and counts as lost. Ask the merchant for the money or a new delivery."),
}
_NAMES_MAX = 3
_NAME_CHARS_MAX = 40
_BODY_CHARS_MAX = 600


@dataclass(frozen=True, slots=True)
class Wording:
    """A message's words: a title, and sentences that stand beside each other."""

    title: str
    sentences: tuple[str, ...]

    def body(self, speak: Callable[[str], str] = str) -> str:
        """All sentences, each said by `speak`; 600 characters at the most."""
        return " ".join(speak(sentence) for sentence in self.sentences)[:_BODY_CHARS_MAX]


def asking(questions: Sequence[Question], *, zone: ZoneInfo, names: Mapping[PromptId, str] | None = None) -> Wording:
    """That these questions wait, the most pressing first. `names` None: what they are about is not said."""
    until = questions[0].answer_by.astimezone(zone)
    ends = {question.if_unanswered for question in questions}
    sentences = [
        say("The first one can be answered until {day}, {time}.", day=Day(until.date()), time=f"{until:%H:%M}"),
        IF_UNANSWERED[ends.pop()] if len(ends) == 1 else _EITHER,
    ]
    if names is not None:
        sentences.insert(0, _about([names[question.prompt] for question in questions]))
    title = say_many("A question waits for you", "{number} questions wait for you", len(questions))
    return Wording(title, tuple(sentences))


def telling(news: Sequence[News], *, zone: ZoneInfo, names: Mapping[PromptId, str] | None = None) -> Wording:
    """News of orders, what ends first in front, each kind once. `names` None: what they are about is not said."""
    first: dict[About, News] = {}
    for each in news:
        first.setdefault(each.about, each)
    sentences: list[str] = [_told(each, zone=zone) for each in first.values()]
    if names is not None:
        sentences.insert(0, _about(list(dict.fromkeys(names[each.topic] for each in news))))
    waiting, orders = len(need_a_person(news)), len({each.order for each in news})
    if waiting:
        return Wording(say_many("An order needs you", "{number} orders need you", waiting), tuple(sentences))
    return Wording(say_many("News of an order", "News of {number} orders", orders), tuple(sentences))


def over() -> Wording:
    """That there is nothing left to answer."""
    return Wording(
        say("Nothing waits for you any more"),
        (say("The question was answered, or has ended. Nothing is left to do."),),
    )


def trying() -> Wording:
    """That a channel works."""
    return Wording(
        say("A test message"), (say("This channel works. Questions that wait for you are told here from now on."),)
    )


def recalled(names: Sequence[str] | None) -> Wording:
    """That goods were called back which may be at home. `names` None: which they are is not said."""
    sentences: list[str] = [
        say("Goods that are at home, or ordered, may be called back."),
        say("Use nothing of them before you looked. What to do stands at the top of Home."),
    ]
    if names is not None:
        sentences.insert(0, _about(names))
    return Wording(say("A recall: look before you use it"), tuple(sentences))


def _told(news: News, *, zone: ZoneInfo) -> Said:
    until = news.until.astimezone(zone)
    day, time = Day(until.date()), f"{until:%H:%M}"
    match news.about:
        case About.REFUSED:
            return say(
                "An order was refused. Its page says what to mend; until {day}, {time} it is not tried again by "
                "itself.",
                day=day,
                time=time,
            )
        case About.REFUSED_ENDS:
            return say(
                "A refused order waits to be mended until {day}, {time}. After that you are asked about it as ever.",
                day=day,
                time=time,
            )
        case About.UNFINISHED:
            return say(
                "An order waits at the merchant until somebody finishes it there, until {day}, {time}.",
                day=day,
                time=time,
            )
        case About.UNFINISHED_ENDS:
            return say(
                "An order still waits at the merchant. If nobody finishes it there until {day}, {time}, nothing is "
                "bought.",
                day=day,
                time=time,
            )
        case _:
            return _TOLD[news.about]


def _about(names: Sequence[str]) -> str:
    shown = Names(tuple(" ".join(name.split())[:_NAME_CHARS_MAX] for name in names[:_NAMES_MAX]))
    more = len(names) - _NAMES_MAX
    if more <= 0:
        return say("About: {names}.", names=shown)
    return say_many("About: {names}; {number} more.", "About: {names}; {number} more.", more, names=shown)
