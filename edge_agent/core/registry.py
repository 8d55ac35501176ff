"""All profiles that are loaded, and the one that fits a message.

The cost of a look-up depends on the levels of the topic, not on the number of profiles. Where several fit, the one
with the most conditions wins; two that fit equally well are refused at load, so that no race decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.core.extract import contradict, holds
from edge_agent.core.payload import Tree
from edge_agent.core.profile import Profile
from edge_agent.errors import ProfileError

_ANY = "+"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile whose topic pattern fits, and the device that the topic names."""

    profile: Profile
    device: str


class Registry:
    """Profiles by id and by topic.

    Raises: ProfileError for an id that is taken, and for two profiles that fit the same message equally well.
    """

    def __init__(self, profiles: Iterable[Profile] = ()) -> None:
        self._by_id: dict[str, Profile] = {}
        self._by_pattern: dict[tuple[str, ...], list[Profile]] = {}
        for profile in profiles:
            self.add(profile)

    def add(self, profile: Profile) -> None:
        """Take one more profile, or raise and stay as it was."""
        if profile.profile in self._by_id:
            raise ProfileError(f"profile: {profile.profile!r} is loaded already")
        if profile.match.topic is not None:
            self._refuse_tie(profile)
            fitting = self._by_pattern.setdefault(_pattern(profile), [])
            fitting.append(profile)
            fitting.sort(key=lambda each: -len(each.match.require))
        self._by_id[profile.profile] = profile

    def by_id(self, profile: str) -> Profile | None:
        """The profile that a birth names."""
        return self._by_id.get(profile)

    def profiles(self) -> tuple[Profile, ...]:
        """All of them, in the order in which they were loaded."""
        return tuple(self._by_id.values())

    def candidates(self, topic: str) -> list[Candidate]:
        """Profiles of foreign devices whose topic pattern fits, most conditions first."""
        levels = tuple(topic.split("/"))
        found = [
            Candidate(profile, level)
            for index, level in enumerate(levels)
            for profile in self._by_pattern.get((*levels[:index], _ANY, *levels[index + 1 :]), ())
        ]
        return sorted(found, key=lambda each: -len(each.profile.match.require))

    def topic_filters(self) -> tuple[str, ...]:
        """MQTT subscriptions that bring in every foreign device, each once."""
        return tuple(sorted("/".join(pattern) for pattern in self._by_pattern))

    def _refuse_tie(self, profile: Profile) -> None:
        for other in self._by_id.values():
            if other.match.topic is not None and _tie(profile, other):
                raise ProfileError(
                    f"match: {profile.profile!r} and {other.profile!r} fit the same message equally well; "
                    "add a require that tells them apart"
                )


def fitting(candidates: Iterable[Candidate], tree: Tree) -> Candidate | None:
    """The first candidate whose conditions hold for the content."""
    for candidate in candidates:
        if all(holds(condition, tree) for condition in candidate.profile.match.require):
            return candidate
    return None


def _pattern(profile: Profile) -> tuple[str, ...]:
    return tuple(_ANY if level == "{device}" else level for level in (profile.match.topic or "").split("/"))


def _tie(one: Profile, other: Profile) -> bool:
    if len(one.match.require) != len(other.match.require):
        return False
    first, second = _pattern(one), _pattern(other)
    if len(first) != len(second):
        return False
    if not all(a == b or _ANY in {a, b} for a, b in zip(first, second, strict=True)):
        return False
    return not any(contradict(a, b) for a in one.match.require for b in other.match.require)
