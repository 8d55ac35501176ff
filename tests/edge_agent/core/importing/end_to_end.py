"""From an announcement to what the hub's own decoder makes of a message, through a profile file as it is written."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_agent.adapters.profile_tools import sample_problems
from edge_agent.adapters.profiles import read_profile
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.importing.assemble import assemble
from edge_agent.core.importing.device import Announcement, Imported, ImportedDevice
from edge_agent.core.importing.file_text import profile_text
from edge_agent.core.importing.overlay import Overlay, overlay_of
from edge_agent.core.messages import Decoded, Quarantined, RawMessage
from edge_agent.core.profile import Profile
from edge_agent.core.registry import Registry
from tests.edge_agent.shipped import shipped_registry

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@functools.cache
def shipped() -> tuple[Profile, ...]:
    """Every profile that comes with Restock."""
    return shipped_registry().profiles()


def told(topic: str, payload: Any = b"") -> Announcement:  # noqa: ANN401 - a tree, or bytes as they are
    """One message."""
    return Announcement(topic, payload if isinstance(payload, bytes) else json.dumps(payload).encode())


def only(imported: Imported) -> ImportedDevice:
    """The one device that was found."""
    (device,) = imported.devices
    return device


def overlay(**fields: Any) -> Overlay:  # noqa: ANN401
    """An overlay from its fields."""
    return overlay_of({"overlay": "home.thing"} | fields)


def profiles(device: ImportedDevice, added: Overlay | None, folder: Path, **more: Any) -> list[Profile]:  # noqa: ANN401
    """What comes out, written to files and read back by the hub's loader; every sample holds."""
    read = []
    for each in assemble(device, added, **more):
        file = folder / f"{each.profile.profile}.yaml"
        file.write_text(profile_text(each.document))
        profile = read_profile(file, name=file.name)
        assert profile == each.profile
        assert sample_problems(profile) == []
        read.append(profile)
    return read


def said(loaded: Sequence[Profile], topic: str, payload: Any) -> dict[str, Any] | str:  # noqa: ANN401
    """Signal -> (value, unit) or why there is none; or the reason why the message is kept apart."""
    decoder = Decoder(Registry(loaded), home="h", limits=Limits(), birth_of=lambda _: None)
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    message = RawMessage(topic, body, retained=False, duplicate=False, received_at=NOW, receipt=0)
    outcome = decoder.decode(message, now=NOW)
    if isinstance(outcome, Quarantined):
        return str(outcome.reason)
    assert isinstance(outcome, Decoded)
    return {
        each.signal: (each.value, each.unit) if each.value is not None else str(each.presence)
        for each in outcome.readings
    }


def reasons(imported: Imported) -> str:
    """Every refusal, as a person reads it."""
    return "\n".join(f"{each.what}: {each.reason}" for each in imported.refused)
