"""A device and an overlay to whole profiles: one for each topic and format by which the device tells its values.

What comes out has passed the model of a profile, and holds samples. A sample that was not recorded is made of what the
device says of itself; it shows that the profile reads what it was made for, and no more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from edge_agent.core.decoding.payload import Tree
from edge_agent.core.importing.device import Announcement, Channel, Control, ImportedDevice, topic_problem
from edge_agent.core.importing.overlay import Overlay, OverlayCommand, OverlaySignal, first_problem
from edge_agent.core.importing.sampling import with_samples
from edge_agent.core.importing.signal_parts import Part, known_part, signal_part
from edge_agent.core.profile import Profile
from edge_agent.core.topics import Pattern
from edge_agent.errors import ProfileError

_SOURCES = {
    "ha": "Home Assistant MQTT discovery of the device",
    "z2m": "Zigbee2MQTT's definition of the device (bridge/devices)",
    "sparkplug": "the device's Sparkplug B birth",
    "matter": "the node's own attributes (Matter Resource Monitoring and Power Source)",
}
_REQUIRE_MAX = 16
_ID_MAX = 64


@dataclass(slots=True)
class _Group:
    """What is read from the same topics in the same format."""

    topics: tuple[str, ...]
    format: str
    channels: dict[str, tuple[Channel, OverlaySignal]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assembled:
    """A profile, and the document that its file holds."""

    profile: Profile
    document: dict[str, Tree]


def assemble(
    device: ImportedDevice,
    overlay: Overlay | None,
    *,
    rivals: Sequence[Profile] = (),
    recorded: Sequence[Announcement] = (),
) -> tuple[Assembled, ...]:
    """The profiles of a device. `rivals` are profiles that are loaded beside them: on a topic of both, these go first.

    `recorded` are messages of the device that may serve as samples. Without an overlay, only what the device's own
    standard explains is taken.
    Raises: ProfileError with what is missing or wrong.
    """
    if overlay is not None and overlay.topic is not None and device.source != "matter":
        raise ProfileError("topic: this device told its topics itself; only for a Matter node they must be said")
    groups = _groups(device, overlay)
    if not groups:
        raise ProfileError(
            f"{device.title}: nothing of it is explained: an overlay must say which value is which signal"
        )
    names = _names(groups, _first_name(device, overlay))
    others = [each for each in rivals if each.profile not in names]
    documents = [
        {"profile": name, **_document(device, overlay, group, rivals=others)}
        for name, group in zip(names, groups, strict=True)
    ]
    _add_consumables(documents, device, overlay)
    if overlay is not None:
        _add_commands(documents, device, overlay)
        _add_samples(documents, overlay)
    return tuple(
        _whole(document, group, device=device, recorded=recorded)
        for document, group in zip(documents, groups, strict=True)
    )


def _groups(device: ImportedDevice, overlay: Overlay | None) -> list[_Group]:
    by_key = {each.key: each for each in device.channels}
    chosen: dict[str, tuple[Channel, OverlaySignal]] = {}
    for name, said in (overlay.signals if overlay else {}).items():
        if said.source not in by_key:
            known = ", ".join(list(by_key)[:10]) or "none"
            raise ProfileError(f"signals.{name}: {said.source!r} is no value of this device; there is {known}")
        chosen[name] = (by_key[said.source], said)
    used = {said.source for _, said in chosen.values()}
    if overlay is not None or device.consumables:
        for channel in device.channels:
            if channel.known is not None and channel.key not in used and channel.known.signal not in chosen:
                chosen[channel.known.signal] = (channel, known_part(channel))
    groups: dict[tuple[tuple[str, ...], str], _Group] = {}
    for name, (channel, said) in chosen.items():
        topics = channel.topics if overlay is None or overlay.topic is None else (overlay.topic,)
        group = groups.setdefault((topics, channel.format), _Group(topics, channel.format))
        group.channels[name] = (channel, said)
    if len({each.topics for each in groups.values()}) != len(groups):
        raise ProfileError("topic: one topic cannot be for values of two formats")
    return list(groups.values())


def _document(
    device: ImportedDevice, overlay: Overlay | None, group: _Group, *, rivals: Sequence[Profile]
) -> dict[str, Tree]:
    title = (overlay.title if overlay else None) or f"{device.title} (imported)"
    added = f", with the overlay {overlay.overlay}" if overlay else ""
    problem = next((found for each in group.topics if (found := topic_problem(each, any_level=True))), "")
    if problem:
        raise ProfileError(f"topic: {problem}")
    match: dict[str, Tree] = {
        "topics": list(group.topics),
        "device": (overlay.id if overlay else None) or device.id,
    }
    require = _ahead(group.topics, [dict(each) for each in device.require], rivals=rivals)
    if require:
        match["require"] = list(require)
    merge = (overlay.merge if overlay else None) or ("delta" if device.delta else "snapshot")
    signals: dict[str, Tree] = {
        name: signal_part(name, channel, said) for name, (channel, said) in group.channels.items()
    }
    return {
        "version": overlay.version if overlay else 1,
        "title": title[:300],
        "source": f"Imported from {_SOURCES[device.source]}{added}",
        "match": match,
        "decode": {"format": group.format},
        "merge": merge,
        "signals": signals,
    }


def _ahead(topics: tuple[str, ...], require: list[Part], *, rivals: Sequence[Profile]) -> list[Part]:
    """Conditions enough to be tried before every other profile that names the same topic as closely.

    One for a whole family leaves a level open, and goes behind by itself. Another import of the same device does not;
    what is added to go before that one holds for every message.
    """
    own = [Pattern.of(each, device="x") for each in topics]
    most = -1
    for rival in rivals:
        patterns = [Pattern.of(each, device="x") for each in rival.match.patterns]
        if any(one.literals <= two.literals and one.meets(two) for one in own for two in patterns):
            most = max(most, len(rival.match.require))
    if most >= _REQUIRE_MAX:
        raise ProfileError("match: another profile for this topic has as many conditions as there may be")
    missing = range(len(require), most + 1)
    return require + [{"path": f"/__goes_first_{number + 1}", "present": False} for number in missing]


def _first_name(device: ImportedDevice, overlay: Overlay | None) -> str:
    if overlay is None:
        return f"{device.source}.{_slug(device.id)}"
    return overlay.overlay if overlay.model is None else f"{overlay.overlay}.{_slug(device.id)}"


def _names(groups: list[_Group], first: str) -> list[str]:
    """The overlay's id for the first profile; for the others, with the key of their first value behind it."""
    names: list[str] = []
    for number, group in enumerate(groups):
        key = next(channel.key for channel, _ in group.channels.values())
        name = first if number == 0 else f"{first}.{_slug(key)}"
        names.append(f"{first[: _ID_MAX - 5]}.{number + 1}" if len(name) > _ID_MAX or name in names else name)
    return names


def _slug(text: str) -> str:
    slug = "".join(each if each.isascii() and each.isalnum() else "_" for each in text.lower()).strip("_")
    return slug[:40] or "device"


def _add_consumables(documents: list[dict[str, Tree]], device: ImportedDevice, overlay: Overlay | None) -> None:
    own: dict[str, dict[str, Tree]] = {name: dict(each) for name, each in device.consumables}
    told: dict[str, dict[str, Tree]] = {
        name: {**each} for name, each in (overlay.consumables if overlay else {}).items()
    }
    for name, each in (own | told).items():
        home = _home_of(documents, each.get("signal"))
        if home is None:
            if name in told:
                raise ProfileError(f"consumables.{name}: signal {each.get('signal')!r} is none of this overlay's")
            continue
        signals = home["signals"]
        signal = signals[str(each["signal"])] if isinstance(signals, dict) else None
        implied = {"model": signal["class"], "degradation": signal["direction"]} if isinstance(signal, dict) else {}
        placed = home.setdefault("consumables", {})
        if isinstance(placed, dict):
            placed[name] = implied | each


def _home_of(documents: list[dict[str, Tree]], signal: Tree) -> dict[str, Tree] | None:
    for document in documents:
        signals = document["signals"]
        if isinstance(signals, dict) and isinstance(signal, str) and signal in signals:
            return document
    return None


def _add_commands(documents: list[dict[str, Tree]], device: ImportedDevice, overlay: Overlay) -> None:
    controls = {each.key: each for each in device.controls}
    resets: dict[str, Tree] = {str(each.get("reset")): each.get("signal") for each in overlay.consumables.values()}
    for name, said in overlay.commands.items():
        control = controls.get(said.source)
        if control is None:
            known = ", ".join(list(controls)[:10]) or "none"
            raise ProfileError(f"commands.{name}: {said.source!r} takes nothing; what does: {known}")
        home = _home_of(documents, said.signal or resets.get(name)) or documents[0]
        placed = home.setdefault("commands", {})
        if isinstance(placed, dict):
            placed[name] = _command(name, control, said)


def _command(name: str, control: Control, said: OverlayCommand) -> dict[str, Tree]:
    command: dict[str, Tree] = {"topic": control.topic, "confirm": said.confirm}
    if control.at:
        if said.signal is None:
            raise ProfileError(f"commands.{name}: {control.key} takes a number: signal must say of which signal")
        return command | {"payload": control.payload, "value": {"at": control.at, "signal": said.signal}}
    words = dict(control.words)
    if said.signal is not None:
        raise ProfileError(f"commands.{name}: {control.key} takes one of its words: {', '.join(words)}")
    to = said.to if said.to is not None else next(iter(words)) if len(words) == 1 else None
    if to not in words:
        raise ProfileError(f"commands.{name}: to must be one of {', '.join(words)}")
    return command | {"payload": words[to]}


def _add_samples(documents: list[dict[str, Tree]], overlay: Overlay) -> None:
    for sample in overlay.samples:
        home = next((each for each in documents if sample.get("topic") in _topics(each)), documents[0])
        placed = home.setdefault("samples", [])
        if isinstance(placed, list):
            placed.append({**sample})


def _topics(document: dict[str, Tree]) -> list[Tree]:
    match = document["match"]
    topics = match["topics"] if isinstance(match, dict) else []
    return topics if isinstance(topics, list) else []


def _whole(
    document: dict[str, Tree], group: _Group, *, device: ImportedDevice, recorded: Sequence[Announcement]
) -> Assembled:
    try:
        whole = with_samples(document, [each for each, _ in group.channels.values()], device=device, recorded=recorded)
        return Assembled(Profile.model_validate_json(json.dumps(whole)), whole)
    except ValidationError as exc:
        raise ProfileError(first_problem(exc)) from exc
