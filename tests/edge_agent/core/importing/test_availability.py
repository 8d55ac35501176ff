"""When a device is there: three rules, two words, and what is not told yet."""

from __future__ import annotations

import pytest

from edge_agent.core.decoding.payload import Tree
from edge_agent.core.importing.availability import Presences, availability_of, guard_of
from edge_agent.core.importing.device import Availability, AvailabilityTopic, NotReadableError

TWO: Tree = [{"topic": "a"}, {"topic": "b", "payload_available": "up", "payload_not_available": "down"}]


@pytest.mark.parametrize(
    ("mode", "messages", "present"),
    [
        ("all", [], None),
        ("all", [("a", "online")], None),
        ("all", [("a", "offline")], False),
        ("all", [("a", "online"), ("b", "up")], True),
        ("all", [("a", "online"), ("b", "up"), ("a", "offline")], False),
        ("any", [("a", "offline")], None),
        ("any", [("a", "online")], True),
        ("any", [("a", "offline"), ("b", "down")], False),
        ("latest", [], None),
        ("latest", [("a", "online"), ("b", "down")], False),
        ("latest", [("b", "down"), ("a", "online")], True),
        ("all", [("a", "online"), ("b", "up"), ("b", "online")], True),
        ("all", [("a", "online"), ("b", "up"), ("c", "offline")], True),
    ],
)
def test_rules(mode: str, messages: list[tuple[str, str]], present: bool | None) -> None:
    """All, any, or the latest; a word that is neither of the two changes nothing."""
    rule = availability_of({"availability": TWO, "availability_mode": mode})
    assert rule is not None
    presences = Presences(rule)
    for topic, word in messages:
        presences.take(topic, word.encode())
    assert presences.present is present


def test_a_template() -> None:
    """The word inside a JSON payload; JSON that is none, or has no such place, says nothing."""
    rule = availability_of({"availability_topic": "a", "availability_template": "{{ value_json.state }}"})
    assert rule == Availability((AvailabilityTopic("a", steps=("state",)),))
    presences = Presences(rule)
    assert presences.take("a", b'{"state": "online"}') is True
    assert presences.take("a", b"offline") is True
    assert presences.take("a", b'{"other": 1}') is True
    assert presences.take("a", b'{"state": "offline"}') is False


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"availability": TWO, "availability_topic": "a"}, "both"),
        ({"availability": []}, "1 to 16"),
        ({"availability": [1]}, "no object"),
        ({"availability": [{"topic": "a/#"}]}, "is none"),
        ({"availability": TWO, "availability_mode": "some"}, "all, any, latest"),
        ({"availability_topic": "a", "availability_template": "{{ value_json.a | int }}"}, "number"),
        ({"availability_topic": "a", "availability_template": "{{ 1 + 1 }}"}, "availability: .*calculating"),
        ({"availability_topic": "a", "payload_available": ["x"]}, "payload_available"),
    ],
)
def test_refusals(options: dict[str, Tree], why: str) -> None:
    """What cannot be followed is refused with the reason."""
    with pytest.raises(NotReadableError, match=why):
        availability_of(options)


def test_a_word_beside_the_value_is_a_guard() -> None:
    """Presence in the very message that holds the value: a profile can say that."""
    rule = availability_of({"availability_topic": "s", "availability_template": "{{ value_json.link }}"})
    assert guard_of(rule, "s") == ({"path": "/link", "eq": "online"},)
    assert guard_of(rule, "elsewhere") == ()
    assert guard_of(None, "s") == ()
