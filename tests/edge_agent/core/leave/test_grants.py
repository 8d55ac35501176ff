"""Names and topics of a device at the broker: what is allowed, and whose it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.leave.grants import (
    Grant,
    check_apart,
    checked,
    checked_device,
    family_grant,
    hub_writes,
    meets,
    native_grant,
)
from edge_agent.core.profile import Profile
from edge_agent.errors import ConfigurationError
from tests.edge_agent.shipped import shipped_registry

NOT_NAMES = ("", "#", "+", "a/b", "a b", "A", "kühl", "$SYS", "a\0", "a\n", "a.b", "%u", "a*", ">", "x" * 65)


def profile_of(name: str) -> Profile:
    """One that ships."""
    found = shipped_registry().by_id(name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", NOT_NAMES)
def test_a_device_has_a_plain_name(name: str) -> None:
    """Nothing that a topic, a pattern or a file could read as anything but a name."""
    with pytest.raises(ConfigurationError, match="device"):
        checked_device(name)


def test_no_device_is_called_as_the_hub() -> None:
    """The hub's own logins keep their names."""
    with pytest.raises(ConfigurationError, match="the hub itself"):
        checked_device("hub-out", reserved=("hub", "hub-out"))
    assert checked_device("fridge", reserved=("hub",)) == "fridge"


def test_a_native_device_has_five_topics() -> None:
    """Three to say and two to hear, all with its own name."""
    assert native_grant("home", "fridge") == Grant(
        ("restock/v1/home/fridge/birth", "restock/v1/home/fridge/state", "restock/v1/home/fridge/reading"),
        ("restock/v1/home/fridge/ack", "restock/v1/home/fridge/cmd"),
    )


def test_a_family_says_what_its_profile_reads() -> None:
    """Patterns become filters, commands become topics, each with the vendor's name of the device."""
    tasmota = family_grant(profile_of("tasmota.hx711"), home="home", device="scale", named=("Scale.1",))
    assert tasmota == Grant(("tele/Scale.1/SENSOR",), ())
    robot = family_grant(profile_of("valetudo.robot"), home="home", device="rocky")
    assert all(each.startswith("valetudo/rocky/") for each in robot.writes + robot.reads)
    assert "valetudo/rocky/ConsumableMonitoringCapability/bin-dock/reset/set" in robot.reads


def test_a_family_whose_topics_have_two_names_needs_two() -> None:
    """The error says how to give them."""
    dyson = next(
        each
        for each in shipped_registry().profiles()
        if each.match.patterns and each.match.patterns[0].count("{device}") == 2
    )
    with pytest.raises(ConfigurationError, match="--name LEVEL1/LEVEL2"):
        family_grant(dyson, home="home", device="fan")
    grant = family_grant(dyson, home="home", device="fan", named=("438", "AB1-EU-CDE2345F"))
    assert grant.writes[0].startswith(("438/AB1-EU-CDE2345F/", "drop_connect/438/AB1-EU-CDE2345F/"))


@pytest.mark.parametrize("level", ["#", "+", "a/b", "", "a b", "ä", "$aws", "*", ">", 'a"', "a\0", "{x}"])
def test_a_vendors_name_opens_nothing(level: str) -> None:
    """It stands in one level and is read as a name there."""
    with pytest.raises(ConfigurationError, match="name"):
        family_grant(profile_of("tasmota.hx711"), home="home", device="scale", named=(level,))


@pytest.mark.parametrize(
    "topic",
    [
        "#", "+/a", "+", "a/#/b", "a/b#", "a/+b", "$SYS/x", "$share/a/b", "restock/v1/home/a/reading", "restock",
        "a//b", "/a", "a/", "a/ b", "a/ä", "a/*/b", "a/>", "a/$b", "a\nuser hub", "a/\0", "", "x" * 201,
        "a/" * 16 + "a",
    ],
)  # fmt: skip
def test_a_topic_that_is_too_wide_is_refused(topic: str) -> None:
    """The first level is a name, no level is a broker's own word, and native topics come by name only."""
    with pytest.raises(ConfigurationError, match="topic"):
        checked(Grant((topic,), ()))


@pytest.mark.parametrize("topic", ["a/#", "a/+/b", "a/+"])
def test_what_a_device_reads_is_exact(topic: str) -> None:
    """No wildcard for its ears."""
    assert checked(Grant((topic,), ())) == Grant((topic,), ())
    with pytest.raises(ConfigurationError, match="exact"):
        checked(Grant(("own",), (topic,)))


@pytest.mark.parametrize(
    ("one", "other", "do"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("+/b", "a/#", True),
        ("a/+/c", "a/b/+", True),
        ("a/b", "a/c", False),
        ("a/+", "a/b/c", False),
        ("a", "a/b", False),
        ("a/+", "a", False),
    ],
)
def test_when_two_filters_meet(one: str, other: str, do: bool) -> None:
    """Whether some topic fits both, whichever comes first."""
    assert (meets(one, other), meets(other, one)) == (do, do)


def fits(levels: list[str], filter_levels: list[str]) -> bool:
    """Whether a filter is for a topic, level by level as the standard says."""
    for place, each in enumerate(filter_levels):
        if each == "#":
            return True
        if place >= len(levels) or each not in {"+", levels[place]}:
            return False
    return len(levels) == len(filter_levels)


FILTERS = st.builds(
    lambda levels, rest: [*levels, *rest],
    st.lists(st.sampled_from(["a", "b", "+"]), min_size=1, max_size=3),
    st.sampled_from([[], ["#"]]),
)


@given(FILTERS, FILTERS, st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=5))
def test_filters_that_share_a_topic_meet(one: list[str], other: list[str], topic: list[str]) -> None:
    """None that could carry another's message is taken for apart."""
    if fits(topic, one) and fits(topic, other):
        assert meets("/".join(one), "/".join(other))


@pytest.mark.parametrize(
    "mine",
    [
        Grant(("tele/scale/SENSOR",), ()),
        Grant(("tele/+/SENSOR",), ()),
        Grant(("cmnd/scale/RESET",), ()),
        Grant(("other/x",), ("tele/scale/SENSOR",)),
    ],
)
def test_two_devices_are_apart(mine: Grant) -> None:
    """Neither says what the other says or hears, nor hears what it says."""
    theirs = Grant(("tele/scale/SENSOR",), ("cmnd/scale/RESET",))
    with pytest.raises(ConfigurationError, match="of scale"):
        check_apart("new", mine, others=[("scale", theirs)])
    check_apart("new", Grant(("tele/new/SENSOR",), ("cmnd/new/RESET",)), others=[("scale", theirs)])


def test_the_hub_says_commands_only() -> None:
    """Its words to native devices, and what some enrolled device may hear."""
    told = hub_writes("home", [native_grant("home", "fridge"), Grant(("a/b",), ("a/c", "a/a"))])
    assert told == ("restock/v1/home/+/ack", "restock/v1/home/+/cmd", "a/a", "a/c")
