"""When a device is there, as Home Assistant's discovery says it: from one or more topics, by one of three rules.

The profile of a device has no word for this, since what it says comes on other topics than the values. What is here is
told by the import, and `Presences` follows the messages for whoever needs it. One exception: where the word stands in
the very message that holds the value, it becomes a guard.

Source: Home Assistant, MQTT (availability_topic, availability, availability_mode).
"""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.core.decoding.payload import MISSING, Tree, select
from edge_agent.core.importing.device import Availability, AvailabilityTopic, NotReadableError, tree_of
from edge_agent.core.importing.templates import place_of

_TOPICS_MAX = 16
_WORD_MAX = 120
_MODES = ("all", "any", "latest")


def availability_of(options: Mapping[str, Tree]) -> Availability | None:
    """What the options of an entity say, by their full names; None where they say nothing.

    Raises: NotReadableError.
    """
    listed, one = options.get("availability"), options.get("availability_topic")
    if listed is not None and one is not None:
        raise NotReadableError("it has both availability and availability_topic")
    if one is not None:
        return Availability((_topic(options, key="availability_topic", template="availability_template"),))
    if listed is None:
        return None
    entries = listed if isinstance(listed, list) else [listed]
    if not 1 <= len(entries) <= _TOPICS_MAX:
        raise NotReadableError(f"availability must have 1 to {_TOPICS_MAX} topics")
    mode = options.get("availability_mode", "latest")
    topics = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise NotReadableError("an entry of availability is no object")
        topics.append(_topic(entry, key="topic", template="value_template"))
    match mode:
        case "all" | "any" | "latest":
            return Availability(tuple(topics), mode)
    raise NotReadableError(f"availability_mode must be one of {', '.join(_MODES)}")


def guard_of(availability: Availability | None, state_topic: str) -> tuple[dict[str, Tree], ...]:
    """A guard, where the only word of presence stands in the message that holds the value."""
    if availability is None or len(availability.topics) != 1:
        return ()
    (only,) = availability.topics
    if only.topic != state_topic or not only.steps:
        return ()
    path = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in only.steps)
    return ({"path": path, "eq": only.online},)


class Presences:
    """Follows one device's availability, message by message. Unknown (None) until its topics have spoken."""

    def __init__(self, availability: Availability) -> None:
        self._rule = availability
        self._by_topic = {each.topic: each for each in availability.topics}
        self._told: dict[str, bool] = {}
        self._latest: bool | None = None

    def take(self, topic: str, payload: bytes) -> bool | None:
        """One message in; whether the device is there now. What is neither of its two words changes nothing."""
        rule = self._by_topic.get(topic)
        said = None if rule is None else _word(rule, payload)
        if rule is not None and said in {rule.online, rule.offline}:
            self._told[topic] = self._latest = said == rule.online
        return self.present

    @property
    def present(self) -> bool | None:
        """Whether the device is there; None while that is not known."""
        if self._rule.mode == "latest":
            return self._latest
        words = [self._told.get(topic) for topic in self._by_topic]
        decisive = self._rule.mode == "any"
        if decisive in words:
            return decisive
        return None if None in words else not decisive


def _topic(options: Mapping[str, Tree], *, key: str, template: str) -> AvailabilityTopic:
    topic, said = options.get(key), options.get(template)
    if not isinstance(topic, str) or not topic or len(topic) > 400 or {"+", "#", "\0"} & set(topic):
        raise NotReadableError("a topic of its availability is none")
    online, offline = _text(options, "payload_available"), _text(options, "payload_not_available")
    if said is None:
        return AvailabilityTopic(topic, online, offline)
    if not isinstance(said, str):
        raise NotReadableError("the template of its availability is no text")
    try:
        place = place_of(said)
    except NotReadableError as exc:
        raise NotReadableError(f"availability: {exc}") from exc
    if place.is_number:
        raise NotReadableError("availability: a number is no word for presence")
    return AvailabilityTopic(topic, online, offline, place.steps)


def _text(options: Mapping[str, Tree], key: str) -> str:
    found = options.get(key, "online" if key == "payload_available" else "offline")
    if not isinstance(found, (str, int)) or len(str(found)) > _WORD_MAX:
        raise NotReadableError(f"{key} is no short text")
    return str(found)


def _word(rule: AvailabilityTopic, payload: bytes) -> str | None:
    if len(payload) > 65_536:
        return None
    if rule.steps is None:
        return payload.decode("utf-8", "replace")
    try:
        found = select(tree_of(payload), rule.steps)
    except NotReadableError:
        return None
    return None if found is MISSING or isinstance(found, (dict, list)) else str(found)
