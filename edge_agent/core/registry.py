"""All profiles that are loaded, and the one that fits a message.

Where several fit, the one with the most conditions wins; two that fit equally well are refused at load, so that no race
decides. Each profile is made ready once, when it is first needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from edge_agent.core.conditions import Check, checker, contradict
from edge_agent.core.extract import Reader, reader
from edge_agent.core.formats.decoding import Decode, decoder, outer_key
from edge_agent.core.payload import Tree, TreeLimits
from edge_agent.core.profile import Profile
from edge_agent.core.topics import Pattern, TopicIndex
from edge_agent.errors import ProfileError

_TOPICS_KEPT = 10_000


class Ready:
    """A profile, made ready: how its payloads are decoded, tested and read."""

    def __init__(self, profile: Profile, limits: TreeLimits) -> None:
        self.profile = profile
        self.conditions = len(profile.match.require)
        self.shared = outer_key(profile.decode)  # what two profiles have in common when one tree will do for both
        self._limits = limits

    @cached_property
    def decode(self) -> Decode:
        """From bytes to a tree."""
        return decoder(self.profile.decode, self._limits)

    @cached_property
    def read(self) -> Reader:
        """From a tree to readings."""
        return reader(self.profile)

    @cached_property
    def _checks(self) -> tuple[Check, ...]:
        return tuple(checker(condition) for condition in self.profile.match.require)

    def fits(self, tree: Tree) -> bool:
        """Whether the tree meets every condition."""
        return all(check(tree) for check in self._checks)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile whose topic pattern fits, the device that the topic names, and the value that it names, if any."""

    ready: Ready
    device: str
    key: str | None

    @property
    def profile(self) -> Profile:
        """The profile itself."""
        return self.ready.profile


class Registry:
    """Profiles by id and by topic.

    Raises: ProfileError for an id that is taken, and for two profiles that fit the same message equally well.
    """

    def __init__(self, profiles: Iterable[Profile] = (), *, limits: TreeLimits | None = None) -> None:
        self._limits = limits or TreeLimits()
        self._by_id: dict[str, Ready] = {}
        self._index: TopicIndex[Ready] = TopicIndex()
        self._patterns: dict[str, tuple[Pattern, ...]] = {}
        self._seen: dict[str, list[Candidate]] = {}
        for profile in profiles:
            self.add(profile)

    def add(self, profile: Profile) -> None:
        """Take one more profile, or raise and stay as it was."""
        if profile.profile in self._by_id:
            raise ProfileError(f"profile: {profile.profile!r} is loaded already")
        patterns = tuple(Pattern.of(each, device=profile.match.device) for each in profile.match.patterns)
        self._refuse_tie(profile, patterns)
        ready = Ready(profile, self._limits)
        self._by_id[profile.profile] = ready
        self._patterns[profile.profile] = patterns
        for pattern in patterns:
            self._index.add(pattern, ready)
        self._seen.clear()

    def by_id(self, profile: str) -> Profile | None:
        """The profile of that id."""
        ready = self._by_id.get(profile)
        return None if ready is None else ready.profile

    def native(self, profile: str) -> Ready | None:
        """The profile that a native device's birth names, made ready."""
        ready = self._by_id.get(profile)
        return ready if ready is not None and ready.profile.match.native is not None else None

    def profiles(self) -> tuple[Profile, ...]:
        """All of them, in the order in which they were loaded."""
        return tuple(each.profile for each in self._by_id.values())

    def candidates(self, topic: str) -> list[Candidate]:
        """Profiles of foreign devices whose topic pattern fits, most conditions first."""
        known = self._seen.get(topic)
        if known is None:
            found = [Candidate(ready, told.device, told.key) for told, ready in self._index.find(topic)]
            known = sorted(found, key=lambda each: -each.ready.conditions)
            if len(self._seen) >= _TOPICS_KEPT:
                self._seen.clear()
            self._seen[topic] = known
        return known

    def topic_filters(self) -> tuple[str, ...]:
        """MQTT subscriptions that bring in every foreign device, each once."""
        return tuple(sorted({pattern.filter for patterns in self._patterns.values() for pattern in patterns}))

    def _refuse_tie(self, profile: Profile, patterns: tuple[Pattern, ...]) -> None:
        for name, others in self._patterns.items():
            other = self._by_id[name].profile
            if len(profile.match.require) != len(other.match.require):
                continue
            if not any(one.meets(two) for one in patterns for two in others):
                continue
            if any(contradict(a, b) for a in profile.match.require for b in other.match.require):
                continue
            raise ProfileError(
                f"match: {profile.profile!r} and {name!r} fit the same message equally well; "
                "add a require that tells them apart"
            )
