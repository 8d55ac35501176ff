"""A hub reduced to its promise: it keeps every native reading and acknowledges up to where there is no gap."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiomqtt

from firmware_sim.link import send


@dataclass
class FakeHub:
    """What arrived. `readings` is by (device, boot) and seq; `others` is everything else, in order.

    A gap is counted from the first_seq of the boot's first birth; without a birth from the first reading that came.
    """

    client: aiomqtt.Client
    readings: dict[tuple[str, str], dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    first_seqs: dict[tuple[str, str], int] = field(default_factory=dict)
    others: list[tuple[str, bytes, bool]] = field(default_factory=list)
    silent: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, condition: object, *, within_s: float = 20.0) -> None:
        """Wait until `condition()` holds, looking after each message."""
        assert callable(condition)
        async with asyncio.timeout(within_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def rebirth(self, device: str) -> None:
        """Ask a device to announce itself again."""
        await send(self.client, f"restock/v1/home/{device}/cmd", json.dumps({"cmd": "rebirth"}).encode())

    async def acknowledge(self, device: str, boot: str, seq: int) -> None:
        """Promise everything up to `seq`."""
        words = json.dumps({"device": device, "boot": boot, "seq": seq})
        await send(self.client, f"restock/v1/home/{device}/ack", words.encode())

    async def until_offline(self, device: str, boot: str, *, within_s: float = 20.0) -> None:
        """Wait until the broker has told of this boot's end, which it does when it has noticed."""
        gone = {"device": device, "boot": boot, "state": "offline"}
        await self.until(lambda: any(_document(payload) == gone for _, payload, _ in self.others), within_s=within_s)

    async def listen(self) -> None:
        """Keep what comes."""
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            await self._keep(message.topic.value, message.payload, retained=message.retain)
            self.changed.set()

    async def _keep(self, topic: str, payload: bytes, *, retained: bool) -> None:
        document = _document(payload)
        if not topic.endswith("/reading") or str(document.get("boot", "fault")).startswith("fault"):
            self._note_birth(topic, document)
            self.others.append((topic, payload, retained))
            return
        device, boot, seq = str(document["device"]), str(document["boot"]), int(str(document["seq"]))
        kept = self.readings[device, boot]
        assert kept.setdefault(seq, payload) == payload, "one seq, two bodies"
        seq = _without_gap(kept, first_seq=self.first_seqs.get((device, boot), min(kept)))
        if not self.silent and seq is not None:
            await self.acknowledge(device, boot, seq)

    def _note_birth(self, topic: str, document: dict[str, object]) -> None:
        if topic.endswith("/birth") and {"device", "boot"} <= document.keys():
            first_seq = int(str(document.get("first_seq", 1)))
            self.first_seqs.setdefault((str(document["device"]), str(document["boot"])), first_seq)


def _document(payload: bytes) -> dict[str, object]:
    try:
        document = json.loads(payload)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _without_gap(kept: dict[int, bytes], *, first_seq: int) -> int | None:
    """The last reading up to which none is missing; None while the first one is."""
    seq = first_seq - 1
    while seq + 1 in kept:
        seq += 1
    return seq if seq >= first_seq else None


@asynccontextmanager
async def fake_hub(port: int, *, name: str = "hub") -> AsyncIterator[FakeHub]:
    """A fake hub on the broker at `port`, with a session that the broker keeps."""
    async with aiomqtt.Client("127.0.0.1", port, identifier=f"{name}-4711", clean_session=False) as client:
        hub = FakeHub(client)
        await client.subscribe([("restock/v1/home/+/+", 1), ("bridge/#", 1)])
        task = asyncio.create_task(hub.listen())
        try:
            yield hub
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
