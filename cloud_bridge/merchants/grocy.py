"""A shopping list of Grocy, by its REST API.

An entry is written as a row of the list with our mark in its note. The API's own way to put a product on the list adds
amounts up in one row, which could not be told from what somebody else wants, or from our own request before it.
Source: grocy.openapi.json of Grocy 4.6.0, "Generic entity interactions".
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from pydantic import SecretStr, TypeAdapter, ValidationError

from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchant_config import GrocyConfig
from cloud_bridge.merchants.documents import Document, parse
from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.merchants.marked_list import ListEntry, check_added, check_read

_TICKED = {"1": True, "0": False}


class _Row(Document):
    """`done` is not in the published schema. Numbers are texts where PHP's database driver makes them so."""

    id: int | str
    note: str | None
    done: int | str | None = None


class _List(Document):
    id: int | str


_ROWS = TypeAdapter(tuple[_Row, ...])


class Grocy:
    """One list; `key` is an API key of a user who may change shopping lists."""

    def __init__(self, config: GrocyConfig, *, http: MerchantHttp, key: SecretStr) -> None:
        self._list = config.shopping_list
        self._http = http
        self._path = f"{urlsplit(config.url).path}/api/objects"
        self._headers = {"GROCY-API-KEY": key.get_secret_value()}

    async def read(self) -> tuple[ListEntry, ...]:
        """The rows of all lists, since a row can be moved to another; then whether ours is there.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        answer = await self._get("shopping_list")
        try:
            rows = _ROWS.validate_json(answer.body)
        except ValidationError as exc:
            raise MerchantUnclearError("an answer that is no shopping list") from exc
        told = parse(_List, await self._get(f"shopping_lists/{self._list}"))
        if str(told.id) != str(self._list):
            raise MerchantUnclearError(f"asked for list {self._list}, told about another")
        return tuple(ListEntry(str(row.id), row.note or "", _TICKED.get(str(row.done))) for row in rows)

    async def add(self, text: str, *, quantity: int, mark: str) -> None:
        """Write a row.

        Raises: MerchantRefusedError; MerchantAwayError; MerchantUnclearError.
        """
        row = {"shopping_list_id": self._list, "amount": quantity, "note": f"{text} {mark}"}
        body = json.dumps(row).encode()
        answer = await self._http.ask("POST", f"{self._path}/shopping_list", headers=self._headers, body=body)
        check_added(answer, "a row of the list")

    async def _get(self, what: str) -> Answer:
        return check_read(await self._http.ask("GET", f"{self._path}/{what}", headers=self._headers), what)
