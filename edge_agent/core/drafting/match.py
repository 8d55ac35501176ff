"""From the topic of a sample to the pattern of a profile: which level names the device, as far as one topic tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from edge_agent.core.drafting.leaves import Leaf, is_word
from edge_agent.core.drafting.redaction import is_private_text, word_set, words_of
from edge_agent.core.profile.matching import TopicPattern
from edge_agent.errors import DraftError

_DEVICE = "{device}"
_KINDS = word_set(
    "status state sensor sensors telemetry data info report event events update up uplink message messages reading "
    "readings values value attributes get result json current tele stat payload properties full lwt"
)
_FIRST = frozenset({"tele", "stat", "cmnd", "devices", "device", "application", "home", "iot", "sensor", "sensors"})
_DEVICES_MAX = 2
_TOPIC_MAX = 1_000
_MARK = re.compile(r"(?=.*\d)[0-9A-Za-z_-]{6,}|[0-9a-fA-F]{6,}|\d{3,}")
_SLUG = re.compile(r"[^a-z0-9]+")
_MODEL = ("model", "model_id", "modelid", "model_name", "product", "type", "device_type")
_PATTERN = TypeAdapter(TopicPattern)


@dataclass(frozen=True, slots=True)
class Topic:
    """A proposed pattern. `why` is for a comment; `has_device` is False where `match.device` must give the id."""

    pattern: str
    why: str
    has_device: bool


def is_mark(level: str) -> bool:
    """Whether a level looks like the number of one device: digits in a longer word, or hex."""
    return _MARK.fullmatch(level) is not None


def topic_of(topic: str) -> Topic:
    """The pattern for a topic that a sample came on; one with `{device}` in it is taken as it is.

    Raises: DraftError.
    """
    levels = topic[: _TOPIC_MAX + 1].split("/")  # what is longer is refused below
    if levels[0] == "restock":
        raise DraftError("topic: restock/ is for native devices, which name their profile in their birth")
    if any(level in {"+", "#"} for level in levels):
        raise DraftError(
            "topic: give the topic that the sample came on, or put {device} for the level that names the device; "
            "+ and # are wildcards"
        )
    proposed = _as_given(topic) if _DEVICE in levels or len(topic) > _TOPIC_MAX else _proposed(levels)
    try:
        _PATTERN.validate_python(proposed.pattern)
    except ValidationError as exc:
        raise DraftError(
            "topic: at most 200 characters; the first level has no blank, +, #, { or }, and is not empty"
        ) from exc
    return proposed


def name_of(topic: Topic, model: str) -> str:
    """A profile id: vendor from the topic, family from the model or the last level that says something."""
    literal = [_slug(level) for level in topic.pattern.split("/") if level not in {"+", _DEVICE}]
    literal = [each for each in literal if each] or ["device"]
    vendor = next((each for each in literal if each not in _FIRST), "own")
    family = _slug(model) or next((each for each in reversed(literal) if each not in {vendor, *_KINDS}), "device")
    return f"{vendor[:30]}.{family[:30]}"


def model_of(leaves: Sequence[Leaf]) -> Leaf | None:
    """The place that says what kind of device it is: the same word in every sample."""
    for name in _MODEL:
        for leaf in leaves:
            if _flat(leaf.steps[-1]) == _flat(name) and is_word(leaf) and len(leaf.values) == 1:
                return leaf
    return None


def _as_given(topic: str) -> Topic:
    return Topic(topic, "{device} stands where you put it.", has_device=True)


def _proposed(levels: Sequence[str]) -> Topic:
    marked = [at for at, level in enumerate(levels) if at and is_mark(level)]
    if marked:
        named, why = marked[:_DEVICES_MAX], "{device} stands where the topic has what looks like a number of one device"
    else:
        named, why = _by_place(levels), "{device} is the likeliest level by its place alone"
    written = [
        _DEVICE if at in named else "+" if at in marked or not _is_literal(at, level) else level
        for at, level in enumerate(levels)
    ]
    if not named:
        return Topic("/".join(written), "No level seems to name a device.", has_device=False)
    return Topic(
        "/".join(written), f"{why}: look at a second device's topic, and move it if it is another.", has_device=True
    )


def _is_literal(at: int, level: str) -> bool:
    """Whether a level can stand in a file: no wildcard signs, and nothing private but the vendor's own first level."""
    return not re.search(r"[\s+#{}]", level) and (at == 0 or not is_private_text(level))


def _by_place(levels: Sequence[str]) -> list[int]:
    last = len(levels) - 1
    if last and levels[last].lower() not in _KINDS:
        return [last]
    return [last - 1] if last > 1 else []


def _flat(name: str) -> str:
    return "".join(words_of(name))


def _slug(text: str) -> str:
    return _SLUG.sub("_", text.lower()).strip("_")
