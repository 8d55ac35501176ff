"""A bridge's worker as a process of its own, which kills itself right after an entry was put on the list."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from tests.cloud_bridge.radicale import TaskList, connect
from tests.cloud_bridge.rig import HandClock, Rig, Signer


class DeadlyHttp(MerchantHttp):
    """The real client; the process dies as the answer to a PUT arrives, before anybody reads it."""

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Ask, and die."""
        answer = await super().ask(method, path, headers=headers, body=body)
        if method == "PUT":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


async def live(store_url: str, list_url: str, key: bytes) -> None:
    """Place what is due."""
    clock, signer = HandClock(), Signer(Ed25519PrivateKey.from_private_bytes(key))
    with Database(store_url) as database:
        store = SqlOrderStore(database, shown=lambda _real: clock.now())
        async with connect(TaskList(list_url), http=DeadlyHttp(list_url, deadline_s=10)) as merchant:
            await Rig(store, clock, signer, merchant).place()


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3])))
