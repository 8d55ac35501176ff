"""Announcements from a file to profiles in a folder: what `restock-hub profiles import` does.

A file holds what was heard on the broker, one message a line: `TOPIC PAYLOAD` as `mosquitto_sub -v` prints it, or a
JSON object with `topic` and `payload` (a text, or a tree), `text`, `hex` or `base64`. Sparkplug payloads are in hex. A
whole file may also be the list of a Zigbee2MQTT bridge, or a Matter dump, as it came.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from edge_agent.adapters.profiles import load_profiles, profile_folders
from edge_agent.adapters.strict_yaml import StrictYamlError, load_yaml
from edge_agent.core.importing.assemble import Assembled, assemble
from edge_agent.core.importing.device import (
    Announcement,
    Availability,
    Channel,
    Control,
    Imported,
    ImportedDevice,
    Refusal,
    Source,
)
from edge_agent.core.importing.file_text import HEAD, draft_text, profile_text
from edge_agent.core.importing.ha_discovery import PREFIX
from edge_agent.core.importing.ha_entities import import_ha
from edge_agent.core.importing.matter import import_matter
from edge_agent.core.importing.overlay import Overlay, devices_of, overlay_of
from edge_agent.core.importing.zigbee2mqtt import BASE, import_z2m
from edge_agent.core.profile import Profile
from edge_agent.core.topics import in_family
from edge_agent.errors import BugError, ConfigurationError, ProfileError

_FILE_BYTES_MAX = 67_108_864
_OVERLAY_BYTES_MAX = 262_144
_LINES_MAX = 200_000
_WHOLE: Final = frozenset({"z2m", "matter"})  # where a whole file may be one announcement


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What came of an import. `files` were written; `refused` are for a person."""

    found: dict[str, Any]
    refused: tuple[Refusal, ...]
    files: tuple[Path, ...]


def import_profiles(
    source: Source,
    file: Path,
    *,
    overlays: Sequence[Path] = (),
    out: Path | None = None,
    profiles: Sequence[str] = (),
    prefix: str | None = None,
) -> ImportReport:
    """Read what devices announced, and make profiles of it.

    With `overlays`, of the devices that they name; without, of those that need none. `out` is a folder for the
    profiles, and for an overlay to fill in for each device that needs one. `profiles` are the household's own folders.
    `prefix` is Home Assistant's discovery prefix, or the base topic of a Zigbee2MQTT list that comes without its topic.
    Raises: ConfigurationError where a file cannot be read or written; ProfileError for an overlay that does not fit.
    """
    messages = read_announcements(file, source=source, base=prefix or BASE)
    imported = import_ha(messages, prefix=prefix or PREFIX) if source == "ha" else _IMPORTERS[source](messages)
    jobs = _jobs(imported, overlays)
    folders = [*profiles, *([str(out)] if out is not None and out.is_dir() else [])]
    rivals = load_profiles(profile_folders(folders), samples=False).registry.profiles() if jobs else ()
    made = _made(jobs, rivals=rivals, messages=messages)
    drafts = () if overlays else tuple(each for each in imported.devices if each.id not in {name for name, _ in made})
    files = _write(out, [each for _, each in made], drafts)
    found = {
        "devices": [_device(each) for each in imported.devices],
        "profiles": [_profile(each) for _, each in made],
        "removed": list(imported.removed),
        "refused": [{"what": each.what, "reason": each.reason} for each in imported.refused],
        "files": [str(each) for each in files],
    }
    return ImportReport(found, imported.refused, files)


def read_announcements(file: Path, *, source: Source, base: str = BASE) -> list[Announcement]:
    """The messages in a file, in their order. `base` is that of a Zigbee2MQTT list without its topic.

    Raises: ConfigurationError naming the line.
    """
    text = _bytes(file, limit=_FILE_BYTES_MAX)
    whole = _whole(text) if text.lstrip()[:1] in {b"[", b"{"} else None
    if whole is not None and not _is_messages(whole):
        if source not in _WHOLE:
            raise ConfigurationError(f"{file}: lines of TOPIC PAYLOAD are needed: the topic says what was announced")
        return [Announcement(f"{base}/bridge/devices" if source == "z2m" else "", text)]
    if whole is not None:
        return [_message(each, where=f"{file}: message {number}") for number, each in enumerate(_listed(whole), 1)]
    lines = text.split(b"\n", _LINES_MAX)
    if len(lines) > _LINES_MAX:
        raise ConfigurationError(f"{file}: more than {_LINES_MAX} lines")
    binary = source == "sparkplug"
    return [
        _line(line.rstrip(b"\r"), binary=binary, where=f"{file}: line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]


def read_overlay(file: Path) -> Overlay:
    """An overlay.

    Raises: ConfigurationError where it cannot be read; ProfileError naming the file, and the line or field.
    """
    try:
        return overlay_of(load_yaml(_bytes(file, limit=_OVERLAY_BYTES_MAX)))
    except StrictYamlError as exc:
        raise ProfileError(f"{file}: {exc}") from exc
    except ProfileError as exc:
        raise ProfileError(f"{file}: {exc}") from exc


def _import_sparkplug(messages: Sequence[Announcement]) -> Imported:
    try:
        from edge_agent.core.importing.sparkplug_births import import_sparkplug  # noqa: PLC0415 - an extra of the hub
    except ModuleNotFoundError as exc:
        raise ConfigurationError("Sparkplug needs google.protobuf; pip install 'restock[formats]' brings it") from exc
    return import_sparkplug(messages)


_IMPORTERS: Final[dict[Source, Callable[[Sequence[Announcement]], Imported]]] = {
    "z2m": import_z2m,
    "sparkplug": _import_sparkplug,
    "matter": import_matter,
}


_Job = tuple[ImportedDevice, Overlay | None, str]  # the last is where a fault stands


def _jobs(imported: Imported, overlays: Sequence[Path]) -> list[_Job]:
    """Which devices, each with its overlay; without any overlay, those that explain themselves."""
    jobs: list[_Job] = []
    for file in overlays:
        overlay = read_overlay(file)
        try:
            jobs += [(device, overlay, f"{file}: ") for device in devices_of(overlay, imported.devices)]
        except ProfileError as exc:
            raise ProfileError(f"{file}: {exc}") from exc
    return jobs if overlays else [(device, None, "") for device in imported.devices if device.consumables]


def _made(
    jobs: Sequence[_Job], *, rivals: Sequence[Profile], messages: Sequence[Announcement]
) -> list[tuple[str, Assembled]]:
    """(id of the device in the import, profile)."""
    made: list[tuple[str, Assembled]] = []
    for device, overlay, where in jobs:
        before = [*rivals, *(each.profile for _, each in made)]
        try:
            made += [(device.id, each) for each in assemble(device, overlay, rivals=before, recorded=messages)]
        except ProfileError as exc:
            raise ProfileError(f"{where}{exc}") from exc
    return made


def _write(out: Path | None, made: Sequence[Assembled], drafts: Sequence[ImportedDevice]) -> tuple[Path, ...]:
    if out is None:
        return ()
    texts = {out / f"{each.profile.profile}.yaml": _text(each) for each in made}
    unfilled = {out / f"{each.source}.{each.id}.overlay": draft_text(each) for each in drafts}
    texts |= {path: text for path, text in unfilled.items() if not path.exists()}  # it may be filled in by now
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            if path.exists() and not path.read_text(encoding="utf-8").startswith(HEAD):
                raise ConfigurationError(f"{path}: it was not made by an import; move it away, or choose another id")
            path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigurationError(f"{exc.filename or out}: cannot be written ({exc.strerror})") from exc
    return tuple(texts)


def _text(assembled: Assembled) -> str:
    text = profile_text(assembled.document)
    if load_yaml(text.encode()) != orjson.loads(orjson.dumps(assembled.document)):
        raise BugError(f"{assembled.profile.profile}: its file would not be read back as it was meant")
    return text


def _bytes(file: Path, *, limit: int) -> bytes:
    try:
        with file.open("rb") as stream:
            text = stream.read(limit + 1)
    except OSError as exc:
        raise ConfigurationError(f"{file}: cannot be read ({exc.strerror})") from exc
    if len(text) > limit:
        raise ConfigurationError(f"{file}: larger than {limit} bytes")
    return text


def _whole(text: bytes) -> Any:  # noqa: ANN401 - a tree, looked at by its shape
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _listed(whole: Any) -> list[Any]:  # noqa: ANN401
    return whole if isinstance(whole, list) else [whole]


def _is_messages(whole: Any) -> bool:  # noqa: ANN401
    listed = _listed(whole)
    return bool(listed) and all(isinstance(each, dict) and isinstance(each.get("topic"), str) for each in listed)


def _line(line: bytes, *, binary: bool, where: str) -> Announcement:
    if line.lstrip().startswith(b"{"):
        return _message(_whole(line), where=where)
    topic, _, payload = line.partition(b" ")
    try:
        return Announcement(topic.decode(), bytes.fromhex(payload.decode()) if binary else payload)
    except ValueError as exc:
        needed = "TOPIC and the payload in hex" if binary else "TOPIC PAYLOAD in UTF-8"
        raise ConfigurationError(f"{where}: {needed} is needed, or a JSON object with topic and payload") from exc


def _message(tree: Any, *, where: str) -> Announcement:  # noqa: ANN401
    topic = tree.get("topic") if isinstance(tree, dict) else None
    if not isinstance(topic, str):
        raise ConfigurationError(f"{where}: a JSON object with topic and payload is needed")
    try:
        return Announcement(topic, next(_body(tree), b""))
    except (ValueError, TypeError, AttributeError, binascii.Error) as exc:
        raise ConfigurationError(f"{where}: its payload cannot be read ({exc})") from exc


def _body(tree: dict[str, Any]) -> Iterator[bytes]:
    if "hex" in tree:
        yield bytes.fromhex(tree["hex"])
    if "base64" in tree:
        yield base64.b64decode(tree["base64"], validate=True)
    if "text" in tree:
        yield tree["text"].encode()
    if "payload" in tree:
        payload = tree["payload"]
        yield payload.encode() if isinstance(payload, str) else orjson.dumps(payload)


def _device(device: ImportedDevice) -> dict[str, Any]:
    told = {
        "id": device.id,
        "title": device.title,
        "manufacturer": device.manufacturer,
        "model": device.model,
        "names": list(device.names),
        "values": [_channel(each) for each in device.channels],
        "takes": [_control(each) for each in device.controls],
        "availability": [_availability(each) for each in device.availability],
        "facts": [list(each) for each in device.facts],
    }
    return {key: each for key, each in told.items() if each}


def _channel(channel: Channel) -> dict[str, Any]:
    told = {
        "key": channel.key,
        "title": channel.title,
        "topic": channel.topics[0],
        "unit": channel.unit or channel.unit_said,
        "range": list(channel.bounds) if channel.bounds is not None else None,
        "words": list(channel.words) or [*channel.on, *channel.off],
        "is": channel.known.signal if channel.known else None,
        "could_be": list(channel.suggests),
        "notes": list(channel.notes),
    }
    return {key: each for key, each in told.items() if each}


def _control(control: Control) -> dict[str, Any]:
    words = [word for word, _ in control.words]
    return {"key": control.key, "topic": control.topic, "takes": words or "a number"}


def _availability(rule: Availability) -> dict[str, Any]:
    topics = [{"topic": each.topic, "online": each.online, "offline": each.offline} for each in rule.topics]
    return {"mode": rule.mode, "topics": topics}


def _profile(assembled: Assembled) -> dict[str, Any]:
    profile = assembled.profile
    return {
        "profile": profile.profile,
        "device": in_family(profile.family, profile.match.device or ""),
        "signals": list(profile.signals),
        "document": assembled.document,
    }
