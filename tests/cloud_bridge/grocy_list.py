"""A shopping list of Grocy: a fake of ours, written from its published API (4.6.0). No real one was tried.

RESTOCK_GROCY_API names a published `grocy.openapi.json`, by which what is said here is judged then.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from cloud_bridge.merchant_config import GrocyConfig
from cloud_bridge.merchants.grocy import Grocy
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.marked_list import MarkedListMerchant
from tests.cloud_bridge.kept_list import Kept, served_by
from tests.cloud_bridge.rig import MERCHANT, MILK

KEY = "key0of0this0home"
_COLUMNS = {"product_id", "note", "amount", "shopping_list_id", "done", "qu_id"}
Row = dict[str, Any]


def grocy_config(url: str, **changes: object) -> GrocyConfig:
    """The list as a bridge's configuration names it."""
    values: dict[str, Any] = {
        "id": MERCHANT,
        "kind": "grocy",
        "url": url,
        "currency": "USD",
        "articles": {MILK: "Whole milk 1 L"},
        **changes,
    }
    return GrocyConfig(**values)


@dataclass
class FakeGrocy:
    """Two lists, 1 and 2. `as_text`: numbers come as texts, as PHP's older database driver has them."""

    url: str = "https://home.example/grocy"
    as_text: bool = False
    lists: set[int] = field(default_factory=lambda: {1, 2})
    rows: dict[int, Row] = field(default_factory=dict)
    written: list[Row] = field(default_factory=list)
    change: Callable[[Any], Any] = lambda told: told
    _last: int = 0

    def transport(self) -> httpx.AsyncBaseTransport:
        """The way there."""
        return served_by(self._answer)

    def connector(self, http: MerchantHttp, *, token: str = KEY, **changes: object) -> MarkedListMerchant:
        """A connector to it."""
        config = grocy_config(self.url, **changes)
        return MarkedListMerchant(config, entries=Grocy(config, http=http, key=SecretStr(token)))

    def entries(self) -> dict[str, Kept]:
        """As its page shows them: the amount, then the note."""
        return {
            str(row_id): Kept(f"{row['amount']} x {row['note']}", row["done"] == 1) for row_id, row in self.rows.items()
        }

    def tick(self, entry_id: str) -> None:
        """Mark it as bought."""
        self.rows[int(entry_id)]["done"] = 1

    def remove(self, entry_id: str) -> None:
        """Take it off."""
        del self.rows[int(entry_id)]

    def write(self, text: str) -> None:
        """What a person types."""
        self._insert({"note": text, "amount": 1})

    def is_adding(self, request: httpx.Request) -> bool:
        """Whether this request puts an entry there."""
        return request.method == "POST"

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("grocy-api-key") != KEY:
            return httpx.Response(401)
        match request.method, request.url.path.split("/")[1:]:
            case "GET", ["grocy", "api", "objects", "shopping_list"]:
                return self._say([self._told(row) for row in self.rows.values()])
            case "GET", ["grocy", "api", "objects", "shopping_lists", number]:
                if int(number) not in self.lists:
                    return httpx.Response(404, json={"error_message": "Object not found"})
                return self._say(self._told({"id": int(number), "name": "Shopping list", "userfields": None}))
            case "POST", ["grocy", "api", "objects", "shopping_list"]:
                return self._add(request)
            case _:
                return httpx.Response(404, text="<html>404</html>")

    def _add(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("content-type") != "application/json":
            return httpx.Response(400, json={"error_message": "Bad Content-Type"})
        row = json.loads(request.content)
        if not set(row) <= _COLUMNS:
            return httpx.Response(400, json={"error_message": "no such column"})
        self.written.append(row)
        return self._say({"created_object_id": self._insert(row)})

    def _insert(self, row: Row) -> str:
        self._last += 1
        fresh = {"id": self._last, "product_id": None, "qu_id": None, "shopping_list_id": 1, "done": 0}
        self.rows[self._last] = {**fresh, "row_created_timestamp": "2026-03-01 08:00:00", **row}
        return str(self._last)

    def _told(self, row: Row) -> Row:
        if not self.as_text:
            return row
        return {name: str(value) if isinstance(value, int) else value for name, value in row.items()}

    def _say(self, told: object) -> httpx.Response:
        return httpx.Response(200, json=self.change(told))
