"""What one device may say and hear at the broker, as MQTT topics: its grant.

A device writes to filters that are its own, and reads exact topics. No name reaches a topic unless it is made of
letters, digits and a few signs that neither MQTT nor a broker's access list reads as anything else: a device that is
called `#` would otherwise be given every topic. Not here: what a broker's files look like (`broker_acl`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.core.profile import Profile
from edge_agent.core.topics import DEVICE_ID
from edge_agent.errors import ConfigurationError

# No `+`, `#`, `/`, `$`, `*`, `>`, quote, space, control or non-ASCII character. Vendors' names have dots and colons.
_LEVEL = re.compile(r"[A-Za-z0-9._:@=~-]{1,128}")
_LEVEL_ALLOWED = "1 to 128 letters, digits and . _ : @ = ~ - are allowed"
_LEVELS_MAX = 16
_TOPIC_LENGTH_MAX = 200
_TOPICS_MAX = 64
_NATIVE = "restock"
_DEVICE, _KEY, _REST = "{device}", "{key}", "{key+}"


@dataclass(frozen=True, slots=True)
class Grant:
    """Topic filters that may be published to, and topics that may be subscribed to. Nothing else may be."""

    writes: tuple[str, ...]
    reads: tuple[str, ...]


def checked_device(name: str, *, reserved: Iterable[str] = ()) -> str:
    """The name, if a device may have it.

    Raises: ConfigurationError saying what is allowed.
    """
    if not DEVICE_ID.fullmatch(name):
        raise ConfigurationError(f"device {name!r}: 1 to 64 of a-z, 0-9, _ and - are allowed")
    if name in reserved:
        raise ConfigurationError(f"device {name!r}: the hub itself has this name at the broker; take another")
    return name


def native_grant(home: str, device: str) -> Grant:
    """A Restock-native device: it says what is its own, and hears what the hub says to it."""
    base = f"{_NATIVE}/v1/{home}/{device}"
    return Grant(
        writes=(f"{base}/birth", f"{base}/state", f"{base}/reading"),
        reads=(f"{base}/ack", f"{base}/cmd"),
    )


def observer_grant(home: str, device: str) -> Grant:
    """Somebody who watches one native device, such as `restock-sim conform`: hears what it says and is told.

    Raises: ConfigurationError for a name that no device has.
    """
    return Grant(writes=(), reads=(f"{_NATIVE}/v1/{home}/{checked_device(device)}/#",))


def hub_writes(home: str, devices: Iterable[Grant]) -> tuple[str, ...]:
    """What the hub may say: to native devices `ack` and `cmd`, and to others what one of them may hear."""
    own = (f"{_NATIVE}/v1/{home}/+/ack", f"{_NATIVE}/v1/{home}/+/cmd")
    told = {topic for grant in devices for topic in grant.reads}
    return (*own, *sorted(topic for topic in told if not any(meets(each, topic) for each in own)))


def family_grant(profile: Profile, *, home: str, device: str, named: Sequence[str] = ()) -> Grant:
    """A device of a profile's family: it says what the profile reads, and hears the profile's commands.

    `named` are the levels by which the vendor names it, one for each `{device}` of a topic; without them, its name.
    Raises: ConfigurationError where the levels do not fit.
    """
    if profile.match.native is not None:
        return native_grant(home, device)
    levels = tuple(named) or (profile.match.device or device,)
    commands = profile.commands.values()
    patterns = (*profile.match.patterns, *(command.ack.topic for command in commands if command.ack))
    return checked(
        Grant(
            writes=tuple(dict.fromkeys(_placed(each, levels, profile=profile.profile) for each in patterns)),
            reads=tuple(sorted({_placed(each.topic, levels, profile=profile.profile) for each in commands})),
        )
    )


def checked(grant: Grant) -> Grant:
    """The grant, if both brokers can keep it.

    Raises: ConfigurationError naming the topic and what is allowed.
    """
    if not 1 <= len(grant.writes) <= _TOPICS_MAX or len(grant.reads) > _TOPICS_MAX:
        raise ConfigurationError(
            f"topics: a device has 1 to {_TOPICS_MAX} to write to, and up to {_TOPICS_MAX} to read"
        )
    for topic in grant.writes:
        _check_topic(topic, may_be_open=True)
    for topic in grant.reads:
        _check_topic(topic, may_be_open=False)
    return grant


def check_apart(device: str, grant: Grant, *, others: Iterable[tuple[str, Grant]]) -> None:
    """That this device and another can neither speak for each other nor overhear each other.

    Raises: ConfigurationError naming the topics that meet.
    """
    for other, theirs in others:
        for mine in grant.writes:
            _refuse_meeting(device, mine, other=other, theirs=(*theirs.writes, *theirs.reads))
        for mine in grant.reads:
            _refuse_meeting(device, mine, other=other, theirs=theirs.writes)


def meets(one: str, other: str) -> bool:
    """Whether some topic fits both filters. Source: MQTT 3.1.1, section 4.7."""
    left, right = one.split("/"), other.split("/")
    for first, second in zip(left, right, strict=False):
        if "#" in {first, second}:
            return True
        if first != second and "+" not in {first, second}:
            return False
    longer = left[len(right) :] or right[len(left) :]
    return longer in ([], ["#"])  # `a/#` is for `a` too


def _refuse_meeting(device: str, mine: str, *, other: str, theirs: Iterable[str]) -> None:
    for each in theirs:
        if meets(mine, each):
            raise ConfigurationError(
                f"{device}: {mine} meets {each} of {other}, so one could speak for the other or overhear it; "
                f"give narrower topics, or revoke {other} first"
            )


def _placed(pattern: str, levels: Sequence[str], *, profile: str) -> str:
    """A profile's topic with the device's levels in it, open levels as MQTT writes them."""
    wanted = pattern.split("/").count(_DEVICE)
    if wanted and wanted != len(levels):
        raise ConfigurationError(
            f"name: {profile} names a device by {wanted} levels of {pattern}, and {len(levels)} were given: "
            f"--name {'/'.join(f'LEVEL{number}' for number in range(1, wanted + 1))}"
        )
    given = iter(levels)
    words = {_KEY: "+", _REST: "#"}
    return "/".join(
        _level(next(given)) if level == _DEVICE else words.get(level, level) for level in pattern.split("/")
    )


def _level(text: str) -> str:
    if not _LEVEL.fullmatch(text):
        raise ConfigurationError(f"name {text!r}: {_LEVEL_ALLOWED}")
    return text


def _check_topic(topic: str, *, may_be_open: bool) -> None:
    levels = topic.split("/")
    if len(topic) > _TOPIC_LENGTH_MAX or len(levels) > _LEVELS_MAX:
        raise ConfigurationError(f"topic {topic[:80]!r}: up to {_TOPIC_LENGTH_MAX} characters and {_LEVELS_MAX} levels")
    if levels[0] == _NATIVE:
        raise ConfigurationError(f"topic {topic!r}: {_NATIVE}/ is for native devices, which get their topics by name")
    for place, level in enumerate(levels):
        is_open = level == "+" or (level == "#" and place == len(levels) - 1)
        if is_open and (place == 0 or not may_be_open):
            why = "the first level must be a name" if may_be_open else "a device reads exact topics only"
            raise ConfigurationError(f"topic {topic!r}: {level!r} is not allowed: {why}")
        if not is_open and not _LEVEL.fullmatch(level):
            raise ConfigurationError(f"topic {topic!r}, level {level!r}: {_LEVEL_ALLOWED}")
