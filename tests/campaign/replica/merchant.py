"""The merchant of the replicas, a process of its own: it sells whatever it is asked to, and writes each sale down.

A class B merchant: it knows no idempotency key, so a second request for one order is a second sale, and it can be asked
for a sale by our reference. One JSON object a line, in and out; a sale is flushed to the ledger before it is answered,
and some answers are never given.

    python -m tests.campaign.replica.merchant PORT LEDGER
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

_SALE_TAKES_S = 0.03
_ANSWERS_LOST_EVERY = 9


class Ledger:
    """All sales, in memory for look-ups and in a file for the judge."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.sales: list[dict[str, Any]] = []

    def sell(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Sell, whoever asks and however often."""
        sale = {**asked, "order_id": f"m-{len(self.sales) + 1}"}
        os.write(self._fd, json.dumps(sale).encode() + b"\n")
        os.fsync(self._fd)
        self.sales.append(sale)
        return sale

    def find(self, reference: str) -> dict[str, Any] | None:
        """The first sale under a reference."""
        return next((sale for sale in self.sales if sale["reference"] == reference), None)


async def serve(port: int, ledger: Ledger) -> None:
    """Answer until the process ends."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if not line:  # whoever called died
            writer.close()
            return
        asked = json.loads(line)
        if asked.pop("op") == "find":
            told = ledger.find(asked["reference"])
        else:
            await asyncio.sleep(_SALE_TAKES_S)
            told = ledger.sell(asked)
            if len(ledger.sales) % _ANSWERS_LOST_EVERY == 0:
                writer.close()
                return
        writer.write(json.dumps(told).encode() + b"\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Ledger(Path(sys.argv[2]))))
