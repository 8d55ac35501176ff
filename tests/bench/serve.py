"""One worker of one application on one server, pinned to one core: what a benchmark measures.

    python -m tests.bench.serve bare SERVER PORT CORE APP_FILE        (STORE, SYNC and DB as the file wants them)
    python -m tests.bench.serve bridge SERVER PORT CORE CONFIG_FILE

Both get the same server with the same settings; the bridge's own rounds run beside it, as in service.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve as serve_hypercorn
from pydantic import SecretStr

from cloud_bridge.app import _settings, wire
from cloud_bridge.config import Secrets, load
from cloud_bridge.merchant_config import SecretKind

Stop = asyncio.Event


def main(arguments: list[str]) -> None:
    """Serve until the process is told to end."""
    kind, server, port, core, file = arguments
    if int(core) >= 0:
        os.sched_setaffinity(0, {int(core)})
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=128)
    run = _bare if kind == "bare" else _bridge
    asyncio.run(run(Path(file), server, listener))


async def _bare(file: Path, server: str, listener: socket.socket) -> None:
    spec = importlib.util.spec_from_file_location("bare", file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{file} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    await _serve(module.app, server, listener, stop=_stop())


async def _bridge(file: Path, server: str, listener: socket.socket) -> None:
    stop, config = _stop(), load(file)
    secrets = Secrets({merchant.id: {SecretKind.PAYMENT_TOKEN: SecretStr("token")} for merchant in config.merchants})
    async with wire(config, secrets, public_url=config.server.public_url) as bridge, asyncio.TaskGroup() as group:
        working = [group.create_task(rounds.run(stop)) for rounds in bridge.rounds]
        await _serve(bridge.app, server, listener, stop=stop)
        for task in working:
            task.cancel()


async def _serve(app: Any, server: str, listener: socket.socket, *, stop: Stop) -> None:  # noqa: ANN401  any ASGI app
    if server == "hypercorn":
        await serve_hypercorn(app, _settings(listener), shutdown_trigger=stop.wait)  # type: ignore[arg-type]
        return
    import uvicorn  # noqa: PLC0415  a second opinion, where it is installed

    worker = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    worker.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(worker.serve(sockets=[listener]))
    await stop.wait()
    worker.should_exit = True
    with suppress(asyncio.CancelledError):
        await task


def _stop() -> Stop:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    return stop


if __name__ == "__main__":
    main(sys.argv[1:])
