"""The first run: from an empty data folder to a home, by page, without a restart by the person.

`set_up_by_page` serves the setup pages until they are finished and then returns; whoever called goes on as with any
home, on the same socket. What is told is kept in a draft at once. It becomes a home in one step: the draft is marked as
finished, and from then on whatever is missing of the home is made, at the next start if this one is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from jinja2 import BytecodeCache

from edge_agent.adapters import mdns
from edge_agent.adapters.clock import MappedClock
from edge_agent.adapters.page_mark import page_mark
from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.adapters.profiles import load_profiles, profile_folders
from edge_agent.adapters.setup_files import (
    DraftFile,
    is_commissioned,
    keep_broker,
    names_broker,
    with_broker,
)
from edge_agent.commands.commission import establish
from edge_agent.commands.discover import FOR_MAX_S, SoFar, heard_devices
from edge_agent.config import HubConfig, Secrets
from edge_agent.core.catalogue import Item
from edge_agent.core.inventory.devices import Inventory
from edge_agent.core.registry import Registry
from edge_agent.core.said import say
from edge_agent.core.setup.code import CODE_BYTES, SetupCode, code_of
from edge_agent.core.setup.first_steps import (
    ADDON,
    ITEMS_MAX,
    Broker,
    Draft,
    Offered,
    Owner,
    Proposal,
    proposals,
)
from edge_agent.core.setup.words import WORKED, in_words, silent, welcome
from edge_agent.errors import BrokerUnreachableError, ConfigurationError, RefusedError
from edge_agent.folder import PROFILE_CACHE, data_folder
from edge_agent.web.cookies import Cookies
from edge_agent.web.moments import Moments
from edge_agent.web.render import Notices, Renderer
from edge_agent.web.setup.door import Door
from edge_agent.web.setup.parts import Trial
from edge_agent.web.setup.routes import create_setup_app
from edge_agent.web.setup.visit import SetupSite
from edge_agent.wiring.page import PageListener

__all__ = ["FirstRun", "Listener", "PageListener", "complete", "set_up_by_page"]

log = logging.getLogger(__name__)

TRY_S = 4.0
LISTEN_S = 10.0
_BEGINS_WITHIN_S = 9.0  # longer, and a person thinks that nothing happens


class Listener(Protocol):
    """Hears what is on a broker for so many seconds; `discover.heard_devices` is one.

    `ready` is called when it begins to listen, with what gives the list so far.
    """

    def __call__(
        self, config: HubConfig, secret: Secrets, *, for_s: float, ready: Callable[[SoFar], None]
    ) -> Awaitable[None]:
        """Raises: BrokerUnreachableError; ConfigurationError where it may not listen."""


async def set_up_by_page(
    config: HubConfig,
    secret: Secrets,
    *,
    addon: Broker | None,
    listener: PageListener,
    stop: asyncio.Event,
    tell: Callable[[str], None],
) -> None:
    """Serve the setup pages until there is a home, or until `stop`; `tell` prints where the hub was started.

    Raises: ConfigurationError for a draft that cannot be read.
    """
    work = FirstRun(config, secret, addon=addon)
    if work.draft.is_finished:
        complete(config)
        return
    code = code_of(secrets.token_bytes(CODE_BYTES))
    finished = asyncio.Event()
    site = SetupSite(
        work=work,
        door=Door(
            SetupCode(code, printed_ms=_ticks_ms()),
            ticks_ms=_ticks_ms,
            form_key=secrets.token_bytes(32),
            cookies=Cookies(page_mark(data_folder(config))),
        ),
        renderer=renderer_of(config),
        finished=finished.set,
    )
    listener.hold()
    tell(welcome(code, address=listener.address, names=config.web.allowed_hosts))
    try:
        await listener.serve(create_setup_app(site, web=config.web), stop=lambda: _either(stop, finished))
    finally:
        await work.hush()
    if work.known:
        tell(json.dumps(dict(work.known)))


def complete(config: HubConfig) -> Mapping[str, str]:
    """Make what is missing of a home whose draft is finished; returns what the bridge must know.

    Doing it again after a crash at any point gives the same home: nothing else runs on the folder before it is done.
    """
    folder = data_folder(config)
    file = DraftFile(folder)
    draft = file.load()
    if draft.owner is None or not draft.is_finished:
        raise RefusedError(say("the set-up is not finished"))
    if draft.broker is not None:
        keep_broker(folder, draft.broker)
    known = establish(
        config, household=draft.household(), owner=draft.owner.name, password_hash=draft.owner.password_hash
    )
    file.remove()
    log.info("home_established items=%d", len(draft.items))
    return known


class FirstRun:
    """What the setup pages work with. Fulfils `web.setup.parts.SetupWork`."""

    def __init__(
        self,
        config: HubConfig,
        secret: Secrets,
        *,
        addon: Broker | None = None,
        listen: Listener | None = None,
        find: Callable[[], Awaitable[tuple[Offered, ...]]] | None = None,
    ) -> None:
        self._config = config
        self._secret = secret
        self._file = DraftFile(data_folder(config))
        self._draft = self._file.load()
        self._addon = () if addon is None else (Offered(ADDON, addon),)
        self._listen_to = listen or _listen
        self._find = find or mdns.find_brokers
        self._can_search = find is not None or mdns.is_installed()
        self._found: tuple[Offered, ...] = ()
        self._has_searched = False
        self._so_far: SoFar | None = None
        self._listening: asyncio.Task[None] | None = None
        self._fixed_worked = False
        self._passwords = Argon2Passwords()
        self._ear = asyncio.Lock()
        self.known: Mapping[str, str] = {}

    @property
    def draft(self) -> Draft:
        """What was told so far."""
        return self._draft

    @property
    def fixed_broker(self) -> str | None:
        """The broker's address where the configuration names it."""
        return self._config.mqtt.url if names_broker(self._config) else None

    @property
    def is_connected(self) -> bool:
        """Whether a broker is chosen that worked."""
        return self._fixed_worked if self.fixed_broker is not None else self._draft.broker is not None

    @property
    def can_search(self) -> bool:
        """Whether brokers can be looked for on the network."""
        return self._can_search

    @property
    def has_searched(self) -> bool:
        """Whether that was done since the hub started."""
        return self._has_searched

    def offered(self) -> tuple[Offered, ...]:
        """Home Assistant's first, then what the last search found."""
        return (*self._addon, *self._found)

    async def search(self) -> None:
        """Look for brokers on the home's network, for some seconds; one search at a time."""
        async with self._ear:
            self._found = await self._find()
            self._has_searched = True

    async def set_owner(self, name: str, *, password: str) -> None:
        """Who will own the home."""
        owner = Owner(name=name, password_hash=await self._passwords.make(password))
        self._keep(owner=owner)

    async def try_broker(self, broker: Broker | None) -> Trial:
        """Connect and listen for a moment; what worked is kept, and listened to from then on."""
        trial = await self._hear(broker, for_s=TRY_S)
        if trial.worked and broker is None:
            self._fixed_worked = True
        elif trial.worked:
            self._keep(broker=broker)
        return trial

    async def listen(self) -> Trial:
        """Wait for more of the chosen broker, and begin anew where nobody listens any more."""
        listening = self._listening
        if listening is not None and not listening.done():
            await asyncio.wait({listening}, timeout=LISTEN_S)
            if not listening.done():
                return Trial(worked=True, text=WORKED)
        return await self._hear(self._draft.broker, for_s=LISTEN_S)

    @property
    def is_listening(self) -> bool:
        """Whether more may be heard by itself."""
        return self._listening is not None and not self._listening.done()

    async def hush(self) -> None:
        """Listen no longer; what was heard stays."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})

    def inventory(self) -> Inventory | None:
        """What was heard since the hub started."""
        return None if self._so_far is None else self._so_far()

    def proposals(self) -> tuple[Proposal, ...]:
        """What could be kept first, without what the draft keeps already."""
        inventory = self.inventory()
        if inventory is None:
            return ()
        kept = {(bound.device, bound.signal) for item in self._draft.items for bound in item.bindings}
        found = proposals(inventory, profile_of=self._registry.by_id)
        return tuple(each for each in found if (each.device, each.signal) not in kept)

    def add_item(self, item: Item) -> None:
        """Keep an item in the draft."""
        if len(self._draft.items) >= ITEMS_MAX:
            raise RefusedError(
                say("{number} items are enough to begin with: more are added when the home is there", number=ITEMS_MAX)
            )
        self._keep(items=(*self._draft.items, item))

    def drop_item(self, item_id: str) -> None:
        """Take one back."""
        self._keep(items=tuple(item for item in self._draft.items if item.id != item_id))

    def finish(self, *, currency: str) -> Mapping[str, str]:
        """Make the home; the same answer where it is made already."""
        if self.known:
            return self.known
        if self._draft.owner is None or not self.is_connected:
            raise RefusedError(say("a step is missing: the owner, or a broker that works"))
        if is_commissioned(data_folder(self._config)):
            raise RefusedError(say("this hub was set up by command meanwhile: restart it"))
        self._keep(currency=currency, is_finished=True)
        self.known = complete(self._config)
        return self.known

    @functools.cached_property
    def _registry(self) -> Registry:
        cache = data_folder(self._config) / PROFILE_CACHE
        return load_profiles(profile_folders(self._config.profiles), cache=cache).registry

    def _keep(self, **told: object) -> None:
        if self.known:  # a draft that is written now would take the home's place at the next start
            raise RefusedError(say("This home is set up; its own pages open in a moment."))
        draft = self._draft.model_copy(update=told)
        self._file.save(draft)
        self._draft = draft

    async def _hear(self, broker: Broker | None, *, for_s: float) -> Trial:
        """Listen, and wait for so many seconds that it goes well; one listens at a time.

        A broker that takes too long counts as one that does not answer.
        """
        config, secret = self._config, self._secret
        if broker is not None:
            config, secret = with_broker(config, secret, broker)
        async with self._ear:
            begun: asyncio.Future[SoFar] = asyncio.get_running_loop().create_future()
            task = asyncio.ensure_future(
                self._listen_to(config, secret, for_s=FOR_MAX_S, ready=begun.set_result),
            )
            try:
                either: tuple[asyncio.Future[Any], ...] = (task, begun)
                await asyncio.wait(either, timeout=_BEGINS_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
                if begun.done():
                    await self.hush()
                    self._listening, self._so_far = task, begun.result()
                    await asyncio.wait({task}, timeout=for_s)
            finally:
                if self._listening is not task:
                    task.cancel()
        if not task.done() and not begun.done():
            return Trial(worked=False, text=silent(config.mqtt.url))
        try:
            if task.done():
                task.result()
        except (BrokerUnreachableError, ConfigurationError) as exc:
            return Trial(worked=False, text=in_words(exc, url=config.mqtt.url))
        return Trial(worked=True, text=WORKED)


async def _listen(config: HubConfig, secret: Secrets, *, for_s: float, ready: Callable[[SoFar], None]) -> None:
    """All there is, where the login may read that."""
    await heard_devices(config, secret, for_s=for_s, filters=["#"], save=None, ready=ready)


def renderer_of(config: HubConfig, *, compiled: BytecodeCache | None = None) -> Renderer:
    """What makes the pages of the first run; `compiled` is where templates are found that were compiled before."""
    moments = Moments(config.home.timezone, MappedClock(config.clock).now)
    return Renderer(config.home, moments, notices=Notices, compiled=compiled)


async def _either(first: asyncio.Event, second: asyncio.Event) -> None:
    """Until one of the two is set."""
    waits = [asyncio.create_task(each.wait(), name="setup_wait") for each in (first, second)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*waits, return_exceptions=True)


def _ticks_ms() -> int:
    return time.monotonic_ns() // 1_000_000
