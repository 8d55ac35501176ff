"""A to-do list of Home Assistant, by its REST API.

The mark stands in an entry's description; a list that takes none (Home Assistant's own Shopping List) has it behind
the text. A service call is answered with 200 though no such list is there, so nothing follows from its answer.
Source: developers.home-assistant.io, REST API; the actions of its to-do integration.
"""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from cloud_bridge.core.order import Detail
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchant_config import HaTodoConfig
from cloud_bridge.merchants.documents import Document, parse
from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.merchants.marked_list import ListEntry, check_added, check_read

_TAKES_ENTRIES, _TAKES_DESCRIPTIONS = 1, 64
_TICKED = {"completed": True, "needs_action": False}


class _Item(Document):
    """Source: `TodoItem`. A field without a value is left out."""

    summary: str | None = None
    uid: str | None = None
    status: str | None = None
    description: str | None = None


class _Items(Document):
    items: tuple[_Item, ...]


class _Called(Document):
    service_response: dict[str, _Items]


class _Attributes(Document):
    supported_features: Annotated[int, Field(ge=0)] = 0


class _State(Document):
    """`state` is how many entries are open, or why that is not known."""

    entity_id: str
    state: str
    attributes: _Attributes


class HaTodo:
    """One list; `token` is a long-lived access token."""

    def __init__(self, config: HaTodoConfig, *, http: MerchantHttp, token: SecretStr) -> None:
        self._entity = config.entity
        self._http = http
        self._path = f"{urlsplit(config.url).path}/api"
        self._headers = {"Authorization": f"Bearer {token.get_secret_value()}"}

    async def read(self) -> tuple[ListEntry, ...]:
        """All that stands on it. The list's own state is read afterwards: one that is not loaded looks empty.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        answer = await self._call("get_items?return_response")  # no filter, so in whatever state
        told = parse(_Called, check_read(answer, "get_items")).service_response.get(self._entity)
        if told is None:
            raise MerchantUnclearError(f"asked for {self._entity}, told about another list")
        await self._features()
        return tuple(
            ListEntry(each.uid, f"{each.summary or ''}\n{each.description or ''}", _TICKED.get(each.status or ""))
            for each in told.items
        )

    async def add(self, text: str, *, quantity: int, mark: str) -> None:
        """Put an entry there.

        Raises: MerchantRefusedError; MerchantAwayError; MerchantUnclearError.
        """
        features = await self._features()
        if not features & _TAKES_ENTRIES:
            raise MerchantRefusedError(Detail.MERCHANT_REFUSED, f"{self._entity} takes no entries")
        item = f"{quantity} x {text}"
        if features & _TAKES_DESCRIPTIONS:
            answer = await self._call("add_item", item=item, description=mark)
        else:
            answer = await self._call("add_item", item=f"{item} {mark}")
        check_added(answer, "add_item")

    async def _features(self) -> int:
        """What the list takes, as bits. Raises: MerchantAwayError where it is not there, or not loaded."""
        answer = await self._http.ask("GET", f"{self._path}/states/{self._entity}", headers=self._headers)
        told = parse(_State, check_read(answer, "the list's state"))
        if told.entity_id != self._entity or not told.state.isdecimal():
            raise MerchantAwayError(f"{self._entity} is not loaded")
        return told.attributes.supported_features

    async def _call(self, service: str, **data: object) -> Answer:
        body = json.dumps({"entity_id": self._entity, **data}).encode()
        return await self._http.ask("POST", f"{self._path}/services/todo/{service}", headers=self._headers, body=body)
