"""What `restock-hub devices` does: the list from the store, as the running hub wrote it, or from the broker itself."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.adapters import devices_list
from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.listening import listen
from edge_agent.adapters.profiles import LoadedProfiles, load_profiles, profile_folders
from edge_agent.adapters.store.heard import SqliteHeard
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.opening import open_store
from edge_agent.config import HubConfig, Secrets
from edge_agent.core.catalogue import Item
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.inventory.devices import Inventory
from edge_agent.core.messages import Birth, DeviceId
from edge_agent.core.registry import Registry
from edge_agent.errors import ConfigurationError, ProfileError, StoreBusyError
from edge_agent.folder import HOUSEHOLD_FILE, PROFILE_CACHE, STORE_FILE
from edge_agent.pipeline.discovery import Discovery
from edge_agent.pipeline.survey import Survey

FOR_MAX_S = 3_600.0
_REFUSED_SHOWN_MAX = 10
_OLD_AFTER_S = 120.0  # the running hub writes every 30 s


SoFar = Callable[[], Inventory]


@dataclass(frozen=True, slots=True)
class Saved:
    """A file that holds a payload of a topic; `is_new` where it did not stand there before."""

    path: Path
    topic: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The list, and the files that payloads were kept in."""

    inventory: Inventory
    saved: tuple[Saved, ...] = ()


def known_devices(config: HubConfig) -> Found:
    """What the hub knows: from its store while it is stopped, else as it wrote it down itself a moment ago.

    Raises: ConfigurationError where there is no store yet, or the running hub has written nothing yet.
    """
    folder = Path(config.home.data_dir)
    if not (folder / STORE_FILE).exists():
        raise ConfigurationError(
            f"home.data_dir = {str(folder)!r}: no store there yet; start the hub with `restock-hub run`, "
            "or listen to the broker with --for 30"
        )
    loaded = _profiles(config)
    try:
        with open_store(folder, config, keep_time=False) as store:
            discovery = Discovery(
                heard=SqliteHeard(store.connection),
                inspection=SqliteInspection(store.connection),
                household=HouseholdFile(folder / HOUSEHOLD_FILE),
                profile_of=loaded.registry.by_id,
                clock=store.clock,
                stale_after_s=config.review.stale_after_s,
            )
            return Found(_with_refused(discovery.inventory(), loaded.refused))
    except StoreBusyError as exc:
        written = devices_list.read(folder)
        if written is None:
            raise ConfigurationError(
                f"home.data_dir = {str(folder)!r}: a hub runs on it and has not written its list yet; "
                "try again in half a minute"
            ) from exc
        written = replace(written, source=_source(devices_list.age_s(folder)))
        return Found(_with_refused(written, loaded.refused))


async def heard_devices(
    config: HubConfig,
    secret: Secrets,
    *,
    for_s: float,
    filters: Sequence[str],
    save: Path | None,
    ready: Callable[[SoFar], None] = lambda _: None,
) -> Found:
    """What is on the broker: whatever comes within so many seconds, retained copies included.

    `save` is a folder that gets some whole payloads of each topic that no profile is for. `ready` is called when it
    begins to listen, with what gives the list so far.
    Raises: BrokerUnreachableError; ConfigurationError.
    """
    if not 0 < for_s <= FOR_MAX_S:
        raise ConfigurationError(f"--for {for_s:g}: more than 0 and at most {FOR_MAX_S:g} seconds")
    loaded = _profiles(config)
    registry = loaded.registry
    survey = Survey(lambda births: _decoder(config, registry, births))
    ticks_s = asyncio.get_running_loop().time
    began_s = ticks_s()

    def so_far() -> Inventory:
        found = survey.inventory(
            items=_items(config),
            profile_of=registry.by_id,
            now=_now(),
            stale_after_s=config.review.stale_after_s,
            source=f"{ticks_s() - began_s:.0f} s at {config.mqtt.url}, {survey.messages} messages",
        )
        return _with_refused(found, loaded.refused)

    with suppress(asyncio.CancelledError):  # Ctrl+C: what was heard so far is worth showing
        await listen(
            config.mqtt,
            login=secret.looking,
            filters=filters,
            for_s=for_s,
            take=lambda message: survey.take(message, now=message.received_at),
            now=_now,
            ready=lambda: ready(so_far),
        )
    return Found(so_far(), _saved(survey.examples(), save) if save is not None else ())


def _decoder(config: HubConfig, registry: Registry, births: Callable[[str], Birth | None]) -> Decoder:
    def birth_of(device: DeviceId) -> Birth | None:
        return births(device)

    limits = Limits(payload_bytes_max=config.mqtt.payload_bytes_max, clock_skew_max_s=config.review.clock_skew_max_s)
    return Decoder(registry, home=config.home.id, limits=limits, birth_of=birth_of, explains_every_s=0.0)


def _profiles(config: HubConfig) -> LoadedProfiles:
    cache = Path(config.home.data_dir) / PROFILE_CACHE
    return load_profiles(profile_folders(config.profiles), cache=cache)


def _with_refused(inventory: Inventory, refused: Sequence[ProfileError]) -> Inventory:
    """The list, with the profiles that are not read: what they are for is understood by no profile then."""
    said = (f"a profile that was refused: {each}" for each in refused[:_REFUSED_SHOWN_MAX])
    return replace(inventory, left_out=(*inventory.left_out, *said))


def _items(config: HubConfig) -> tuple[Item, ...]:
    """The household's items; none where no household is set up yet."""
    path = Path(config.home.data_dir) / HOUSEHOLD_FILE
    return HouseholdFile(path).load().items if path.exists() else ()


def _source(age_s: float) -> str:
    """Where the list beside a running hub comes from: a hub that starts has not written its own yet."""
    if age_s <= _OLD_AFTER_S:
        return "the running hub, which writes it every half a minute"
    return f"a list that is {age_s / 60:.0f} min old: the hub that runs now has written none since"


def _saved(examples: Mapping[str, Sequence[bytes]], folder: Path) -> tuple[Saved, ...]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tuple(_save(folder, topic, payload) for topic in sorted(examples) for payload in examples[topic])
    except OSError as exc:
        raise ConfigurationError(f"--save {folder}: cannot be written ({exc.strerror})") from exc


def _save(folder: Path, topic: str, payload: bytes) -> Saved:
    """Under a name that no topic can choose: its words, a mark that keeps two topics apart, and one of the content.

    What stands there already is left as it is: it came from the same topic and says the same.
    """
    words = "".join(char if char.isascii() and char.isalnum() else "-" for char in topic)[:60].strip("-")
    path = folder / f"{words}-{_mark(topic.encode())}-{_mark(payload)}.payload"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(payload)
    except FileExistsError:
        return Saved(path, topic, is_new=False)
    return Saved(path, topic, is_new=True)


def _mark(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def _now() -> datetime:
    return datetime.now(UTC)
