"""The composition root: the only place that wires. Server, worker and tracker live in one TaskGroup.

On a signal the server stops taking connections, the round under way is given a moment, and what is still at a merchant
then is cut off: its attempt is recorded, so the next start looks it up.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerSettings
from starlette.applications import Starlette

from cloud_bridge.api.authentic import Gatekeeper
from cloud_bridge.api.routes import Desk, create_app
from cloud_bridge.api.webhooks import MerchantDoor
from cloud_bridge.clock import MappedClock
from cloud_bridge.config import BridgeConfig, MetricsConfig, Secrets, ServerConfig, TracingConfig
from cloud_bridge.core.order import FOLLOWING, PLACING
from cloud_bridge.counterparts import Counterpart, Own, Profiles, ap2_by_merchant, connect, new_key
from cloud_bridge.errors import ConfigurationError
from cloud_bridge.intake import Intake
from cloud_bridge.merchants.lookups import LookupThreads
from cloud_bridge.ports import NO_TRACING, Clock, CrashHook, HouseholdKeys, Tracing, no_crash
from cloud_bridge.prices import PriceDesk
from cloud_bridge.rounds import Beat, Rounds, next_look
from cloud_bridge.signing_key import load_or_create
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.tracking import Tracker, shared
from cloud_bridge.worker import Worker

log = logging.getLogger(__name__)

_STOP_WITHIN_S = 2.0  # real
_HEADERS_WITHIN_S = 5.0  # real: also how long an idle connection is kept
_READ_WITHIN_S = 60  # real: longer than the slowest answer of ours, since it runs while we work, too
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Bridge:
    """A wired bridge: the web application, the rounds that run beside it, and the figures where they are wanted."""

    app: Starlette
    rounds: tuple[Rounds, ...]
    bells: tuple[asyncio.Event, ...]
    metrics: Starlette | None = None


async def run(config: BridgeConfig, secrets: Secrets, *, stop: asyncio.Event) -> None:
    """Serve until `stop` is set or the process is told to end.

    Raises: ConfigurationError when the address cannot be listened on; StoreError.
    """
    listener = _listen(config.server.host, config.server.port, field="server")
    with listener, _metrics_listener(config.metrics) as watched:
        public_url = config.server.public_url or _own_url(config.server, listener)
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, stop.set)
        async with wire(config, secrets, public_url=public_url) as bridge:
            log.info("serving url=%s", public_url)
            await _serve(bridge, listener, stop=stop, watched=watched)
    log.info("stopped")


@asynccontextmanager
async def wire(config: BridgeConfig, secrets: Secrets, *, public_url: str) -> AsyncIterator[Bridge]:
    """Open the store and the merchants' connections, and put the parts together."""
    asyncio.get_running_loop().set_default_executor(LookupThreads())
    clock = MappedClock(config.clock)
    keys = {household.id: household.public_key_bytes for household in config.households}
    key = load_or_create(config.signing_key_file)
    own = Own(key, public_url=public_url, now=clock.now)
    async with AsyncExitStack() as stack:
        counterparts = {
            each.id: await connect(stack, each, secrets=secrets.merchants[each.id], own=own)
            for each in config.merchants
        }
        database = Database(config.store.url, password=secrets.database_password, connections=config.store.connections)
        store = SqlOrderStore(stack.enter_context(database), shown=clock.shown)
        await store.resume(now=clock.now())
        profiles = Profiles(public_url, key=key, ap2=ap2_by_merchant(config.merchants))
        yield _assemble(
            config,
            tracing=_trace(stack, config.tracing),
            store=store,
            counterparts=counterparts,
            profiles=profiles,
            keys=keys,
            clock=clock,
            public_url=public_url,
        )


def _assemble(
    config: BridgeConfig,
    *,
    store: SqlOrderStore,
    counterparts: Mapping[str, Counterpart],
    profiles: Profiles,
    keys: HouseholdKeys,
    clock: Clock,
    public_url: str,
    crash: CrashHook = no_crash,
    tracing: Tracing = NO_TRACING,
) -> Bridge:
    merchants = {each: counterpart.merchant for each, counterpart in counterparts.items()}
    placing, following = asyncio.Event(), asyncio.Event()
    jitter = random.SystemRandom().random
    worker = Worker(
        store,
        merchants=merchants,
        keys=keys,
        clock=clock,
        config=config.worker,
        jitter=jitter,
        placed=following,
        crash=crash,
        tracing=tracing,
    )
    tracker = Tracker(
        store, merchants=merchants, clock=clock, config=config.tracking, retry=config.worker, jitter=jitter, crash=crash
    )
    desk = Desk(
        gatekeeper=Gatekeeper(keys, public_url=public_url, age_max_s=config.server.signature_age_max_s),
        intake=Intake(
            store,
            keys=keys,
            merchants=merchants,
            clock=clock,
            bell=placing,
            next_look=partial(next_look, clock, config.worker),
            crash=crash,
        ),
        prices=PriceDesk(merchants, clock=clock, new_key=new_key),
        store=store,
        clock=clock,
        door=MerchantDoor(
            merchants=merchants,
            verifiers={name: each.verifier for name, each in counterparts.items() if each.verifier is not None},
            store=store,
            clock=clock,
            followed=following,
            profile=profiles,
            public_url=public_url,
            crash=crash,
        ),
        tracing=tracing,
    )
    beats = (
        Beat("place", PLACING, shared(worker.step, follow=tracker.step), placing),
        Beat("follow", FOLLOWING, tracker.step, following),
    )
    rounds = tuple(Rounds(beat, store=store, clock=clock, config=config.worker, tracing=tracing) for beat in beats)
    return Bridge(
        app=create_app(desk),
        rounds=rounds,
        bells=(placing, following),
        metrics=_watch(config.metrics, desk, rounds) if config.metrics.port else None,
    )


def _watch(config: MetricsConfig, desk: Desk, rounds: Sequence[Rounds]) -> Starlette:
    """The page of figures.

    Raises: ConfigurationError where the library for it is not installed.
    """
    try:
        from cloud_bridge.api.metrics import Counted, create_metrics  # noqa: PLC0415  an extra
    except ImportError as exc:
        raise ConfigurationError(
            f"metrics.port = {config.port}: needs prometheus-client, pip install 'restock[bridge,metrics]'"
        ) from exc
    counted = Counted(desk.problems, lambda: desk.intake.accepted, {one.name: one.outcomes for one in rounds})
    return create_metrics(desk.store, counted, clock=desk.clock)


def _trace(stack: AsyncExitStack, config: TracingConfig) -> Tracing:
    """Spans for the configured collector; OpenTelemetry is loaded here and nowhere else, and only then.

    Raises: ConfigurationError where a collector is named and OpenTelemetry is not installed.
    """
    if not config.endpoint:
        return NO_TRACING
    try:
        from cloud_bridge.tracing import OtelTracing, exporter_to  # noqa: PLC0415
    except ImportError as exc:
        raise ConfigurationError(
            f"tracing.endpoint = {config.endpoint!r}: needs OpenTelemetry, pip install 'restock[bridge,tracing]'"
        ) from exc
    tracing = OtelTracing(exporter_to(config), from_hubs=config.from_hubs)
    stack.push_async_callback(tracing.close)
    return tracing


async def _serve(
    bridge: Bridge, listener: socket.socket, *, stop: asyncio.Event, watched: socket.socket | None = None
) -> None:
    served = [("server", bridge.app, listener), ("metrics", bridge.metrics, watched)]
    async with asyncio.TaskGroup() as group:
        for name, app, heard in served:
            if app is not None and heard is not None:
                group.create_task(
                    serve(app, _settings(heard), shutdown_trigger=stop.wait),  # type: ignore[arg-type]
                    name=name,
                )
        working = [group.create_task(rounds.run(stop), name="rounds") for rounds in bridge.rounds]
        await stop.wait()
        for bell in bridge.bells:
            bell.set()
        _, late = await asyncio.wait(working, timeout=_STOP_WITHIN_S)
        for task in late:
            task.cancel()


def _settings(listener: socket.socket) -> ServerSettings:
    """Hypercorn, so that a slow or silent client costs a socket for seconds, and nothing else."""
    settings = ServerSettings()
    settings.bind = [f"fd://{listener.detach()}"]
    settings.backlog = _BACKLOG
    settings.keep_alive_timeout = _HEADERS_WITHIN_S
    settings.read_timeout = _READ_WITHIN_S
    settings.graceful_timeout = _STOP_WITHIN_S
    settings.shutdown_timeout = _STOP_WITHIN_S
    settings.include_server_header = False
    settings.websocket_max_message_size = 1
    settings.accesslog = None
    settings.errorlog = logging.getLogger("hypercorn.error")
    return settings


@contextmanager
def _metrics_listener(config: MetricsConfig) -> Iterator[socket.socket | None]:
    if config.port == 0:
        yield None
        return
    with _listen(config.host, config.port, field="metrics") as listener:
        yield listener


def _listen(host: str, port: int, *, field: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as exc:
        wanted = "a free address of this machine is wanted"
        raise ConfigurationError(f"{field} = {host}:{port}: {wanted} ({exc.strerror})") from exc
    return listener


def _own_url(server: ServerConfig, listener: socket.socket) -> str:
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"http://{host}:{listener.getsockname()[1]}"
