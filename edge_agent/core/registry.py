"""All profiles that are loaded, and the one that fits a message.

Where several fit, the one whose pattern has the most literal levels wins, and of those the one with the most
conditions; two that fit equally well are refused at load, so that no race decides. Each profile is made ready once,
when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from edge_agent.core.decoding.changes import context_keys, told_by
from edge_agent.core.decoding.conditions import contradict, tester
from edge_agent.core.decoding.extract import Reader, reader
from edge_agent.core.decoding.payload import Tree, TreeLimits
from edge_agent.core.decoding.places import Places
from edge_agent.core.formats.decoding import Decode, check_installed, decoder, outer_key
from edge_agent.core.messages import DeviceId, Suggestion
from edge_agent.core.profile import Profile
from edge_agent.core.suggestions import suggester
from edge_agent.core.topics import OPEN, Pattern, TopicIndex, in_family
from edge_agent.errors import ProfileError

_TOPICS_KEPT = 10_000


class Ready:
    """A profile, made ready: how its payloads are decoded, tested and read."""

    def __init__(self, profile: Profile, limits: TreeLimits) -> None:
        self.profile = profile
        self.conditions = len(profile.match.require)
        self._limits = limits

    @cached_property
    def shared(self) -> str:
        """What two profiles have in common when one tree will do for both."""
        return outer_key(self.profile.decode)

    @cached_property
    def decode(self) -> Decode:
        """From bytes to a tree."""
        return decoder(self.profile.decode, self._limits)

    @cached_property
    def read(self) -> Reader:
        """From a tree to readings."""
        return reader(self.profile)

    @cached_property
    def told_by(self) -> Callable[[Tree, Tree], list[bool]]:
        """From (what came, the whole picture) to which signals are told."""
        return told_by(self.profile)

    @cached_property
    def context_keys(self) -> frozenset[str]:
        """Values of a topic of their own that only help to understand others."""
        return context_keys(self.profile)

    @cached_property
    def suggest(self) -> Callable[[Tree], tuple[Suggestion, ...]] | None:
        """From a tree to the products that the device names itself, if it can."""
        return suggester(self.profile)

    @cached_property
    def in_passing(self) -> frozenset[str]:
        """Signals that are never kept."""
        return self.profile.in_passing

    @cached_property
    def events(self) -> frozenset[str]:
        """Signals that count each time they are sent."""
        return frozenset(name for name, signal in self.profile.signals.items() if signal.event)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile whose topic pattern fits, the id of the device that the topic names, and the value's name, if any."""

    ready: Ready
    device: DeviceId
    key: str | None

    @property
    def profile(self) -> Profile:
        """The profile itself."""
        return self.ready.profile


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring candidates that read the same tree. `pick` gives the number of the first that fits it."""

    first: int
    pick: Callable[[Tree], int | None]


class Registry:
    """Profiles by id and by topic.

    Raises: ProfileError for an id that is taken, and for two profiles that fit the same message equally well.
    """

    def __init__(self, profiles: Iterable[Profile] = (), *, limits: TreeLimits | None = None) -> None:
        self._limits = limits or TreeLimits()
        self._by_id: dict[str, Ready] = {}
        self._index: TopicIndex[tuple[Ready, int]] = TopicIndex()
        self._patterns: dict[str, tuple[Pattern, ...]] = {}
        self._near: dict[tuple[str, int, int], dict[str, None]] = {}  # profiles that may tie, in the order of loading
        self._seen: dict[str, list[Candidate]] = {}
        self._seen_groups: dict[str, tuple[Group, ...]] = {}
        self._groups: dict[tuple[str, ...], tuple[Group, ...]] = {}
        for profile in profiles:
            self.add(profile)

    def add(self, profile: Profile) -> None:
        """Take one more profile, or raise and stay as it was."""
        if profile.profile in self._by_id:
            raise ProfileError(f"profile: {profile.profile!r} is loaded already")
        check_installed(profile.decode)
        patterns = tuple(Pattern.of(each, device=profile.match.device) for each in profile.match.patterns)
        self._refuse_tie(profile, patterns)
        ready = Ready(profile, self._limits)
        self._by_id[profile.profile] = ready
        self._patterns[profile.profile] = patterns
        for pattern in patterns:
            self._index.add(pattern, (ready, pattern.literals))
            self._groups.clear()
            self._near.setdefault(_nearness(pattern, ready.conditions), {})[profile.profile] = None
        self.forget_topics()

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
        """Profiles of foreign devices whose topic pattern fits: most literal levels first, then most conditions."""
        known = self._seen.get(topic)
        if known is None:
            found = sorted(self._index.find(topic), key=lambda each: (-each[1][1], -each[1][0].conditions))
            known = [
                Candidate(ready, in_family(ready.profile.family, told.device), told.key) for told, (ready, _) in found
            ]
            if len(self._seen) >= _TOPICS_KEPT:
                self.forget_topics()
            self._seen[topic] = known
        return known

    def is_private(self, topic: str) -> bool:
        """Whether a message on this topic, understood or not, may hold what is never kept."""
        return any(candidate.ready.in_passing for candidate in self.candidates(topic))

    def groups(self, topic: str) -> tuple[Group, ...]:
        """The candidates of a topic, in their order, with those together whose conditions can be tested in one walk."""
        known = self._seen_groups.get(topic)
        if known is None:
            known = self._seen_groups[topic] = self._groups_of([each.ready for each in self.candidates(topic)])
        return known

    def forget_topics(self) -> None:
        """Look up again what was looked up before."""
        self._seen.clear()
        self._seen_groups.clear()

    def topic_filters(self) -> tuple[str, ...]:
        """MQTT subscriptions that bring in every foreign device, each once."""
        return tuple(sorted({pattern.filter for patterns in self._patterns.values() for pattern in patterns}))

    def _groups_of(self, readies: Sequence[Ready]) -> tuple[Group, ...]:
        names = tuple(each.profile.profile for each in readies)
        if names not in self._groups:
            self._groups[names] = tuple(_grouped(readies))
        return self._groups[names]

    def _refuse_tie(self, profile: Profile, patterns: tuple[Pattern, ...]) -> None:
        for name in self._neighbours(patterns, len(profile.match.require)):
            other, others = self._by_id[name].profile, self._patterns[name]
            if not any(one.literals == two.literals and one.meets(two) for one in patterns for two in others):
                continue
            if any(contradict(a, b) for a in profile.match.require for b in other.match.require):
                continue
            raise ProfileError(
                f"match: {profile.profile!r} and {name!r} fit the same message equally well; "
                "add a require that tells them apart"
            )

    def _neighbours(self, patterns: tuple[Pattern, ...], conditions: int) -> list[str]:
        """Profiles as close and with as many conditions, whose first level may be the same: no other can tie."""
        keys = {_nearness(pattern, conditions) for pattern in patterns}
        rest = {key[1:] for key in keys}
        if any(start == OPEN for start, *_ in keys):
            near = [self._near[key] for key in self._near if key[1:] in rest]
        else:
            near = [self._near.get(key, {}) for key in sorted(keys | {(OPEN, *each) for each in rest})]
        return list(dict.fromkeys(name for names in near for name in names))


def _grouped(readies: Sequence[Ready]) -> Iterator[Group]:
    """What sends changes only has a tree of its own, and is a group of one."""
    keys = [
        (ready.shared, None if ready.profile.merge == "snapshot" else number) for number, ready in enumerate(readies)
    ]
    first = 0
    for number in range(1, len(readies) + 1):
        if number == len(readies) or keys[number] != keys[first]:
            yield Group(first, _picker(readies[first:number], first))
            first = number


def _picker(readies: Sequence[Ready], first: int) -> Callable[[Tree], int | None]:
    places = Places()
    plan = tuple(
        (number, tuple((places.number(each.steps), tester(each)) for each in ready.profile.match.require))
        for number, ready in enumerate(readies, first)
    )
    find = places.finder()

    def pick(tree: Tree) -> int | None:
        values = find(tree)
        for number, tests in plan:
            for place, test in tests:
                if not test(values[place]):
                    break
            else:
                return number
        return None

    return pick


def _nearness(pattern: Pattern, conditions: int) -> tuple[str, int, int]:
    """The first level, how many literal ones, and how many conditions."""
    return pattern.shape[0], pattern.literals, conditions
